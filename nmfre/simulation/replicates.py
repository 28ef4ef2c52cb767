"""Data sets of a study: each from a seed of its own, in parts that processes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from nmfre.core.arguments import MOST_REPLICATES, check_alpha, check_seed, check_whole
from nmfre.core.parallel import run_tasks
from nmfre.errors import InvalidArgumentError

Found = TypeVar("Found")
PARTS = 16


def check_study(design: object, kind: type, alpha: float, seed: int, **sizes: int) -> None:
    """
    Check what all studies take: a design of a kind, a level, a seed and a number of data sets.

    Raises
    ------
    InvalidArgumentError
        One of them is invalid.
    """
    if not isinstance(design, kind):
        raise InvalidArgumentError("design", design, f"a {kind.__name__}")
    for name, size in sizes.items():
        check_whole(name, size, least=2, most=MOST_REPLICATES)
    check_alpha(alpha)
    check_seed(seed)


@dataclass(frozen=True, slots=True)
class _Part(Generic[Found]):
    """What is found in the data sets of some seeds."""

    of_one: Callable[[np.random.SeedSequence], Found | None]

    def __call__(self, seeds: list[np.random.SeedSequence]) -> list[Found]:
        return [found for seed in seeds if (found := self.of_one(seed)) is not None]


def replicated(
    of_one: Callable[[np.random.SeedSequence], Found | None],
    n_replicates: int,
    *,
    seed: int,
    n_jobs: int | None,
    progress: bool,
    description: str = "replicates in parts",
) -> list[Found]:
    """
    What a study finds in its data sets, in their order, whatever the number of workers.

    Parameters
    ----------
    of_one : callable
        Of the seed of a data set: what is found, or None if its fit does not count.
    n_replicates : int
        Number of data sets.
    seed : int
        All seeds come from it.
    n_jobs, progress, description
        As in `nmfre.core.parallel.run_tasks`.

    Returns
    -------
    list
        Of the data sets that count.
    """
    seeds = np.random.SeedSequence(seed).spawn(n_replicates)
    chunks = np.array_split(np.arange(n_replicates), min(n_replicates, PARTS))
    parts = run_tasks(
        _Part(of_one),
        [[seeds[i] for i in chunk] for chunk in chunks],
        n_jobs=n_jobs,
        progress=progress,
        description=description,
    )
    return [found for part in parts for found in part]
