"""Multipliers of the wild bootstrap: independent draws with mean 0 and variance 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from nmfre.core.typing import FloatArray

Multiplier: TypeAlias = Literal["exponential", "rademacher", "mammen", "normal"]
Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, ...]], FloatArray]

GOLDEN = (1.0 + math.sqrt(5.0)) / 2.0


def exponential(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Exp(1) - 1: third moment 2."""
    w = rng.standard_exponential(shape)
    w -= 1.0  # in place: they are many
    return w


def rademacher(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """-1 or 1 with probability 1/2: third moment 0, fourth 1."""
    return np.where(rng.random(shape) < 0.5, np.float64(-1.0), np.float64(1.0))


def mammen(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Mammen's (1993) two points, golden ratio g: 1 - g with probability g / sqrt(5), else g."""
    first = rng.random(shape) < GOLDEN / math.sqrt(5.0)
    return np.where(first, np.float64(1.0 - GOLDEN), np.float64(GOLDEN))


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Standard normal: third moment 0, fourth 3."""
    return rng.standard_normal(shape)


MULTIPLIERS: dict[str, Draw] = {
    "exponential": exponential,
    "rademacher": rademacher,
    "mammen": mammen,
    "normal": normal,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """
    The w_bn of B replicates, by blocks of units.

    Attributes
    ----------
    blocks : list of slices
        Units, as `nmfre.inference.wild_bootstrap.unit_blocks` divides them.
    n_boot : int
        B; 0 for no replicates.
    multiplier : {"exponential", "rademacher", "mammen", "normal"}
        Their distribution.
    seeds : list of numpy.random.SeedSequence
        Every block has a stream of its own, so that blocks may be worked on in any order.
    given : (B, N) or None
        The w_bn themselves; nothing is drawn then.
    studentize : bool
        Whether every replicate gets a standard error.
    corrected : bool
        Whether scores are corrected for leverages: their squares then need no factor N/(N-1).
    """

    blocks: list[slice]
    n_boot: int
    multiplier: Multiplier
    seeds: list[np.random.SeedSequence]
    given: FloatArray | None = None
    studentize: bool = False
    corrected: bool = False

    def __call__(self, number: int) -> FloatArray | None:
        """Those of the units of a block, (B, n); None without replicates."""
        block = self.blocks[number]
        if self.given is not None:
            return self.given[:, block]
        if not self.n_boot:
            return None
        rng = np.random.default_rng(self.seeds[number])
        return MULTIPLIERS[self.multiplier](rng, (self.n_boot, block.stop - block.start))
