"""
Timings of method="ml": ``python tests/benchmarks/bench_ml.py``.

Set OPENBLAS_NUM_THREADS=1 for one core; matrices this small gain nothing from more.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import nmfre
from nmfre.estimation.complete import moments_of
from nmfre.estimation.maximize import maximize, starting_bases
from nmfre.simulation import BumpDesign

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import Case


def large(n_units: int) -> tuple[np.ndarray, np.ndarray]:
    """Responses (N x 20) of rank 3 and covariates (N x 4), made in blocks."""
    rng = np.random.default_rng(0)
    X = rng.random((20, 3)) ** 4
    X /= X.sum(axis=0)
    Theta = 5.0 * np.arange(1, 13).reshape(4, 3)
    endog, exog = np.empty((n_units, 20)), np.ones((n_units, 4))
    for start in range(0, n_units, 10_000):
        s = slice(start, min(start + 10_000, n_units))
        size = s.stop - s.start
        exog[s, 1:] = rng.random((size, 3))
        scores = exog[s] @ Theta + 8.0 * rng.normal(size=(size, 3))
        endog[s] = np.abs(scores @ X.T + 0.5 * rng.normal(size=(size, 20)))
    return endog, exog


def main() -> None:
    case = Case.read("holzinger_rank3")
    holzinger = nmfre.NMFRE(case.Y.T, case.A.T, rank=3)
    for signed in (True, False):
        seconds = []
        for _ in range(15):
            start = time.perf_counter()
            holzinger.fit("ml", signed=signed, n_starts=1)
            seconds.append(time.perf_counter() - start)
        print(
            f"Holzinger-Swineford, rank 3, signed={signed}, one start: "
            f"median {1e3 * statistics.median(seconds):.1f} ms"
        )
    endog, exog = BumpDesign(n_responses=9, rank=2, n_units=2_000).draw(np.random.default_rng(0))
    endog[np.random.default_rng(1).random(endog.shape) < 0.2] = np.nan
    start = time.perf_counter()
    nmfre.NMFRE(endog, exog, rank=2).fit("ml")
    print(f"N = 2000, P = 9, 20 % missing, five starts: {time.perf_counter() - start:.2f} s")
    for n_units in (1_000, 1_000_000):
        endog, exog = large(n_units)
        start = time.perf_counter()
        moments = moments_of(endog.T, exog.T)
        passed = time.perf_counter() - start
        (basis,) = starting_bases(moments, 3, 1, np.random.default_rng(0))
        start = time.perf_counter()
        found = maximize(moments, basis, signed=False, polish=False, tol=1e-6)
        per_iteration = (time.perf_counter() - start) / found.n_iter
        print(
            f"N = {n_units}: moments {1e3 * passed:.1f} ms, "
            f"{1e6 * per_iteration:.0f} microseconds an iteration ({found.n_iter})"
        )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    model = nmfre.NMFRE(endog, exog, rank=3)
    for n_boot in (0, 500):
        start = time.perf_counter()
        model.fit("ml", n_boot=n_boot, n_starts=1)
        seconds_of_fit = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(
            f"N = 1000000, n_boot={n_boot}, one start: {seconds_of_fit:.2f} s; peak memory is "
            f"{1 + (peak - before) / endog.nbytes:.2f} times that of Y"
        )


if __name__ == "__main__":
    main()
