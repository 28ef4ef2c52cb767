"""
Second moments of the data: all that the marginal likelihood knows of them.

With the least-squares coefficients B = C (AA')^-1, C = YA', and the residual moments
R = S - B C', S = YY', the moments of Y - X Theta A are R + (B - X Theta) AA' (B - X Theta)',
a sum of two positive parts. All are per unit, of responses divided by their root mean square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.typing import FloatArray

LARGEST_DENSE = 2_000
"""Number of responses beyond which their P x P moments are not formed."""


@dataclass(frozen=True, slots=True)
class Moments:
    """
    Moments per unit of responses in units of their root mean square.

    Attributes
    ----------
    n_units : int
        N.
    scale : float
        Root mean square of Y.
    B : (P, K)
        Least-squares coefficients of the scaled responses on A.
    AA : (K, K)
        AA' / N.
    trace : float
        tr R / N.
    """

    n_units: int
    scale: float
    B: FloatArray
    AA: FloatArray
    trace: float

    @property
    def n_responses(self) -> int:
        """P."""
        return len(self.B)

    def times(self, X: FloatArray) -> FloatArray:
        """R X / N, (P, Q)."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class DenseMoments(Moments):
    """Moments with R / N itself, (P, P): a product costs P^2 Q, whatever N is."""

    R: FloatArray

    def times(self, X: FloatArray) -> FloatArray:
        """R X / N, (P, Q)."""
        return self.R @ X


@dataclass(frozen=True, slots=True)
class OperatorMoments(Moments):
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


def moments_of(Y: Any, A: FloatArray) -> Moments:
    """
    Moments of responses Y (P, N), an array or a SciPy sparse matrix, and covariates A (K, N).

    R is formed where that is cheap: P at most N and at most `LARGEST_DENSE`, Y dense.
    """
    n_responses, n_units = Y.shape
    YA, AA = np.asarray(Y @ A.T), A @ A.T
    sparse = not isinstance(Y, np.ndarray)
    if not sparse and n_responses <= min(n_units, LARGEST_DENSE):
        return dense_moments(n_units, Y @ Y.T, YA, AA)
    scale = float(np.sqrt(squares(Y) / (n_responses * n_units)))
    C = YA / (n_units * scale)
    B = np.linalg.solve(AA / n_units, C.T).T
    trace = n_responses - float(np.vdot(B, C))
    return OperatorMoments(n_units, scale, B, AA / n_units, trace, Y, C)


def dense_moments(n_units: int, YY: FloatArray, YA: FloatArray, AA: FloatArray) -> DenseMoments:
    """Moments from the sums over N units YY' (P, P), YA' (P, K) and AA' (K, K)."""
    n_responses = len(YY)
    scale = float(np.sqrt(np.trace(YY) / (n_responses * n_units)))
    AA = AA / n_units
    C = YA / (n_units * scale)
    B = np.linalg.solve(AA, C.T).T
    trace = n_responses - float(np.vdot(B, C))
    R = YY / (n_units * scale**2) - B @ C.T
    return DenseMoments(n_units, scale, B, AA, trace, (R + R.T) / 2.0)
