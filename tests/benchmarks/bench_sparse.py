"""
method="ml" on a sparse document-term matrix: ``python tests/benchmarks/bench_sparse.py``.

100,000 documents by 20,000 terms, 0.5 % of the cells not zero, of ten planted topics; a number as
argument is that of the documents. scikit-learn's NMF of the same rank stands beside. Each fit runs
in a process of its own; its peak memory is above that of the imports, and includes the matrix. Set
OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import sklearn.decomposition
from scipy.sparse import csr_array, save_npz

import nmfre

N_TERMS, N_WORDS, RANK = 20_000, 102, 10
FITS = ("scikit-learn 1e-4", "scikit-learn 1e-6", "nmfre 1e-6", "nmfre 1e-8")


def documents(n_documents: int) -> csr_array:
    """Counts of terms, (N, P): words of topics, whose shares are drawn for every document."""
    rng = np.random.default_rng(0)
    topics = rng.gamma(0.3, size=(RANK, N_TERMS))
    topics = 0.8 * topics / topics.sum(axis=1, keepdims=True) + 0.2 / N_TERMS
    edges = (np.cumsum(topics, axis=1) + np.arange(RANK)[:, None]).ravel()
    data, indices, indptr = [], [], [np.zeros(1, dtype=np.int32)]
    for start in range(0, n_documents, 1_000):
        n = min(1_000, n_documents - start)
        weights = np.full((n, RANK), 0.2)
        weights[group(n) == 1, : RANK // 2] = 0.6
        share = rng.gamma(weights)
        upto = np.cumsum(share / share.sum(axis=1, keepdims=True), axis=1)[:, None, :-1]
        topic = (rng.random((n, N_WORDS, 1)) > upto).sum(axis=2)
        word = np.searchsorted(edges, topic + rng.random(topic.shape)) - N_TERMS * topic
        word = np.minimum(word, N_TERMS - 1).ravel()
        row = np.repeat(np.arange(n), N_WORDS)
        block = csr_array((np.ones(word.size), (row, word)), shape=(n, N_TERMS))
        data.append(block.data)
        indices.append(block.indices.astype(np.int32))
        indptr.append((indptr[-1][-1] + block.indptr[1:]).astype(np.int32))
    parts = (np.concatenate(data), np.concatenate(indices), np.concatenate(indptr))
    return csr_array(parts, shape=(n_documents, N_TERMS))


def group(n_documents: int) -> np.ndarray:
    """The indicator: every other document."""
    return np.arange(n_documents) % 2


def peak() -> int:
    """Peak memory of this process, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def load(path: Path) -> csr_array:
    """The matrix, its parts one by one, so that none is there twice."""
    with np.load(path) as parts:
        return csr_array(
            (parts["data"], parts["indices"], parts["indptr"]), shape=tuple(parts["shape"])
        )


def fit(path: Path, how: str) -> None:
    """One fit; prints its time, its peak memory and where it stopped."""
    before = peak()
    endog = load(path)
    own = endog.data.nbytes + endog.indices.nbytes + endog.indptr.nbytes
    n_documents = endog.shape[0]
    program, tol = how.split()
    start = time.perf_counter()
    if program == "scikit-learn":
        nmf = sklearn.decomposition.NMF(RANK, tol=float(tol), max_iter=1_000, random_state=0)
        nmf.fit_transform(endog)
        end = f"{nmf.n_iter_} iterations, its own tol={tol} (relative change of the factors)"
    else:
        exog = np.column_stack([np.ones(n_documents), group(n_documents)])
        model = nmfre.NMFRE(endog, exog, rank=RANK)
        res = model.fit("ml", uncertainty="conditional", n_starts=1, n_boot=0, tol=float(tol))
        end = (
            f"{res.n_iter} iterations, tol={tol}, stopped: {res.stop_reason}; gradient norm "
            f"{res.gradient_norm:.1e} per cell, log-likelihood {res.llf:.3f}"
        )
    seconds, above = time.perf_counter() - start, peak() - before
    print(
        f"{how}: {seconds:.1f} s, peak {above / 1e6:.0f} MB = {above / own:.2f} times the "
        f"{own / 1e6:.0f} MB of the matrix; {end}",
        flush=True,
    )


def write(path: Path, n_documents: int) -> None:
    """The matrix, in a process of its own: a process inherits the peak of the one it is from."""
    counts = documents(n_documents)
    share = counts.nnz / counts.shape[0] / counts.shape[1]
    print(f"{n_documents} documents, {N_TERMS} terms, {share:.2%} not zero", flush=True)
    save_npz(path, counts, compressed=False)


def main(n_documents: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.npz"
        for how in (str(n_documents), *FITS):
            subprocess.run([sys.executable, __file__, str(path), how], check=True)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[2].isdigit():
        write(Path(sys.argv[1]), int(sys.argv[2]))
    elif len(sys.argv) > 2:
        fit(Path(sys.argv[1]), sys.argv[2])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
