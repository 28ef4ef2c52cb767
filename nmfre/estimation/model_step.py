"""
Steps within bounds of a quadratic model of many entries, no matrix of which is formed.

With the expected Hessian by block pivoting (Judice and Pires 1994); with the observed one by
conjugate gradients that the expected one leads, on what is free and with the sums of columns kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.curvature import Curvature
from nmfre.estimation.fisher import Face, Fisher

PIVOTS = 300
"""Changes of the set of entries at their bounds, to minimise a quadratic model."""
IN_VAIN = 3
"""Changes of all wrong entries that may not make these fewer; then the last one changes alone."""
PRODUCTS = 200
"""Products with the observed Hessian of one step at most."""
ROUNDS = 8
"""Times that conjugate gradients begin again where entries meet or leave their bounds."""
FORCING = 0.02
"""Share of the gain of a step that conjugate gradients may leave."""


@dataclass(frozen=True, slots=True)
class ModelStep:
    """
    A step, and what it is expected to gain.

    Attributes
    ----------
    change : (n,)
    gain : float
        Per unit.
    face : Face
        What was free.
    size : float
        In the metric of the expected Hessian.
    settled : bool
        Whether the model has its minimum there, but for the `FORCING` share of the gain.
    """

    change: FloatArray
    gain: float
    face: Face
    size: float
    settled: bool = False


def expected_step(fisher: Fisher, low: FloatArray, high: FloatArray) -> ModelStep:
    """The step within bounds that minimises the model with the expected Hessian."""
    at = fisher.at
    gradient = at.gradient
    slope = _projected(gradient, at)
    stuck = low >= high
    at_low: BoolArray = stuck | ((low >= 0.0) & (slope > 0.0))
    at_high: BoolArray = ~stuck & (high <= 0.0) & (slope < 0.0)
    face = fisher.on(~(at_low | at_high))
    fewest, in_vain = len(low) + 1, 0
    for _ in range(PIVOTS):
        fixed = np.where(at_low, low, np.where(at_high, high, 0.0))
        right = -(gradient + fisher.times(fixed))
        moved, multipliers = face.solve(right, -_column_sums(fixed, at))
        change = fixed + moved
        slope = plus(gradient + fisher.times(change), multipliers, at)
        below, above = change < low, change > high
        back_low, back_high = at_low & ~stuck & (slope < 0.0), at_high & (slope > 0.0)
        wrong = np.flatnonzero(below | above | back_low | back_high)
        if not len(wrong):
            break
        in_vain = 0 if len(wrong) < fewest else in_vain + 1
        fewest = min(fewest, len(wrong))
        changed = np.zeros(len(low), dtype=bool)
        changed[wrong if in_vain <= IN_VAIN else wrong[-1:]] = True  # or they may go in circles
        at_low = (at_low | (below & changed)) & ~(back_low & changed)
        at_high = (at_high | (above & changed)) & ~(back_high & changed)
        face = fisher.on(~(at_low | at_high), face)
    change = np.clip(change, low, high)
    square = float(change @ fisher.times(change))
    gain = -float(gradient @ change) - 0.5 * square
    return ModelStep(change, gain, face, float(np.sqrt(max(square, 0.0))))


def observed_step(
    fisher: Fisher,
    first: ModelStep,
    low: FloatArray,
    high: FloatArray,
    *,
    least: float,
    radius: float,
) -> ModelStep:
    """
    From a step on, towards the one that minimises the model with the observed Hessian.

    It ends at the radius, in the metric of the expected Hessian, and leads there where the observed
    one is not positive definite. ``least`` is a gain per unit that may be left.
    """
    at = fisher.at
    gradient, stuck, face = at.gradient, low >= high, first.face

    def gain_of(change: FloatArray, slope: FloatArray) -> float:
        return -float(gradient @ change + slope @ change) / 2.0

    # Along the step as it is, which stays within bounds.
    product, metric = at.times(first.change), fisher.times(first.change)
    along, curvature = -float(gradient @ first.change), float(first.change @ product)
    length = min(1.0, along / curvature) if along < curvature else 1.0
    change: FloatArray = length * first.change
    slope: FloatArray = gradient + length * product
    of_change = length * metric
    begun = ModelStep(change, gain_of(change, slope), face, length * first.size)
    if along <= 0.0 or curvature <= 0.0:
        return begun
    products, ended = 1, False
    for _ in range(ROUNDS):
        free = face.free
        residual = np.where(free, -slope, 0.0)
        direction, multipliers = face.solve(residual)
        metric, along = residual, float(residual @ direction)
        while along > max(FORCING * gain_of(change, slope), least):
            product = at.times(direction)
            products += 1
            curvature = float(direction @ product)
            most = _to_radius(change, of_change, direction, metric, radius)
            ended = curvature <= 0.0 or along >= most * curvature or products >= PRODUCTS
            length = min(along / curvature, most) if curvature > 0.0 else most
            if math.isinf(length):  # the model has no minimum, and nothing limits the step
                break
            change, slope = change + length * direction, slope + length * product
            of_change = of_change + length * metric
            if ended:
                break
            # Without its multipliers, rounding of the residual would grow along the sums.
            residual = np.where(free, -plus(slope, multipliers, at), 0.0)
            z, more = face.solve(residual)
            multipliers = multipliers + more
            before, along = along, float(residual @ z)
            direction = z + (along / before) * direction
            metric = residual + (along / before) * metric
        by = plus(slope, multipliers, at)
        meets = (change < low) | (change > high)
        at_low, at_high = ~free & (change <= low), ~free & (change >= high)
        leaves = ~free & ~stuck & ~(at_low & (by >= 0.0)) & ~(at_high & (by <= 0.0))
        if not (meets | leaves).any():
            break
        change = np.minimum(np.maximum(change, low), high)
        face = fisher.on((free & ~meets) | leaves, face)
        # What was cut off goes to the others of its column.
        change = change + face.solve(np.zeros_like(change), -_column_sums(change, at))[0]
        slope, of_change = gradient + at.times(change), fisher.times(change)
        products += 1
        if products >= PRODUCTS:
            break
    else:
        ended = True
    size = math.sqrt(max(float(change @ of_change), 0.0))
    found = ModelStep(np.clip(change, low, high), gain_of(change, slope), face, size, not ended)
    return found if found.gain > begun.gain or found.settled else begun


def _to_radius(
    change: FloatArray, of_change: FloatArray, step: FloatArray, of_step: FloatArray, radius: float
) -> float:
    """How far along a step the radius is, in the metric that both are given by as well."""
    if not np.isfinite(radius):
        return np.inf
    a, b = float(step @ of_step), float(step @ of_change)
    c = float(change @ of_change) - radius**2
    if a <= 0.0 or c >= 0.0:
        return 0.0
    return float((-b + np.sqrt(b * b - a * c)) / a)


def _column_sums(vector: FloatArray, at: Curvature) -> FloatArray:
    Q = at.X.shape[1]
    return np.asarray(vector[: at.n_local].reshape(-1, at.width)[:, :Q].sum(axis=0))


def plus(vector: FloatArray, multipliers: FloatArray, at: Curvature) -> FloatArray:
    """A vector, with multipliers of the sums of columns added to the entries of X."""
    Q = at.X.shape[1]
    moved = vector.copy()
    moved[: at.n_local].reshape(-1, at.width)[:, :Q] += multipliers
    return moved


def _projected(gradient: FloatArray, at: Curvature) -> FloatArray:
    """By the entries of X / 1'X."""
    Q = at.X.shape[1]
    by_X = gradient[: at.n_local].reshape(-1, at.width)[:, :Q]
    return plus(gradient, -np.sum(at.X * by_X, axis=0), at)
