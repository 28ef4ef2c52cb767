"""The search: gradients and starts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from points import FORMS, covariances, draw, forms, shapes
from scipy.optimize import approx_fprime, check_grad

from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.maximize import maximize, starting_bases
from nmfre.estimation.search import Search


@given(shapes, forms, st.booleans())
@settings(max_examples=120, deadline=None)
def test_gradient_is_that_of_finite_differences(shape, structure, signed):
    Y, A, X, _, log_ridge = draw(*shape)
    m = moments_of(Y, A)
    search = Search(m, X.shape, structure, signed=signed, cap=np.inf)
    z = search.pack(X, covariances(structure, X.shape, log_ridge))
    _, gradient = search.value_and_gradient(z)
    error = check_grad(
        lambda z: search.value_and_gradient(z)[0], lambda z: search.value_and_gradient(z)[1], z
    )
    assert error < 1e-5 * max(1.0, np.abs(gradient).max())


@pytest.mark.parametrize("structure", FORMS)
@pytest.mark.parametrize("signed", [True, False])
def test_gradient_on_the_cap(signed, structure):
    Y, A, X, _, _ = draw(6, 3, 2, 1)
    search = Search(moments_of(Y, A), X.shape, structure, signed=signed, cap=20.0)
    z = search.pack(X, covariances(structure, X.shape, 0.0))
    X, relative = search.unpack(z)
    random = X @ relative.Phi @ X.T
    df = 25 * np.trace(np.linalg.solve(np.diag(relative.v) + random, random))
    assert df == pytest.approx(20.0)
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
    one = maximize(m, a[0], structure=Structure(), signed=False)
    two = maximize(m, b[0], structure=Structure(), signed=False)
    np.testing.assert_array_equal(one.X, two.X)
