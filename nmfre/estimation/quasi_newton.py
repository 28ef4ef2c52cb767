"""Ascent of one problem by L-BFGS-B, and differenced Newton steps where it ends."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import Bounds, OptimizeResult, minimize

from nmfre.core.typing import FloatArray
from nmfre.estimation.reports import ClimbPulse
from nmfre.estimation.search import LARGEST_HESSIAN, Search

MEMORY = 30
"""Pairs of L-BFGS-B: the problems are small, evaluations cost more than vectors."""
MANY = 10_000
MEMORY_OF_MANY = 10
"""Pairs from this number of variables on: vectors cost as much as evaluations."""
RESTARTS = 5
"""Times that L-BFGS-B starts again from where a line search failed, with an empty memory."""
NEWTON_STEPS = 6
ROUNDING = 1e-8
"""Rise of the value per cell that may be rounding: a Newton step that raises it more is refused."""
DIFFERENCE = 1e-5
SINGULAR = 1e-8
NEAR_BOUND = 1e-7
"""Below it, a variable whose gradient pushes it down is at its bound."""


def by_quasi_newton(
    search: Search,
    z: FloatArray,
    path: list[float],
    tol: float,
    maxiter: int,
) -> FloatArray:
    """L-BFGS-B, which starts again where a line search failed."""
    pulse = ClimbPulse(search.moments)

    def record(intermediate_result: OptimizeResult) -> None:
        path.append(float(intermediate_result.fun))
        if pulse.due():
            pulse.tell(len(path), path[-1], search.gradient_norm(intermediate_result.x * scale))

    for attempt in range(1 + RESTARTS):
        if search.gradient_norm(z) <= tol or len(path) >= maxiter:
            break
        scale = search.scales[attempt % len(search.scales)]
        solution = minimize(
            partial(search.scaled_value_and_gradient, scale)
            if search.large
            else search.value_and_gradient,
            z / scale,
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(search.lower / scale, search.upper / scale),
            callback=record,
            options={
                "maxiter": maxiter - len(path),
                "maxfun": 20 * maxiter,
                "maxcor": MEMORY if len(z) <= MANY else MEMORY_OF_MANY,
                "ftol": 0.0,
                "gtol": tol,
            },
        )
        z = search.normalised(solution.x * scale)
    return z


def polished(search: Search, z: FloatArray, tol: float) -> FloatArray:
    """
    Newton steps on what is not held at a bound, until the gradient norm is a tenth of ``tol``.

    A line search on values cannot see below the root of the rounding error of a value; the
    gradient can. The steps keep the sums of the columns, along which nothing changes; least
    squares leaves rotations alone that change nothing either.
    """
    value, gradient = search.value_and_gradient(z)
    norm = search.norm(z, gradient)
    for _ in range(NEWTON_STEPS):
        inside = z > search.lower + NEAR_BOUND
        free = np.flatnonzero((inside | (gradient < 0)) & (search.upper > search.lower))
        if norm <= tol / 10.0 or not 0 < len(free) <= LARGEST_HESSIAN:
            break
        hessian = np.empty((len(free), len(free)))
        for column, i in enumerate(free):
            ahead, behind = z.copy(), z.copy()
            ahead[i], behind[i] = z[i] + DIFFERENCE, z[i] - DIFFERENCE
            change = search.value_and_gradient(ahead)[1] - search.value_and_gradient(behind)[1]
            hessian[:, column] = change[free] / (2.0 * DIFFERENCE)
        tangent = null_space(search.column_sums[:, free])
        reduced = tangent.T @ hessian @ tangent
        step = np.linalg.lstsq(reduced, -tangent.T @ gradient[free], rcond=SINGULAR)[0]
        trial = np.where(inside, z, search.lower)
        trial[free] = z[free] + tangent @ step
        trial = np.clip(trial, search.lower, search.upper)
        if not search.within_reach(trial):
            break
        trial = search.normalised(trial)
        trial_value, trial_gradient = search.value_and_gradient(trial)
        trial_norm = search.norm(trial, trial_gradient)
        if not (trial_norm < norm and trial_value <= value + ROUNDING):
            break
        z, value, gradient, norm = trial, trial_value, trial_gradient, trial_norm
    return z
