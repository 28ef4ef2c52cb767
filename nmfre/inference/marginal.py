"""
Inference on all parameters together, psi = (X, Theta, log sigma2, log lambda), from the marginal
likelihood: the uncertainty of the basis and the variances is part of every standard error.

What rotations of the components (where tau2 is zero: mixtures) leave alone has a covariance, what
they change has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import stats

from nmfre.core.findings import Finding
from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.moments import Moments
from nmfre.inference.conditional import Inference
from nmfre.inference.coordinates import Axes, Coordinates
from nmfre.inference.covariance import Parts
from nmfre.inference.options import InferenceOptions
from nmfre.inference.wild_bootstrap import Total, one_step, unit_blocks, whole

LARGEST = 3_000
"""Parameters P Q + Q K + 2 up to which their joint covariance is formed."""
FEW_UNITS = 50
"""Units up to which sandwich standard errors are called somewhat short."""
FLAT = 1e-7
"""Smallest eigenvalue of the information, scaled to a unit diagonal, that is told from zero."""
BLOCK_VALUES = 1 << 19
"""Entries of an array of unit scores that are held at a time."""


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
        Components that can be rotated or mixed, or are not determined.
    tau2_at_bound : bool
        Whether tau2 is zero, and so has no standard error.
    score_z : (QK,)
        Statistics of one-sided score tests of entries at their bound, whose z they are; NaN
        elsewhere, and where nothing is determined.
    df_gradient : (P, Q), float
        Derivatives of df_U by X and by log lambda.
    held : (QK,)
        Entries of Theta held at their bound 0, which have no standard error.
    held_basis : (P, Q)
        Entries of X that do not move, and so have none either: those that the likelihood pushes
        against their bound 0, and the 1 that others at 0 leave to the last one of a column.
    undetermined : bool
        Whether the data leave the likelihood flat in some direction that is no rotation, or
        components merge: nothing has a standard error.
    """

    psi_covariance: FloatArray
    X: FloatArray
    Theta: FloatArray
    mixing: tuple[bool, ...]
    tau2_at_bound: bool
    score_z: FloatArray
    df_gradient: tuple[FloatArray, float]
    held: BoolArray
    held_basis: BoolArray
    undetermined: bool
    scope: ClassVar[str] = (
        "for all parameters together: they carry the uncertainty of the basis and the variances."
    )
    elsewhere: ClassVar[str] = (
        "inference is conditional on the basis; it needs uncertainty='marginal', which "
        "method='ml' has."
    )

    def findings(self, estimate: Estimate) -> list[Finding]:
        """What is to be known of standard errors and tests, in the order of the summary's notes."""
        found = []
        n_units = estimate.U.shape[1]
        if n_units <= FEW_UNITS and self.options.estimator.short_for_few:
            short = "intervals tend to be somewhat short; cov_type='cr3' corrects for the leverages"
            found.append(
                Finding(
                    "note",
                    "few units",
                    f"{n_units} units are few: {short} of the units.",
                    f"{n_units} units: {short} of the units.",
                )
            )
        found += self._on_bounds("z and P are those of a one-sided score test", estimate)
        if self.undetermined and not estimate.degenerate:
            cause = (
                "there are too few responses for this rank, or responses that are never observed "
                "together. No standard errors"
            )
            found.append(
                Finding(
                    "problem",
                    "not determined",
                    "NOT DETERMINED: the data leave the likelihood flat in some direction: "
                    f"{cause}.",
                    f"the likelihood is flat in some direction: {cause}; lower the rank.",
                )
            )
        if self.held.any():
            why = (
                "are held at their bound: the data would have them far below it, or it is what "
                "tells components apart."
            )
            found.append(
                Finding(
                    "caution",
                    "held at bounds",
                    f"Effects (b) without a standard error {why}",
                    f"effects without a standard error {why}",
                )
            )
        return found

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
        """Standard errors of X, (P, Q); NaN for entries held at zero, and for mixing components."""
        variances = np.diag(self.psi_covariance)[: self.X.size].reshape(self.X.shape, order="F")
        bse = np.sqrt(np.maximum(variances, 0.0))
        return np.where(np.array(self.mixing) | self.held_basis, np.nan, bse)

    def not_held(self, members: IntArray) -> IntArray:
        """Positions in vec(Theta) less those held at their bound 0."""
        return members[~self.held[members]]

    def profile_covariance(self, X: FloatArray, covariates: list[int]) -> FloatArray:
        """Covariance of the mean profiles; NaN where the likelihood is flat in some direction."""
        n_responses, rank = X.shape
        if self.undetermined:
            return np.full(2 * (n_responses * len(covariates),), np.nan)
        rows = []
        for k in covariates:
            J = np.zeros((n_responses, len(self.psi_covariance)))
            J[:, : X.size] = np.kron(self.Theta[:, k], np.eye(n_responses))
            first = X.size + rank * k
            J[:, first : first + rank] = X
            rows.append(J)
        stacked = np.vstack(rows)
        covariance: FloatArray = stacked @ self.psi_covariance @ stacked.T
        return covariance

    def variance_bse(self, ridge: float) -> dict[str, float]:
        """
        Standard errors of log sigma2, log tau2, the ICC and df_U (delta method); NaN at a bound.

        Parameters
        ----------
        ridge : float
            lambda.
        """
        trace, rest = float(np.sum(self.X**2)), len(self.X) * ridge
        icc_by_trace = rest / (trace + rest) ** 2
        gradients = {
            "log_sigma2": (np.zeros_like(self.X), 1.0, 0.0),
            "log_tau2": (np.zeros_like(self.X), 1.0, -1.0),
            "icc": (2.0 * icc_by_trace * self.X, 0.0, -icc_by_trace * trace),
            "df_random": (self.df_gradient[0], 0.0, self.df_gradient[1]),
        }
        bse = {}
        for name, (by_X, by_log_sigma2, by_log_ridge) in gradients.items():
            gradient = np.zeros(len(self.psi_covariance))
            gradient[: self.X.size] = by_X.ravel(order="F")
            gradient[-2:] = by_log_sigma2, by_log_ridge
            variance = float(gradient @ self.psi_covariance @ gradient)
            bse[name] = float(np.sqrt(max(variance, 0.0)))
        if self.undetermined:
            return dict.fromkeys(gradients, np.nan)
        if self.tau2_at_bound:
            bse |= dict.fromkeys(("log_tau2", "icc", "df_random"), np.nan)
        return bse


def n_parameters(n_responses: int, rank: int, n_covariates: int) -> int:
    """P Q + Q K + 2."""
    return n_responses * rank + rank * n_covariates + 2


def _does_not_fall(axes: Axes, hessian: FloatArray) -> bool:
    """Whether the log-likelihood is flat, or rises, in some direction that is no rotation."""
    information = -axes.kept.T @ hessian @ axes.kept
    size = np.sqrt(np.maximum(np.diag(information), np.finfo(float).tiny))
    scaled = information / np.outer(size, size)
    # Components that are nearly collinear are no such direction: they are made orthogonal.
    theta = axes.is_theta
    try:
        root = np.linalg.cholesky(scaled[np.ix_(theta, theta)])
    except np.linalg.LinAlgError:
        return True
    scaled[theta] = np.linalg.solve(root, scaled[theta])
    scaled[:, theta] = np.linalg.solve(root, scaled[:, theta].T).T
    n_rotations = len(scaled) - axes.directions.shape[1]
    return bool(np.linalg.eigvalsh(scaled)[n_rotations] < FLAT)


def marginal_inference(
    Y: Any,
    A: FloatArray,
    moments: Moments,
    estimate: MarginalEstimate,
    options: InferenceOptions,
    seeds: np.random.SeedSequence,
    *,
    total: Total = whole,
) -> MarginalInference:
    """
    Sandwich covariance and one-step wild bootstrap of all parameters.

    The information is minus the Hessian H of the log-likelihood, by central differences of its
    analytic gradient; the unit scores take one pass over the units.

    Parameters
    ----------
    Y : array or SciPy sparse matrix, (P, N)
        Missing cells are NaN.
    A : array, (K, N)
    moments : Moments
        Of Y and A.
    estimate : MarginalEstimate
        The maximum.
    options : InferenceOptions
    seeds : numpy.random.SeedSequence
        For the multipliers of the bootstrap.
    total : callable
        As in `one_step`.

    Raises
    ------
    InvalidArgumentError
        "cr3" where a unit has leverage 1.
    """
    coordinates = Coordinates(moments, estimate)
    n_units = Y.shape[1]
    theta, floor = estimate.Theta.ravel(order="F"), -np.inf if estimate.signed else 0.0
    hessian = coordinates.hessian()
    # An effect that wants to be negative is at its bound in every sample; were it free, the
    # likelihood would be taken where it is hardly concave any more.
    cleared, total_score = coordinates.cleared_scores(hessian)
    held = coordinates.bounds_needed | coordinates.beyond_bounds(cleared, total_score, hessian)
    axes = coordinates.axes(held)
    flat = _does_not_fall(axes, hessian)
    if flat and coordinates.pushed_theta.any():
        axes = coordinates.axes(held | coordinates.pushed_theta)
        flat = _does_not_fall(axes, hessian)
    free = axes.directions
    reduced_hessian = free.T @ hessian @ free
    # Negative definite, but for what gets no standard errors: components that merge, flatness.
    undetermined = estimate.degenerate or flat
    invert = np.linalg.pinv if undetermined else np.linalg.inv
    hessian_inv = invert(reduced_hessian) / n_units

    def scores(Y: Any, A: FloatArray) -> FloatArray:
        values = coordinates.unit_scores(Y, A)
        return options.estimator.weighted(values, lambda: coordinates.leverages(A))

    J = coordinates.jacobian(axes)
    theta_rows = slice(coordinates.X.size, len(J) - 2)
    unit = np.ones(len(J))
    unit[theta_rows] = moments.scale
    blocks = unit_blocks(n_units, options.n_boot, BLOCK_VALUES // coordinates.X.size)
    squares, bootstrap = one_step(
        (Y, A),
        scores,
        options.draws(seeds, blocks),
        estimate=theta,
        floor=floor,
        projection=moments.scale * free @ hessian_inv @ J[theta_rows].T,
        total=total,
    )
    covariance = options.estimator.covariance(
        Parts(
            -hessian_inv,
            hessian_inv @ free.T @ squares @ free @ hessian_inv,
            n_units,
            lambda reduced: (J @ reduced @ J.T) * np.outer(unit, unit),
        )
    )
    unknown = coordinates.mixing_theta | axes.held | undetermined
    theta_covariance = covariance[theta_rows, theta_rows].copy()
    theta_covariance[unknown] = np.nan
    theta_covariance[:, unknown] = np.nan
    if bootstrap is not None:
        bootstrap.deviations[:, unknown] = np.nan
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
        mixing=tuple(m or undetermined for m in estimate.identification.mixing),
        tau2_at_bound=estimate.tau2_at_bound,
        at_bound=coordinates.theta_at_bound,
        score_z=np.where(
            undetermined, np.nan, coordinates.score_tests(cleared, total_score, squares)
        ),
        df_gradient=moments.df_gradient(estimate.X, estimate.ridge),
        held=axes.held & (not undetermined),
        held_basis=coordinates.held_basis,
        undetermined=undetermined,
    )
