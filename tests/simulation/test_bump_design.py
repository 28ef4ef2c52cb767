"""Designs of the coverage study: their values, and moments of what they draw."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre import errors
from nmfre.simulation import BumpDesign, covariance_designs

SIZES = {"n_responses": 4, "rank": 2}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"errors": "gauss"}, "'gauss' is invalid"),
        ({"effects": "xx"}, "'xx' is invalid"),
        ({"background": -0.1}, "-0.1 is invalid"),
        ({"background": "0"}, "'0' is invalid"),
        ({"background": 1.0}, "1.0 is invalid"),
        ({"correlation": 1.0}, "1.0 is invalid"),
        ({"correlation": -0.5}, "-0.5 is invalid"),
        ({"sigma2": 0.0}, "0.0 is invalid"),
        ({"sigma2": -1.0}, "'array with NaN, infinite or negative entries' is invalid"),
        ({"sigma2": (1.0, 2.0)}, "'array of shape \\(2,\\)' is invalid"),
        ({"tau": (7.0, -1.0)}, "'array with NaN, infinite or negative entries' is invalid"),
        ({"tau": "7"}, "'str' is invalid"),
    ],
)
def test_a_design_checks_its_values(value, told):
    ((name, _),) = value.items()
    with pytest.raises(errors.InvalidArgumentError, match=f"{name}={told}"):
        BumpDesign(n_units=27, **SIZES, **value)


@pytest.mark.parametrize("distribution", ["normal", "exponential"])
def test_draws_have_the_covariance_of_the_design(distribution):
    design = BumpDesign(
        n_units=200_000,
        errors=distribution,
        sigma2=(0.5, 1.0, 2.0, 6.0),
        tau=(7.0, 4.0),
        correlation=0.5,
        **SIZES,
    )
    np.testing.assert_allclose(design.cov_re, [[49.0, 14.0], [14.0, 16.0]])
    endog, exog = design.draw(np.random.default_rng(0))
    resid = endog - exog @ design.theta.T @ design.basis.T
    X = design.basis
    Sigma = X @ design.cov_re @ X.T + np.diag(design.resid_variances)
    np.testing.assert_allclose(np.cov(resid.T), Sigma, atol=0.02 * Sigma.max())


def test_counts_vary_as_their_means():
    design = BumpDesign(n_units=200_000, errors="poisson", effects="none", **SIZES)
    endog, _ = design.draw(np.random.default_rng(0))
    np.testing.assert_array_equal(endog, np.round(endog))
    X, mean = design.basis, design.basis @ design.theta[:, 0]
    np.testing.assert_allclose(endog.mean(axis=0), mean, rtol=0.01)
    Sigma = X @ design.cov_re @ X.T + np.diag(mean)
    np.testing.assert_allclose(np.cov(endog.T), Sigma, atol=0.02 * Sigma.max())


def test_designs_of_covariances_differ_in_what_their_names_say():
    designs = covariance_designs(60)
    assert {design.n_units for design in designs.values()} == {60}
    equal = designs.pop("all equal")
    assert len(set(equal.resid_variances)) == len(set(np.diag(equal.cov_re))) == 1
    assert designs["both"].tau == (7.0, 4.0)
    np.testing.assert_allclose(designs["both"].resid_variances[[0, -1]], [0.5, 6.0])
    assert designs["correlation 0.5"].cov_re[0, 1] == pytest.approx(0.5 * 49.0)
    assert designs["counts"].errors == "poisson"
    assert designs["both, background 0.3"].basis.min() > 0.0
