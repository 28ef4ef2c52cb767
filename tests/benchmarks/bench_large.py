"""
method="ml" for 20 million units on disk: ``python tests/benchmarks/bench_large.py``.

It writes 2.2 GB into a temporary folder, and removes it. Set OPENBLAS_NUM_THREADS=1. Each fit
runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dask
import dask.array as da
import numpy as np

import nmfre

N_UNITS, N_CHUNK = 20_000_000, 100_000
P, Q = 12, 3
X = np.repeat(np.eye(Q), P // Q, axis=0) + 0.1
THETA = np.array([[8.0, 6.0, 4.0], [3.0, 0.0, 2.0]])  # K x Q


def write(folder: Path) -> None:
    """Responses and covariates (an intercept and one more), a file for each chunk."""
    for chunk in range(N_UNITS // N_CHUNK):
        rng = np.random.default_rng([0, chunk])
        exog = np.column_stack([np.ones(N_CHUNK), rng.random(N_CHUNK)])
        scores = exog @ THETA + rng.normal(size=(N_CHUNK, Q))
        endog = np.abs(scores @ X.T + rng.normal(size=(N_CHUNK, P)))
        np.save(folder / f"endog{chunk}.npy", endog)
        np.save(folder / f"exog{chunk}.npy", exog)


def read(folder: Path, name: str, n_columns: int) -> da.Array:
    """The files of a name as one dask array, of which nothing is read yet."""
    load = dask.delayed(np.load)
    return da.concatenate(
        [
            da.from_delayed(load(folder / f"{name}{chunk}.npy"), (N_CHUNK, n_columns), float)
            for chunk in range(N_UNITS // N_CHUNK)
        ]
    )


def fit(folder: Path, n_workers: int, n_boot: int) -> None:
    """One fit; prints its time and the peak memory of this process."""
    start = time.perf_counter()
    with dask.config.set(scheduler="threads", num_workers=n_workers):
        model = nmfre.NMFRE(read(folder, "endog", P), read(folder, "exog", 2), rank=Q)
        results = model.fit("ml", n_starts=2, n_boot=n_boot)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        f"N = {N_UNITS}, P = {P}, {n_workers} worker(s), n_boot={n_boot}: {seconds:.1f} s, "
        f"peak memory {peak / 1e6:.0f} MB, converged: {results.converged}"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        for n_boot in (0, 100):
            for n_workers in (1, 2):
                arguments = [folder, str(n_workers), str(n_boot)]
                subprocess.run([sys.executable, __file__, *arguments], check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        fit(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
