"""Scores, clusters and coefficients as data frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture(params=["df-cap", "ml"])
def res(request, simulated):
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age", simulated, rank=2)
    return model.fit(request.param, maxiter=300)


def changed(res, **arrays):
    """The result with other estimates."""
    estimate = replace(res.estimate, **arrays)
    return replace(res, estimate=estimate)


@pytest.fixture
def two(simulated):
    return nmfre.NMFRE(simulated[["y1", "y5", "y3"]], rank=2).fit("ml", n_boot=0)


def test_scores_make_the_fits(res, simulated):
    for which in ("fixed", "blup"):
        scores = res.scores(which)
        pd.testing.assert_index_equal(scores.index, simulated.index)
        pd.testing.assert_index_equal(scores.columns, res.theta.index)
        np.testing.assert_allclose(scores @ res.basis.T, res.predict(which=which))
    np.testing.assert_allclose(res.scores() - res.scores("fixed"), res.random_effects, atol=1e-12)
    with pytest.raises(errors.InvalidArgumentError, match="which='both'"):
        res.scores("both")


def test_scores_are_not_cut_off(two):
    below = changed(two, Theta=np.array([[-5.0], [3.0]]))
    assert (below.scores("fixed")["comp1"] == -5.0).all()
    np.testing.assert_array_equal(below.scores()["comp1"], two.random_effects["comp1"] - 5.0)


def test_random_effects_have_posterior_standard_errors(res, simulated):
    res = res.with_uncertainty("conditional")
    X = res.basis.to_numpy()
    # The posterior of u given y, by conditioning the joint normal distribution of both.
    Phi, Psi = res.cov_re.to_numpy(), np.diag(res.resid_variances)
    covariance = Phi - Phi @ X.T @ np.linalg.solve(X @ Phi @ X.T + Psi, X @ Phi)
    se = res.random_effects_se
    np.testing.assert_allclose(se, np.tile(np.sqrt(np.diag(covariance)), (40, 1)))
    pd.testing.assert_index_equal(se.index, simulated.index)
    pd.testing.assert_index_equal(se.columns, res.random_effects.columns)


def test_standard_errors_of_random_effects_have_those_of_the_parameters(res):
    more = res.random_effects_se - res.with_uncertainty("conditional").random_effects_se
    assert (more > 0).all(axis=None) == (res.method == "ml")
    # A unit's own covariates and responses enter.
    assert (more.nunique() == (40 if res.method == "ml" else 1)).all()


def test_soft_clusters(res):
    shares = res.response_membership
    pd.testing.assert_frame_equal(shares, res.basis.div(res.basis.sum(axis=1), axis=0))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    for which in ("fixed", "blup"):
        units = res.unit_membership(which)
        assert units.index.equals(res.model.design.units)
        np.testing.assert_allclose(units.sum(axis=1), 1.0)
        ratio = res.scores(which)["comp1"] / res.scores(which).sum(axis=1)
        np.testing.assert_allclose(units["comp1"], ratio)


def test_hard_clusters(res):
    assert res.response_clusters.drop("y3").to_list() == ["comp1", "comp1", "comp2", "comp2"]
    assert res.response_clusters.name == "component"
    pd.testing.assert_series_equal(
        res.unit_clusters(), res.scores().idxmax(axis=1).rename("component"), check_dtype=False
    )


def test_negative_scores_have_no_share(two):
    shares = changed(two, Theta=np.array([[-5.0], [3.0]])).unit_membership("fixed")
    np.testing.assert_array_equal(shares, np.tile([0.0, 1.0], (40, 1)))


def test_rows_without_any_share_are_missing(two):
    below = changed(two, Theta=np.array([[-5.0], [-3.0]]))
    assert below.unit_membership("fixed").isna().all(axis=None)
    assert below.unit_clusters("fixed").isna().all()
    none = changed(two, X=np.array([[0.5, 0.5], [0.5, 0.5], [0.0, 0.0]]))
    assert none.response_membership.isna().all(axis=1).to_list() == [False, False, True]
    clusters = none.response_clusters
    assert clusters.iloc[:2].to_list() == ["comp1", "comp1"]  # the first of equal ones
    assert pd.isna(clusters.iloc[2])


def test_tidy(res):
    table = res.tidy(alpha=0.1)
    assert table.columns.to_list() == [
        "component",
        "covariate",
        "estimate",
        "std_error",
        "statistic",
        "p_value",
        "conf_low",
        "conf_high",
    ]
    pd.testing.assert_index_equal(table.index, pd.RangeIndex(4))
    assert list(zip(table["component"], table["covariate"], strict=True)) == list(res.params.index)
    for column, series in (
        ("estimate", res.params),
        ("std_error", res.bse),
        ("statistic", res.tvalues),
        ("p_value", res.pvalues),
    ):
        np.testing.assert_array_equal(table[column], series)
    np.testing.assert_array_equal(table[["conf_low", "conf_high"]], res.conf_int(0.1))
    told = {"level": 0.9, "interval": "percentile"}
    assert table.attrs == {**told, "alternative": res.alternative}
    with pytest.raises(errors.InvalidArgumentError, match="alpha"):
        res.tidy(alpha=5)


def test_tidy_without_a_bootstrap(model):
    res = model.fit("ml", n_boot=0)
    table = res.tidy()
    assert table.attrs == {"level": 0.95, "interval": "wald", "alternative": "larger"}
    np.testing.assert_array_equal(
        table[["conf_low", "conf_high"]], res.conf_int(method="wald").to_numpy()
    )


def test_posterior_errors_are_larger_where_less_is_observed():
    rng = np.random.default_rng(0)
    Y = 10 + rng.normal(size=(50, 1)) * 3 + rng.normal(size=(50, 4))
    Y[5, 1:] = np.nan
    res = nmfre.NMFRE(Y, rank=1).fit("ml", n_boot=0)
    known = res.with_uncertainty("conditional")
    X, se = res.estimate.X, known.random_effects_se["comp1"]
    assert se.nunique() == 2
    assert res.random_effects_se["comp1"].idxmax() == 5
    known = X[:, 0] ** 2 / res.resid_variances.to_numpy()
    np.testing.assert_allclose(se[5], (known[0] + 1 / res.tau2) ** -0.5)
    np.testing.assert_allclose(se[0], (known.sum() + 1 / res.tau2) ** -0.5)
