"""Newton steps within bounds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from nmfre.estimation.newton import minimise_within


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_a_quadratic_model_is_minimised_within_its_bounds(size, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size + 3, size))
    H, g = root.T @ root + 0.1 * np.eye(size), 3.0 * rng.normal(size=size)
    low, high = -rng.exponential(size=size), rng.exponential(size=size)
    low[rng.random(size) < 0.3] = 0.0  # at a bound
    high[rng.random(size) < 0.3] = np.inf
    (found,), (convex,) = minimise_within(H[None], g[None], low[None], high[None])
    assert convex
    assert (found >= low).all()
    assert (found <= high).all()
    upper = np.linalg.cholesky(H).T
    best = lsq_linear(upper, -np.linalg.solve(upper.T, g), (low - 1e-300, high), tol=1e-14)
    assert g @ found + 0.5 * found @ H @ found <= best.cost - 0.5 * g @ np.linalg.solve(H, g) + 1e-8


def test_there_is_no_minimum_where_what_is_free_is_not_convex():
    H, g = np.diag([1.0, -1.0]), np.array([0.0, 1.0])
    low = np.array([[-1.0, -1.0], [-1.0, 0.0]])
    held, convex = minimise_within(np.stack([H, H]), np.stack([g, g]), low, np.ones((2, 2)))
    assert convex.tolist() == [False, True]
    np.testing.assert_array_equal(held[1], 0.0)
