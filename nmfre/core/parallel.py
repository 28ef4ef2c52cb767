"""Independent tasks on several processes or a cluster, in order, with a progress bar."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import (
    LokyBackend,
    MultiprocessingBackend,
    SequentialBackend,
    ThreadingBackend,
    get_active_backend,
)
from tqdm import TqdmWarning

from nmfre.core.arguments import check_jobs
from nmfre.core.layout import aligned
from nmfre.errors import InterruptedTasksError, NMFREError, UnfinishedTasksError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", TqdmWarning)  # a notebook without ipywidgets has a bar of text
    from tqdm.auto import tqdm

Task = TypeVar("Task")
Result = TypeVar("Result")
HERE = (SequentialBackend, ThreadingBackend, LokyBackend, MultiprocessingBackend)
"""Backends of this machine; others send tasks in messages of their own."""


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    n_jobs: int | None,
    progress: bool,
    description: str,
    finished: Mapping[int, Result] | None = None,
    arrived: Callable[[Result], object] | None = None,
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
        Whether a bar counts the tasks: on standard error, or in the notebook.
    description : str
        What the bar says.
    finished : mapping, optional
        Results that are there already, by the number of their task.
    arrived : callable, optional
        Is told of each other result when it is there, in the order of the tasks.

    Raises
    ------
    InvalidArgumentError
        ``n_jobs`` is no whole number, or 0, or ``progress`` is no bool.
    UnfinishedTasksError, InterruptedTasksError
        A task failed, its worker died, or the user interrupted; ``finished`` of the error can be
        given back. Errors of the package pass as they are.
    """
    check_jobs(n_jobs, progress)
    done = {} if finished is None else dict(finished)
    pending = [i for i in range(len(tasks)) if i not in done]
    if n_jobs is not None:
        n_jobs = min(int(n_jobs), max(len(pending), 1))  # joblib starts all that it is told to
    here = isinstance(get_active_backend()[0], HERE)
    run = function if here else partial(_there, function)
    results = _as_they_come(run, [tasks[i] for i in pending], n_jobs)
    if not here:
        results = map(aligned, results)
    bar = tqdm(results, desc=description, total=len(tasks), initial=len(done), disable=not progress)
    try:
        for i, result in zip(pending, bar, strict=True):
            done[i] = result
            if arrived is not None:
                arrived(result)
    except NMFREError:
        raise  # it says itself what is wrong
    except (Exception, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        unfinished = InterruptedTasksError if interrupted else UnfinishedTasksError
        cause = f"{type(error).__name__}: {error}".rstrip(": ")
        counts = {"count": len(done), "total": len(tasks)}
        raise unfinished(description=description, cause=cause, finished=done, **counts) from error
    return [done[i] for i in range(len(tasks))]


def _there(function: Callable[[Task], Result], task: Task) -> Result:
    """What a worker of a cluster does."""
    function, task = aligned((function, task))
    return function(task)


def _as_they_come(
    run: Callable[[Task], Result], tasks: Iterable[Task], n_jobs: int | None
) -> Iterator[Result]:
    """Results in order; a batch at a time where all come at once (ray), so that few are lost."""
    calls = [delayed(run)(task) for task in tasks]
    backend, _ = get_active_backend()
    if backend.supports_return_generator:
        yield from Parallel(n_jobs=n_jobs, return_as="generator")(calls)
        return
    with Parallel(n_jobs=n_jobs) as workers:
        size = effective_n_jobs(workers.n_jobs)
        for first in range(0, len(calls), size):
            yield from workers(calls[first : first + size])
