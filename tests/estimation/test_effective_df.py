"""Effective degrees of freedom, and the ridge that meets a cap on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmfre.estimation.effective_df import (
    effective_df,
    eigenvalues_of,
    ridge_at_cap,
    shrinkage_under_cap,
)


@given(
    arrays(float, (4, 3), elements=st.floats(1e-6, 10.0)),
    st.floats(1e-6, 1.0),
    st.floats(0.01, 0.95),
)
def test_ridge_at_cap_meets_the_cap(eigenvalues, ridge, share):
    ridge = np.full(4, ridge)
    cap = share * effective_df(eigenvalues, ridge, 50)
    found = ridge_at_cap(eigenvalues, cap, ridge, 50)
    assert (found > ridge).all()
    np.testing.assert_allclose(effective_df(eigenvalues, found, 50), cap, rtol=1e-12)


def test_effective_df_of_equal_eigenvalues():
    assert effective_df(np.array([1.0, 1.0]), 1.0, 10) == pytest.approx(10.0)
    assert effective_df(np.array([1.0, 0.0]), 1.0, 10) == pytest.approx(5.0)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
@pytest.mark.parametrize("bound", [False, True])
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e3), st.floats(1e-3, 0.999))
def test_closed_forms_are_those_of_eigenvalues_and_inverses(rank, bound, seed, ridge, share):
    """Members that a cap does not bind, and others beside them."""
    n_units = 50
    X = np.random.default_rng(seed).random((3, rank + 2, rank)) ** 3
    X /= X.sum(axis=1, keepdims=True)
    XtX, ridges = X.mT @ X, np.full(3, ridge)
    free = effective_df(eigenvalues_of(XtX), ridges, n_units)
    cap = free * [share, 2.0, np.inf]
    found, df, capped, M_inv = shrinkage_under_cap(
        XtX, ridges, cap, n_units, np.array([bound, not bound, bound])
    )
    assert capped.tolist() == [True, False, False]
    np.testing.assert_allclose(found[1:], ridge)
    np.testing.assert_allclose(df, [cap[0], *free[1:]], rtol=1e-9)
    reached = effective_df(eigenvalues_of(XtX), found, n_units)
    np.testing.assert_allclose(reached, df, rtol=1e-7)
    M = XtX + found[:, None, None] * np.eye(rank)
    np.testing.assert_allclose(M_inv @ M, np.broadcast_to(np.eye(rank), M.shape), atol=1e-7)
