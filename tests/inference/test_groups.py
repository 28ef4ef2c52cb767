"""Units in groups: sums of scores, and what is made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import nmfre
from nmfre.errors import NotComputedError
from nmfre.inference.groups import group_sums
from nmfre.inference.wild_bootstrap import unit_blocks, whole

GOLDEN = Path(__file__).parents[1] / "golden" / "groups"
KINDS = ["sandwich", "naive", "max", "cr3"]


@pytest.fixture(scope="module")
def schools():
    return pd.read_csv(GOLDEN / "schools.csv")


def model_of(schools, groups="school", rank=1):
    return nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 ~ x + z", schools, rank=rank, groups=groups)


@pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")
@pytest.mark.parametrize("method", ["ml", "df-cap"])
def test_groups_of_one_unit_change_no_bit(bumps, method):
    labels = np.random.default_rng(0).permutation(60)
    grouped = nmfre.NMFRE(bumps.endog, bumps.exog, rank=2, groups=labels)
    options = {"n_boot": 20, "tol": 1e-6} | ({"n_starts": 1} if method == "ml" else {})
    fits = [each.fit(method, **options) for each in (bumps, grouped)]
    for cov_type in KINDS:
        kinds = [fit.with_uncertainty(fit.uncertainty, cov_type=cov_type) for fit in fits]
        one, other = (kind.inference for kind in kinds)
        np.testing.assert_array_equal(one.covariance, other.covariance)
        np.testing.assert_array_equal(one.bootstrap.deviations, other.bootstrap.deviations)
    refits = [fit.bootstrap(3, refit=True).replicates for fit in fits]
    np.testing.assert_array_equal(*refits)
    np.testing.assert_array_equal(fits[1].dfbetas, fits[1].dfbetas_by_group)


def test_standard_errors_are_those_of_lavaan(schools):
    expected = json.loads((GOLDEN / "schools.json").read_text())
    res = model_of(schools).fit("ml", signed=True, cov_type="sandwich", n_boot=0)
    assert res.llf == pytest.approx(expected["llf"], abs=1e-6)
    for name in ("params", "bse"):
        np.testing.assert_allclose(getattr(res, name), expected[name], rtol=1e-6)
    np.testing.assert_allclose(res.basis["comp1"], expected["basis"], rtol=1e-6)
    np.testing.assert_allclose(res.basis_bse["comp1"], expected["basis_bse"], rtol=1e-4)
    variances = res.variance_components()
    found = variances.iloc[:5].to_numpy()[:, :2].T
    np.testing.assert_allclose(found[0], [*expected["sigma2"], expected["tau2"]], rtol=1e-6)
    np.testing.assert_allclose(found[1], [*expected["sigma2_bse"], expected["tau2_bse"]], rtol=1e-4)


def least_squares(res, groups=None):
    """The regression of X'Y / X'X on the covariates, whose estimate is Theta at rank 1."""
    X, design = res.estimate.X[:, 0], res.model.design
    fit = sm.OLS(X @ design.Y / (X @ X), design.A.T).fit()
    if groups is None:
        return fit
    options = {"groups": groups, "use_correction": False}
    return fit.get_robustcov_results("cluster", **options)


def test_conditional_standard_errors_are_those_of_a_regression_in_statsmodels(schools):
    school = schools["school"]
    res = model_of(schools).fit(
        "ml", signed=True, cov_resid="identity", uncertainty="conditional", cov_type="sandwich"
    )
    regression = least_squares(res, school)
    np.testing.assert_allclose(res.params, regression.params, rtol=1e-8)
    factor = 30 / 29
    np.testing.assert_allclose(res.cov_params(), factor * regression.cov_params(), rtol=1e-7)
    # With information="plain" residuals are those around BLUPs, smaller by ridge / (X'X + ridge).
    options = {"cov_resid": "identity", "uncertainty": "conditional", "information": "plain"}
    plain = model_of(schools).fit("ml", signed=True, cov_type="sandwich", **options)
    squared = float(np.sum(res.estimate.X**2))
    shrunk = (plain.ridge / (squared + plain.ridge)) ** 2
    np.testing.assert_allclose(
        plain.cov_params(), shrunk * factor * regression.cov_params(), rtol=1e-7
    )


def test_cr3_is_the_jackknife_of_groups(schools):
    res = model_of(schools).fit(
        "ml", signed=True, cov_resid="identity", uncertainty="conditional", cov_type="cr3", n_boot=0
    )
    full, deviations = least_squares(res), []
    for school in schools["school"].unique():
        kept = (schools["school"] != school).to_numpy()
        part = sm.OLS(full.model.endog[kept], full.model.exog[kept]).fit()
        deviations.append(part.params - full.params)
    jackknife = np.transpose(deviations) @ deviations
    np.testing.assert_allclose(res.cov_params(), jackknife, rtol=1e-7)
    changes = -np.array(deviations) / res.bse.to_numpy()
    np.testing.assert_allclose(res.dfbetas_by_group, changes, rtol=1e-6)
    assert list(res.dfbetas_by_group.index) == list(range(30))
    by_unit = full.get_influence().dfbeta / res.bse.to_numpy()
    np.testing.assert_allclose(res.dfbetas, by_unit, rtol=1e-6)


def test_marginal_cr3_is_close_to_fits_without_each_group(schools):
    res = model_of(schools).fit("ml", signed=True, cov_type="cr3", n_boot=0)
    rows = []
    for school in schools["school"].unique():
        part = schools[schools["school"] != school]
        rows.append(model_of(part).fit("ml", signed=True, n_starts=1, n_boot=0).params - res.params)
    jackknife = np.sqrt(np.sum(np.square(rows), axis=0))
    np.testing.assert_allclose(res.bse, jackknife, rtol=0.01)


def test_units_of_a_group_share_their_multiplier(schools):
    model, school = model_of(schools), schools["school"].to_numpy()
    options = {"signed": True, "multiplier": "normal", "cov_type": "sandwich"}
    res = model.fit("ml", n_boot=3000, **options)
    ratio = res.bse_boot / res.bse
    np.testing.assert_allclose(ratio, np.sqrt(29 / 30), rtol=0.04)
    w = np.random.default_rng(0).normal(size=(5, 30))
    by_group = model.fit("ml", multipliers=w, **options)
    by_unit = model_of(schools, None).fit("ml", multipliers=w[:, school], **options)
    np.testing.assert_allclose(
        by_group.inference.bootstrap.deviations, by_unit.inference.bootstrap.deviations, rtol=1e-9
    )
    refits = res.bootstrap(40, refit=True, multiplier="exponential").bse
    np.testing.assert_allclose(refits, res.bse, rtol=0.35)
    alone = model_of(schools, None).fit("ml", **options)
    assert alone.bse["comp1", "x"] < 0.6 * refits["comp1", "x"]


def test_joint_tests_and_predictions_follow(schools):
    res = model_of(schools).fit("ml", signed=True, n_boot=0)
    z = res.params / res.bse
    table = res.wald_test_terms().table
    assert table.loc["x", "statistic"] == pytest.approx(z["comp1", "x"] ** 2, rel=1e-8)
    new = pd.DataFrame({"x": [0.0], "z": [0.0]})
    independent = model_of(schools, None).fit("ml", signed=True, n_boot=0)
    wider = res.get_prediction(new).se_mean / independent.get_prediction(new).se_mean
    assert (wider > 1.2).all(axis=None)


def test_sums_do_not_depend_on_blocks_of_units():
    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=(3, 700)), rng.integers(0, 9, 700)
    expected = np.array([values[:, groups == g].sum(axis=1) for g in range(9)])
    for size in (700, 256, 300):
        blocks = unit_blocks(700, 0, size)
        found = group_sums((values,), np.transpose, groups, blocks, whole)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_there_is_no_deletion_of_groups_without_groups(schools):
    res = model_of(schools, None).fit("ml", n_boot=0)
    with pytest.raises(NotComputedError, match=r"dfbetas_by_group.*no groups; see dfbetas"):
        _ = res.dfbetas_by_group
