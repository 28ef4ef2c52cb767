"""
Covariates made orthonormal over the units: A = L W with W W' = N I.

Sums of products of raw covariates square their condition number: calendar years lose seven of
sixteen digits. The effects of W, Gamma = Theta L, lose none. Everything that does not depend on
how covariates are coded is computed from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dgels

from nmfre.core.typing import BoolArray, FloatArray, IntArray

CANCELLED = 0.01
"""Share of its squares that a covariate may keep at the least for one pass to be enough."""


@dataclass(frozen=True, slots=True)
class Orthonormal:
    """
    How covariates are made orthonormal, and effects of one kind effects of the other.

    Attributes
    ----------
    order : (K,)
        Order in which the covariates are made orthogonal to those before.
    passes : tuple of arrays, (K, K)
        Lower triangular with ones on the diagonal: A in this order is their product times
        diag(``size``) W. Each by itself, because rounding of the product is that of its largest
        entry.
    size : (K,)
    L, inverse : (K, K)
        A = L W, W = L^-1 A, in the order of A.
    """

    order: IntArray
    passes: tuple[FloatArray, ...]
    size: FloatArray
    L: FloatArray
    inverse: FloatArray

    @classmethod
    def _of(cls, order: IntArray, passes: tuple[FloatArray, ...], size: FloatArray) -> Orthonormal:
        unit: FloatArray = np.eye(len(size))
        back = unit
        for step in passes:
            unit, back = unit @ step, _solved(step, back)
        L, inverse = np.empty_like(unit), np.empty_like(unit)
        L[order] = unit * size
        inverse[:, order] = back / size[:, None]
        return cls(order, passes, size, L, inverse)

    @classmethod
    def of_factor(cls, R: FloatArray, n_units: int) -> Orthonormal:
        """From the triangular factor R of A' = QR, of N units."""
        diagonal = np.diag(R).copy()
        size = np.abs(diagonal) / np.sqrt(n_units)
        return cls._of(np.arange(len(R)), ((R / diagonal[:, None]).T,), size)

    @property
    def scale(self) -> FloatArray:
        """Root mean squares of the covariates, (K,): Theta times them compares."""
        return np.asarray(np.linalg.norm(self.L, axis=1))

    def white(self, A: FloatArray) -> FloatArray:
        """W of covariates A (K, n)."""
        W = A[self.order]
        for step in self.passes:
            W = _solved(step, W)
        return W / self.size[:, None]

    def gamma(self, Theta: FloatArray) -> FloatArray:
        """Effects of W from those of A, (Q, K)."""
        return Theta @ self.L

    def theta(self, Gamma: FloatArray) -> FloatArray:
        """Effects of A from those of W, (Q, K)."""
        return Gamma @ self.inverse


def orthonormal(A: FloatArray) -> tuple[Orthonormal, FloatArray]:
    """
    Covariates A (K, N) made orthonormal, and the result W (K, N).

    By modified Gram-Schmidt, twice where it cancels. Constants and dummies come first: what is
    subtracted of years for them is exact, so that no digit depends on the origin of the calendar.
    """
    A = np.asarray(A, dtype=float)
    n_covariates, n_units = A.shape
    other = np.count_nonzero((A != 0.0) & (A.max(axis=1, keepdims=True) != A), axis=1)
    order = np.argsort(other, kind="stable")
    V = np.ascontiguousarray(A[order])
    passes = []
    squares, before = np.vecdot(V, V), np.full(n_covariates, np.inf)
    while (squares < CANCELLED * before).any():
        step, before = np.eye(n_covariates), squares
        for j in range(n_covariates - 1):
            with np.errstate(divide="ignore", invalid="ignore"):
                step[j + 1 :, j] = V[j + 1 :] @ V[j] / (V[j] @ V[j])
            for k in np.flatnonzero(step[:, j])[1:]:
                V[k] -= step[k, j] * V[j]
        passes.append(step)
        squares = np.vecdot(V, V)
    if not (squares > 0.0).all():  # with weights, which may leave a level out
        raise np.linalg.LinAlgError("the covariates are linearly dependent")
    size = np.sqrt(squares / n_units)
    V /= size[:, None]
    return Orthonormal._of(order, tuple(passes), size), V


def _solved(unit: FloatArray, A: FloatArray) -> FloatArray:
    return np.asarray(solve_triangular(unit, A, lower=True, unit_diagonal=True))


def nonnegative(F: FloatArray, b: FloatArray) -> FloatArray:
    """
    The x >= 0 that minimises |F x - b|, by Lawson and Hanson's active sets; columns of F of size 1.

    It starts from all columns instead of none: few bounds bind. Least squares by QR, because the
    normal equations would square the condition number.
    """
    free: BoolArray = np.ones(F.shape[1], dtype=bool)
    x = _least_squares(F, b, free)
    while (x < 0.0).any():
        free &= x > 0.0
        x = _least_squares(F, b, free)
    tol = len(b) * np.finfo(float).eps * float(np.linalg.norm(b))
    for _ in range(3 * len(x)):
        ascent = np.where(free, 0.0, F.T @ (b - F @ x))
        if ascent.max() <= tol:
            break
        free[ascent.argmax()] = True
        trial = _least_squares(F, b, free)
        if trial[ascent.argmax()] <= 0.0:  # the ascent is rounding
            break
        while (free & (trial <= 0.0)).any():
            below = np.flatnonzero(free & (trial <= 0.0))
            parts = x[below] / (x[below] - trial[below])
            x = np.maximum(x + parts.min() * (trial - x), 0.0)
            x[below[parts.argmin()]] = 0.0  # rounding may leave it above, for ever
            free &= x > 0.0
            trial = _least_squares(F, b, free)
        x = trial
    return x


def _least_squares(F: FloatArray, b: FloatArray, free: BoolArray) -> FloatArray:
    """Least squares on some columns, the shortest where they are dependent; 0 for the others."""
    x = np.zeros(F.shape[1])
    if not free.any():
        return x
    some = F[:, free]
    n_free = some.shape[1]
    if n_free <= len(b):
        factor, solution, _ = dgels(some, b)
        if np.abs(np.diag(factor)).min() > n_free * np.finfo(float).eps:
            x[free] = solution[:n_free]
            return x
    x[free] = np.linalg.lstsq(some, b, rcond=None)[0]
    return x
