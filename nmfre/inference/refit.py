"""The bootstrap by estimating every replicate again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from nmfre.core.parallel import run_tasks
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import FloatArray, IntArray
from nmfre.estimation.estimate import StopReason
from nmfre.inference.groups import n_independent
from nmfre.inference.multipliers import MULTIPLIERS, Multiplier


class Refitted(Protocol):
    """What is asked of the fit of a replicate."""

    @property
    def X(self) -> FloatArray:
        """Basis, (P, Q)."""
        ...

    @property
    def Theta(self) -> FloatArray:
        """Effects, (Q, K)."""
        ...

    @property
    def stop_reason(self) -> StopReason:
        """Why the iteration ended."""
        ...


Refits: TypeAlias = Callable[[list[np.random.SeedSequence]], Sequence[Refitted]]
"""Of a seed for each of some replicates: their fits."""
CHUNK_BYTES = 1 << 24
"""Responses of the replicates that are estimated together."""
LARGEST_CHUNK = 100


@dataclass(frozen=True, slots=True)
class _Task:
    refits: Refits
    X: FloatArray
    seeds: list[np.random.SeedSequence]


def of_multipliers(
    replicates: Callable[[FloatArray], Sequence[Refitted]],
    n_units: int,
    groups: IntArray | None,
    multiplier: Multiplier,
    seeds: list[np.random.SeedSequence],
) -> Sequence[Refitted]:
    """
    Fits of replicates that are functions of multipliers (b, N), which are drawn here.

    Groups of units, of which ``groups`` (N,) has the codes, have one multiplier each.
    """
    draw, size = MULTIPLIERS[multiplier], n_independent(n_units, groups)
    w = np.stack([draw(np.random.default_rng(seed), (size,)) for seed in seeds])
    return replicates(w if groups is None else w[:, groups])


def refit_replicates(
    refits: Refits,
    X: FloatArray,
    n_units: int,
    *,
    n_boot: int,
    seed: int | None,
    n_jobs: int | None,
    progress: bool,
) -> tuple[FloatArray, int]:
    """
    vec(Theta) of fits of every replicate.

    Every fit starts from the estimate, under the same cap, bounds and tolerance; its components are
    matched with those of the estimate by the angles between the columns of the bases.

    Parameters
    ----------
    refits : callable
    X : array, (P, Q)
        The estimated basis.
    n_units : int
    n_boot, seed, n_jobs, progress
        As in `nmfre.NMFREResults.bootstrap`.

    Returns
    -------
    replicates : array, (B, QK)
    n_failed : int
        Fits that did not reach the tolerance.
    """
    seeds = np.random.SeedSequence(seed).spawn(n_boot)
    size = int(np.clip(CHUNK_BYTES // (8 * len(X) * n_units), 1, LARGEST_CHUNK))
    tasks = [_Task(refits, X, seeds[first : first + size]) for first in range(0, n_boot, size)]
    parts = run_tasks(
        _refit, tasks, n_jobs=n_jobs, progress=progress, description="refits in parts"
    )
    fits = [fit for part in parts for fit in part]
    return np.array([theta for theta, _ in fits]), sum(not converged for _, converged in fits)


def _refit(task: _Task) -> list[tuple[FloatArray, bool]]:
    X = task.X
    with one_thread_if_small(X.shape[0] ** 2 * X.shape[1]):
        return [
            (
                fit.Theta[_matching(X, fit.X)].ravel(order="F"),
                fit.stop_reason is StopReason.TOLERANCE,
            )
            for fit in task.refits(task.seeds)
        ]


def _matching(X: FloatArray, other: FloatArray) -> FloatArray:
    """The order of the columns of ``other`` in which they are closest to those of ``X``."""
    cosines = (X / np.linalg.norm(X, axis=0)).T @ (other / np.linalg.norm(other, axis=0))
    _, order = linear_sum_assignment(-cosines)
    return np.asarray(order)
