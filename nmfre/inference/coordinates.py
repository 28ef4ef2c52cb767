"""
Coordinates of all parameters around a maximum of the marginal likelihood, and scores by them.

Columns of X keep their sums: they move along an explicit basis of the contrasts of their free
entries. Zeros of X that the likelihood pushes against stay zero; every Theta is free, as in the
paper, but for zeros that lie far within their bound. It moves through Gamma, the effects of
orthonormal covariates, so that no digit is lost to how covariates are coded. Directions that
change nothing (rotations, or any mixture of the components where tau2 is zero) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import block_diag, helmert, null_space, orth

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.identification import ZERO, dependent_components
from nmfre.estimation.likelihood import MarginalScore, marginal_score
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.moments import Moments
from nmfre.estimation.patterns import times_vectors, unit_inverses

DIFFERENCE = 5e-4
"""Step of the differences of the score, in variables of the size of one."""
PUSHED = 1e-6
"""Derivative per unit from which a zero is one that the likelihood pushes against."""
FAR = 1.96
"""Standard errors beyond its bound from which an effect is held there, and not free."""


@dataclass(frozen=True, slots=True)
class Axes:
    """
    Combinations of the full coordinates that inference is made on.

    Attributes
    ----------
    held : (QK,)
        Entries of vec(Theta) that are held at their bound.
    kept : (f, k)
        Orthonormal axes that leave these alone.
    is_theta : (k,)
        Those that move Theta.
    directions : (f, d)
        Without rotations, too.
    """

    held: BoolArray
    kept: FloatArray
    is_theta: BoolArray
    directions: FloatArray


class Coordinates:
    """
    Coordinates around the maximum, all of the size of one, in units of the scaled responses.

    The f full coordinates keep sums and zeros of X, and the cap; every Gamma is free. `axes` are
    the combinations of them that are left where some entries of Theta are held.
    """

    def __init__(self, moments: Moments, estimate: MarginalEstimate) -> None:
        self.moments = moments
        self.complete = moments.n_cells == moments.n_units * moments.n_responses
        self.X = estimate.X
        self.Gamma = moments.covariates.gamma(estimate.Theta / moments.scale)
        if estimate.signed:  # again, because Theta of covariates with a large mean has lost digits
            self.Gamma = moments.free_gamma(self.X, estimate.ridge)
        self.log_sigma2 = float(np.log(estimate.sigma2)) - 2.0 * float(np.log(moments.scale))
        self.log_ridge = float(np.log(estimate.ridge))
        self.cap = estimate.cap if estimate.cap_binds else np.inf
        # Where tau2 is at its bound 0, the likelihood is flat in log lambda: it is held.
        self.variance_axes = np.eye(2)[:, : 1 if estimate.tau2_at_bound else 2]
        (P, Q), K = self.X.shape, moments.n_covariates
        at_maximum = self._score(self.X, self.Gamma, self.log_sigma2, self.log_ridge)
        by_X = at_maximum.X + at_maximum.log_ridge * self._log_ridge_by_X(self.X)
        pushed = by_X - np.sum(self.X * by_X, axis=0) < -PUSHED
        held = (self.X * P <= PUSHED) & pushed
        self.contrasts = block_diag(*(_contrasts(~held[:, q]) for q in range(Q))) / P
        self.held_basis: BoolArray = ~self.contrasts.any(axis=1).reshape(P, Q, order="F")

        theta = (estimate.Theta * moments.covariates.scale).ravel(order="F")
        zero = (theta <= PUSHED * np.abs(theta).max()) & (not estimate.signed)
        self.entries = self._entries(zero)
        by_theta = P * at_maximum.Gamma.ravel(order="F") @ self.entries
        self.theta_at_bound: BoolArray = zero & (by_theta <= PUSHED)
        self.pushed_theta: BoolArray = self.theta_at_bound & (by_theta < -PUSHED)
        self.mixing_theta: BoolArray = np.tile(np.array(estimate.identification.mixing), K)
        self.full_axes = self._full_axes(self.X)
        self.first_theta = self.contrasts.shape[1]
        self.n_variances = self.full_axes.shape[1] - self.first_theta - Q * K
        self.rotations = self._rotations(estimate)
        # Where bounds of Theta alone tell the components apart, they must stay bounds.
        self.bounds_needed: BoolArray = self.theta_at_bound & estimate.identification.by_bounds

    def _rotations(self, estimate: MarginalEstimate) -> FloatArray:
        """Orthonormal directions in the full coordinates that change nothing, in columns."""
        changes = [(self.X @ K, -K @ self.Gamma) for K in estimate.identification.directions]
        if estimate.tau2_at_bound:
            # Without an effect of its own, a combination of columns of X can be anything.
            for v in dependent_components(self.Gamma).T:
                free = np.all(~self.held_basis[:, np.abs(v) > ZERO], axis=1)
                changes += [(np.outer(d, v), np.zeros_like(self.Gamma)) for d in _contrasts(free).T]
        if not changes:
            return np.empty((self.full_axes.shape[1], 0))
        psi = [
            np.concatenate([by_X.ravel(order="F"), by_Gamma.ravel(order="F"), np.zeros(2)])
            for by_X, by_Gamma in changes
        ]
        rotations = np.linalg.lstsq(self.full_axes, np.column_stack(psi), rcond=None)[0]
        return np.asarray(orth(rotations, rcond=ZERO))

    def axes(self, held: BoolArray) -> Axes:
        """What is left where entries of vec(Theta), (QK,), are held at their bound."""
        kept = self._without(held)
        is_theta = np.zeros(kept.shape[1], dtype=bool)
        is_theta[self.first_theta : kept.shape[1] - self.n_variances] = True
        directions = kept
        if self.rotations.shape[1]:
            directions = kept @ null_space((kept.T @ self.rotations).T)
        return Axes(held, kept, is_theta, directions)

    def _entries(self, zero: BoolArray) -> FloatArray:
        """
        Directions of vec(Gamma) that entries of Theta move in, of length 1; columns, (QK, QK).

        Those of zeros are made orthogonal to what the other entries of their component can do.
        """
        Q, K = self.Gamma.shape
        rows = self.moments.covariates.L / self.moments.covariates.scale[:, None]
        entries = np.zeros((K, Q, K, Q))
        for q, at_zero in enumerate(zero.reshape(K, Q).T):
            others = np.linalg.qr(rows[~at_zero].T)[0]
            moves = rows.copy()
            for _ in range(2 if at_zero.any() else 0):
                moves[at_zero] -= moves[at_zero] @ others @ others.T
            entries[:, q, :, q] = (moves / np.linalg.norm(moves, axis=1)[:, None]).T
        return entries.reshape(K * Q, K * Q)

    def _without(self, theta: BoolArray) -> FloatArray:
        """Orthonormal axes of the full coordinates that leave entries of vec(Theta) alone."""
        size, first = self.full_axes.shape[1], self.first_theta
        if not theta.any():
            return np.eye(size)
        Q, K = self.Gamma.shape
        rows = self.moments.covariates.L / self.moments.covariates.scale[:, None]
        by_component = [np.linalg.qr(rows[~held].T)[0] for held in theta.reshape(K, Q).T]
        moves = np.zeros((K, Q, sum(axes.shape[1] for axes in by_component)))
        column = 0
        for q, axes in enumerate(by_component):
            moves[:, q, column : column + axes.shape[1]] = axes
            column += axes.shape[1]
        return np.asarray(
            block_diag(np.eye(first), moves.reshape(Q * K, column), np.eye(self.n_variances))
        )

    def jacobian(self, axes: Axes) -> FloatArray:
        """Derivative of (X, Theta, log sigma2, log lambda) along these axes, (D, d)."""
        jacobian: FloatArray = self.full_axes @ axes.directions
        Q, K = self.Gamma.shape
        by_gamma = jacobian[self.X.size : -2].reshape(K, -1)
        jacobian[self.X.size : -2] = (self.moments.covariates.inverse.T @ by_gamma).reshape(
            Q * K, -1
        )
        return jacobian

    def _full_axes(self, X: FloatArray) -> FloatArray:
        """Derivative of (X, Gamma, log sigma2, log lambda) by the full coordinates, at X."""
        theta_axes = len(X) * np.eye(self.Gamma.size)
        if np.isfinite(self.cap):
            by_X = self._log_ridge_by_X(X).ravel(order="F") @ self.contrasts
            blocks = block_diag(self.contrasts, theta_axes, np.ones((1, 1)))
            last = np.zeros(blocks.shape[1])
            last[: len(by_X)] = by_X
            return np.vstack([blocks, last])
        return np.asarray(block_diag(self.contrasts, theta_axes, self.variance_axes))

    def _log_ridge_by_X(self, X: FloatArray) -> FloatArray:
        """Derivative of log lambda by X on df_U = cap; zero without a cap."""
        if np.isinf(self.cap):
            return np.zeros_like(X)
        return self.moments.log_ridge_by_basis(X, self.moments.log_ridge_on_cap(X, self.cap))

    def _score(
        self, X: FloatArray, Gamma: FloatArray, log_sigma2: float, log_ridge: float
    ) -> MarginalScore:
        return marginal_score(
            self.moments, X, Gamma, float(np.exp(log_sigma2)), float(np.exp(log_ridge))
        )

    def score(self, t: FloatArray) -> FloatArray:
        """Derivatives of the log-likelihood per unit by the full coordinates, at t; (f,)."""
        psi = self.full_axes @ t
        (P, Q), K = self.X.shape, self.Gamma.shape[1]
        X = self.X + psi[: P * Q].reshape(P, Q, order="F")
        Gamma = self.Gamma + psi[P * Q : -2].reshape(Q, K, order="F")
        capped = np.isfinite(self.cap)
        log_ridge = self.log_ridge + psi[-1]
        if capped:
            log_ridge = self.moments.log_ridge_on_cap(X, self.cap)
        score = self._score(X, Gamma, self.log_sigma2 + psi[-2], log_ridge)
        full = np.concatenate(
            [
                score.X.ravel(order="F"),
                score.Gamma.ravel(order="F"),
                [score.log_sigma2, score.log_ridge],
            ]
        )
        return np.asarray(full @ (self._full_axes(X) if capped else self.full_axes))

    def hessian(self) -> FloatArray:
        """Second derivatives of the log-likelihood per unit by the full coordinates, (f, f)."""
        size = self.full_axes.shape[1]
        hessian = np.empty((size, size))
        for j, step in enumerate(DIFFERENCE * np.eye(size)):
            near = self.score(step) - self.score(-step)
            far = self.score(2.0 * step) - self.score(-2.0 * step)
            hessian[j] = (8.0 * near - far) / (12.0 * DIFFERENCE)  # exact up to the fourth power
        return (hessian + hessian.T) / 2.0

    def leverages(self, A: FloatArray) -> FloatArray:
        """a_n'(AA')^-1 a_n of units with covariates A (K, n), missing cells or not; (n,)."""
        W = self.moments.covariates.white(A)
        return np.asarray(np.sum(W * W, axis=0)) / self.moments.n_units

    def unit_scores(self, Y: Any, A: FloatArray) -> FloatArray:
        """Scores of units with responses Y (P, n) and covariates A (K, n); (n, f)."""
        (P, Q), n = self.X.shape, A.shape[1]
        sigma2, ridge = np.exp(self.log_sigma2), np.exp(self.log_ridge)
        W = self.moments.covariates.white(A)
        fixed = W.T @ self.Gamma.T
        shrink = self._shrink if self.complete else self._shrink_observed
        U, E, cells, trace, XM_inv = shrink(Y, fixed, float(ridge))
        B = fixed + U
        by_X = (B[:, :, None] * E[:, None, :]).reshape(n, P * Q) / sigma2
        by_X -= XM_inv
        XtE = E @ self.X / sigma2
        by_Gamma = (W.T[:, :, None] * XtE[:, None, :]).reshape(n, -1)
        UU = np.sum(U * U, axis=1)
        quadratic = np.sum(E * E, axis=1) + ridge * UU  # r'(I - X M^-1 X')r = |e|^2 + lambda |u|^2
        by_log_sigma2 = 0.5 * (quadratic / sigma2 - cells)
        by_log_ridge = 0.5 * (Q - ridge * (trace + UU / sigma2))
        full = np.column_stack([by_X, by_Gamma, by_log_sigma2, by_log_ridge])
        return np.asarray(full @ self.full_axes)

    def _shrink(self, Y: Any, fixed: FloatArray, ridge: float) -> tuple[Any, ...]:
        """Random effects (n, Q), residuals (n, P), P, tr M^-1 and vec(X M^-1) of complete units."""
        X, scale = self.X, self.moments.scale
        M_inv = np.linalg.inv(X.T @ X + ridge * np.eye(X.shape[1]))
        U = (np.asarray(Y.T @ X) / scale - fixed @ (X.T @ X)) @ M_inv
        E = np.asarray(Y.T.toarray() if hasattr(Y, "toarray") else Y.T) / scale
        E = E - (fixed + U) @ X.T
        return U, E, len(X), np.trace(M_inv), (X @ M_inv).ravel(order="F")

    def _shrink_observed(self, Y: Any, fixed: FloatArray, ridge: float) -> tuple[Any, ...]:
        """The same for each unit's observed responses; residuals of missing ones are 0."""
        observed = ~np.isnan(Y)
        M_inv = unit_inverses(observed, self.X, ridge)
        R = np.where(observed, Y / self.moments.scale - self.X @ fixed.T, 0.0).T
        U = times_vectors(M_inv, R @ self.X)
        E = R - observed.T * (U @ self.X.T)
        XM_inv = (M_inv @ self.X.T) * observed.T[:, None, :]
        trace = np.trace(M_inv, axis1=1, axis2=2)
        return U, E, observed.sum(axis=0), trace, XM_inv.reshape(len(U), -1)

    def score_tests(
        self, cleared: FloatArray, total: FloatArray, squares: FloatArray
    ) -> FloatArray:
        """
        One-sided score statistics of entries of Theta at their bound, (QK,); NaN for the others.

        NaN also for components that are not identified, as rotations may move the entry off its
        bound, and where the cleared score is zero for every unit but for rounding.
        The score of the entry, cleared of those of all parameters off their bounds, over the root
        of its sum of squares over units.

        Parameters
        ----------
        cleared, total : array, (n, f) and (f,)
            As from `cleared_scores`.
        squares : array, (f, f)
            sum_n s_n s_n' of the unit scores by the full coordinates.
        """
        of_cleared = np.sum((cleared @ squares) * cleared, axis=1)
        terms = np.sum((np.abs(cleared) @ np.abs(squares)) * np.abs(cleared), axis=1)
        tested = of_cleared > len(squares) * np.finfo(float).eps * terms  # or nothing is left of it
        tested &= ~self.mixing_theta[self.theta_at_bound]
        z = np.full(len(self.theta_at_bound), np.nan)
        z[np.flatnonzero(self.theta_at_bound)[tested]] = (
            cleared[tested] @ total / np.sqrt(of_cleared[tested])
        )
        return z

    def beyond_bounds(
        self, cleared: FloatArray, total: FloatArray, hessian: FloatArray
    ) -> BoolArray:
        """
        Entries of Theta that a step by the likelihood would take far beyond their bound; (QK,).

        By more than `FAR` standard errors, or without end where the likelihood is not concave.

        Parameters
        ----------
        cleared, total : array, (n, f) and (f,)
            As from `cleared_scores`.
        hessian : array, (f, f)
            Second derivatives per unit by the full coordinates.
        """
        information = -self.moments.n_units * np.sum((cleared @ hessian) * cleared, axis=1)
        root = np.sqrt(np.maximum(information, 0.0))
        beyond = self.pushed_theta.copy()
        beyond[self.theta_at_bound] &= cleared @ total <= -FAR * root
        return beyond

    def cleared_scores(self, hessian: FloatArray) -> tuple[FloatArray, FloatArray]:
        """
        Scores of entries of Theta at their bound, cleared of all parameters off their bounds.

        As combinations of the full coordinates, a row an entry, and the scores of these, (f,).
        """
        cleared = np.zeros((int(self.theta_at_bound.sum()), len(hessian)))
        if not len(cleared):
            return cleared, np.zeros(len(hessian))
        last = self.first_theta + self.Gamma.size
        cleared[:, self.first_theta : last] = self.entries[:, self.theta_at_bound].T
        rest = self._without(self.theta_at_bound)
        # Rotations, along which nothing changes but by rounding, clear nothing.
        still = self.rotations
        if still.size:  # SciPy 1.13 has no null space of an empty matrix
            still = still @ null_space(cleared @ still, rcond=ZERO)
        steep = hessian - np.abs(np.diag(hessian)).max() * still @ still.T
        moved = rest.T @ hessian @ cleared.T
        cleared -= (rest @ np.linalg.lstsq(rest.T @ steep @ rest, moved, rcond=1e-10)[0]).T
        return cleared, self.moments.n_units * self.score(np.zeros(len(hessian)))


def _contrasts(free: BoolArray) -> FloatArray:
    """Orthonormal directions of a column that keep its sum and its zeros, (P, free - 1)."""
    basis = np.zeros((len(free), max(int(free.sum()) - 1, 0)))
    if basis.shape[1]:
        basis[free] = helmert(int(free.sum())).T
    return basis
