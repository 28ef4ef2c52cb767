"""Equations in the information."""

from __future__ import annotations

import numpy as np

from nmfre.inference.equations import solved


def test_both_ways_agree():
    rng = np.random.default_rng(0)
    root, values = rng.normal(size=(6, 6)), rng.normal(size=(6, 2))
    size = 10.0 ** np.arange(-3, 3)
    H = root @ root.T * np.outer(size, size)
    np.testing.assert_allclose(H @ solved(H, values), values, rtol=1e-6, atol=1e-8)


def test_singular_ones_have_the_solution_of_least_norm():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 4))
    H, values = root @ root.T, root @ rng.normal(size=(4, 2))
    x = solved(H, values)
    np.testing.assert_allclose(H @ x, values, atol=1e-10)
    np.testing.assert_allclose(x, np.linalg.pinv(H) @ values, atol=1e-8)
    assert not solved(np.zeros((2, 2)), np.ones((2, 1))).any()
