"""
Ascent where the basis has many entries: projected Newton steps, no matrix of which is formed.

Far from the maximum a step minimises the quadratic model with the expected Hessian within bounds,
near it that with the observed one; where that is not positive definite, as far as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.complete import CompleteMoments
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.curvature import Curvature, directions_of
from nmfre.estimation.fisher import FAINT, Fisher
from nmfre.estimation.likelihood import MarginalValue
from nmfre.estimation.marginal_estimate import DEGENERATE_CONDITION
from nmfre.estimation.model_step import ModelStep, expected_step, observed_step
from nmfre.estimation.reports import ClimbPulse
from nmfre.estimation.search import Search

DAMPING = (FAINT, 1e-3, 1e-1, 1.0, 10.0, 100.0, 1e4)
"""Shares of its diagonal that are added to the expected Hessian, one after the other."""
LONGEST = 3.0
"""Longest step of a logarithm."""
NEAR = 1e-3
"""Expected gain per cell from which the observed Hessian is used."""
NEGLIGIBLE = 1e-3
"""Share of the gain in question that conjugate gradients may always leave."""
ROUNDING = 1e-13
"""Relative change of the value that may be rounding."""
WIDE = 1.5
"""Times the length of the expected step that the observed Hessian may always lead to."""
FEW = 100.0
"""Multiple of the least gain below which steps have any length."""
HALVINGS, DOUBLINGS = 5, 6
"""Times that a step is halved until it leads up, or doubled while it leads up further."""
PATIENCE = 3
"""Steps that a gradient above its tolerance is given where nothing is left to gain."""
MERGING = 10
"""Steps for which the condition of the basis may be that of collinear columns."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the climb, with Theta and a common sigma2 at their maximum given the rest."""

    X: FloatArray
    relative: Relative
    Gamma: FloatArray
    Theta: FloatArray
    point: MarginalValue


@dataclass(frozen=True, slots=True)
class Climb:
    """
    Where a climb has come to.

    Attributes
    ----------
    z : array
        The point, as a vector of the search.
    path : list of float
        The value after each step.
    gain : float
        What another step is expected to gain in log-likelihood of all data; infinite where the
        observed Hessian is not positive definite on what is free.
    merging : bool
        Whether it was stopped because columns of the basis become collinear.
    """

    z: FloatArray
    path: list[float]
    gain: float
    merging: bool = False


def climb(
    search: Search,
    moments: CompleteMoments,
    z: FloatArray,
    *,
    least: float,
    tol: float,
    maxiter: int,
) -> Climb:
    """
    Climb from one start, without a cap.

    Parameters
    ----------
    search : Search
    moments : CompleteMoments
        Those of the search.
    z : array
        The start, as a vector of the search.
    least : float
        Expected gain in log-likelihood of all data at which to stop, where the gradient norm is
        ``tol``, or has been given `PATIENCE`.
    tol : float
    maxiter : int
    """
    path: list[float] = []
    pulse = ClimbPulse(moments)
    place = _place(search, z)
    damping, waited, merged, radius = 0, 0, 0, 0.0
    while True:
        z = search.pack(place.X, place.relative)
        at = _curvature(search, moments, place)
        low, high = _limits(search, z, at)
        best, found = np.inf, None
        plain = damping > 0
        while found is None and damping < len(DAMPING):
            fisher = Fisher(at, DAMPING[damping])
            step = expected_step(fisher, low, high)
            smallest = step.size
            if not plain and step.gain * moments.n_units < NEAR * moments.n_cells:
                allowed = NEGLIGIBLE * least / moments.n_units
                if step.gain * moments.n_units < FEW * least:
                    radius = np.inf
                radius = max(radius, WIDE * step.size)
                closer = observed_step(fisher, step, low, high, least=allowed, radius=radius)
                step = closer if closer.gain > 0.0 else step
                if step.settled:
                    best = step.gain * moments.n_units
            if best <= least:
                norm = search.norm_at(place.X, place.Gamma, place.relative, place.point)
                waited += 1
                if norm <= tol or waited > PATIENCE:
                    return Climb(z, path, best)
            if len(path) >= maxiter:
                return Climb(z, path, best)
            found = _along(search, z, place, at, step, low)
            if found is None:
                damping, plain, radius = damping + plain, True, 0.0
        if found is None:
            return Climb(z, path, best)
        gained = (place.point.value - found[0].point.value) * moments.n_cells / moments.n_units
        if step.size > smallest and gained < 0.25 * step.gain:
            radius = 0.5 * step.size
        elif gained > 0.75 * step.gain:
            radius = max(radius, 2.0 * step.size)
        place, halvings = found
        path.append(float(place.point.value))
        if pulse.due():
            norm = search.norm_at(place.X, place.Gamma, place.relative, place.point)
            pulse.tell(len(path), path[-1], norm)
        damping = max(damping - 1, 0) if halvings <= 0 else damping + (halvings > 2)
        damping = min(damping, len(DAMPING) - 1)
        merged = merged + 1 if np.linalg.cond(place.X) > DEGENERATE_CONDITION else 0
        if merged > MERGING:
            return Climb(search.pack(place.X, place.relative), path, np.inf, merging=True)


def _place(search: Search, z: FloatArray) -> Place:
    X, relative, Gamma, Theta, point = search.evaluated(z)
    return Place(X, relative, Gamma, Theta, point)


def _curvature(search: Search, moments: CompleteMoments, place: Place) -> Curvature:
    off = np.ones(place.Theta.shape, dtype=bool) if search.signed else place.Theta > 0.0
    return Curvature(
        moments,
        search.structure,
        place.X,
        place.Gamma,
        place.relative,
        place.point,
        directions_of(moments, off),
    )


def _limits(search: Search, z: FloatArray, at: Curvature) -> tuple[FloatArray, FloatArray]:
    """How far entries of a vector of the curvature can move."""
    n, last = search.n_basis, search.n_random
    low, high = search.lower - z, search.upper - z
    low[n:], high[n:] = np.maximum(low[n:], -LONGEST), np.minimum(high[n:], LONGEST)
    unbounded = np.full(at.others.shape[1] - (last - n), np.inf)
    limits = []
    for limit, sign in ((low, -1.0), (high, 1.0)):
        local = limit[:n].reshape(search.shape) / search.shape[0]
        if not at.common:
            local = np.column_stack([local, limit[last:]])
        limits.append(np.concatenate([local.ravel(), sign * unbounded, limit[n:last]]))
    return limits[0], limits[1]


def _along(
    search: Search, z: FloatArray, place: Place, at: Curvature, step: ModelStep, low: FloatArray
) -> tuple[Place, int] | None:
    """A higher point along a step, and how often that was halved; None where there is none."""
    (P, Q), n_t = search.shape, search.n_random - search.n_basis

    def vector(of: FloatArray) -> FloatArray:
        local, few = of[: at.n_local].reshape(P, at.width), of[at.n_local :]
        parts = [local[:, :Q].ravel(), few[len(few) - n_t :]]
        return np.concatenate(parts if at.common else [*parts, local[:, Q]])

    change = vector(step.change)
    change[: search.n_basis] *= P
    to_bound = vector(np.where(step.change <= low, 1.0, 0.0))  # exactly, not but for rounding

    def moved(times: float) -> Place | None:
        trial = np.clip(z + times * change, search.lower, search.upper)
        if times >= 1.0:
            at_bound = (to_bound > 0.0) & (trial < search.lower + 1e-12 * P)
            trial = np.where(at_bound, search.lower, trial)
        return _place(search, trial) if search.within_reach(trial) else None

    value = float(place.point.value)
    highest = value + ROUNDING * max(1.0, abs(float(value)))
    for halvings in range(HALVINGS):
        found = moved(0.5**halvings)
        if found is None or not found.point.value <= highest:
            continue
        if step.settled:
            return found, halvings
        while halvings and halvings < HALVINGS:
            shorter = moved(0.5 ** (halvings + 1))
            if shorter is None or not shorter.point.value < found.point.value:
                return found, halvings
            found, halvings = shorter, halvings + 1
        for doublings in range(1, 1 + DOUBLINGS):
            further = moved(2.0**doublings)
            if further is None or not further.point.value < found.point.value:
                break
            found = further
        return found, 0
    return None
