"""Independent tasks on several processes or a cluster, in order, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from joblib import Parallel, delayed
from tqdm import tqdm

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    n_jobs: int | None,
    progress: bool,
    description: str,
) -> list[Result]:
    """
    ``function`` of every task, in the order of the tasks, whatever the number of workers.

    Parameters
    ----------
    function : callable
        Of one task; it draws random numbers only from seeds that the task holds.
    tasks : sequence
    n_jobs : int or None
        Processes, as in joblib; None takes those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether a bar on standard error counts the tasks.
    description : str
        What the bar says.
    """
    results = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(function)(t) for t in tasks)
    bar = tqdm(results, desc=description, total=len(tasks), disable=not progress)
    return list(bar)
