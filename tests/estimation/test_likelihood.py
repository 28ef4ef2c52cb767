"""The marginal likelihood is the density of the normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from points import FORMS, covariances, draw, forms, gradient, shapes, value
from scipy.stats import multivariate_normal

from nmfre.estimation.complete import moments_of
from nmfre.simulation import BumpDesign


@given(shapes, forms, st.booleans())
@settings(max_examples=120, deadline=None)
def test_value_is_the_normal_density(shape, structure, signed):
    Y, A, X, Theta, log_ridge = draw(*shape)
    (P, N), m = Y.shape, moments_of(Y, A)
    relative = covariances(structure, X.shape, log_ridge)
    if signed:
        _, Theta = m.profiled(X, relative, signed=True)
    point = value(m, X, m.covariates.gamma(Theta), relative, structure)
    sigma2, Theta = point.sigma2 * m.scale**2, Theta * m.scale
    covariance = sigma2 * (np.diag(relative.v) + X @ relative.Phi @ X.T)
    centred = (Y - X @ Theta @ A).T
    expected = -multivariate_normal(np.zeros(P), covariance).logpdf(centred).sum()
    assert N * P * (point.value + np.log(m.scale)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("structure", FORMS)
@pytest.mark.parametrize("missing", [False, True])
def test_a_weight_counts_a_unit_as_often(missing, structure):
    endog, exog = BumpDesign(n_responses=6, rank=2, n_units=40).draw(np.random.default_rng(3))
    if missing:
        endog[::3, 1] = endog[1::4, 4] = np.nan
    weights = np.tile([0.0, 2.0, 1.0, 1.0], 10)
    often = np.repeat(np.arange(40), weights.astype(int))
    weighted = moments_of(endog.T, exog.T, weights)
    repeated = moments_of(endog[often].T, exog[often].T)
    X = np.random.default_rng(1).random((6, 2))
    relative = covariances(structure, X.shape, -0.5)
    profiled, expected = (m.profiled(X, relative, signed=True)[1] for m in (weighted, repeated))
    np.testing.assert_allclose(profiled, expected, rtol=1e-9)
    for Theta in (profiled, np.array([[8.0, 2.0], [6.0, 1.0]])):
        at = [(m, X, m.covariates.gamma(Theta), relative) for m in (weighted, repeated)]
        one, other = (value(*point, structure).value for point in at)
        assert one == pytest.approx(other, rel=1e-12)
        one, other = (gradient(*point, structure) for point in at)
        for by, m in ((one, weighted), (other, repeated)):
            by["Gamma"] = by["Gamma"] @ m.covariates.L.T  # by Theta
        for name in one:
            np.testing.assert_allclose(one[name], other[name], atol=1e-12)
