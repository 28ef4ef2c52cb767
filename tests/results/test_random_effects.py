"""The likelihood-ratio test of no random effects."""

from __future__ import annotations

import numpy as np
import pytest
from forms import long_model
from scipy import stats

import nmfre
from nmfre import errors
from nmfre.inference.random_effects import bootstrap_pvalue
from nmfre.simulation import BumpDesign


@pytest.fixture(scope="module")
def res():
    return long_model(nmfre.datasets.load_orthodont()).fit("ml", n_boot=0)


def null_fit(rank, seed=0, **options):
    design = BumpDesign(n_responses=4, rank=rank, n_units=40, tau=0.0)
    endog, exog = design.draw(np.random.default_rng(seed))
    options = {"signed": True, "n_boot": 0, "n_starts": 2, **options}
    return nmfre.NMFRE(endog, exog, rank=rank).fit("ml", **options)


def test_without_random_effects_rank_one_is_a_regression_on_a_direction(res):
    """Y = x theta'A + e with equal variances: the best x theta' is of reduced rank."""
    model = long_model(nmfre.datasets.load_orthodont())
    equal = model.fit("ml", cov_resid="identity", n_boot=0)
    test = equal.test_random_effects()
    Y, A = model.endog.T, model.exog.T
    coefficients = Y @ A.T @ np.linalg.inv(A @ A.T)
    root = np.linalg.cholesky(A @ A.T)
    left = np.sum((Y - coefficients @ A) ** 2)
    left += np.linalg.svd(coefficients @ root, compute_uv=False)[1] ** 2
    sigma2 = left / Y.size
    llf = -Y.size / 2 * (np.log(2 * np.pi * sigma2) + 1)
    assert test.llf_null == pytest.approx(llf, abs=1e-6)
    assert test.llf == pytest.approx(equal.llf, abs=1e-6)
    assert test.statistic == pytest.approx(2 * (equal.llf - llf), abs=1e-5)
    assert test.pvalue == pytest.approx(stats.chi2.sf(test.statistic, 1) / 2)
    assert test.pvalue == test.pvalue_chibar
    assert test.n_boot == 0
    assert res.test_random_effects().llf == pytest.approx(res.llf, abs=1e-6)


def test_at_the_boundary_the_statistic_is_zero():
    fits = (null_fit(1, seed) for seed in range(20))
    bound = next(fit for fit in fits if fit.estimate.tau2_at_bound)
    test = bound.test_random_effects()
    assert (test.statistic, test.pvalue) == (0.0, 1.0)


def test_two_components_need_the_bootstrap():
    test = null_fit(2, cov_resid="identity").test_random_effects(19)
    assert test.n_boot == 19
    assert np.isnan(test.pvalue_chibar)
    assert test.pvalue == bootstrap_pvalue(test.statistic, test.null_statistics)
    shown = str(test)
    assert "19 data sets" in shown
    assert "there is no chi-bar-squared mixture" in shown
    assert "NOT CONVERGED" not in shown
    assert "<table" in test._repr_html_()


def test_the_bootstrap_beside_the_mixture(res):
    test = res.test_random_effects(19, seed=4)
    assert test.pvalue == 1 / 20
    assert test.pvalue_chibar < 1e-10
    assert (test.null_statistics >= 0.0).all()


def test_missing_and_loaded(gaps, tmp_path):
    res = long_model(gaps).fit("ml", n_boot=0)
    test = res.test_random_effects()
    assert test.llf == pytest.approx(res.llf, abs=1e-6)
    assert test.llf_null < test.llf
    res.to_arrays(tmp_path / "fit.npz")
    assert str(nmfre.from_arrays(tmp_path / "fit.npz").test_random_effects()) == str(test)


def test_errors(model, res):
    with pytest.raises(errors.NotComputedError, match="df-cap minimises"):
        model.fit(df_cap=0.21).test_random_effects()
    with pytest.raises(errors.NotComputedError, match="the cap determines"):
        model.fit("ml", df_cap=0.1, n_boot=0).test_random_effects()
    with pytest.raises(errors.InvalidArgumentError, match="at least 19 data sets, or 0"):
        res.test_random_effects(5)
    with pytest.raises(errors.InvalidArgumentError, match="at least 19 data sets"):
        null_fit(2, cov_resid="identity").test_random_effects(0)
    for arguments in ({"seed": None}, {"n_jobs": 0}, {"progress": "no"}, {"n_boot": -1}):
        with pytest.raises(errors.InvalidArgumentError):
            res.test_random_effects(**arguments)
    light = model.fit("ml", n_boot=0)
    light.remove_data()
    with pytest.raises(errors.DataRemovedError):
        light.test_random_effects()
