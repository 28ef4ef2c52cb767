"""Stacks of problems."""

from __future__ import annotations

import numpy as np


def problems(size, *, P=5, N=30, Q=2, K=3, seed=0):
    rng = np.random.default_rng(seed)
    A = np.concatenate([np.ones((size, 1, N)), rng.random((size, K - 1, N))], axis=1)
    X = rng.random((size, P, Q)) ** 3
    scores = 20 * rng.random((size, Q, K)) @ A + rng.normal(size=(size, Q, N))
    Y = np.maximum(X @ scores + rng.normal(size=(size, P, N)), 0)
    return Y, A, rng.random((size, P, Q)) + 0.1, np.ones((size, Q, K))


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("X", "Theta", "U", "sigma2", "tau2", "n_iter", "objective_path", "ridge_path")
    )
