"""
Responses with missing cells: what the likelihood of the observed ones takes from the data.

Units of one pattern enter through the sum of the outer products of (y_n, w_n) alone. Where they
are more than these are long, the columns of a triangular factor of that sum take their place: a
few patterns cost as little as complete data, whatever the number of units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.grouping import (
    patterns_of,
    shortened,
    squares_by_pattern,
    sums_of_products,
)
from nmfre.estimation.moments import Moments, Products, information_root, solved
from nmfre.estimation.orthonormal import orthonormal

FILL_RIDGE = 0.1
"""Shrinkage of the scores that missing cells are filled from, for a start; observed ones have 1."""

MANY_DIGITS = 1e4
"""Trace of a Z'Z beyond which effects are solved for by eigenvalues, which cost more."""

FEW = 32
"""Patterns that stand for many where the information need not be exact: far from a maximum."""
LEAST_CELLS = 0.5
"""Share that these must keep of the cells of each response."""


def unit_grams(observed: BoolArray | FloatArray, Z: FloatArray) -> FloatArray:
    """Z'Z over the observed responses of each column of ``observed`` (P, n); (..., n, Q, Q)."""
    rank = Z.shape[-1]
    outer = (Z[..., :, None] * Z[..., None, :]).reshape(*Z.shape[:-1], rank**2)
    return np.asarray(observed.T @ outer).reshape(*Z.shape[:-2], -1, rank, rank)


def unit_roots(
    observed: BoolArray | FloatArray, Z: FloatArray, ridge: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """log|M_n| of M_n = Z'Z + ridge I of the same, (..., n), and L_n with M_n^-1 = L_n'L_n."""
    return _roots(unit_grams(observed, Z), ridge)


def _roots(grams: FloatArray, ridge: float) -> tuple[FloatArray, FloatArray]:
    """The same of Z'Z, (..., n, Q, Q)."""
    try:
        factors = np.linalg.cholesky(grams + ridge * np.eye(grams.shape[-1]))
    except np.linalg.LinAlgError:  # so large that the ridge is lost in rounding
        if grams.ndim > 3:  # of one of them
            parts = [_roots(member, ridge) for member in grams]
            return np.stack([part[0] for part in parts]), np.stack([part[1] for part in parts])
        eigenvalues, V = np.linalg.eigh(grams)
        M = np.maximum(eigenvalues, 0.0) + ridge
        return np.log(M).sum(axis=1), V.mT / np.sqrt(M)[:, :, None]
    diagonals = np.diagonal(factors, axis1=-2, axis2=-1)
    return 2.0 * np.log(diagonals).sum(axis=-1), np.linalg.inv(factors)


def unit_inverses(observed: BoolArray | FloatArray, Z: FloatArray) -> FloatArray:
    """M_n^-1 = (Z'Z + I)^-1 of the same, (n, Q, Q)."""
    roots = unit_roots(observed, Z)[1]
    return np.asarray(roots.mT @ roots)


def solved_vectors(roots: FloatArray, vectors: FloatArray) -> FloatArray:
    """
    M_n^-1 times its vector (..., n, Q), from roots L_n.

    Where a residual variance is near 0, M_n is large; by a root, Z M_n^-1 Z' loses no digits.
    """
    return times_vectors(roots.mT, times_vectors(roots, vectors))


def times_vectors(matrices: FloatArray, vectors: FloatArray) -> FloatArray:
    """Each of the matrices (..., n, Q, Q) times its vector (..., n, Q)."""
    return np.asarray(np.einsum("...qr,...r->...q", matrices, vectors))


def conditional_blup(X: FloatArray, relative: Relative, R: FloatArray) -> FloatArray:
    """
    Random effects (Q, n) of units given residuals R (P, n) around the fixed effects.

    u_n = F M_n^-1 Z'r_n over the responses observed of the unit, rows over the roots of v; NaN in R
    are those that are not. Units with nothing observed have zero.
    """
    Z = relative.loadings(X)
    roots = unit_roots(~np.isnan(R), Z)[1]
    return relative.F @ solved_vectors(roots, np.nan_to_num(R).T @ (relative.d * Z)).T


@dataclass(frozen=True, slots=True)
class PatternMoments(Moments):
    """
    Data with missing cells, their patterns apart.

    Attributes
    ----------
    patterns : (P, G)
        1 where a response is observed, else 0.
    counts : (G,)
        Units of each pattern, or their weights.
    Y, W : (P, m), (K, m)
        Scaled responses, 0 where missing, and orthonormal covariates, of units or of what takes
        their place.
    which : (m,)
        The pattern of each of these columns.
    observed : (P, m)
        Their patterns themselves.
    WW_by_pattern : (G, K, K)
        Sum of w_n w_n' over each pattern, divided by N.
    """

    patterns: FloatArray
    counts: FloatArray | IntArray
    Y: FloatArray
    W: FloatArray
    which: IntArray
    observed: FloatArray
    WW_by_pattern: FloatArray

    @classmethod
    def of(
        cls,
        Y: FloatArray,
        A: FloatArray,
        weights: FloatArray | None = None,
        n_units: float | None = None,
    ) -> PatternMoments:
        """
        From responses (P, N), NaN where missing, and covariates (K, N).

        With weights (N,) of the units, whose sum is ``n_units``, responses are times their roots.
        """
        observed = ~np.isnan(Y)
        n_units, cells = Y.shape[1] if n_units is None else n_units, observed.sum(axis=0)
        n_cells = float(cells.sum() if weights is None else cells @ weights)
        filled = np.where(observed, Y, 0.0)
        scale = float(np.sqrt(np.vdot(filled, filled) / n_cells))
        patterns, which = patterns_of(observed)
        counts = np.bincount(which, weights)
        covariates, W = orthonormal(A, weights, n_units)
        short_Y, short_W, short_which = shortened(filled / scale, W, patterns, which)
        return cls(
            n_units=n_units,
            n_cells=n_cells,
            scale=scale,
            covariates=covariates,
            patterns=patterns.astype(float),
            counts=counts,
            Y=short_Y,
            W=short_W,
            which=short_which,
            observed=patterns[:, short_which].astype(float),
            WW_by_pattern=squares_by_pattern(short_W, short_which) / n_units,
        )

    @property
    def n_responses(self) -> int:
        """P."""
        return len(self.Y)

    @property
    def shares(self) -> FloatArray:
        """Share of each pattern in the units, (G,)."""
        return self.counts / self.n_units

    @property
    def cells(self) -> FloatArray:
        """Share of the units that each response is observed of, (P,)."""
        return np.asarray(self.patterns @ self.shares)

    @property
    def observed_patterns(self) -> FloatArray:
        """1 where a pattern observes a response, else 0; (P, G)."""
        return self.patterns

    @property
    def covariate_squares(self) -> FloatArray:
        """Sums of w_n w_n' over the units of each pattern, divided by N; (G, K, K)."""
        return self.WW_by_pattern

    def thinned(self) -> PatternMoments:
        """
        A few patterns, equally far apart in their order, with the units of all; or all of them.

        Covariates are taken to have the same distribution in each.
        """
        steps = (np.arange(FEW) + 0.5) / FEW
        place = np.searchsorted(np.cumsum(self.shares), steps)
        some, counts = np.unique(np.minimum(place, len(self.counts) - 1), return_counts=True)
        shares = counts / FEW
        patterns = self.patterns[:, some]
        if len(self.counts) <= FEW or (patterns @ shares < LEAST_CELLS * self.cells).any():
            return self
        return replace(
            self,
            patterns=patterns,
            counts=shares * self.n_units,
            Y=self.Y[:, :0],
            W=self.W[:, :0],
            which=self.which[:0],
            observed=self.observed[:, :0],
            WW_by_pattern=shares[:, None, None] * np.eye(self.n_covariates),
        )

    def residual_products(
        self, X: FloatArray, Gamma: FloatArray, relative: Relative
    ) -> tuple[FloatArray, FloatArray]:
        """Sums of e_n e_n' and e_n w_n' over each pattern, divided by N."""
        Z, d = relative.loadings(X), relative.d
        R = d * (self.Y - self.observed * (X @ (Gamma @ self.W)))
        roots = unit_roots(self.patterns, Z)[1][..., self.which, :, :]
        U = solved_vectors(roots, R.mT @ Z)
        E = (R - self.observed * (Z @ U.mT)).mT
        W = np.broadcast_to(self.W.T, (*E.shape[:-1], len(self.W)))
        n_patterns = len(self.counts)
        return (
            sums_of_products(E, E, self.which, n_patterns) / self.n_units,
            sums_of_products(E, W, self.which, n_patterns) / self.n_units,
        )

    @property
    def unexplained(self) -> FloatArray:
        """Of each response by itself, over what is observed of it, (P,)."""
        WW = np.tensordot(self.patterns, self.WW_by_pattern, axes=1)
        YW = self.Y @ self.W.T / self.n_units
        fitted = np.vecdot(YW, times_vectors(np.linalg.pinv(WW, hermitian=True), YW))
        squares = np.vecdot(self.Y, self.Y) / self.n_units
        return np.asarray((squares - fitted) / self.cells)

    def grams(self, Z: FloatArray) -> FloatArray:
        """Z'Z over the observed responses of each pattern, (G, Q, Q)."""
        return unit_grams(self.patterns, Z)

    def spread(self, Z: FloatArray, values: FloatArray) -> FloatArray:
        """Mean over units of Z V_n, rows zero where responses are missing; (P, Q)."""
        *stack, n_patterns, rank, _ = values.shape
        by_response = (self.patterns * self.shares) @ values.reshape(*stack, n_patterns, -1)
        return times_vectors(by_response.reshape(*stack, -1, rank, rank), Z)

    def products(self, X: FloatArray, Gamma: FloatArray, relative: Relative) -> Products:
        """Sums over units, or what takes their place."""
        Z, d = relative.loadings(X), relative.d
        log_dets, roots = unit_roots(self.patterns, Z)
        M_inv = roots.mT @ roots
        R = d * (self.Y - self.observed * (X @ (Gamma @ self.W)))
        U = solved_vectors(roots[..., self.which, :, :], R.mT @ Z)
        E = R - self.observed * (Z @ U.mT)
        EE, squares = np.vecdot(E, E) / self.n_units, U.reshape(*U.shape[:-2], -1)
        quadratic = EE.sum(axis=-1) + np.vecdot(squares, squares) / self.n_units
        return Products(
            quadratic=quadratic,
            rounding=np.zeros_like(quadratic),  # a sum of squares
            log_det=np.vecdot(log_dets, self.shares),
            EW=E @ self.W.T / self.n_units,
            EU=E @ U / self.n_units,
            EE=EE,
            ZM_inv=self.spread(Z, M_inv),
            UW=U.mT @ self.W.T / self.n_units,
            UU=U.mT @ U / self.n_units,
            M_inv=self._mean(M_inv),
        )

    def _mean(self, of_patterns: FloatArray) -> FloatArray:
        """The mean over units of matrices (..., G, Q, Q)."""
        *stack, n_patterns, rank, _ = of_patterns.shape
        flat = of_patterns.reshape(*stack, n_patterns, -1)
        return np.asarray(self.shares[None] @ flat).reshape(*stack, rank, rank)

    def free_gamma(self, X: FloatArray, relative: Relative) -> FloatArray:
        """
        Generalised least squares.

        sum_n (I + G_n Phi)^-1 G_n Gamma w_n w_n' = sum_n (I + G_n Phi)^-1 X'y_n w_n', G_n = X'X of
        what is observed of the unit, rows over the roots of v.
        """
        return self.free_gamma_and_information(X, relative)[0]

    def free_gamma_and_information(
        self, X: FloatArray, relative: Relative
    ) -> tuple[FloatArray, FloatArray]:
        """
        The same, and sum_n w_n w_n' kron (I + G_n Phi)^-1 G_n.

        (I + G_n Phi)^-1 is F'^-1 M_n^-1 F', which loses the digits that M_n has before the point:
        where these are many, by eigenvalues.
        """
        F_inv, Z = np.linalg.inv(relative.F), relative.loadings(X)
        grams = unit_grams(self.patterns, Z)
        squares = np.trace(grams, axis1=-2, axis2=-1).max(axis=-1)
        if X.ndim > 2 and squares.max() > MANY_DIGITS >= squares.min():
            parts = [
                self.free_gamma_and_information(X[i], relative.members(i)) for i in range(len(X))
            ]
            return np.stack([part[0] for part in parts]), np.stack([part[1] for part in parts])
        if squares.max() > MANY_DIGITS:
            of_patterns, shrink = self._shrunk(X, relative)
            XtY = times_vectors(shrink[..., self.which, :, :], self.Y.T @ (relative.d**2 * X))
        else:
            roots = _roots(grams, 1.0)[1]
            shrunk = roots.mT @ ((roots @ grams) @ F_inv[..., None, :, :])
            of_patterns = F_inv.mT[..., None, :, :] @ shrunk
            ZtY = (relative.d * self.Y).mT @ Z
            XtY = solved_vectors(roots[..., self.which, :, :], ZtY) @ F_inv
        information = self._information(of_patterns)
        right = (self.W @ XtY / self.n_units).reshape(*information.shape[:-1], 1)
        solution = solved(information, right)
        by_covariate = solution.reshape(*X.shape[:-2], self.n_covariates, X.shape[-1])
        return np.ascontiguousarray(by_covariate.mT), information

    def _shrunk(self, X: FloatArray, relative: Relative) -> tuple[FloatArray, FloatArray]:
        """
        (I + G_n Phi)^-1 G_n and (I + G_n Phi)^-1 of G_n = X'X of each pattern, over the roots of v.

        As L (I + L'Phi L)^-1 L' with G_n = L L': products of numbers of the size of the result,
        however small a residual variance is. Of the other, what the span of X'X has.
        """
        eigenvalues, V = np.linalg.eigh(self.grams(relative.d * X))
        seen = eigenvalues > len(self.Y) * np.finfo(float).eps * eigenvalues[..., -1:]
        lengths = np.sqrt(np.where(seen, eigenvalues, 0.0))
        L = V * lengths[..., None, :]
        inner = np.eye(X.shape[-1]) + L.mT @ relative.Phi[..., None, :, :] @ L
        size = np.sqrt(np.diagonal(inner, axis1=-2, axis2=-1))
        scaled = L / size[..., None, :]
        left = scaled @ np.linalg.inv(inner / (size[..., None] * size[..., None, :]))
        to_columns = np.where(seen, 1.0 / (size * np.where(seen, lengths, 1.0)), 0.0)
        return left @ scaled.mT, left @ (V * to_columns[..., None, :]).mT

    def root_information(self, X: FloatArray, relative: Relative) -> FloatArray:
        """The root of sum_n w_n w_n' kron (I + G_n Phi)^-1 G_n, (Q K, Q K)."""
        return information_root(self.free_gamma_and_information(X, relative)[1])

    def profiled(
        self, X: FloatArray, relative: Relative, *, signed: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Gamma and Theta (Q, K) of highest likelihood given the rest; Theta >= 0 or signed."""
        Gamma, information = self.free_gamma_and_information(X, relative)
        return self.within_bounds(Gamma, lambda: information_root(information), signed=signed)

    def _information(self, of_patterns: FloatArray) -> FloatArray:
        """sum_n w_n w_n' kron these."""
        size = of_patterns.shape[-1] * self.n_covariates
        *stack, n_patterns, rank, _ = of_patterns.shape
        WW = self.WW_by_pattern.reshape(n_patterns, -1).T
        by_pattern = (WW @ of_patterns.reshape(*stack, n_patterns, -1)).reshape(
            *stack, self.n_covariates, self.n_covariates, rank, rank
        )
        return np.asarray(by_pattern.swapaxes(-3, -2)).reshape(*stack, size, size)

    def times_squares(self, u: FloatArray) -> FloatArray:
        """YY' u / N, missing cells filled from scores on u that the observed ones tell."""
        roots = unit_roots(self.patterns, u, FILL_RIDGE)[1]
        scores = solved_vectors(roots[self.which], self.Y.T @ u)
        filled = self.Y + (1.0 - self.observed) * (u @ scores.T)
        return np.asarray(filled @ (filled.T @ u)) / self.n_units

    def blup(
        self, Y: Any, A: FloatArray, X: FloatArray, Theta: FloatArray, relative: Relative
    ) -> FloatArray:
        """u_n = F M_n^-1 Z'(y_n - X Theta a_n) over observed responses."""
        return conditional_blup(X, relative, Y - X @ (Theta @ A))
