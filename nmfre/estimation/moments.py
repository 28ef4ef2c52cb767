"""
Second moments of complete data: all that the marginal likelihood knows of them.

With the least-squares coefficients B = C (AA')^-1, C = YA', and the residual moments
R = S - B C', S = YY', the moments of Y - X Theta A are R + (B - X Theta) AA' (B - X Theta)',
a sum of two positive parts. All are per unit, of responses divided by their root mean square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.estimation.patterns import PatternMoments
from nmfre.estimation.products import Moments, Products
from nmfre.typing import FloatArray

LARGEST_DENSE = 2_000
"""Number of responses beyond which their P x P moments are not formed."""


@dataclass(frozen=True, slots=True)
class CompleteMoments(Moments):
    """
    Moments of units that are all complete.

    Attributes
    ----------
    B : (P, K)
        Least-squares coefficients of the scaled responses on A.
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

    def products(self, X: FloatArray, Theta: FloatArray, ridge: float) -> Products:
        """Sums from the moments T of Y - X Theta A."""
        M = X.T @ X + ridge * np.eye(X.shape[1])
        M_inv = np.linalg.inv(M)
        D = self.B - X @ Theta
        DAA = D @ self.AA
        TX = self.times(X) + DAA @ (D.T @ X)
        XtDAA, XtTX = X.T @ DAA, X.T @ TX
        EB = DAA @ Theta.T + TX @ M_inv  # sum of r_n b_n', then of e_n b_n'
        EB = EB - X @ (M_inv @ (XtDAA @ Theta.T + XtTX @ M_inv))
        return Products(
            quadratic=float(self.trace + np.vdot(DAA, D) - np.vdot(M_inv, XtTX)),
            log_det=float(np.linalg.slogdet(M)[1]),
            trace_inv=float(np.trace(M_inv)),
            EB=EB,
            XM_inv=X @ M_inv,
            XtEA=ridge * M_inv @ XtDAA,
            UU=float(np.vdot(M_inv @ M_inv, XtTX)),
        )

    def profiled_theta(self, X: FloatArray, ridge: float) -> FloatArray:
        """(X'X)^-1 X'B, whatever lambda is."""
        try:
            return np.linalg.solve(X.T @ X, X.T @ self.B)
        except np.linalg.LinAlgError:  # two columns of X are one
            return np.asarray(np.linalg.lstsq(X, self.B, rcond=None)[0])

    def times_squares(self, u: FloatArray) -> FloatArray:
        """YY' u / N."""
        return self.times(u) + self.B @ (self.AA @ (self.B.T @ u))

    def blup(
        self, Y: Any, A: FloatArray, X: FloatArray, Theta: FloatArray, ridge: float
    ) -> tuple[FloatArray, float]:
        """U = M^-1 X'(Y - X Theta A); it is linear in Y, so that moments tell the residuals."""
        XtX = X.T @ X
        M_inv = np.linalg.inv(XtX + ridge * np.eye(len(XtX)))
        U: Any = M_inv @ ((Y.T @ X).T - XtX @ (Theta @ A))  # lazy where Y and A are
        D = self.B - X @ (Theta / self.scale)
        DAA = D @ self.AA
        XtTX = X.T @ (self.times(X) + DAA @ (D.T @ X))
        shrunk = M_inv @ (2.0 * np.eye(len(M_inv)) - XtX @ M_inv)
        per_unit = float(self.trace + np.vdot(DAA, D) - np.vdot(shrunk, XtTX))
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
    C: FloatArray  # (P, K), of the scaled responses, per unit

    def times(self, X: FloatArray) -> FloatArray:
        """R X / N, (P, Q)."""
        SX = self.Y @ (self.Y.T @ X) / (self.n_units * self.scale**2)
        return np.asarray(SX - self.B @ (self.C.T @ X))


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
    YA, AA = np.asarray(Y @ A.T), A @ A.T
    if isinstance(Y, np.ndarray) and n_responses <= min(n_units, LARGEST_DENSE):
        return dense_moments(n_units, total, Y @ Y.T, YA, AA)
    scale = float(np.sqrt(total / n_cells))
    C = YA / (n_units * scale)
    B = np.linalg.solve(AA / n_units, C.T).T
    trace = n_responses - float(np.vdot(B, C))
    return OperatorMoments(n_units, n_cells, scale, AA / n_units, B, trace, Y, C)


def dense_moments(
    n_units: int, total: float, YY: FloatArray, YA: FloatArray, AA: FloatArray
) -> DenseMoments:
    """Moments from sums over N complete units: |Y|^2, YY' (P, P), YA' (P, K) and AA' (K, K)."""
    n_responses = len(YY)
    n_cells = n_responses * n_units
    scale = float(np.sqrt(total / n_cells))
    AA = AA / n_units
    C = YA / (n_units * scale)
    B = np.linalg.solve(AA, C.T).T
    trace = n_responses - float(np.vdot(B, C))
    R = YY / (n_units * scale**2) - B @ C.T
    return DenseMoments(n_units, n_cells, scale, AA, B, trace, (R + R.T) / 2.0)
