"""The search: gradients and starts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from points import draw, shapes
from scipy.optimize import approx_fprime, check_grad

from nmfre.estimation.complete import moments_of
from nmfre.estimation.effective_df import effective_df
from nmfre.estimation.maximize import _Search, maximize, starting_bases


@given(shapes, st.booleans())
@settings(max_examples=60, deadline=None)
def test_gradient_is_that_of_finite_differences(shape, signed):
    Y, A, X, _, log_ridge = draw(*shape)
    m = moments_of(Y, A)
    search = _Search(m, X.shape[1], signed=signed, cap=np.inf)
    z = search.pack(X, log_ridge)
    _, gradient = search.value_and_gradient(z)
    error = check_grad(
        lambda z: search.value_and_gradient(z)[0], lambda z: search.value_and_gradient(z)[1], z
    )
    assert error < 1e-5 * max(1.0, np.abs(gradient).max())


@pytest.mark.parametrize("signed", [True, False])
def test_gradient_on_the_cap(signed):
    Y, A, X, _, _ = draw(6, 3, 2, 1)
    search = _Search(moments_of(Y, A), 3, signed=signed, cap=20.0)
    z = search.pack(X, 0.0)
    X, log_ridge = search.unpack(z)
    d = np.linalg.eigvalsh(X.T @ X)
    assert effective_df(d, np.exp(log_ridge), 25) == pytest.approx(20.0)
    difference = approx_fprime(z, lambda z: search.value_and_gradient(z)[0], 1e-7)
    np.testing.assert_allclose(search.value_and_gradient(z)[1], difference, atol=1e-6)


@pytest.mark.bits
def test_starts_are_reproducible():
    Y, A, *_ = draw(6, 2, 2, 0)
    m = moments_of(Y, A)
    a, b = (starting_bases(m, 2, 3, np.random.default_rng(1)) for _ in range(2))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
        assert (x > 0).all()
    one = maximize(m, a[0], signed=False)
    two = maximize(m, b[0], signed=False)
    np.testing.assert_array_equal(one.X, two.X)
