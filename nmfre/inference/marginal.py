"""
Inference on all parameters together, psi = (X, Theta, log sigma2, log lambda), from the marginal
likelihood: the uncertainty of the basis and the variances is part of every standard error.

Columns of X keep their sums: they move along an explicit basis of the contrasts of their free
entries. Zeros of X that the likelihood pushes against stay zero; every Theta is free, as in the
paper. Directions that change nothing (rotations) are left out: what they leave alone has a
covariance, what they change has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.linalg import block_diag, helmert, null_space

from nmfre.estimation.effective_df import ridge_at_cap
from nmfre.estimation.estimate import MarginalEstimate
from nmfre.estimation.marginal import MarginalScore, marginal_score
from nmfre.estimation.moments import Moments
from nmfre.inference.bootstrap import WildBootstrap, one_step, unit_blocks
from nmfre.inference.inference import Inference, InferenceOptions
from nmfre.typing import BoolArray, FloatArray

LARGEST = 3_000
"""Parameters P Q + Q K + 2 up to which their joint covariance is formed."""
DIFFERENCE = 1e-5
"""Step of the central differences of the score, in variables of the size of one."""
PUSHED = 1e-6
"""Derivative per cell from which a zero is one that the likelihood pushes against."""
BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalInference(Inference):
    """
    Inference on Theta, and on all else, from the joint covariance of the parameters.

    Entry p + P q of the first block is X[p, q], entry q + Q k of the second Theta[q, k].

    Attributes
    ----------
    psi_covariance : (D, D), D = PQ + QK + 2
        Joint covariance of (X, Theta, log sigma2, log lambda), in one gauge where rotations are
        free. Standard errors of Theta are NaN where a rotation changes them.
    X, Theta : (P, Q), (Q, K)
        The estimates.
    mixing : tuple of bool, length Q
        Components that can be rotated.
    at_bound : (QK,)
        Entries of Theta at their bound, whose z and p-value are those of one-sided score tests.
    score_z : (QK,)
        Their statistics; NaN elsewhere.
    """

    psi_covariance: FloatArray
    X: FloatArray
    Theta: FloatArray
    mixing: tuple[bool, ...]
    at_bound: BoolArray
    score_z: FloatArray

    @property
    def zvalues(self) -> FloatArray:
        """Theta / se, or the statistic of the score test where Theta is at its bound; (QK,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.at_bound, self.score_z, self.estimate / self.bse)

    def pvalues(self) -> FloatArray:
        """P-values of Theta[q, k] = 0, (QK,); those of entries at their bound are one-sided."""
        z = self.zvalues
        two_sided = 2.0 * stats.norm.sf(np.abs(z))
        one_sided = stats.norm.sf(z)
        larger = self.at_bound | (self.options.alternative == "larger")
        return np.asarray(np.where(larger, one_sided, two_sided))

    @property
    def basis_bse(self) -> FloatArray:
        """Standard errors of X, (P, Q): zero for entries held at zero, NaN for mixing ones."""
        variances = np.diag(self.psi_covariance)[: self.X.size].reshape(self.X.shape, order="F")
        bse = np.sqrt(np.maximum(variances, 0.0))
        return np.where(np.array(self.mixing), np.nan, bse)

    def profile_covariance(self, covariates: list[int]) -> FloatArray:
        """Covariance of the mean profiles X Theta[:, k] of some covariates, stacked; (P n, P n)."""
        n_responses, rank = self.X.shape
        rows = []
        for k in covariates:
            J = np.zeros((n_responses, len(self.psi_covariance)))
            J[:, : self.X.size] = np.kron(self.Theta[:, k], np.eye(n_responses))
            first = self.X.size + rank * k
            J[:, first : first + rank] = self.X
            rows.append(J)
        stacked = np.vstack(rows)
        covariance: FloatArray = stacked @ self.psi_covariance @ stacked.T
        return covariance

    def variance_bse(self, n_units: int, ridge: float) -> dict[str, float]:
        """
        Standard errors of log sigma2, log tau2, the ICC and df_U (delta method).

        Parameters
        ----------
        n_units : int
            N.
        ridge : float
            lambda.
        """
        n_responses, rank = self.X.shape
        XtX = self.X.T @ self.X
        M_inv2 = np.linalg.matrix_power(np.linalg.inv(XtX + ridge * np.eye(rank)), 2)
        trace, rest = float(np.trace(XtX)), n_responses * ridge
        icc_by_trace = rest / (trace + rest) ** 2
        gradients = {
            "log_sigma2": (np.zeros_like(self.X), 1.0, 0.0),
            "log_tau2": (np.zeros_like(self.X), 1.0, -1.0),
            "icc": (2.0 * icc_by_trace * self.X, 0.0, -icc_by_trace * trace),
            "df_random": (
                2.0 * n_units * ridge * self.X @ M_inv2,
                0.0,
                -n_units * ridge * float(np.vdot(XtX, M_inv2)),
            ),
        }
        bse = {}
        for name, (by_X, by_log_sigma2, by_log_ridge) in gradients.items():
            gradient = np.zeros(len(self.psi_covariance))
            gradient[: self.X.size] = by_X.ravel(order="F")
            gradient[-2:] = by_log_sigma2, by_log_ridge
            variance = float(gradient @ self.psi_covariance @ gradient)
            bse[name] = float(np.sqrt(max(variance, 0.0)))
        return bse


def n_parameters(n_responses: int, rank: int, n_covariates: int) -> int:
    """P Q + Q K + 2."""
    return n_responses * rank + rank * n_covariates + 2


def marginal_inference(
    Y: Any,
    A: FloatArray,
    moments: Moments,
    estimate: MarginalEstimate,
    options: InferenceOptions,
    seeds: np.random.SeedSequence,
) -> MarginalInference:
    """
    Sandwich covariance and one-step wild bootstrap of all parameters.

    V = H^-1 [N/(N-1) sum s s'] H^-1 with the Hessian H of the log-likelihood, by central
    differences of its analytic gradient, and the unit scores s, in one pass over the units.

    Parameters
    ----------
    Y : array or SciPy sparse matrix, (P, N)
    A : array, (K, N)
    moments : Moments
        Of Y and A.
    estimate : MarginalEstimate
        The maximum.
    options : InferenceOptions
    seeds : numpy.random.SeedSequence
        For the multipliers of the bootstrap.
    """
    chart = _Chart(moments, estimate)
    n_units = Y.shape[1]
    hessian_inv = np.linalg.inv(chart.hessian()) / n_units

    def influence(s: slice) -> FloatArray:
        return -chart.unit_scores(Y[:, s], A[:, s]) @ hessian_inv

    meat, steps = one_step(
        unit_blocks(n_units, options.n_boot, BLOCK_VALUES // chart.X.size),
        influence,
        n_boot=options.n_boot,
        multiplier=options.multiplier,
        seeds=seeds,
        multipliers=options.multipliers,
    )
    sandwich = n_units / (n_units - 1) * meat
    naive = -hessian_inv
    reduced = sandwich
    if options.cov_type == "naive":
        reduced = naive
    J = chart.jacobian
    unit = np.ones(len(J))
    theta_rows = slice(chart.X.size, len(J) - 2)
    unit[theta_rows] = moments.scale
    covariance = (J @ reduced @ J.T) * np.outer(unit, unit)
    if options.cov_type == "max":
        variance = np.diag((J @ naive @ J.T) * np.outer(unit, unit))
        with np.errstate(divide="ignore", invalid="ignore"):
            raised = np.sqrt(np.maximum(np.nan_to_num(variance / np.diag(covariance)), 1.0))
        covariance = covariance * np.outer(raised, raised)

    theta = estimate.Theta.ravel(order="F")
    floor = -np.inf if estimate.signed else 0.0
    unknown = chart.unknown_theta
    theta_covariance = covariance[theta_rows, theta_rows].copy()
    theta_covariance[unknown] = np.nan
    theta_covariance[:, unknown] = np.nan
    bootstrap = None
    if options.n_boot > 0:
        replicates = theta - moments.scale * steps @ J[theta_rows].T
        replicates[:, unknown] = np.nan
        bootstrap = WildBootstrap(theta, np.maximum(replicates, floor))
    return MarginalInference(
        estimate=theta,
        covariance=theta_covariance,
        dispersion=estimate.sigma2,
        bootstrap=bootstrap,
        floor=floor,
        options=options,
        psi_covariance=covariance,
        X=estimate.X,
        Theta=estimate.Theta,
        mixing=estimate.identification.mixing,
        at_bound=chart.theta_at_bound,
        score_z=chart.score_tests(Y, A, unit_blocks(n_units, 0, BLOCK_VALUES // chart.X.size)),
    )


class _Chart:
    """
    Coordinates around the maximum that every constraint allows, all of the size of one.

    Everything here is in units of the scaled responses.
    """

    def __init__(self, moments: Moments, estimate: MarginalEstimate) -> None:
        self.moments = moments
        self.X = estimate.X
        self.Theta = estimate.Theta / moments.scale
        self.log_sigma2 = float(np.log(estimate.sigma2)) - 2.0 * float(np.log(moments.scale))
        self.log_ridge = float(np.log(estimate.ridge))
        self.cap = estimate.cap if estimate.cap_binds else np.inf
        (P, Q), K = self.X.shape, self.Theta.shape[1]
        at_maximum = self._score(self.X, self.Theta, self.log_sigma2, self.log_ridge)
        by_X = at_maximum.X + at_maximum.log_ridge * self._log_ridge_by_X(self.X)
        pushed = by_X - np.sum(self.X * by_X, axis=0) < -PUSHED
        held = (self.X * P <= PUSHED) & pushed
        self.contrasts = block_diag(*(_contrasts(~held[:, q]) for q in range(Q))) / P

        theta = self.Theta.ravel(order="F")
        zero = theta <= PUSHED * np.abs(theta).max()
        by_theta = at_maximum.Theta.ravel(order="F") * P
        self.theta_at_bound: BoolArray = (
            np.zeros(Q * K, dtype=bool) if estimate.signed else zero & (by_theta <= PUSHED)
        )
        # Where bounds of Theta alone tell the components apart, they must stay bounds.
        hold_theta = self.theta_at_bound if estimate.identification.by_bounds else zero & False
        self.theta_axes = P * np.eye(Q * K)[:, ~hold_theta]
        self.unknown_theta: BoolArray = (
            np.tile(np.array(estimate.identification.mixing), K) | hold_theta
        )

        free_ridge = 0 if np.isfinite(self.cap) else 1
        self.full_axes = self._axes(self.X)
        self.axes = np.eye(self.full_axes.shape[1])
        turns = [
            np.concatenate(
                [
                    (self.X @ turn).ravel(order="F"),
                    -(turn @ self.Theta).ravel(order="F"),
                    np.zeros(2),
                ]
            )
            for turn in estimate.identification.directions
        ]
        if turns:
            along = np.linalg.lstsq(self.full_axes, np.column_stack(turns), rcond=None)[0]
            self.axes = null_space(along.T)
        self.n_ridge = free_ridge

    @property
    def jacobian(self) -> FloatArray:
        """D psi / d coordinates, (D, d)."""
        jacobian: FloatArray = self.full_axes @ self.axes
        return jacobian

    def _axes(self, X: FloatArray) -> FloatArray:
        """D psi / d (contrasts of X, Theta, log sigma2, log lambda), at X."""
        if np.isfinite(self.cap):
            by_X = self._log_ridge_by_X(X).ravel(order="F") @ self.contrasts
            blocks = block_diag(self.contrasts, self.theta_axes, np.ones((1, 1)))
            last = np.zeros(blocks.shape[1])
            last[: len(by_X)] = by_X
            return np.vstack([blocks, last])
        return np.asarray(block_diag(self.contrasts, self.theta_axes, np.eye(2)))

    def _log_ridge_by_X(self, X: FloatArray) -> FloatArray:
        """D log lambda / dX on df_U = cap; zero without a cap."""
        if not np.isfinite(self.cap):
            return np.zeros_like(X)
        G = X.T @ X
        ridge = np.exp(self._log_ridge_at(X))
        M_inv2 = np.linalg.matrix_power(np.linalg.inv(G + ridge * np.eye(len(G))), 2)
        return np.asarray(2.0 * X @ M_inv2 / np.vdot(G, M_inv2))

    def _log_ridge_at(self, X: FloatArray) -> float:
        if not np.isfinite(self.cap):
            return self.log_ridge
        d = np.maximum(np.linalg.eigvalsh(X.T @ X), 0.0)[None]
        below = np.array([1e-12 * d.max()])
        return float(np.log(ridge_at_cap(d, np.array([self.cap]), below, self.moments.n_units)[0]))

    def _score(
        self, X: FloatArray, Theta: FloatArray, log_sigma2: float, log_ridge: float
    ) -> MarginalScore:
        return marginal_score(
            self.moments, X, Theta, float(np.exp(log_sigma2)), float(np.exp(log_ridge))
        )

    def score(self, t: FloatArray) -> FloatArray:
        """Derivatives of the log-likelihood per unit by the coordinates, at t; (d,)."""
        psi = self.full_axes @ (self.axes @ t)
        (P, Q), K = self.X.shape, self.Theta.shape[1]
        X = self.X + psi[: P * Q].reshape(P, Q, order="F")
        Theta = self.Theta + psi[P * Q : -2].reshape(Q, K, order="F")
        log_ridge = self._log_ridge_at(X) if np.isfinite(self.cap) else self.log_ridge + psi[-1]
        score = self._score(X, Theta, self.log_sigma2 + psi[-2], log_ridge)
        full = np.concatenate(
            [
                score.X.ravel(order="F"),
                score.Theta.ravel(order="F"),
                [score.log_sigma2, score.log_ridge],
            ]
        )
        axes = self._axes(X) if np.isfinite(self.cap) else self.full_axes
        return np.asarray(full @ axes @ self.axes)

    def hessian(self) -> FloatArray:
        """Second derivatives of the log-likelihood per unit by the coordinates, (d, d)."""
        size = self.axes.shape[1]
        hessian = np.empty((size, size))
        for j, step in enumerate(DIFFERENCE * np.eye(size)):
            hessian[j] = (self.score(step) - self.score(-step)) / (2.0 * DIFFERENCE)
        return (hessian + hessian.T) / 2.0

    def unit_scores(self, Y: Any, A: FloatArray) -> FloatArray:
        """Scores of units with responses Y (P, n) and covariates A (K, n); (n, d)."""
        (P, Q), n = self.X.shape, A.shape[1]
        sigma2, ridge = np.exp(self.log_sigma2), np.exp(self.log_ridge)
        M_inv = np.linalg.inv(self.X.T @ self.X + ridge * np.eye(Q))
        fixed = A.T @ self.Theta.T
        XtR = np.asarray(Y.T @ self.X) / self.moments.scale - fixed @ (self.X.T @ self.X)
        U = XtR @ M_inv
        B = fixed + U
        E = np.asarray(Y.T.toarray() if hasattr(Y, "toarray") else Y.T) / self.moments.scale
        E = E - B @ self.X.T
        by_X = (B[:, :, None] * E[:, None, :]).reshape(n, P * Q) / sigma2
        by_X -= (self.X @ M_inv).ravel(order="F")
        XtE = E @ self.X / sigma2
        by_Theta = (A.T[:, :, None] * XtE[:, None, :]).reshape(n, -1)
        UU = np.sum(U * U, axis=1)
        quadratic = np.sum(E * E, axis=1) + ridge * UU  # r'(I - X M^-1 X')r = |e|^2 + lambda |u|^2
        by_log_sigma2 = 0.5 * (quadratic / sigma2 - P)
        by_log_ridge = 0.5 * (Q - ridge * (np.trace(M_inv) + UU / sigma2))
        full = np.column_stack([by_X, by_Theta, by_log_sigma2, by_log_ridge])
        return np.asarray(full @ self.full_axes @ self.axes)

    def score_tests(self, Y: Any, A: FloatArray, blocks: list[slice]) -> FloatArray:
        """
        One-sided score statistics of entries of Theta at their bound, (QK,); NaN for the others.

        The score of the entry, cleared of those of all parameters off their bounds, over the root
        of its sum of squares over units.
        """
        z = np.full(len(self.theta_at_bound), np.nan)
        tested = np.flatnonzero(self.theta_at_bound)
        if not len(tested):
            return z
        everything = _Everything(self)
        H = everything.hessian()
        rest = everything.nuisance
        total, squares = np.zeros(len(tested)), np.zeros(len(tested))
        clear = [np.linalg.solve(H[np.ix_(rest, rest)], H[rest, j]) for j in everything.tested]
        for s in blocks:
            scores = everything.unit_scores(Y[:, s], A[:, s])
            for i, j in enumerate(everything.tested):
                effective = scores[:, j] - scores[:, rest] @ clear[i]
                total[i] += effective.sum()
                squares[i] += effective @ effective
        z[tested] = total / np.sqrt(squares)
        return z


class _Everything(_Chart):
    """The same coordinates with every entry of Theta free, to test those at their bounds."""

    def __init__(self, chart: _Chart) -> None:
        self.__dict__.update(chart.__dict__)
        self.theta_axes = chart.X.shape[0] * np.eye(len(chart.theta_at_bound))
        self.full_axes = self._axes(self.X)
        self.axes = np.eye(self.full_axes.shape[1])
        first = self.contrasts.shape[1]
        self.tested = first + np.flatnonzero(chart.theta_at_bound)
        self.nuisance = np.setdiff1d(np.arange(len(self.axes)), self.tested)


def _contrasts(free: BoolArray) -> FloatArray:
    """Orthonormal directions of a column that keep its sum and its zeros, (P, free - 1)."""
    basis = np.zeros((len(free), max(int(free.sum()) - 1, 0)))
    if basis.shape[1]:
        basis[free] = helmert(int(free.sum())).T
    return basis
