"""
Coordinates of all parameters around a maximum of the marginal likelihood, and scores by them.

Columns of X keep their sums: they move along an explicit basis of the contrasts of their free
entries. Zeros of X that the likelihood pushes against stay zero; every Theta is free, as in the
paper, but for zeros that lie far within their bound. Residual variances move along their
logarithms, Phi along the coordinates of its form; those at their bound 0 do not. Theta
moves through Gamma, the effects of orthonormal covariates, so that no digit is lost to how
covariates are coded. Directions that change nothing (rotations, or any mixture of the components
where tau2 is zero) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import block_diag, helmert, null_space, orth

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.hessian import second_derivatives
from nmfre.estimation.identification import ZERO, dependent_components
from nmfre.estimation.likelihood import Score, marginal_value, score
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.moments import Moments
from nmfre.estimation.patterns import times_vectors, unit_inverses
from nmfre.inference.equations import solved
from nmfre.inference.leverages import Leverages

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
        self.moments, self.structure = moments, estimate.structure
        self.complete = moments.n_cells == moments.n_units * moments.n_responses
        self.X = estimate.X
        self.Gamma = moments.covariates.gamma(estimate.Theta / moments.scale)
        if estimate.signed:  # again, because Theta of covariates with a large mean has lost digits
            self.Gamma = moments.free_gamma(self.X, estimate.relative)
        self.psi = estimate.psi / moments.scale**2
        self.F = estimate.F * float(np.sqrt(estimate.tau2)) / moments.scale
        self.cap = estimate.cap if estimate.cap_binds else np.inf
        (P, Q), K = self.X.shape, moments.n_covariates
        random, resid = self.structure.random, self.structure.resid
        self.log_psi, self.t = np.log(resid.of(self.psi)), random.coordinates(self.F)
        # Where a variance is at its bound 0, the likelihood is flat in its logarithm: it is held.
        axes_of_random = np.eye(len(self.t))[:, ~random.held(estimate.re_at_bound)]
        if np.isfinite(self.cap):  # which tells the size of Phi
            axes_of_random = axes_of_random @ null_space((random.scale(Q) @ axes_of_random)[None])
        axes_of_resid = np.eye(len(self.log_psi))[:, ~resid.of(estimate.resid_at_bound)]
        self.variance_axes = block_diag(axes_of_resid, axes_of_random)
        at_maximum = self._score(self.X, self.Gamma, self.relative)[0]
        by_X = at_maximum.X
        pushed = by_X - np.sum(self.X * by_X, axis=0) < -PUSHED
        held = self.structure.held(self.X.shape) | ((self.X * P <= PUSHED) & pushed)
        self.contrasts = block_diag(*(_contrasts(~held[:, q]) for q in range(Q))) / P
        self.held_basis: BoolArray = ~self.contrasts.any(axis=1).reshape(P, Q, order="F")

        theta = (estimate.Theta * moments.covariates.scale).ravel(order="F")
        zero = (theta <= PUSHED * np.abs(theta).max()) & (not estimate.signed)
        self.entries = self._entries(zero)
        by_theta = P * at_maximum.Gamma.ravel(order="F") @ self.entries
        self.theta_at_bound: BoolArray = zero & (by_theta <= PUSHED)
        self.pushed_theta: BoolArray = self.theta_at_bound & (by_theta < -PUSHED)
        self.mixing_theta: BoolArray = np.tile(np.array(estimate.identification.mixing), K)
        self.axes_within = block_diag(self.contrasts, P * np.eye(Q * K), self.variance_axes)
        self.full_axes = self.axes_within
        if np.isfinite(self.cap):
            self.full_axes = self._on_cap() @ self.axes_within
        self.first_theta = self.contrasts.shape[1]
        self.n_variances = self.variance_axes.shape[1]
        self.rotations = self._rotations(estimate)
        # Where bounds of Theta alone tell the components apart, they must stay bounds.
        self.bounds_needed: BoolArray = self.theta_at_bound & estimate.identification.by_bounds

    @property
    def relative(self) -> Relative:
        """The covariances, with sigma2 = 1."""
        return Relative(self.psi, self.F)

    @property
    def of_theta(self) -> slice:
        """Where Gamma, or Theta, is in all parameters."""
        return slice(self.X.size, self.X.size + self.Gamma.size)

    def df_gradient(self) -> FloatArray:
        """Derivative of df_U by (X, Gamma, log psi, t), (D,)."""
        relative = self.relative
        by_Z, _ = self.moments.df_slopes(relative.loadings(self.X))
        by = Score(
            X=relative.d * (by_Z @ self.F.T),
            Gamma=np.zeros_like(self.Gamma),
            F=np.tril((relative.d * self.X).T @ by_Z),
            log_psi=-0.5 * np.vecdot(relative.loadings(self.X), by_Z),
        )
        return self.moments.n_units * self._by_parameters(by, self.F)

    def _by_parameters(self, by: Score, F: FloatArray) -> FloatArray:
        """Derivatives in one vector, (D,), at F."""
        return np.concatenate(
            [
                by.X.ravel(order="F"),
                by.Gamma.ravel(order="F"),
                self.structure.resid.pull(by.log_psi),
                self.structure.random.pull(F, by.F),
            ]
        )

    def _on_cap(self) -> FloatArray:
        """Change of the parameters where Phi is multiplied by what keeps df_U, (D, D)."""
        gradient = self.df_gradient()
        scale = np.zeros_like(gradient)
        scale[-len(self.t) :] = self.structure.random.scale(self.X.shape[1])
        return np.asarray(np.eye(len(scale)) - np.outer(scale, gradient) / (gradient @ scale))

    def _rotations(self, estimate: MarginalEstimate) -> FloatArray:
        """Orthonormal directions in the full coordinates that change nothing, in columns."""
        Phi, random = self.F @ self.F.T, self.structure.random
        still = np.zeros(len(self.log_psi))
        # Of a variance at its bound, the logarithm is held.
        moves = ~random.held(estimate.re_at_bound)
        psi = [
            np.concatenate(
                [
                    (self.X @ K).ravel(order="F"),
                    (-K @ self.Gamma).ravel(order="F"),
                    still,
                    moves * random.of_change(self.F, -(K @ Phi + Phi @ K.T)),
                ]
            )
            for K in estimate.identification.directions
        ]
        if estimate.re_at_bound.any():
            # Without an effect of its own, a combination of columns of X can be anything.
            there = np.where(estimate.re_at_bound, 0.0, 1.0)
            for v in dependent_components(self.Gamma, Phi * np.outer(there, there)).T:
                free = np.all(~self.held_basis[:, np.abs(v) > ZERO], axis=1)
                rest = np.zeros(self.full_axes.shape[0] - self.X.size)
                psi += [
                    np.concatenate([np.outer(d, v).ravel(order="F"), rest])
                    for d in _contrasts(free).T
                ]
        if not psi:
            return np.empty((self.full_axes.shape[1], 0))
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
        """Derivative of (X, Theta, log psi, t) along these axes, (D, d)."""
        jacobian: FloatArray = self.full_axes @ axes.directions
        Q, K = self.Gamma.shape
        by_gamma = jacobian[self.of_theta].reshape(K, -1)
        jacobian[self.of_theta] = (self.moments.covariates.inverse.T @ by_gamma).reshape(Q * K, -1)
        return jacobian

    def _score(
        self, X: FloatArray, Gamma: FloatArray, relative: Relative
    ) -> tuple[Score, FloatArray]:
        """Derivatives, and F where they are taken: that of the cap."""
        capped = bool(np.isfinite(self.cap))
        if capped:
            factor = self.moments.log_factor_on_cap(relative.loadings(X), self.cap)
            relative = relative.scaled(float(np.exp(factor)))
        point = marginal_value(self.moments, X, Gamma, relative, profiled=False)
        by = score(self.moments, X, Gamma, relative, point, on_cap=capped)
        return by, relative.F

    def score(self, t: FloatArray) -> FloatArray:
        """Derivatives of the log-likelihood per unit by the full coordinates, at t; (f,)."""
        moved = self.axes_within @ t
        (P, Q), K = self.X.shape, self.Gamma.shape[1]
        X = self.X + moved[: P * Q].reshape(P, Q, order="F")
        Gamma = self.Gamma + moved[self.of_theta].reshape(Q, K, order="F")
        log_psi, of_random = np.split(moved[self.of_theta.stop :], [len(self.log_psi)])
        F = self.structure.random.factor(self.t + of_random, Q)
        relative = Relative(self.psi * np.exp(log_psi), F)
        return np.asarray(self._by_parameters(*self._score(X, Gamma, relative)) @ self.axes_within)

    def hessian(self) -> FloatArray:
        """Second derivatives of the log-likelihood per unit by the full coordinates, (f, f)."""
        if np.isinf(self.cap):
            return self.analytic_hessian()
        size = self.full_axes.shape[1]
        hessian = np.empty((size, size))
        for j, step in enumerate(DIFFERENCE * np.eye(size)):
            near = self.score(step) - self.score(-step)
            far = self.score(2.0 * step) - self.score(-2.0 * step)
            hessian[j] = (8.0 * near - far) / (12.0 * DIFFERENCE)  # exact up to the fourth power
        return (hessian + hessian.T) / 2.0

    def analytic_hessian(self, *, expected: bool = False) -> FloatArray:
        """The same in closed form, where no cap binds; or its expectation."""
        (P, Q), K = self.X.shape, self.Gamma.shape[1]
        hessian = second_derivatives(
            self.moments, self.X, self.Gamma, self.relative, self.structure, expected=expected
        )
        columns_first = np.arange(len(hessian))
        columns_first[: P * Q] = np.arange(P * Q).reshape(P, Q).ravel(order="F")
        columns_first[self.of_theta] = P * Q + np.arange(Q * K).reshape(Q, K).ravel(order="F")
        hessian = hessian[np.ix_(columns_first, columns_first)]
        return np.asarray(-self.axes_within.T @ hessian @ self.axes_within)

    @property
    def leverages(self) -> Leverages:
        """Corrections of scores by the full coordinates."""
        effects = slice(self.first_theta, self.first_theta + self.Gamma.size)
        return Leverages(self.moments.covariates, self.moments.n_units, effects)

    def unit_scores(self, Y: Any, A: FloatArray) -> FloatArray:
        """Scores of units with responses Y (P, n) and covariates A (K, n); (n, f)."""
        (P, Q), n = self.X.shape, A.shape[1]
        d, Z = self.relative.d, self.relative.loadings(self.X)
        X = d * self.X
        W = self.moments.covariates.white(A)
        fixed = W.T @ self.Gamma.T
        shrink = self._shrink if self.complete else self._shrink_observed
        U, E, observed, ZM_inv = shrink(Y, fixed, X, Z)
        B = fixed + U @ self.F.T
        by_X = (B[:, :, None] * E[:, None, :]).reshape(n, Q, P)
        by_X = ((by_X - self.F @ ZM_inv.mT) * d[:, 0]).reshape(n, P * Q)
        XtE = E @ X
        by_Gamma = (W.T[:, :, None] * XtE[:, None, :]).reshape(n, -1)
        by_log_psi = 0.5 * (E * E + np.vecdot(Z, ZM_inv) - observed)
        by_F = XtE[:, :, None] * U[:, None, :] - X.T @ ZM_inv
        random, resid = self.structure.random, self.structure.resid
        full = np.column_stack(
            [by_X, by_Gamma, resid.pull(by_log_psi), random.pull(self.F, np.tril(by_F))]
        )
        return np.asarray(full @ self.full_axes)

    def _shrink(self, Y: Any, fixed: FloatArray, X: FloatArray, Z: FloatArray) -> tuple[Any, ...]:
        """Random effects (n, Q) over F, residuals (n, P), cells and Z M^-1 of complete units."""
        scale = self.moments.scale
        M_inv = np.linalg.inv(Z.T @ Z + np.eye(Z.shape[1]))
        d = self.relative.d
        U = (np.asarray(Y.T @ (d * Z)) / scale - fixed @ (X.T @ Z)) @ M_inv
        E = np.asarray(Y.T.toarray() if hasattr(Y, "toarray") else Y.T) / scale * d[:, 0]
        E = E - fixed @ X.T - U @ Z.T
        return U, E, 1.0, (Z @ M_inv)[None]

    def _shrink_observed(
        self, Y: Any, fixed: FloatArray, X: FloatArray, Z: FloatArray
    ) -> tuple[Any, ...]:
        """The same for each unit's observed responses; residuals of missing ones are 0."""
        observed = ~np.isnan(Y)
        M_inv = unit_inverses(observed, Z)
        scaled = Y / self.moments.scale * self.relative.d
        R = np.where(observed, scaled - X @ fixed.T, 0.0).T
        U = times_vectors(M_inv, R @ Z)
        E = R - observed.T * (U @ Z.T)
        ZM_inv = (Z @ M_inv) * observed.T[:, :, None]
        return U, E, observed.T, ZM_inv

    def score_tests(
        self, cleared: FloatArray, total: FloatArray, squares: FloatArray
    ) -> FloatArray:
        """
        One-sided score statistics of entries of Theta at their bound, (QK,); NaN for the others.

        NaN also for components that are not identified, as rotations may move the entry off its
        bound, and where the cleared score is zero for every unit but for rounding.
        The score of the entry, cleared of those of all parameters off their bounds, over the root
        of its sum of squares over units.
        ``squares`` (f, f) are sums of products of unit scores by the full coordinates.
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
        ``cleared`` and ``total`` as from `cleared_scores`.
        """
        information = -self.moments.n_units * np.sum((cleared @ hessian) * cleared, axis=1)
        root = np.sqrt(np.maximum(information, 0.0))
        beyond = self.pushed_theta.copy()
        beyond[self.theta_at_bound] &= cleared @ total <= -FAR * root
        return beyond

    def cleared_scores(self, hessian: FloatArray) -> tuple[FloatArray, FloatArray]:
        """
        Scores of entries of Theta at their bound, cleared of all parameters off their bounds.

        Combinations of the full coordinates, one row per entry, and the scores of these.
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
        steep = np.abs(np.diag(hessian)).max() * still @ still.T - hessian
        moved = rest.T @ (hessian @ cleared.T)
        cleared += (rest @ solved(rest.T @ steep @ rest, moved, rcond=1e-10)).T
        return cleared, self.moments.n_units * self.score(np.zeros(len(hessian)))


def _contrasts(free: BoolArray) -> FloatArray:
    """Orthonormal directions of a column that keep its sum and its zeros, (P, free - 1)."""
    basis = np.zeros((len(free), max(int(free.sum()) - 1, 0)))
    if basis.shape[1]:
        basis[free] = helmert(int(free.sum())).T
    return basis
