from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pandas as pd
import pytest
from joblib._parallel_backends import LokyBackend
from joblib.parallel import BACKENDS

import nmfre
from nmfre import errors
from nmfre.core.parallel import run_tasks
from nmfre.simulation import BumpDesign, baseline_designs, coverage_study, paper_study

OPTIONS = {"progress": False, "description": "squares"}


def square(task):
    return task * task


def square_or_fail(task):
    if task == 3:
        raise ValueError("three")
    return task * task


def square_or_die(task):
    if task == 3:
        os._exit(1)
    return task * task


def square_or_stop(task):
    if task == 3:
        raise KeyboardInterrupt
    return task * task


def refuse(task):
    raise errors.InvalidArgumentError("task", task, "another")


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_results_keep_the_order_of_the_tasks(n_jobs):
    assert run_tasks(square, range(7), n_jobs=n_jobs, **OPTIONS) == [i * i for i in range(7)]


@pytest.mark.parametrize("n_jobs", [0, 1.0, True, "2"])
def test_numbers_of_processes_that_are_not_allowed(n_jobs):
    message = f"n_jobs={n_jobs!r} is invalid: it must be a number of processes"
    with pytest.raises(errors.InvalidArgumentError, match=message):
        run_tasks(square, range(7), n_jobs=n_jobs, **OPTIONS)


def test_no_processes_at_all_are_refused_wherever_tasks_run():
    data = nmfre.datasets.load_orthodont()
    model = nmfre.NMFRE.from_formula("distance ~ sex", data, rank=1, unit="subject", occasion="age")
    bump = BumpDesign(n_responses=4, rank=1, n_units=27)
    for call in (
        lambda: nmfre.select_rank(model, [1], n_jobs=0),
        lambda: coverage_study(bump, 2, n_jobs=0),
        lambda: paper_study(baseline_designs()[:1], 2, n_jobs=0),
        lambda: model.fit(df_cap=0.21, n_boot=0).bootstrap(2, refit=True, n_jobs=0),
    ):
        with pytest.raises(errors.InvalidArgumentError, match="n_jobs=0"):
            call()


def test_what_was_finished_is_not_lost_and_not_done_again():
    with pytest.raises(
        errors.UnfinishedTasksError, match=r"squares: .*ValueError: three.* 3 of 6"
    ) as e:
        run_tasks(square_or_fail, range(6), n_jobs=1, **OPTIONS)
    assert e.value.finished == {0: 0, 1: 1, 2: 4}
    kept = {**e.value.finished, 0: "kept"}
    resumed = run_tasks(square, range(6), n_jobs=1, finished=kept, **OPTIONS)
    assert resumed == ["kept", 1, 4, 9, 16, 25]


def test_an_interruption_stays_one():
    with pytest.raises(KeyboardInterrupt) as e:
        run_tasks(square_or_stop, range(6), n_jobs=1, **OPTIONS)
    assert isinstance(e.value, errors.InterruptedTasksError)
    assert e.value.finished == {0: 0, 1: 1, 2: 4}


def test_a_worker_that_dies_is_an_error_with_a_name():
    with pytest.raises(errors.UnfinishedTasksError, match="TerminatedWorkerError"):
        run_tasks(square_or_die, range(6), n_jobs=2, **OPTIONS)


def test_errors_of_the_package_pass_as_they_are():
    with pytest.raises(errors.InvalidArgumentError, match="task=0"):
        run_tasks(refuse, range(3), n_jobs=1, **OPTIONS)


NOTEBOOK = """
import sys, types, warnings
warnings.simplefilter("error")
shell = types.SimpleNamespace(config={"IPKernelApp": {}})
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)
sys.modules["ipywidgets"] = None
from nmfre.core.parallel import run_tasks
assert run_tasks(abs, [1, -2], n_jobs=1, progress=True, description="numbers") == [1, 2]
"""


def test_a_notebook_without_widgets_has_a_bar_of_text_and_no_warning():
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, check=True
    )
    assert "numbers: 100%" in done.stderr
    assert "Warning" not in done.stderr


class Batches(LokyBackend):
    """A backend that returns lists only, as ray's does."""

    supports_return_generator = False


@pytest.fixture
def batches(monkeypatch):
    monkeypatch.setitem(BACKENDS, "batches", Batches)
    with joblib.parallel_config("batches", n_jobs=2):
        yield


def test_a_backend_without_generators_gives_batches(batches):
    assert run_tasks(square, range(7), n_jobs=None, **OPTIONS) == [i * i for i in range(7)]
    with pytest.raises(errors.UnfinishedTasksError, match="ValueError: three") as e:
        run_tasks(square_or_fail, range(6), n_jobs=None, **OPTIONS)
    assert e.value.finished == {0: 0, 1: 1}


def tables():
    data = BumpDesign(n_responses=9, rank=2, n_units=300).draw(np.random.default_rng(0))
    model = nmfre.NMFRE(*data, rank=2)
    res = model.fit("ml", n_starts=3, n_boot=0)
    designs = baseline_designs()[:2]
    bump = BumpDesign(n_responses=4, rank=1, n_units=27)
    return (
        paper_study(designs, 4, n_boot=20, progress=False),
        coverage_study(bump, 4, n_boot=20, progress=False),
        res.tidy(),
        nmfre.select_rank(model, [1, 2], folds=2, n_starts=1, progress=False).table,
        res.bootstrap(4, refit=True, progress=False).replicates,
    )


@pytest.mark.bits
def test_a_cluster_gives_the_bits_of_one_process():
    """Guards results against the number of workers and the order in which they finish."""
    distributed = pytest.importorskip("distributed")
    here = tables()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        there = tables()
    for one, other in zip(here, there, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.bits
def test_ray_gives_the_bits_of_one_process():
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.util.joblib").register_ray()
    here = tables()
    with ray.init(num_cpus=2, log_to_driver=False), joblib.parallel_config("ray", n_jobs=2):
        there = tables()
    for one, other in zip(here, there, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


HEEDS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""What a shell starts in the background ignores Ctrl-C, and so do its children."""
PARALLEL = """
import time
from nmfre.core.parallel import run_tasks
from nmfre.errors import InterruptedTasksError

def wait(task):
    time.sleep(0.05)
    if task == 4:
        print("working", flush=True)
    return task

try:
    run_tasks(wait, range(10_000), n_jobs=2, progress=False, description="waits")
except InterruptedTasksError as error:
    assert error.finished == {i: i for i in range(len(error.finished))}
    assert error.finished
    raise
"""
SERIAL = """
import numpy as np
from nmfre.estimation.alternating import fit_alternating

rng = np.random.default_rng(0)
Y, A = rng.random((1, 5, 30)), np.ones((1, 1, 30))
print("working", flush=True)
start = rng.random((1, 5, 2))
fit_alternating(Y, A, start, np.ones((1, 2, 1)), cap=9.0, tol=0.0, maxiter=10**9)
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no groups of processes")
@pytest.mark.parametrize(
    ("code", "send"),
    [(PARALLEL, "killpg"), (PARALLEL, "kill"), (SERIAL, "killpg")],
    ids=["terminal", "notebook", "one process"],
)
def test_ctrl_c_ends_a_task_and_its_workers(code, send):
    """A terminal sends it to workers as well, a notebook to the first process only."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDS + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == "working\n"
        getattr(os, send)(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert "KeyboardInterrupt" in errors or "InterruptedTasksError" in errors
        assert process.returncode != 0
        assert ended(process.pid)
    finally:
        if not ended(process.pid, seconds=0.0):
            os.killpg(process.pid, signal.SIGKILL)


def ended(group, seconds=20.0):
    """Whether no process of a group is left, after some time at the most."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
