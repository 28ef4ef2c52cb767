"""
Responses with missing cells: what the likelihood of the observed ones takes from the data.

Units of one pattern enter through the sum of the outer products of (y_n, w_n) alone. Where they
are more than these are long, the columns of a triangular factor of that sum take their place: a
few patterns cost as little as complete data, whatever the number of units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.estimation.moments import Moments, Products
from nmfre.estimation.orthonormal import orthonormal

FILL_RIDGE = 0.1
"""Shrinkage of the scores that missing cells are filled from, for a start; observed ones have 1."""


def unit_grams(observed: BoolArray | FloatArray, X: FloatArray) -> FloatArray:
    """X'X over the observed responses of each column of ``observed`` (P, n); (n, Q, Q)."""
    n_responses, rank = X.shape
    outer = (X[:, :, None] * X[:, None, :]).reshape(n_responses, -1)
    return np.asarray(observed.T @ outer).reshape(-1, rank, rank)


def unit_inverses(observed: BoolArray | FloatArray, X: FloatArray, ridge: float) -> FloatArray:
    """M_n^-1 = (X'X + lambda I)^-1 of the same, (n, Q, Q)."""
    return np.linalg.inv(unit_grams(observed, X) + ridge * np.eye(X.shape[1]))


def times_vectors(matrices: FloatArray, vectors: FloatArray) -> FloatArray:
    """Each of the matrices (n, Q, Q) times its vector (n, Q)."""
    return np.asarray(np.einsum("nqr,nr->nq", matrices, vectors))


def conditional_blup(X: FloatArray, ridge: float, R: FloatArray) -> FloatArray:
    """
    Random effects (Q, n) of units given residuals R (P, n) around the fixed effects.

    u_n = M_n^-1 X'r_n over the responses observed of the unit; NaN in R are those that are not.
    Units with nothing observed have zero.
    """
    M_inv = unit_inverses(~np.isnan(R), X, ridge)
    return times_vectors(M_inv, np.nan_to_num(R).T @ X).T


def patterns_of(observed: BoolArray) -> tuple[BoolArray, IntArray]:
    """The different columns (P, G) of ``observed`` (P, N), and which of them each column is."""
    bits = np.packbits(observed, axis=0)
    words = np.zeros((-(-len(bits) // 8) * 8, observed.shape[1]), dtype=np.uint8)
    words[: len(bits)] = bits
    codes = np.ascontiguousarray(words.T).view(np.uint64)
    if codes.shape[1] == 1:  # sorting numbers is faster than sorting rows
        _, first, which = np.unique(codes[:, 0], return_index=True, return_inverse=True)
    else:
        _, first, which = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    return observed[:, first], which.ravel()


def squares_by_pattern(A: FloatArray, which: IntArray) -> FloatArray:
    """Sums of a_n a_n' over the units of each pattern; (G, K, K)."""
    sums = np.zeros((int(which.max()) + 1, len(A), len(A)))
    np.add.at(sums, which, A.T[:, :, None] * A.T[:, None, :])
    return sums


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
    def of(cls, Y: FloatArray, A: FloatArray, weights: FloatArray | None = None) -> PatternMoments:
        """From responses (P, N), NaN where missing, covariates (K, N) and weights of the units."""
        observed = ~np.isnan(Y)
        n_units, cells = Y.shape[1], observed.sum(axis=0)
        n_cells = float(cells.sum() if weights is None else cells @ weights)
        filled = np.where(observed, Y, 0.0)
        scale = float(np.sqrt(np.vdot(filled, filled) / n_cells))
        patterns, which = patterns_of(observed)
        counts = np.bincount(which, weights)
        covariates, W = orthonormal(A)
        short_Y, short_W, short_which = _shortened(filled / scale, W, patterns, which)
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

    def grams(self, X: FloatArray) -> FloatArray:
        """X'X over the observed responses of each pattern, (G, Q, Q)."""
        return unit_grams(self.patterns, X)

    def spread(self, X: FloatArray, values: FloatArray) -> FloatArray:
        """Mean over units of X V_n, rows zero where responses are missing; (P, Q)."""
        by_response = (self.patterns * self.shares) @ values.reshape(len(values), -1)
        return times_vectors(by_response.reshape(-1, *values.shape[1:]), X)

    def products(self, X: FloatArray, Gamma: FloatArray, ridge: float) -> Products:
        """Sums over units, or what takes their place."""
        M = self.grams(X) + ridge * np.eye(X.shape[1])
        M_inv = np.linalg.inv(M)
        fixed = (Gamma @ self.W).T
        R = self.Y - self.observed * (X @ fixed.T)
        U = times_vectors(M_inv[self.which], R.T @ X)
        E = R - self.observed * (X @ U.T)
        UU = float(np.vdot(U, U))
        return Products(
            quadratic=(float(np.vdot(E, E)) + ridge * UU) / self.n_units,
            rounding=0.0,  # a sum of squares
            log_det=float(self.shares @ np.linalg.slogdet(M)[1]),
            trace_inv=float(self.shares @ np.trace(M_inv, axis1=1, axis2=2)),
            EB=E @ (fixed + U) / self.n_units,
            XM_inv=self.spread(X, M_inv),
            XtEW=ridge * (U.T @ self.W.T) / self.n_units,  # X'e_n = lambda u_n
            UU=UU / self.n_units,
        )

    def free_gamma(self, X: FloatArray, ridge: float) -> FloatArray:
        """
        Generalised least squares.

        sum_n M_n^-1 X'X Gamma w_n w_n' = sum_n M_n^-1 X'y_n w_n'.
        """
        M_inv = np.linalg.inv(self.grams(X) + ridge * np.eye(X.shape[1]))
        XtY = times_vectors(M_inv[self.which], self.Y.T @ X)
        left, right = self._information(X, M_inv), (self.W @ XtY / self.n_units).ravel()
        try:
            solution = np.linalg.solve(left, right)
        except np.linalg.LinAlgError:  # two columns of X are one
            solution = np.linalg.lstsq(left, right, rcond=None)[0]
        return np.asarray(solution).reshape(self.n_covariates, X.shape[1]).T

    def root_information(self, X: FloatArray, ridge: float) -> FloatArray:
        """The root of sum_n w_n w_n' kron lambda M_n^-1 X'X, (Q K, Q K)."""
        M_inv = np.linalg.inv(self.grams(X) + ridge * np.eye(X.shape[1]))
        information = ridge * self._information(X, M_inv)
        d, V = np.linalg.eigh((information + information.T) / 2.0)
        return np.asarray((V * np.sqrt(np.maximum(d, 0.0))).T)

    def _information(self, X: FloatArray, M_inv: FloatArray) -> FloatArray:
        """sum_n w_n w_n' kron M_n^-1 X'X."""
        size = X.shape[1] * self.n_covariates
        by_pattern = np.einsum("gkl,gqr->kqlr", self.WW_by_pattern, M_inv @ self.grams(X))
        return np.asarray(by_pattern).reshape(size, size)

    def times_squares(self, u: FloatArray) -> FloatArray:
        """YY' u / N, missing cells filled from scores on u that the observed ones tell."""
        M_inv = unit_inverses(self.patterns, u, FILL_RIDGE)
        scores = times_vectors(M_inv[self.which], self.Y.T @ u)
        filled = self.Y + (1.0 - self.observed) * (u @ scores.T)
        return np.asarray(filled @ (filled.T @ u)) / self.n_units

    def blup(
        self, Y: Any, A: FloatArray, X: FloatArray, Theta: FloatArray, ridge: float
    ) -> tuple[FloatArray, float]:
        """u_n = M_n^-1 X'(y_n - X Theta a_n) over observed responses, and the residuals' square."""
        R = Y - X @ (Theta @ A)
        U = conditional_blup(X, ridge, R)
        E = np.nan_to_num(R - X @ U)
        return U, float(np.vdot(E, E))


def _shortened(
    Y: FloatArray, W: FloatArray, patterns: BoolArray, which: IntArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Responses, covariates and patterns of the units, many of one pattern made few."""
    n_responses, n_covariates = len(Y), len(W)
    counts, length = np.bincount(which), patterns.sum(axis=0) + n_covariates
    many = counts > length
    order = np.argsort(which, kind="stable")
    stop = np.cumsum(counts)
    single = order[~many[which[order]]]
    parts = [np.vstack([Y[:, single], W[:, single]])]
    labels = [which[single]]
    for g in np.flatnonzero(many):
        units = order[stop[g] - counts[g] : stop[g]]
        rows = np.append(np.flatnonzero(patterns[:, g]), n_responses + np.arange(n_covariates))
        stacked = np.column_stack([Y[patterns[:, g]][:, units].T, W[:, units].T])
        factor = np.zeros((n_responses + n_covariates, length[g]))
        factor[rows] = np.asarray(np.linalg.qr(stacked, mode="r")).T
        parts.append(factor)
        labels.append(np.full(length[g], g))
    columns = np.hstack(parts)
    return columns[:n_responses], columns[n_responses:], np.concatenate(labels)
