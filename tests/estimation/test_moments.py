"""What every form of the moments computes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from points import covariances, draw, forms, shapes, value

from nmfre.estimation.complete import moments_of


@given(shapes, forms, st.booleans(), st.floats(0.0, 2e3))
@settings(max_examples=80, deadline=None)
def test_profiled_theta_is_the_maximum_over_theta(shape, structure, signed, shift):
    Y, A, X, _, log_ridge = draw(*shape)
    A[1:] += shift
    m = moments_of(Y, A)
    relative = covariances(structure, X.shape, log_ridge)
    Gamma, Theta = m.profiled(X, relative, signed=signed)
    np.testing.assert_allclose(Theta @ A, Gamma @ m.covariates.white(A), rtol=1e-8, atol=1e-8)
    point = value(m, X, Gamma, relative, structure)
    rng = np.random.default_rng(0)
    size = np.abs(Theta).max(axis=0)
    for _ in range(10):
        other = Theta + 0.1 * size * rng.normal(size=Theta.shape)
        other = other if signed else np.maximum(other, 0.0)
        worse = value(m, X, m.covariates.gamma(other), relative, structure).value
        assert worse >= point.value - 1e-12
    assert signed or Theta.min() >= 0.0
