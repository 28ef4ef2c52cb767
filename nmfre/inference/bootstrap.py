"""The one-step wild bootstrap of Theta: replicates, standard errors, intervals, p-values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.inference.multipliers import MULTIPLIERS, Multiplier
from nmfre.typing import FloatArray

BLOCK_BYTES = 1 << 25
"""Multipliers held at a time."""
SMALLEST_BLOCK = 256


@dataclass(frozen=True, slots=True)
class WildBootstrap:
    """
    Replicates of vec(Theta).

    Attributes
    ----------
    estimate : (QK,)
        The estimate that the replicates are perturbations of.
    replicates : (B, QK)
        Floored at 0 where the parameters are.
    """

    estimate: FloatArray
    replicates: FloatArray

    @property
    def bse(self) -> FloatArray:
        """Standard deviations of the replicates, divisor B - 1; (QK,)."""
        bse: FloatArray = self.replicates.std(axis=0, ddof=1)
        return bse

    def percentile_interval(self, alpha: float) -> FloatArray:
        """Quantiles alpha/2 and 1 - alpha/2 of the replicates, interpolated linearly; (QK, 2)."""
        return np.quantile(self.replicates, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0).T

    def pvalues(self, alternative: str) -> FloatArray:
        """
        Share of replicates, centred at the estimate, that lie as far out as the estimate; (QK,).

        (1 + count) / (1 + B), so that no p-value is 0.
        """
        deviations = self.replicates - self.estimate
        if alternative == "two-sided":
            as_far = np.abs(deviations) >= np.abs(self.estimate)
        else:
            as_far = deviations >= self.estimate
        pvalues: FloatArray = (1.0 + as_far.sum(axis=0)) / (1.0 + len(self.replicates))
        return pvalues


def unit_blocks(n_units: int, n_boot: int, most: int | None = None) -> list[slice]:
    """Blocks of units that are passed over together, of at most ``most`` units."""
    size = BLOCK_BYTES // (8 * max(n_boot, 100))
    size = max(size if most is None else min(size, most), SMALLEST_BLOCK)
    return [slice(start, min(start + size, n_units)) for start in range(0, n_units, size)]


def one_step(
    blocks: list[slice],
    influence: Callable[[slice], FloatArray],
    *,
    n_boot: int,
    multiplier: Multiplier,
    seeds: np.random.SeedSequence,
    multipliers: FloatArray | None = None,
    projection: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """
    Sums over units for the sandwich and the one-step wild bootstrap (paper, Section 5).

    Parameters
    ----------
    blocks : list of slices
        Units, as `unit_blocks` divides them.
    influence : callable
        From a block to I^-1 s_n, or s_n, of its units, (n, d).
    n_boot : int
        Number of replicates B.
    multiplier : {"exponential", "rademacher", "mammen", "normal"}
        Distribution of the w_bn.
    seeds : numpy.random.SeedSequence
        Every block has a stream of its own, so that blocks may be worked on in any order.
    multipliers : array, (B, N), optional
        The w_bn themselves; nothing is drawn then.
    projection : array, (d, QK), optional
        What the replicates are of, as linear functions of these. Default: these.

    Returns
    -------
    meat : array, (d, d)
        sum_n of the outer products of these.
    steps : array, (B, QK)
        sum_n w_bn times these, projected.
    """
    meat: Any = 0.0
    steps: Any = 0.0
    for block, seed in zip(blocks, seeds.spawn(len(blocks)), strict=True):
        values = influence(block)
        meat = meat + values.T @ values
        if projection is not None:
            values = values @ projection
        if multipliers is not None:
            steps = steps + multipliers[:, block] @ values
        elif n_boot:
            draw = MULTIPLIERS[multiplier]
            steps = steps + draw(np.random.default_rng(seed), (n_boot, len(values))) @ values
    return meat, steps
