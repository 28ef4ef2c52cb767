"""Points of the likelihood that are not maxima."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

shapes = st.tuples(
    st.integers(3, 7), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32 - 1)
)


def draw(P, Q, K, seed, N=25):
    rng = np.random.default_rng(seed)
    A = np.vstack([np.ones((1, N)), rng.normal(size=(K - 1, N))])
    X = rng.random((P, Q)) + 0.05
    X /= X.sum(axis=0)
    Y = X @ (P * rng.random((Q, K)) @ A + rng.normal(size=(Q, N))) + rng.normal(size=(P, N))
    return np.abs(Y), A, X, P * rng.random((Q, K)), rng.normal()
