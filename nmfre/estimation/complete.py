"""
Second moments of complete data: all that the marginal likelihood knows of them.

With the least-squares coefficients B = YW' on orthonormal covariates W and the residual moments
R = YY' - BB', the moments of Y - X Gamma W are T = R + (B - X Gamma)(B - X Gamma)', a sum of two
positive parts. All are per unit, of responses divided by their root mean square.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nmfre.core.typing import FloatArray, IntArray
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.moments import Moments, Products, information_root, solved
from nmfre.estimation.orthonormal import Orthonormal, orthonormal
from nmfre.estimation.patterns import PatternMoments

LARGEST_DENSE = 2_000
"""Number of responses beyond which their P x P moments are not formed."""


@dataclass(frozen=True, slots=True)
class CompleteMoments(Moments):
    """
    Moments of units that are all complete.

    Attributes
    ----------
    B : (..., P, K)
        Least-squares coefficients of the scaled responses on W.
    squares : (..., P)
        Diagonal of R / N.
    """

    B: FloatArray
    squares: FloatArray

    @property
    def n_responses(self) -> int:
        """P."""
        return int(self.B.shape[-2])

    @property
    def shares(self) -> FloatArray:
        """One pattern."""
        return np.ones(1)

    @property
    def cells(self) -> FloatArray:
        """All are observed."""
        return np.ones(self.n_responses)

    @property
    def observed_patterns(self) -> FloatArray:
        """One, of all responses."""
        return np.ones((self.n_responses, 1))

    @property
    def covariate_squares(self) -> FloatArray:
        """I: the covariates are orthonormal."""
        return np.eye(self.n_covariates)[None]

    def residual_products(
        self, X: FloatArray, Gamma: FloatArray, relative: Relative
    ) -> tuple[FloatArray, FloatArray]:
        """(I + Z Z')^-1 T (I + Z Z')^-1, and of D."""
        Z = relative.loadings(X)
        P, Q = Z.shape[-2:]
        shrink = np.eye(P) - Z @ np.linalg.solve(Z.mT @ Z + np.eye(Q), Z.mT)
        D = relative.d * (self.B - X @ Gamma)
        T = relative.d * self.times(relative.d * np.eye(P)) + D @ D.mT
        return (shrink @ T @ shrink)[..., None, :, :], (shrink @ D)[..., None, :, :]

    @property
    def unexplained(self) -> FloatArray:
        """The diagonal of R / N."""
        return self.squares

    def times(self, X: FloatArray) -> FloatArray:
        """R X / N, (..., P, Q)."""
        raise NotImplementedError

    def grams(self, Z: FloatArray) -> FloatArray:
        """Z'Z, (..., 1, Q, Q)."""
        return (Z.mT @ Z)[..., None, :, :]

    def spread(self, Z: FloatArray, values: FloatArray) -> FloatArray:
        """Z V, (P, Q)."""
        return np.asarray(Z @ values[..., 0, :, :])

    def times_root(self, X: FloatArray, d: FloatArray, root: FloatArray) -> FloatArray:
        """D R D^2 X L / N of a root L (Q, Q) and D = diag(d), (P, Q)."""
        return d * self.times(d * (d * (X @ root)))

    def products(self, X: FloatArray, Gamma: FloatArray, relative: Relative) -> Products:
        """
        Sums from the moments T of rows over the roots of v, with C = Z L and M^-1 = L L'.

        C C' is at most one whatever the condition of M, so that tr T - tr C'TC cancels to the
        rounding of tr T and never further.
        """
        d, F = relative.d, relative.F
        Z = relative.loadings(X)
        eigenvalues, V = np.linalg.eigh(Z.mT @ Z)
        M = np.maximum(eigenvalues, 0.0) + 1.0
        root = V / np.sqrt(M)[..., None, :]
        C = Z @ root
        D = d * (self.B - X @ Gamma)
        TC = self.times_root(X, d, F @ root) + D @ (D.mT @ C)
        CtTC, CtD = C.mT @ TC, C.mT @ D
        squares = d[..., 0] ** 2 * self.squares + np.vecdot(D, D)
        total, explained = squares.sum(axis=-1), np.vecdot(C, TC)
        return Products(
            quadratic=total - explained.sum(axis=-1),
            rounding=total,
            log_det=np.log(M).sum(axis=-1),
            EW=D - C @ CtD,
            EU=(TC - C @ CtTC) @ root.mT,
            EE=np.maximum(squares - 2.0 * explained + np.vecdot(C @ CtTC, C), 0.0),
            ZM_inv=C @ root.mT,
            UW=root @ CtD,
            UU=root @ CtTC @ root.mT,
            M_inv=root @ root.mT,
        )

    def free_gamma(self, X: FloatArray, relative: Relative) -> FloatArray:
        """Least squares with weights 1 / v, whatever F is."""
        X, B = relative.d * X, relative.d * self.B
        return solved(X.mT @ X, X.mT @ B)

    def root_information(self, X: FloatArray, relative: Relative) -> FloatArray:
        """The root of (I + G Phi)^-1 G with G = X'X, (Q, Q)."""
        X = relative.d * X
        G = X.mT @ X
        return information_root(np.linalg.solve(np.eye(X.shape[-1]) + G @ relative.Phi, G))

    def times_squares(self, u: FloatArray) -> FloatArray:
        """YY' u / N."""
        return self.times(u) + self.B @ (self.B.T @ u)

    def blup(
        self, Y: Any, A: FloatArray, X: FloatArray, Theta: FloatArray, relative: Relative
    ) -> Any:
        """U = F M^-1 Z'(Y - X Theta A)."""
        of_residuals = relative.blup_of(X)
        U: Any = (Y.T @ of_residuals.T).T - (of_residuals @ X) @ (Theta @ A)  # lazy as Y and A are
        return U


@dataclass(frozen=True, slots=True)
class DenseMoments(CompleteMoments):
    """Moments with R / N itself, (..., P, P): a product costs P^2 Q, whatever N is."""

    R: FloatArray

    @classmethod
    def stacked(cls, members: Sequence[DenseMoments]) -> DenseMoments:
        """A stack of data sets with as many units."""
        return cls(
            members[0].n_units,
            members[0].n_cells,
            np.nan,
            Orthonormal.stacked([member.covariates for member in members]),
            np.stack([member.B for member in members]),
            np.stack([member.squares for member in members]),
            np.stack([member.R for member in members]),
        )

    def members(self, index: IntArray | int) -> DenseMoments:
        """Some of a stack, or one of it."""
        if self.R.ndim == 2:
            return self
        return replace(
            self,
            covariates=self.covariates.members(index),
            B=self.B[index],
            squares=self.squares[index],
            R=self.R[index],
        )

    def times(self, X: FloatArray) -> FloatArray:
        """R X / N, (P, Q)."""
        return self.R @ X


@dataclass(frozen=True, slots=True)
class OperatorMoments(CompleteMoments):
    """Moments that keep Y (P, N), dense or sparse, and form R X by products with it."""

    Y: Any

    def times(self, X: FloatArray) -> FloatArray:
        """R X / N, (P, Q)."""
        if X.ndim > 2:  # one after the other: products of long rows round as the rows are many
            return np.stack([self.times(member) for member in X])
        SX = self.Y @ (self.Y.T @ X) / (self.n_units * self.scale**2)
        return np.asarray(SX - self.B @ (self.B.T @ X))


def squares(Y: Any) -> float:
    """|Y|^2 of an array or a SciPy sparse matrix."""
    values = Y.ravel(order="K") if isinstance(Y, np.ndarray) else Y.data
    return float(values @ values)


def row_squares(Y: Any) -> FloatArray:
    """Sums of squares of the rows of the same, (P,)."""
    if isinstance(Y, np.ndarray):
        return np.asarray(np.vecdot(Y, Y))
    return np.asarray(Y.multiply(Y).sum(axis=1)).ravel()


def moments_of(
    Y: Any, A: FloatArray, weights: FloatArray | None = None, n_units: float | None = None
) -> Moments:
    """
    Moments of responses Y (P, N), an array or a SciPy sparse matrix, and covariates A (K, N).

    Missing cells of an array are NaN. Without them, R is formed where that is cheap: P at most N
    and at most `LARGEST_DENSE`, Y dense. With weights (N,) units count as often; Y dense. Their sum
    is ``n_units``, by default N.
    """
    n_responses, n_columns = Y.shape
    n_units = n_columns if n_units is None else n_units
    if weights is not None:
        Y = Y * np.sqrt(weights)
    n_cells = n_responses * n_units
    total = squares(Y)
    if np.isnan(total):
        return PatternMoments.of(Y, A, weights, n_units)
    covariates, W = orthonormal(A, weights, n_units)
    YW = np.asarray(Y @ W.T)
    if isinstance(Y, np.ndarray) and n_responses <= min(n_columns, LARGEST_DENSE):
        return _dense(n_units, total, Y @ Y.T, YW, covariates)
    scale = float(np.sqrt(total / n_cells))
    B = YW / (n_units * scale)
    remaining = row_squares(Y) / (n_units * scale**2) - np.vecdot(B, B)
    return OperatorMoments(n_units, n_cells, scale, covariates, B, remaining, Y)


def dense_moments(
    n_units: int, total: float, YY: FloatArray, R: FloatArray, QY: FloatArray
) -> DenseMoments:
    """Moments from sums over N complete units: |Y|^2, YY', and R (K, K), Q'Y' of A' = QR."""
    YW = QY.T * np.sign(np.diag(R)) * np.sqrt(n_units)
    return _dense(n_units, total, YY, YW, Orthonormal.of_factor(R, n_units))


def _dense(
    n_units: float, total: float, YY: FloatArray, YW: FloatArray, covariates: Orthonormal
) -> DenseMoments:
    n_responses = len(YY)
    n_cells = n_responses * n_units
    scale = float(np.sqrt(total / n_cells))
    B = YW / (n_units * scale)
    R = YY / (n_units * scale**2) - B @ B.T
    return DenseMoments(n_units, n_cells, scale, covariates, B, np.diag(R), (R + R.T) / 2.0)
