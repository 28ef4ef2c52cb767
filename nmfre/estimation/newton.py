"""
Projected Newton steps: a quadratic model of the objective, minimised within bounds, for a stack.

The model has the expected Hessian while steps are long and the observed one near the maximum, where
that is positive definite on what is free; Levenberg's damping shortens steps that lead uphill.
Members of the stack have each a state of their own, and leave it where they are done.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from scipy.linalg.lapack import dposv

from nmfre.core.progress import Pulse
from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.estimation.reports import tell_of_stack

PIVOTS = 30
"""Changes of the set of variables at their bounds, to minimise a quadratic model."""
DAMPING = np.array([0.0, 1e-6, 1e-4, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e6])
"""Shares of its diagonal that are added to the Hessian, one after the other."""
NEAR = 1e-3
"""Expected gain per cell from which the observed Hessian is tried."""
FAINT = 1e-5
"""Damping that the observed Hessian may need, before the expected one is taken."""
LONGEST = 3.0
"""Longest step of a logarithm."""
ROUNDING = 1e-13
"""Relative change of the value that may be rounding."""


@dataclass(frozen=True, slots=True)
class Point:
    """
    Where the members of a stack are, and what their Hessians are made of.

    Attributes
    ----------
    z, gradient : (B, n)
    value : (B,)
    X, v, F, Gamma, Theta, sigma2 : (B, ...)
        The parameters there.
    slope_of_basis : (B, P, Q)
        Derivative of the log-likelihood per unit.
    """

    z: FloatArray
    value: FloatArray
    gradient: FloatArray
    X: FloatArray
    v: FloatArray
    F: FloatArray
    Gamma: FloatArray
    Theta: FloatArray
    sigma2: FloatArray
    slope_of_basis: FloatArray

    def members(self, index: IntArray | BoolArray) -> Point:
        """Some of them."""
        return Point(*(getattr(self, name)[index] for name in FIELDS))

    def put(self, index: IntArray, other: Point) -> None:
        """Other points in the place of some."""
        for name in FIELDS:
            getattr(self, name)[index] = getattr(other, name)


FIELDS = tuple(field.name for field in fields(Point))


class Objective(Protocol):
    """What is minimised within bounds."""

    lower: FloatArray
    upper: FloatArray

    def members(self, index: IntArray) -> Objective:
        """That of some members of the stack."""
        ...

    def at(self, z: FloatArray) -> Point:
        """Points (B, n)."""
        ...

    def hessian(self, at: Point, *, expected: bool) -> FloatArray:
        """Observed or expected, at points where columns are normalised."""
        ...

    def norm(self, z: FloatArray, gradient: FloatArray) -> FloatArray:
        """Of gradients without what pushes against bounds, (B,)."""
        ...

    def moved(self, z: FloatArray, step: FloatArray) -> tuple[FloatArray, BoolArray]:
        """The normalised points where steps lead, and which of them have a likelihood."""
        ...


def descend(
    objective: Objective,
    z: FloatArray,
    *,
    tol: float,
    maxiter: int,
    longest: FloatArray,
    paths: list[list[float]],
    near: bool = False,
) -> FloatArray:
    """
    Go down from each z until the norm is ``tol``, or no step leads down any more.

    Parameters
    ----------
    objective : Objective
    z : array, (B, n)
    tol : float
    maxiter : int
        Longest path.
    longest : array, (n,)
        The longest step of each variable; infinite for none.
    paths : list of lists
        Values after each step are added to that of each member.
    near : bool
        Whether to try the observed Hessian at once.

    Returns
    -------
    array, (B, n)
    """
    size, n = z.shape
    point = objective.at(z)
    norm = objective.norm(z, point.gradient)
    hessian = np.empty((size, n, n))
    stale, observed = np.ones(size, dtype=bool), np.full(size, near)
    expected, level = ~observed, np.zeros(size, dtype=int)
    running = (norm > tol) & np.array([len(path) < maxiter for path in paths])
    pulse = Pulse()
    while running.any():
        if pulse.due():
            tell_of_stack(paths, norm)
        for kind in (True, False):
            new = np.flatnonzero(running & stale & (expected == kind))
            if len(new):
                hessian[new] = objective.members(new).hessian(point.members(new), expected=kind)
        now = np.flatnonzero(running)
        stale[now] = False
        there, at, H = objective.members(now), point.members(now), hessian[now]
        damping = DAMPING[level[now]]
        diagonal = np.diagonal(H, axis1=1, axis2=2)
        share = np.maximum(diagonal, 1e-12 * np.abs(diagonal).max(axis=1, keepdims=True))
        step, convex = minimise_within(
            _with_diagonal(H, (damping[:, None] + 1e-12) * share),
            at.gradient,
            np.maximum(there.lower - at.z, -longest),
            np.minimum(there.upper - at.z, longest),
        )
        gain = -_model(H, at.gradient, step)
        trial, reached = there.moved(at.z, step)
        tried = np.flatnonzero(convex & reached)
        lower = np.zeros(len(now), dtype=bool)
        if len(tried):
            some = there.members(tried)
            new_point = some.at(trial[tried])
            new_norm = some.norm(new_point.z, new_point.gradient)
            value = at.value[tried]
            rounding = ROUNDING * np.maximum(1.0, np.abs(value))
            better = (new_point.value < value - rounding) | (
                (new_point.value <= value + rounding) & (new_norm < 0.9 * norm[now[tried]])
            )
            gain[tried] = np.maximum(gain[tried], value - new_point.value)
            lower[tried] = better
            taken = now[tried[better]]
            point.put(taken, new_point.members(better))
            norm[taken] = new_norm[better]
            observed[taken] = gain[tried[better]] < NEAR
            expected[taken], level[taken], stale[taken] = ~observed[taken], 0, True
            for member in taken:
                paths[member].append(float(point.value[member]))
                running[member] = norm[member] > tol and len(paths[member]) < maxiter
        level[now[~lower]] += 1
        # The observed one far from convex, or no step of a model that leads down: the other kind.
        far = ~convex & ~expected[now] & (damping > FAINT)
        over = now[~lower & (far | (level[now] == len(DAMPING)))]
        running[over[expected[over] & observed[over]]] = False
        observed[over] = True
        expected[over], level[over], stale[over] = ~expected[over], 0, True
    return point.z


def expected_gain(objective: Objective, z: FloatArray) -> FloatArray:
    """
    What Newton steps within bounds from z (B, n) would gain to second order, (B,).

    Infinite where none is known.
    """
    point = objective.at(z)
    H = objective.hessian(point, expected=False)
    share = FAINT * np.abs(np.diagonal(H, axis1=1, axis2=2))
    step, convex = minimise_within(
        _with_diagonal(H, share), point.gradient, objective.lower - z, objective.upper - z
    )
    return np.where(convex, -_model(H, point.gradient, step), np.inf)


def _model(H: FloatArray, g: FloatArray, d: FloatArray) -> FloatArray:
    """G'd + d'Hd / 2 of each member."""
    return np.asarray(np.vecdot(g, d) + 0.5 * np.vecdot(d, _times(H, d)))


def _times(H: FloatArray, d: FloatArray) -> FloatArray:
    return np.asarray((H @ d[..., None])[..., 0])


def _with_diagonal(H: FloatArray, more: FloatArray) -> FloatArray:
    H = H.copy()
    i = np.arange(H.shape[-1])
    H[:, i, i] += more
    return H


def minimise_within(
    H: FloatArray, g: FloatArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """
    The d within bounds (low <= 0 <= high) that minimise g'd + d'Hd/2, by block pivoting.

    Parameters
    ----------
    H, g : arrays, (B, n, n) and (B, n)
    low, high : arrays, (B, n)

    Returns
    -------
    d : array, (B, n)
        Where pivoting does not end, what it has, cut off at the bounds.
    convex : array of bool, (B,)
        Whether H is positive definite on what is free; if not, d is nothing.
    """
    at_low: BoolArray = (low >= 0.0) & (g > 0.0)
    at_high: BoolArray = (high <= 0.0) & (g < 0.0)
    d, convex = np.zeros_like(g), np.ones(len(g), dtype=bool)
    pending = np.arange(len(g))
    for _ in range(PIVOTS):
        on_low, on_high = at_low[pending], at_high[pending]
        free = ~(on_low | on_high)
        to = np.where(on_low, low[pending], np.where(on_high, high[pending], 0.0))
        slope = g[pending] + _times(H[pending], to)
        for i, member in enumerate(pending):
            mine = free[i]
            if not mine.any():
                continue
            block = H[member] if mine.all() else H[member][mine][:, mine]
            _, solution, failed = dposv(block, -slope[i, mine], lower=1)
            convex[member] = not failed
            to[i, mine] = solution
        d[pending] = to
        slope = g[pending] + _times(H[pending], to)
        below, above = to < low[pending], to > high[pending]
        back_low, back_high = on_low & (slope < 0.0), on_high & (slope > 0.0)
        at_low[pending] = (on_low | below) & ~back_low
        at_high[pending] = (on_high | above) & ~back_high
        changed = (below | above | back_low | back_high).any(axis=1)
        pending = pending[changed & convex[pending]]
        if not len(pending):
            break
    return np.clip(d, low, high), convex
