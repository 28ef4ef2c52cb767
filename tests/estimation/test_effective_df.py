"""Effective degrees of freedom, and the ridge that meets a cap on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmfre.estimation.effective_df import effective_df, ridge_at_cap


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
