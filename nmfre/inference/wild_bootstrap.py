"""The wild bootstrap of Theta: replicates, standard errors, intervals, p-values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import stats

from nmfre.core.typing import FloatArray
from nmfre.inference.multipliers import Draws

BLOCK_BYTES = 1 << 25
"""Multipliers held at a time."""
SMALLEST_BLOCK = 256
Total: TypeAlias = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WildBootstrap:
    """
    Replicates of vec(Theta).

    Attributes
    ----------
    estimate : (QK,)
        The estimate that the replicates are perturbations of.
    deviations : (B, QK)
        Replicates less the estimate, before they are floored.
    floor : float
        Lower bound of the parameters: 0, or minus infinity.
    deviations_bse : (B, QK) or None
        The standard error of every replicate, where it was computed.
    refit : bool
        Whether every replicate was estimated again, or is one step of the linearised estimator.
    parametric : bool
        Whether it was estimated from data drawn from the fit.
    """

    estimate: FloatArray
    deviations: FloatArray
    floor: float
    deviations_bse: FloatArray | None = None
    refit: bool = False
    parametric: bool = False

    @property
    def kind(self) -> str:
        """How the replicates were made."""
        if self.parametric:
            return "parametric"
        return "refit" if self.refit else "one-step"

    @property
    def replicates(self) -> FloatArray:
        """Replicates, floored where the parameters are; (B, QK)."""
        return np.maximum(self.estimate + self.deviations, self.floor)

    @property
    def bse(self) -> FloatArray:
        """Standard deviations of the replicates, divisor B - 1; (QK,)."""
        bse: FloatArray = self.replicates.std(axis=0, ddof=1)
        return bse

    @property
    def bias(self) -> FloatArray:
        """Mean of the replicates less the estimate, (QK,)."""
        return np.asarray(self.replicates.mean(axis=0) - self.estimate)

    def percentile_interval(self, alpha: float) -> FloatArray:
        """Quantiles alpha/2 and 1 - alpha/2 of the replicates, interpolated linearly; (QK, 2)."""
        return np.quantile(self.replicates, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0).T

    def basic_interval(self, alpha: float) -> FloatArray:
        """Estimate less the quantiles 1 - alpha/2 and alpha/2 of the deviations; (QK, 2)."""
        quantiles = np.quantile(self.deviations, [1.0 - alpha / 2.0, alpha / 2.0], axis=0)
        return np.maximum(self.estimate - quantiles, self.floor).T

    def normal_interval(self, alpha: float) -> FloatArray:
        """Estimate -+ z times the bootstrap standard error; (QK, 2)."""
        half_width = stats.norm.isf(alpha / 2.0) * self.bse
        return np.maximum(self.estimate + np.outer([-1.0, 1.0], half_width), self.floor).T

    def studentized_interval(self, alpha: float, bse: FloatArray) -> FloatArray:
        """
        Estimate less the quantiles of the deviations over their standard errors, times ``bse``.

        Parameters
        ----------
        alpha : float
            1 minus the level.
        bse : array, (QK,)
            Standard errors of the estimate, of the same kind as those of the replicates.

        Returns
        -------
        array, (QK, 2)
        """
        assert self.deviations_bse is not None
        t = self.deviations / self.deviations_bse
        quantiles = np.quantile(t, [1.0 - alpha / 2.0, alpha / 2.0], axis=0)
        return np.maximum(self.estimate - quantiles * bse, self.floor).T

    def pvalues(self, alternative: str) -> FloatArray:
        """
        Share of replicates, centred at the estimate, that lie as far out as the estimate; (QK,).

        (1 + count) / (1 + B), so that no p-value is 0.
        """
        if alternative == "two-sided":
            as_far = np.abs(self.deviations) >= np.abs(self.estimate)
        else:
            as_far = self.deviations >= self.estimate
        pvalues: FloatArray = (1.0 + as_far.sum(axis=0)) / (1.0 + len(self.deviations))
        return pvalues


def unit_blocks(n_units: int, n_boot: int, most: int | None = None) -> list[slice]:
    """Blocks of units that are passed over together, of at most ``most`` units."""
    size = BLOCK_BYTES // (8 * max(n_boot, 100))
    size = max(size if most is None else min(size, most), SMALLEST_BLOCK)
    return [slice(start, min(start + size, n_units)) for start in range(0, n_units, size)]


def parts_of_blocks(
    blocks: list[slice], start: int, stop: int
) -> Iterator[tuple[int, slice, slice]]:
    """Of each block: its number, and its units from ``start`` to ``stop``, from either's first."""
    size = blocks[0].stop
    for number in range(start // size, -(-stop // size)):
        block = blocks[number]
        first, last = max(block.start, start), min(block.stop, stop)
        if first < last:
            own = slice(first - start, last - start)
            yield number, own, slice(first - block.start, last - block.start)


def whole(function: Total, *data: Any) -> tuple[Any, ...]:
    """``function`` of data in memory, from their first unit: what `one_step` does by default."""
    return function(0, *data)


@dataclass(frozen=True, slots=True)
class WildSums:
    """
    The sums of `one_step` over consecutive units; sums over all are sums of these.

    Units that begin or end within a block get the multipliers that are theirs: these do not depend
    on how the units are divided. Attributes as the parameters of `one_step`.
    """

    influence: Callable[..., FloatArray]
    draws: Draws
    projection: FloatArray | None

    def __call__(self, start: int, *data: Any) -> tuple[Any, Any, Any]:
        """Meat, steps and squares of the units that ``data`` hold, the first being ``start``."""
        meat: Any = 0.0
        steps: Any = 0.0
        squares: Any = 0.0
        stop = start + data[0].shape[1]
        for number, own, of_block in parts_of_blocks(self.draws.blocks, start, stop):
            values = self.influence(*(part[:, own] for part in data))
            meat = meat + values.T @ values
            if self.projection is not None:
                values = values @ self.projection
            w = self.draws(number)
            if w is None:
                continue
            w = w[:, of_block]
            steps = steps + w @ values
            if self.draws.studentize:
                squares = squares + (w * w) @ (values * values)
        return meat, steps, squares


def one_step(
    data: tuple[Any, ...],
    influence: Callable[..., FloatArray],
    draws: Draws,
    *,
    estimate: FloatArray,
    floor: float,
    projection: FloatArray | None = None,
    total: Total = whole,
) -> tuple[FloatArray, WildBootstrap | None]:
    """
    Sums over units for the sandwich and the one-step wild bootstrap (paper, Section 5).

    Parameters
    ----------
    data : tuple of arrays, (..., N)
        Units in columns.
    influence : callable
        From some columns of the data to I^-1 s_n, or s_n, of these units, (n, d).
    draws : Draws
        The w_bn. With ``studentize``, the standard error of a replicate is the root of N/(N-1)
        times the sum of squares of its N terms around their mean; without the factor where
        scores are corrected.
    estimate : array, (QK,)
        What the replicates are of.
    floor : float
        Its lower bound.
    projection : array, (d, QK), optional
        The replicates as linear functions of the influences. Default: these.
    total : callable
        Sums over all units from a function of the first unit and the data of some.

    Returns
    -------
    meat : array, (d, d)
        sum_n of the outer products of the influences.
    bootstrap : WildBootstrap or None
        Estimates less sum_n w_bn times the influences; None where none were drawn.
    """
    meat, steps, squares = total(WildSums(influence, draws, projection), *data)
    if not draws.n_boot:
        return meat, None
    bse = None
    if draws.studentize:
        n_units = draws.blocks[-1].stop
        factor = 1.0 if draws.corrected else n_units / (n_units - 1)
        bse = np.sqrt(factor * (squares - steps * steps / n_units))
    bootstrap = WildBootstrap(estimate=estimate, deviations=-steps, floor=floor, deviations_bse=bse)
    return meat, bootstrap
