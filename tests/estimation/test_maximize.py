"""The search: gradients and starts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from points import FORMS, covariances, draw, forms, of_size, shapes
from scipy.optimize import approx_fprime, check_grad

from nmfre.estimation.complete import DenseMoments, moments_of
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.maximize import maximize, maximize_all, starting_bases
from nmfre.estimation.search import Search


@given(shapes, forms, st.booleans())
@settings(max_examples=120, deadline=None)
def test_gradient_is_that_of_finite_differences(shape, structure, signed):
    Y, A, X, _, log_ridge = draw(*shape)
    m = moments_of(Y, A)
    search = Search(m, X.shape, of_size(structure, len(X)), signed=signed, cap=np.inf)
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
    search = Search(moments_of(Y, A), X.shape, of_size(structure, 6), signed=signed, cap=20.0)
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


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0",
    reason="NumPy 2.0 multiplies stacks by other kernels than single matrices",
)
@pytest.mark.bits
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("structure", FORMS)
def test_what_a_start_reaches_does_not_depend_on_the_others(structure, missing):
    Y, A, *_ = draw(6, 2, 2, 0)
    if missing:
        Y[0, ::7] = np.nan
    m = moments_of(Y, A)
    starts = np.stack(starting_bases(m, 2, 4, np.random.default_rng(1)))
    options = {"structure": of_size(structure, 6), "signed": False, "maxiter": 60}
    for start, found in zip(starts, maximize_all(m, starts, **options), strict=True):
        alone = maximize(m, start, **options)
        for name in ("X", "Theta", "v", "F", "path"):
            np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))
        assert (found.value, found.stop_reason) == (alone.value, alone.stop_reason)


@pytest.mark.bits
def test_data_sets_of_a_stack_do_not_depend_on_each_other():
    Y, A, *_ = draw(6, 2, 2, 0)
    weights = np.random.default_rng(2).exponential(size=(3, Y.shape[1]))
    several = [moments_of(Y, A, w / w.mean()) for w in weights]
    X = np.stack([starting_bases(m, 2, 1, np.random.default_rng(1))[0] for m in several])
    options = {"structure": Structure("diagonal", "identity"), "signed": False, "maxiter": 60}
    together = maximize_all(DenseMoments.stacked(several), X, **options)
    for m, start, found in zip(several, X, together, strict=True):
        alone = maximize(m, start, **options)
        np.testing.assert_array_equal(found.X, alone.X)
        np.testing.assert_array_equal(found.Theta, alone.Theta)
