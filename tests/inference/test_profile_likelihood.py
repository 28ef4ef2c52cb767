"""Profile likelihood intervals, against other optimisers and in large samples."""

from __future__ import annotations

import confirmatory
import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq, minimize

import nmfre
from nmfre.inference.profile_likelihood import Profiles
from nmfre.simulation import BumpDesign

OPTIONS = {"method": "ml", "n_boot": 0, "n_starts": 1, "cov_type": "naive"}


def profiles(res):
    rank, n_covariates = res.theta.shape
    bse = res.bse.to_numpy().reshape(n_covariates, rank).T
    return Profiles(res.model.design.moments(), res.estimate, bse, 1e-8, 1000)


def test_rank_one_is_as_by_a_direct_optimisation(model):
    """Of the normal density, by another parametrisation and without gradients of ours."""
    res = model.fit(signed=True, cov_resid="identity", **OPTIONS)
    Y, A = res.model.design.Y, res.model.design.A
    found = profiles(res).limits(0.1, (0, 1))

    def minus_llf(others, effect):
        free, intercept, log_sigma2, log_tau2 = others[:3], *others[3:]
        x = np.append(free, 1.0 - free.sum())
        means = np.outer(x, np.array([intercept, effect]) @ A)
        Sigma = np.exp(log_sigma2) * np.eye(4) + np.exp(log_tau2) * np.outer(x, x)
        return -stats.multivariate_normal(np.zeros(4), Sigma).logpdf((Y - means).T).sum()

    start = [*res.estimate.X[:3, 0], res.params.iloc[0], np.log(res.sigma2), np.log(res.tau2)]

    def loss(effect):
        best = minimize(minus_llf, start, args=(effect,), method="BFGS", options={"gtol": 1e-4})
        return 2.0 * (best.fun + res.llf) - stats.chi2.isf(0.1, 1)

    middle, width = res.params.iloc[1], 3.0 * res.bse.iloc[1]
    for limit, end in ((found.lower, middle - width), (found.upper, middle + width)):
        assert limit == pytest.approx(brentq(loss, middle, end, xtol=1e-5), abs=2e-4)


def test_in_large_samples_it_is_the_interval_of_the_information():
    design = BumpDesign(n_responses=8, rank=2, n_units=6000)
    model = nmfre.NMFRE(*design.draw(np.random.default_rng(0)), rank=2)
    res = model.fit(signed=True, cov_re="identity", cov_resid="identity", **OPTIONS)
    wald, by = res.conf_int(method="wald"), profiles(res)
    for q in range(2):
        found = by.limits(0.05, (q, 1))
        expected = wald.xs(res.model.components[q], level=0).iloc[1]
        width = expected.iloc[1] - expected.iloc[0]
        np.testing.assert_allclose([found.lower, found.upper], expected, atol=0.01 * width)


@pytest.fixture(scope="module")
def bounded():
    return confirmatory.model().fit(cov_re="full", **OPTIONS)


def test_effects_at_zero_have_an_upper_limit(bounded):
    """The effect on the second part is held at 0, and without the bound it is negative."""
    assert bounded.theta.loc["verbal", "g"] == 0.0
    assert np.isnan(bounded.bse["verbal", "g"])
    found = profiles(bounded).limits(0.05, (1, 1))
    assert found.lower == 0.0
    assert 0.1 < found.upper < 1.0
    assert not found.failure


def test_the_lower_limit_is_zero_where_zero_is_not_rejected(bounded):
    likely = profiles(bounded).limits(0.05, (0, 1))
    sure = profiles(bounded).limits(1e-12, (0, 1))
    assert 0.0 < likely.lower < bounded.theta.loc["visual", "g"] < likely.upper < sure.upper
    assert sure.lower == 0.0


def test_a_fit_below_the_maximum_is_told(bounded):
    from dataclasses import replace

    by = profiles(bounded)
    worse = replace(by, estimate=replace(by.estimate, llf=by.estimate.llf - 10.0))
    found = worse.limits(0.05, (0, 1))
    assert np.isnan([found.lower, found.upper]).all()
    assert "Raise n_starts" in found.failure
    short = replace(by, maxiter=1).limits(0.05, (0, 1))
    assert np.isnan(short.lower)
    assert "no fit converged with the effect held at" in short.failure


def test_missing_responses(holed_fit):
    found = profiles(holed_fit).limits(0.05, (0, 1))
    wald = holed_fit.conf_int(method="wald").iloc[2]
    width = wald.iloc[1] - wald.iloc[0]
    np.testing.assert_allclose([found.lower, found.upper], wald, atol=0.3 * width)
