"""
Timings of method="df-cap": ``python tests/benchmarks/bench_df_cap.py``.

Set OPENBLAS_NUM_THREADS=1 for one core; matrices this small gain nothing from more.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import nmfre
from nmfre.estimation.alternating import fit_alternating
from nmfre.inference.multipliers import Draws
from nmfre.inference.wild_bootstrap import one_step, unit_blocks

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import Case


def timed(name: str, call: Callable[[], object], repeats: int) -> None:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    print(f"{name:58s} median {1e3 * statistics.median(seconds):9.2f} ms of {repeats}")


def main() -> None:
    warnings.simplefilter("ignore", nmfre.ConvergenceWarning)
    holzinger = Case.read("holzinger_rank3")
    timed("holzinger_rank3, 4041 iterations, fit", holzinger.fit, 5)
    orthodont = nmfre.NMFRE.from_formula(
        "distance ~ sex",
        nmfre.datasets.load_orthodont(),
        rank=1,
        unit="subject",
        occasion="age",
    )
    timed("Orthodont, 226 iterations, fit", lambda: orthodont.fit(df_cap=0.21), 50)

    rng = np.random.default_rng(0)
    Y, A = orthodont.design.Y, orthodont.design.A
    stack = np.maximum(Y + rng.normal(size=(1000, *Y.shape)), 0)
    X, Theta = rng.random((1000, 4, 1)), np.ones((1000, 1, 2))
    timed(
        "a stack of 1000 problems of the size of Orthodont",
        lambda: fit_alternating(stack, A[None], X, Theta, cap=5.67),
        5,
    )
    influence = rng.normal(size=(27, 2))
    timed(
        "10000 wild-bootstrap replicates of Orthodont",
        lambda: one_step(
            (influence.T,),
            np.transpose,
            Draws(
                blocks=unit_blocks(27, 10_000),
                n_boot=10_000,
                multiplier="exponential",
                seeds=np.random.SeedSequence(0).spawn(1),
            ),
            estimate=np.ones(2),
            floor=0.0,
        ),
        20,
    )
    for n_units in (1_000, 100_000, 1_000_000):
        A = np.vstack([np.ones(n_units), rng.random((3, n_units))])
        Y = rng.random((20, 3)) @ (rng.random((3, 4)) @ A + rng.random((3, n_units)))
        start, ones = rng.random((1, 20, 3)), np.ones((1, 3, 4))

        def ten_iterations(Y=Y, A=A, start=start, ones=ones, cap=n_units):
            return fit_alternating(Y[None], A[None], start, ones, cap=cap, tol=0.0, maxiter=10)

        timed(f"10 iterations, P = 20, Q = 3, K = 4, N = {n_units}", ten_iterations, 3)


if __name__ == "__main__":
    main()
