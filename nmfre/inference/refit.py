"""The wild bootstrap by estimating every replicate anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from nmfre.core.parallel import run_tasks
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import FloatArray, IntArray
from nmfre.estimation.estimate import Estimate, StopReason
from nmfre.inference.groups import n_independent
from nmfre.inference.multipliers import MULTIPLIERS, Multiplier

Replicates: TypeAlias = Callable[[FloatArray], Sequence[Estimate]]
CHUNK_BYTES = 1 << 24
"""Responses of the replicates that are estimated together."""
LARGEST_CHUNK = 100


@dataclass(frozen=True, slots=True)
class _Task:
    replicates: Replicates
    X: FloatArray
    n_units: int
    groups: IntArray | None
    multiplier: Multiplier
    seeds: list[np.random.SeedSequence]


def refit_replicates(
    replicates: Replicates,
    X: FloatArray,
    n_units: int,
    *,
    groups: IntArray | None,
    n_boot: int,
    multiplier: Multiplier,
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
    replicates : callable
        Of multipliers (b, N): the fits of their b replicates.
    X : array, (P, Q)
        The estimated basis.
    n_units : int
    groups : array of int, (N,), or None
        Codes of groups of units, which have one multiplier each.
    n_boot, multiplier, seed, n_jobs, progress
        As in `nmfre.NMFREResults.bootstrap`.

    Returns
    -------
    replicates : array, (B, QK)
    n_failed : int
        Fits that did not reach the tolerance.
    """
    seeds = np.random.SeedSequence(seed).spawn(n_boot)
    size = int(np.clip(CHUNK_BYTES // (8 * len(X) * n_units), 1, LARGEST_CHUNK))
    tasks = [
        _Task(replicates, X, n_units, groups, multiplier, seeds[first : first + size])
        for first in range(0, n_boot, size)
    ]
    parts = run_tasks(
        _refit, tasks, n_jobs=n_jobs, progress=progress, description="refits in parts"
    )
    fits = [fit for part in parts for fit in part]
    return np.array([theta for theta, _ in fits]), sum(not converged for _, converged in fits)


def _refit(task: _Task) -> list[tuple[FloatArray, bool]]:
    draw, X = MULTIPLIERS[task.multiplier], task.X
    size = n_independent(task.n_units, task.groups)
    w = np.stack([draw(np.random.default_rng(seed), (size,)) for seed in task.seeds])
    if task.groups is not None:
        w = w[:, task.groups]
    with one_thread_if_small(X.shape[0] ** 2 * X.shape[1]):
        return [
            (
                fit.Theta[_matching(X, fit.X)].ravel(order="F"),
                fit.stop_reason is StopReason.TOLERANCE,
            )
            for fit in task.replicates(w)
        ]


def _matching(X: FloatArray, other: FloatArray) -> FloatArray:
    """The order of the columns of ``other`` in which they are closest to those of ``X``."""
    cosines = (X / np.linalg.norm(X, axis=0)).T @ (other / np.linalg.norm(other, axis=0))
    _, order = linear_sum_assignment(-cosines)
    return np.asarray(order)
