"""
Projected Newton steps: a quadratic model of the objective, minimised within bounds.

The model has the expected Hessian while steps are long and the observed one near the maximum, where
that is positive definite on what is free; Levenberg's damping shortens steps that lead uphill.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from nmfre.core.typing import BoolArray, FloatArray

PIVOTS = 30
"""Changes of the set of variables at their bounds, to minimise a quadratic model."""
DAMPING = (0.0, 1e-6, 1e-4, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e6)
"""Shares of its diagonal that are added to the Hessian, one after the other."""
NEAR = 1e-3
"""Expected gain per cell from which the observed Hessian is tried."""
FAINT = 1e-5
"""Damping that the observed Hessian may need, before the expected one is taken."""
LONGEST = 3.0
"""Longest step of a logarithm."""
ROUNDING = 1e-13
"""Relative change of the value that may be rounding."""


class Objective(Protocol):
    """What is minimised within bounds."""

    lower: FloatArray
    upper: FloatArray

    def value_and_gradient(self, z: FloatArray) -> tuple[float, FloatArray]:
        """At a point."""
        ...

    def hessian(self, z: FloatArray, *, expected: bool) -> FloatArray:
        """Observed or expected, at a point where columns are normalised."""
        ...

    def norm(self, z: FloatArray, gradient: FloatArray) -> float:
        """Of the gradient without what pushes against bounds."""
        ...

    def moved(self, z: FloatArray, step: FloatArray) -> FloatArray | None:
        """The normalised point where a step leads, None where there is no likelihood."""
        ...


def descend(
    objective: Objective,
    z: FloatArray,
    *,
    tol: float,
    maxiter: int,
    longest: FloatArray,
    record: Callable[[float], None],
) -> FloatArray:
    """
    Go down from z until the norm is ``tol``, or no step leads down any more.

    Parameters
    ----------
    objective : Objective
    z : array, (n,)
    tol : float
    maxiter : int
    longest : array, (n,)
        The longest step of each variable; infinite for none.
    record : callable
        Takes the value after each step.
    """
    value, gradient = objective.value_and_gradient(z)
    norm = objective.norm(z, gradient)
    observed = False
    for _ in range(maxiter):
        if norm <= tol:
            break
        found = None
        for expected in (False, True) if observed else (True,):
            hessian = objective.hessian(z, expected=expected)
            found = _step_down(objective, z, value, gradient, norm, hessian, longest, expected)
            if found is not None:
                break
        if found is None:
            if observed:
                break
            observed = True
            continue
        z, new_value, gradient, gain = found
        norm = objective.norm(z, gradient)
        observed = gain < NEAR
        value = new_value
        record(value)
    return z


def expected_gain(objective: Objective, z: FloatArray) -> float:
    """What a Newton step within bounds would gain to second order; infinite where none is known."""
    _, gradient = objective.value_and_gradient(z)
    hessian = objective.hessian(z, expected=False)
    size = np.abs(np.diag(hessian))
    step = minimise_within(
        hessian + np.diag(FAINT * size), gradient, objective.lower - z, objective.upper - z
    )
    return np.inf if step is None else -float(gradient @ step + 0.5 * step @ hessian @ step)


def _step_down(
    objective: Objective,
    z: FloatArray,
    value: float,
    gradient: FloatArray,
    norm: float,
    hessian: FloatArray,
    longest: FloatArray,
    expected: bool,
) -> tuple[FloatArray, float, FloatArray, float] | None:
    """The next point, its value and gradient, and what the model expected to gain."""
    size = np.maximum(np.diag(hessian), 1e-12 * np.abs(np.diag(hessian)).max())
    low = np.maximum(objective.lower - z, -longest)
    high = np.minimum(objective.upper - z, longest)
    for damping in DAMPING:
        step = minimise_within(hessian + np.diag((damping + 1e-12) * size), gradient, low, high)
        if step is None:
            if not expected and damping > FAINT:  # far from convex
                return None
            continue
        gain = -float(gradient @ step + 0.5 * step @ hessian @ step)
        trial = objective.moved(z, step)
        if trial is None:
            continue
        trial_value, trial_gradient = objective.value_and_gradient(trial)
        rounding = ROUNDING * max(1.0, abs(value))
        if trial_value < value - rounding or (
            trial_value <= value + rounding and objective.norm(trial, trial_gradient) < 0.9 * norm
        ):
            return trial, trial_value, trial_gradient, max(gain, value - trial_value)
    return None


def minimise_within(
    H: FloatArray, g: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray | None:
    """
    The d within bounds (low <= 0 <= high) that minimises g'd + d'Hd/2, by block pivoting.

    None where H is not positive definite on what is free. Where pivoting does not end, what it has,
    cut off at the bounds.
    """
    at_low: BoolArray = (low >= 0.0) & (g > 0.0)
    at_high: BoolArray = (high <= 0.0) & (g < 0.0)
    d = np.zeros_like(g)
    for _ in range(PIVOTS):
        free = np.flatnonzero(~(at_low | at_high))
        d = np.where(at_low, low, np.where(at_high, high, 0.0))
        if len(free):
            try:
                factor = cho_factor(H[np.ix_(free, free)], lower=True, check_finite=False)
            except LinAlgError:
                return None
            d[free] = cho_solve(factor, -(g[free] + H[free] @ d), check_finite=False)
        slope = g + H @ d
        below, above = d < low, d > high
        back_low, back_high = at_low & (slope < 0.0), at_high & (slope > 0.0)
        if not (below | above | back_low | back_high).any():
            return d
        at_low = (at_low | below) & ~back_low
        at_high = (at_high | above) & ~back_high
    return np.clip(d, low, high)
