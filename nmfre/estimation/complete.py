"""
Second moments of complete data: all that the marginal likelihood knows of them.

With the least-squares coefficients B = YW' on orthonormal covariates W and the residual moments
R = YY' - BB', the moments of Y - X Gamma W are T = R + (B - X Gamma)(B - X Gamma)', a sum of two
positive parts. All are per unit, of responses divided by their root mean square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.moments import Moments, Products
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
    B : (P, K)
        Least-squares coefficients of the scaled responses on W.
    trace : float
        tr R / N.
    """

    B: FloatArray
    trace: float

    @property
    def n_responses(self) -> int:
        """P."""
        return len(self.B)

    @property
    def shares(self) -> FloatArray:
        """One pattern."""
        return np.ones(1)

    def times(self, X: FloatArray) -> FloatArray:
        """R X / N, (P, Q)."""
        raise NotImplementedError

    def grams(self, X: FloatArray) -> FloatArray:
        """X'X, (1, Q, Q)."""
        return (X.T @ X)[None]

    def spread(self, X: FloatArray, values: FloatArray) -> FloatArray:
        """X V, (P, Q)."""
        return np.asarray(X @ values[0])

    def times_root(self, X: FloatArray, root: FloatArray) -> FloatArray:
        """R X F / N of a root F (Q, Q), (P, Q)."""
        return self.times(X @ root)

    def products(self, X: FloatArray, Gamma: FloatArray, ridge: float) -> Products:
        """
        Sums from the moments T, with Z = X F and M^-1 = F F'.

        Z Z' is at most one whatever the condition of M, so that tr T - tr Z'TZ cancels to the
        rounding of tr T and never further.
        """
        d, V = np.linalg.eigh(X.T @ X)
        M = np.maximum(d, 0.0) + ridge
        F = V / np.sqrt(M)
        Z = X @ F
        D = self.B - X @ Gamma
        TZ = self.times_root(X, F) + D @ (D.T @ Z)
        EB = D @ Gamma.T + TZ @ F.T  # sum of r_n b_n', then of e_n b_n'
        EB = EB - Z @ (Z.T @ EB)
        total, explained = self.trace + float(np.vdot(D, D)), np.sum(Z * TZ, axis=0)
        return Products(
            quadratic=total - float(explained.sum()),
            rounding=total,
            log_det=float(np.log(M).sum()),
            trace_inv=float((1.0 / M).sum()),
            EB=EB,
            XM_inv=Z @ F.T,
            XtEW=ridge * (F @ (Z.T @ D)),
            UU=float((explained / M).sum()),
        )

    def free_gamma(self, X: FloatArray, ridge: float) -> FloatArray:
        """(X'X)^-1 X'B, whatever lambda is."""
        try:
            return np.linalg.solve(X.T @ X, X.T @ self.B)
        except np.linalg.LinAlgError:  # two columns of X are one
            return np.asarray(np.linalg.lstsq(X, self.B, rcond=None)[0])

    def root_information(self, X: FloatArray, ridge: float) -> FloatArray:
        """The root of lambda M^-1 X'X, (Q, Q)."""
        d, V = np.linalg.eigh(X.T @ X)
        d = np.maximum(d, 0.0)
        return np.asarray((V * np.sqrt(ridge * d / (d + ridge))).T)

    def times_squares(self, u: FloatArray) -> FloatArray:
        """YY' u / N."""
        return self.times(u) + self.B @ (self.B.T @ u)

    def blup(
        self, Y: Any, A: FloatArray, X: FloatArray, Theta: FloatArray, ridge: float
    ) -> tuple[FloatArray, float]:
        """U = M^-1 X'(Y - X Theta A); it is linear in Y, so that moments tell the residuals."""
        XtX = X.T @ X
        M_inv = np.linalg.inv(XtX + ridge * np.eye(len(XtX)))
        U: Any = M_inv @ ((Y.T @ X).T - XtX @ (Theta @ A))  # lazy where Y and A are
        D = self.B - X @ self.covariates.gamma(Theta / self.scale)
        XtTX = X.T @ (self.times(X) + D @ (D.T @ X))
        shrunk = M_inv @ (2.0 * np.eye(len(M_inv)) - XtX @ M_inv)
        per_unit = float(self.trace + np.vdot(D, D) - np.vdot(shrunk, XtTX))
        return U, per_unit * self.n_units * self.scale**2


@dataclass(frozen=True, slots=True)
class DenseMoments(CompleteMoments):
    """Moments with R / N itself, (P, P): a product costs P^2 Q, whatever N is."""

    R: FloatArray

    def times(self, X: FloatArray) -> FloatArray:
        """R X / N, (P, Q)."""
        return self.R @ X


@dataclass(frozen=True, slots=True)
class OperatorMoments(CompleteMoments):
    """Moments that keep Y (P, N), dense or sparse, and form R X by products with it."""

    Y: Any

    def times(self, X: FloatArray) -> FloatArray:
        """R X / N, (P, Q)."""
        SX = self.Y @ (self.Y.T @ X) / (self.n_units * self.scale**2)
        return np.asarray(SX - self.B @ (self.B.T @ X))


def squares(Y: Any) -> float:
    """|Y|^2 of an array or a SciPy sparse matrix."""
    values = Y.ravel(order="K") if isinstance(Y, np.ndarray) else Y.data
    return float(values @ values)


def moments_of(Y: Any, A: FloatArray, weights: FloatArray | None = None) -> Moments:
    """
    Moments of responses Y (P, N), an array or a SciPy sparse matrix, and covariates A (K, N).

    Missing cells of an array are NaN. Without them, R is formed where that is cheap: P at most N
    and at most `LARGEST_DENSE`, Y dense. With weights (N,) of mean 1 units count as often; Y dense.
    """
    n_responses, n_units = Y.shape
    if weights is not None:
        Y, A = Y * np.sqrt(weights), A * np.sqrt(weights)
    n_cells = n_responses * n_units
    total = squares(Y)
    if np.isnan(total):
        return PatternMoments.of(Y, A, weights)
    covariates, W = orthonormal(A)
    YW = np.asarray(Y @ W.T)
    if isinstance(Y, np.ndarray) and n_responses <= min(n_units, LARGEST_DENSE):
        return _dense(n_units, total, Y @ Y.T, YW, covariates)
    scale = float(np.sqrt(total / n_cells))
    B = YW / (n_units * scale)
    trace = n_responses - float(np.vdot(B, B))
    return OperatorMoments(n_units, n_cells, scale, covariates, B, trace, Y)


def dense_moments(
    n_units: int, total: float, YY: FloatArray, R: FloatArray, QY: FloatArray
) -> DenseMoments:
    """Moments from sums over N complete units: |Y|^2, YY', and R (K, K), Q'Y' of A' = QR."""
    YW = QY.T * np.sign(np.diag(R)) * np.sqrt(n_units)
    return _dense(n_units, total, YY, YW, Orthonormal.of_factor(R, n_units))


def _dense(
    n_units: int, total: float, YY: FloatArray, YW: FloatArray, covariates: Orthonormal
) -> DenseMoments:
    n_responses = len(YY)
    n_cells = n_responses * n_units
    scale = float(np.sqrt(total / n_cells))
    B = YW / (n_units * scale)
    trace = n_responses - float(np.vdot(B, B))
    R = YY / (n_units * scale**2) - B @ B.T
    return DenseMoments(n_units, n_cells, scale, covariates, B, trace, (R + R.T) / 2.0)
