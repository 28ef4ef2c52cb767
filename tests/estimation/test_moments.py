"""What every form of the moments computes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from points import draw, shapes

from nmfre.estimation.complete import moments_of
from nmfre.estimation.likelihood import marginal_value


@given(shapes, st.booleans(), st.floats(0.0, 2e3))
@settings(max_examples=40, deadline=None)
def test_profiled_theta_is_the_maximum_over_theta(shape, signed, shift):
    Y, A, X, _, log_ridge = draw(*shape)
    A[1:] += shift
    m = moments_of(Y, A)
    Gamma, Theta = m.profiled(X, np.exp(log_ridge), signed=signed)
    np.testing.assert_allclose(Theta @ A, Gamma @ m.covariates.white(A), rtol=1e-8, atol=1e-8)
    point = marginal_value(m, X, Gamma, log_ridge)
    rng = np.random.default_rng(0)
    size = np.abs(Theta).max(axis=0)
    for _ in range(10):
        other = Theta + 0.1 * size * rng.normal(size=Theta.shape)
        other = other if signed else np.maximum(other, 0.0)
        worse = marginal_value(m, X, m.covariates.gamma(other), log_ridge).value
        assert worse >= point.value - 1e-12
    assert signed or Theta.min() >= 0.0
