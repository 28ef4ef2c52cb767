"""
Covariates made orthonormal over the units: A = L W with W W' = N I.

Sums of products of raw covariates square their condition number: calendar years lose seven of
sixteen digits. The effects of W, Gamma = Theta L, lose none. Everything that does not depend on
how covariates are coded is computed from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

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

    All arrays may have a leading axis: a stack of covariates, that all have effects.

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
    def stacked(cls, members: Sequence[Orthonormal]) -> Orthonormal:
        """A stack; those with fewer passes have others that change nothing."""
        unit = np.eye(len(members[0].size))
        padded = zip_longest(*(member.passes for member in members), fillvalue=unit)
        return cls(
            order=np.stack([member.order for member in members]),
            passes=tuple(np.stack(step) for step in padded),
            size=np.stack([member.size for member in members]),
            L=np.stack([member.L for member in members]),
            inverse=np.stack([member.inverse for member in members]),
        )

    def members(self, index: IntArray | int) -> Orthonormal:
        """Some of a stack, or one of it."""
        passes = tuple(step[index] for step in self.passes)
        return Orthonormal(
            self.order[index], passes, self.size[index], self.L[index], self.inverse[index]
        )

    @classmethod
    def of_factor(cls, R: FloatArray, n_units: int) -> Orthonormal:
        """From the triangular factor R of A' = QR, of N units."""
        diagonal = np.diag(R).copy()
        size = np.abs(diagonal) / np.sqrt(n_units)
        return cls._of(np.arange(len(R)), ((R / diagonal[:, None]).T,), size)

    @property
    def scale(self) -> FloatArray:
        """Root mean squares of the covariates, (..., K): Theta times them compares."""
        return np.asarray(np.sqrt(np.vecdot(self.L, self.L)))

    def white(self, A: FloatArray) -> FloatArray:
        """W of covariates A (K, n); not of a stack."""
        W = A[self.order]
        for step in self.passes:
            W = _solved(step, W)
        return W / self.size[:, None]

    def gamma(self, Theta: FloatArray) -> FloatArray:
        """Effects of W from those of A, (..., Q, K)."""
        return Theta @ self.L

    def theta(self, Gamma: FloatArray) -> FloatArray:
        """Effects of A from those of W, (..., Q, K)."""
        return Gamma @ self.inverse


def orthonormal(
    A: FloatArray, weights: FloatArray | None = None, n_units: float | None = None
) -> tuple[Orthonormal, FloatArray]:
    """
    Covariates A (K, N) made orthonormal, and the result W (K, N).

    With weights (N,), whose sum is ``n_units``, sum_n weight_n w_n w_n' is that sum times I, and
    the result is in columns w_n times the roots of the weights.

    By modified Gram-Schmidt, twice where it cancels. Constants and dummies come first: what is
    subtracted of years for them is exact, so that no digit depends on the origin of the calendar.
    """
    A = np.asarray(A, dtype=float)
    n_covariates = len(A)
    n_units = A.shape[1] if n_units is None else n_units
    other = np.count_nonzero((A != 0.0) & (A.max(axis=1, keepdims=True) != A), axis=1)
    order = np.argsort(other, kind="stable")
    V = np.ascontiguousarray(A[order])
    if weights is not None:
        V *= np.sqrt(weights)
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


def nonnegative(F: FloatArray, b: FloatArray, free_x: FloatArray | None = None) -> FloatArray:
    """
    The x >= 0 that minimise |F x - b|, by Lawson and Hanson's active sets; columns of F of size 1.

    Of a stack, F (..., m, n) and b (..., m). They start from all columns instead of none: few
    bounds bind; ``free_x`` (..., n) is their least squares, where it is known. Least squares by QR,
    because the normal equations would square the condition number.
    """
    m, n = F.shape[-2:]
    stack, sides = F.reshape(-1, m, n), b.reshape(-1, m)
    size = len(stack)
    free: BoolArray = np.ones((size, n), dtype=bool)
    x = _least_squares(stack, sides, free) if free_x is None else free_x.reshape(-1, n).copy()
    pending = np.flatnonzero((x < 0.0).any(axis=1))
    while len(pending):  # without those below zero, until none is
        free[pending] &= x[pending] > 0.0
        x[pending] = _least_squares(stack[pending], sides[pending], free[pending])
        pending = pending[(x[pending] < 0.0).any(axis=1)]
    tol = m * np.finfo(float).eps * np.sqrt(np.vecdot(sides, sides))
    running = np.arange(size)
    for _ in range(3 * n):
        rest = sides[running] - (stack[running] @ x[running, :, None])[..., 0]
        ascent = np.where(free[running], 0.0, (rest[:, None] @ stack[running])[:, 0])
        rising = ascent.max(axis=1) > tol[running]
        running, best = running[rising], ascent.argmax(axis=1)[rising]
        if not len(running):
            break
        free[running, best] = True
        trial = _least_squares(stack[running], sides[running], free[running])
        proper = trial[np.arange(len(running)), best] > 0.0  # or the ascent is rounding
        running, trial = running[proper], trial[proper]
        pending = np.arange(len(running))
        while len(pending):
            blocked = free[running[pending]] & (trial[pending] <= 0.0)
            there = ~blocked.any(axis=1)
            x[running[pending[there]]] = trial[pending[there]]
            pending, blocked = pending[~there], blocked[~there]
            now = running[pending]
            with np.errstate(divide="ignore", invalid="ignore"):
                parts = np.where(blocked, x[now] / (x[now] - trial[pending]), np.inf)
            step = parts.min(axis=1, keepdims=True, initial=np.inf)
            x[now] = np.maximum(x[now] + step * (trial[pending] - x[now]), 0.0)
            x[now, parts.argmin(axis=1)] = 0.0  # rounding may leave it above, for ever
            free[now] &= x[now] > 0.0
            trial[pending] = _least_squares(stack[now], sides[now], free[now])
    return x.reshape(*F.shape[:-2], n)


def _least_squares(F: FloatArray, b: FloatArray, free: BoolArray) -> FloatArray:
    """Least squares on some columns, the shortest where they are dependent; 0 for the others."""
    x = np.zeros(free.shape)
    for member, some_are in enumerate(free):
        some = F[member][:, some_are]
        n_free = some.shape[1]
        if not n_free:
            continue
        if n_free <= F.shape[1]:
            factor, solution, _ = dgels(some, b[member])
            if np.abs(factor.diagonal()).min() > n_free * np.finfo(float).eps:
                x[member, some_are] = solution[:n_free]
                continue
        x[member, some_are] = np.linalg.lstsq(some, b[member], rcond=None)[0]
    return x
