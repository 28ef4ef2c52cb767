"""Tests of hypotheses about params, and of nested models."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from forms import PAPER
from scipy import stats
from statsmodels.base.model import LikelihoodModelResults
from statsmodels.stats.multitest import multipletests

import nmfre
from nmfre import errors


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    X = np.array([[5, 3, 1, 0, 0], [0, 0, 1, 4, 5]], dtype=float).T
    frame = pd.DataFrame({"age": rng.uniform(0, 1, 90), "group": rng.choice(["a", "b", "c"], 90)})
    shift = frame["group"].map({"a": 0.0, "b": 2.0, "c": 2.5}).to_numpy()[:, None] * [1.0, 0.0]
    scores = 5 + 3 * frame[["age"]].to_numpy() + shift + rng.normal(size=(90, 2))
    Y = np.maximum(scores @ X.T + rng.normal(size=(90, 5)), 0)
    return pd.concat([pd.DataFrame(Y, columns=[f"y{j}" for j in range(1, 6)]), frame], axis=1)


def fit(data, right="age + group", rank=2, **options):
    model = nmfre.NMFRE.from_formula(f"y1 + y2 + y3 + y4 + y5 ~ {right}", data, rank=rank)
    return model.fit(**{"method": "ml", "signed": True, "n_boot": 0, **PAPER, **options})


def test_pairwise_differences_are_those_of_t_test(data):
    res = fit(data)
    pairs = res.t_test_pairwise("group", "comp1", alpha=0.1)
    assert list(pairs.index) == ["b-a", "c-a", "c-b"]
    b_a = res.t_test("comp1[group[T.b]] = 0")
    c_b = res.t_test("comp1[group[T.c]] = comp1[group[T.b]]")
    for name, test in (("b-a", b_a), ("c-b", c_b)):
        row = pairs.loc[name]
        assert row["coef"] == pytest.approx(test.effect.item())
        assert row["std err"] == pytest.approx(test.sd.item())
        assert row["z"] == pytest.approx(test.tvalue.item())
        np.testing.assert_allclose(row[["5 %", "95 %"]].astype(float), test.conf_int(alpha=0.1)[0])
    assert b_a.pvalue < 1e-3 < c_b.pvalue
    np.testing.assert_allclose(
        pairs["P>|z| (holm)"], multipletests(pairs["P>|z|"], method="holm")[1]
    )
    assert pairs["reject"].to_list() == (pairs["P>|z| (holm)"] <= 0.1).to_list()


@pytest.mark.parametrize("right", ["age + C(group, Sum)", "0 + group + age"])
def test_pairwise_differences_do_not_depend_on_the_coding(data, right):
    term = "C(group, Sum)" if "Sum" in right else "group"
    pairs = fit(data, right).t_test_pairwise(term, "comp2")
    reference = fit(data).t_test_pairwise("group", "comp2")
    columns = ["coef", "std err", "z", "P>|z| (holm)"]
    np.testing.assert_allclose(pairs[columns], reference[columns], atol=1e-4)


def test_pairwise_errors(data):
    res = fit(data, "age + group + age:group")
    for term in ("age", "age:group", "grp"):
        with pytest.raises(errors.InvalidArgumentError, match=r"categorical covariate .*group"):
            res.t_test_pairwise(term, "comp1")
    with pytest.raises(errors.InvalidArgumentError, match="'comp1', 'comp2'"):
        res.t_test_pairwise("group", "comp3")
    with pytest.raises(errors.InvalidArgumentError, match="multipletests"):
        res.t_test_pairwise("group", "comp1", method="holmes")
    arrays = nmfre.NMFRE(data.iloc[:, :5], data[["age"]], rank=2).fit("ml", n_boot=0)
    with pytest.raises(errors.InvalidArgumentError, match="none"):
        arrays.t_test_pairwise("age", "comp1")


def test_terms_by_component_are_joint_tests_of_their_covariates(data):
    res = fit(data)
    res = res.with_uncertainty(res.uncertainty, cov_type="sandwich")
    table = res.wald_test_terms(by="component").table
    assert list(table.index) == ["comp1", "comp2"]
    by_hand = res.wald_test("comp2[age] = 0, comp2[group[T.b]] = 0, comp2[group[T.c]] = 0")
    row = table.loc["comp2"]
    assert row["statistic"] == pytest.approx(float(by_hand.statistic))
    assert row["pvalue"] == pytest.approx(float(by_hand.pvalue))
    assert row["df_constraint"] == 3
    alone = fit(data, "1").wald_test_terms(by="component").table
    assert alone["df_constraint"].to_list() == [1, 1]
    with pytest.raises(errors.InvalidArgumentError, match="by='term'"):
        res.wald_test_terms(by="term")


def test_f_test_is_wald_test_with_another_distribution(data):
    res = fit(data)
    hypothesis = "comp1[age] = comp2[age], comp1[group[T.b]] = 1"
    chi2, f = res.wald_test(hypothesis), res.f_test(hypothesis)
    assert float(f.fvalue) == pytest.approx(float(chi2.statistic) / 2)
    assert float(f.pvalue) == pytest.approx(stats.f.sf(float(f.fvalue), 2, res.df_resid))


def test_hypotheses_about_no_params_name_the_params(data):
    res = fit(data)
    names = r"about comp1\[Intercept\], comp2\[Intercept\], comp1\[group"
    for hypothesis in ("age = 0", "comp3[age] = 0", "age", None, np.eye(3)):
        for test in (res.t_test, res.wald_test, res.f_test):
            with pytest.raises(errors.InvalidArgumentError, match=names):
                test(hypothesis)
    with pytest.raises(errors.InvalidArgumentError, match=r"shape \(3, 3\).* each of the 8 params"):
        res.t_test(np.eye(3))


def test_adjusted_pvalues_in_the_tables(data):
    res = fit(data)
    adjusted = res.adjusted_pvalues("fdr_bh")
    np.testing.assert_allclose(adjusted, multipletests(res.pvalues, method="fdr_bh")[1])
    shown = res.summary_frame(multipletests="fdr_bh")["p (fdr_bh)"]
    pd.testing.assert_series_equal(shown[adjusted.index], adjusted, check_names=False)
    assert "p (" not in "".join(res.summary_frame().columns)
    with pytest.raises(errors.InvalidArgumentError, match="method='none'"):
        res.summary(multipletests="none")


def test_what_is_inherited_is_ours_or_a_plain_container():
    """Guards against methods of statsmodels that would mislead."""
    inherited = [
        name
        for name, _ in inspect.getmembers(LikelihoodModelResults, callable)
        if not name.startswith("_")
        and getattr(nmfre.NMFREResults, name) is getattr(LikelihoodModelResults, name)
    ]
    assert set(inherited) <= {"initialize", "load", "remove_data", "save", "normalized_cov_params"}


pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture
def res(model):
    return model.fit(df_cap=0.21)


def test_linear_hypotheses(res2):
    effect = res2.t_test("comp1[age] = comp2[age]")
    difference = res2.params["comp1", "age"] - res2.params["comp2", "age"]
    covariance = res2.cov_params()
    a, b = ("comp1", "age"), ("comp2", "age")
    variance = covariance.loc[a, a] + covariance.loc[b, b] - 2 * covariance.loc[a, b]
    assert effect.effect == pytest.approx(difference)
    assert effect.sd.item() == pytest.approx(np.sqrt(variance))
    joint = res2.wald_test("comp1[group[T.b]] = 0, comp1[group[T.c]] = 0", scalar=True)
    keys = [("comp1", "group[T.b]"), ("comp1", "group[T.c]")]
    b = res2.params[keys].to_numpy()
    V = covariance.loc[keys, keys].to_numpy()
    assert joint.statistic == pytest.approx(b @ np.linalg.solve(V, b))
    restriction = np.zeros(8)
    restriction[6] = 1.0
    assert res2.t_test(restriction).effect == pytest.approx(res2.params["comp1", "age"])
    assert res2.f_test("comp1[age] = 0").fvalue == pytest.approx(res2.tvalues["comp1", "age"] ** 2)
    np.testing.assert_allclose(
        res2.cov_params(r_matrix=restriction), covariance.loc[("comp1", "age"), ("comp1", "age")]
    )


def test_joint_tests_of_covariates(res2):
    """Guards joint tests against the diagonal of the covariance, and against slices by columns."""
    table = res2.wald_test_terms().table
    assert list(table.index) == ["Intercept", "group", "age"]
    assert table["df_constraint"].tolist() == [2, 4, 2]
    keys = [("comp1", "age"), ("comp2", "age")]
    b, V = res2.params[keys].to_numpy(), res2.cov_params().loc[keys, keys].to_numpy()
    assert table.loc["age", "statistic"] == pytest.approx(b @ np.linalg.solve(V, b))


def test_hypotheses_under_both_formula_engines(res):
    import statsmodels.formula

    if not hasattr(statsmodels.formula, "options"):
        pytest.skip("statsmodels 0.14 has one formula engine")
    options = statsmodels.formula.options
    pvalues = []
    for engine in ("patsy", "formulaic"):
        before, options.formula_engine = options.formula_engine, engine
        try:
            pvalues.append(res.t_test("comp1[sex[T.Male]] = 0").pvalue.item())
        finally:
            options.formula_engine = before
    assert pvalues[0] == pytest.approx(pvalues[1])


def test_joint_tests_know_the_bound(model, bumps):
    """With one component the joint test of a bounded effect is its own one-sided test."""
    res = model.fit("ml", cov_type="sandwich")
    np.testing.assert_allclose(res.wald_test_terms().table["pvalue"], res.pvalues, rtol=1e-6)
    corrected = model.fit("ml")
    few = corrected.wald_test_terms().table.loc["sex", "pvalue"]
    assert corrected.pvalues["comp1", "sex[T.Male]"] < few < 0.01
    signed = model.fit("ml", signed=True, cov_type="sandwich")
    np.testing.assert_allclose(signed.wald_test_terms().table["pvalue"], signed.pvalues, rtol=1e-6)
    # The bound is the estimator's, whatever the alternative of the single tests.
    larger = model.fit("ml", signed=True, alternative="larger", cov_type="sandwich")
    np.testing.assert_allclose(larger.wald_test_terms().table, signed.wald_test_terms().table)
    two = bumps.fit("ml", n_starts=2, cov_type="sandwich").wald_test_terms().table.loc["x1"]
    assert two["pvalue"] < stats.chi2.sf(two["statistic"], 2)
