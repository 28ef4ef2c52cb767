from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

import nmfre
from nmfre import errors
from nmfre.data.entry import changed

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture
def res(model):
    return model.fit(df_cap=0.21)


@pytest.fixture(scope="module")
def res2(simulated_once):
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age + group", simulated_once, rank=2)
    return model.fit(df_cap=0.5)


def test_everything_is_labelled(res2, simulated):
    components, covariates = ["comp1", "comp2"], ["Intercept", "group[T.b]", "group[T.c]", "age"]
    responses = [f"y{j}" for j in range(1, 6)]
    assert list(res2.theta.index) == list(res2.basis.columns) == components
    assert list(res2.theta.columns) == covariates
    assert list(res2.basis.index) == list(res2.fittedvalues.columns) == responses
    assert list(res2.resid.columns) == list(res2.predict().columns) == responses
    for frame in (res2.random_effects, res2.fittedvalues, res2.resid, res2.predict()):
        pd.testing.assert_index_equal(frame.index, simulated.index)
    assert list(res2.random_effects.columns) == components
    assert res2.params.index.names == ["component", "covariate"]
    for series in (res2.params, res2.bse, res2.bse_boot, res2.tvalues, res2.pvalues, res2.at_bound):
        pd.testing.assert_index_equal(series.index, res2.params.index)
    for frame in (res2.cov_params(), res2.conf_int(), res2.summary_frame()):
        pd.testing.assert_index_equal(frame.index, res2.params.index)


def test_params_stack_the_columns_of_theta(res2):
    np.testing.assert_array_equal(res2.params, res2.theta.to_numpy().ravel(order="F"))
    for component, covariate in res2.params.index:
        assert res2.params[component, covariate] == res2.theta.loc[component, covariate]


def test_fits_and_residuals_add_up(res2, simulated):
    X, Theta, U = (x.to_numpy() for x in (res2.basis, res2.theta, res2.random_effects))
    mean = res2.model.exog @ Theta.T @ X.T
    np.testing.assert_allclose(res2.predict(), mean)
    np.testing.assert_allclose(res2.fittedvalues, mean + U @ X.T)
    np.testing.assert_allclose(res2.fittedvalues + res2.resid, simulated.iloc[:, :5])
    pd.testing.assert_frame_equal(res2.predict(which="blup"), res2.fittedvalues)
    np.testing.assert_allclose(np.mean(res2.resid**2), res2.mean_squared_residual)


def test_diagnostics_agree_with_each_other(res2):
    N, Q, P = 40, 2, 5
    d = np.linalg.eigvalsh(res2.basis.T @ res2.basis)
    assert res2.ridge == pytest.approx(res2.sigma2 / res2.tau2)
    assert res2.df_random == pytest.approx(N * np.sum(d / (d + res2.ridge)))
    assert res2.saturation == pytest.approx(res2.df_random / (N * Q))
    assert res2.df_resid == pytest.approx(N * P - res2.df_random - 8)
    assert (res2.nobs, res2.n_units) == (200, 40)
    within = P * res2.sigma2
    assert res2.icc == pytest.approx(d.sum() * res2.tau2 / (d.sum() * res2.tau2 + within))
    sse = (res2.resid**2).to_numpy().sum()
    assert res2.objective == pytest.approx(
        sse + res2.ridge * (res2.random_effects**2).to_numpy().sum(), rel=1e-6
    )
    assert res2.dispersion == res2.scale == pytest.approx(sse / res2.df_resid)


def test_rsquared(res2, simulated):
    Y = simulated.iloc[:, :5]
    r2 = res2.rsquared_table()
    for which, fit in (("blup", res2.fittedvalues), ("fixed", res2.predict())):
        sse = ((Y - fit) ** 2).to_numpy().sum()
        assert r2.loc["uncentered", which] == pytest.approx(1 - sse / (Y**2).to_numpy().sum())
        centred = ((Y - Y.mean()) ** 2).to_numpy().sum()
        assert r2.loc["row-centered", which] == pytest.approx(1 - sse / centred)
        correlation = np.corrcoef(Y.to_numpy().ravel(), fit.to_numpy().ravel())[0, 1]
        assert r2.loc["correlation", which] == pytest.approx(correlation**2)


@pytest.mark.parametrize("kind", ["array", "missing", "sparse", "chunks"])
def test_rsquared_far_from_zero(kind):
    """Of responses that vary by a ten-thousandth of their size."""
    rng = np.random.default_rng(0)
    exog = np.column_stack([np.ones(60), rng.uniform(size=60)])
    Y = 1e4 + exog[:, 1:] + rng.normal(size=(60, 1)) + 0.3 * rng.normal(size=(60, 4))
    if kind == "missing":
        Y[::7, 1] = np.nan
    endog = csr_array(Y) if kind == "sparse" else Y
    if kind == "chunks":
        da = pytest.importorskip("dask.array")
        endog = da.from_array(Y, chunks=(20, 4))
    model = nmfre.NMFRE(endog, exog, rank=1)
    res = model.fit("ml", uncertainty="conditional", n_starts=1, n_boot=0)
    observed = ~np.isnan(Y)
    for which in ("blup", "fixed"):
        fit = np.asarray(res.predict(which=which))
        expected = np.corrcoef(Y[observed], fit[observed])[0, 1] ** 2
        assert res.rsquared_table().loc["correlation", which] == pytest.approx(expected, rel=1e-4)
        sse = np.nansum((Y - fit) ** 2)
        expected = 1 - sse / np.nansum((Y - np.nanmean(Y, axis=0)) ** 2)
        assert res.rsquared_table().loc["row-centered", which] == pytest.approx(expected, rel=1e-4)
    assert "n/a" not in str(res.summary())


def test_rsquared_is_nan_where_sums_do_not_tell():
    rng = np.random.default_rng(0)
    Y = 1e9 + rng.normal(size=(30, 2))
    design = nmfre.NMFRE(Y, rank=1).design
    estimate = nmfre.NMFRE(Y, rank=1).fit(n_boot=0).estimate
    X = np.full((2, 1), 0.5)
    U = 2 * (Y.mean(axis=1) - Y.mean())[None]
    estimate = replace(estimate, X=X, Theta=np.full((1, 1), 2 * Y.mean()), U=U)
    correlation = np.corrcoef(Y.ravel(), np.repeat(Y.mean(axis=1), 2))[0, 1] ** 2
    fit = X, estimate.Theta, estimate.ridge, U
    assert design.fit_sums(*fit).rsquared()[0] == pytest.approx(correlation, rel=1e-5)
    in_sums = changed(design, Y=csr_array(design.Y)).fit_sums(*fit)
    np.testing.assert_array_equal(np.isnan(in_sums.rsquared()), [True, False, True])


def test_rsquared_of_constant_responses_is_not_defined():
    res = nmfre.NMFRE(np.full((10, 1), 2.0), rank=1).fit()
    assert res.rsquared_table().loc["row-centered"].isna().all()
    assert np.isnan(res.rsquared_table().loc["correlation", "fixed"])
    assert "n/a" in str(res.summary())


def test_intervals(res):
    z = 1.6448536269514722
    wald = res.conf_int(alpha=0.1, method="wald")
    assert list(wald.columns) == ["5 %", "95 %"]
    np.testing.assert_allclose(wald["95 %"], res.params + z * res.bse)
    percentile = res.conf_int(0.1)
    replicates = res.inference.bootstrap.replicates
    np.testing.assert_allclose(percentile["5 %"], np.quantile(replicates, 0.05, axis=0))
    basic = res.conf_int(0.1, "basic")
    np.testing.assert_allclose(basic["5 %"], 2 * res.params - np.quantile(replicates, 0.95, axis=0))
    normal = res.conf_int(0.1, "normal")
    np.testing.assert_allclose(normal["95 %"], res.params + z * res.bse_boot)
    assert list(res.conf_int(0.01).columns) == ["0.5 %", "99.5 %"]
    assert (res.conf_int(1e-6, "wald").iloc[:, 0] >= 0).all()  # cut off at the bound
    for alpha in (0.0, 1.0, "0.05", 5):
        with pytest.raises(errors.InvalidArgumentError, match="alpha"):
            res.conf_int(alpha)
    with pytest.raises(errors.InvalidArgumentError, match="method='perc'"):
        res.conf_int(method="perc")


@pytest.mark.parametrize("method", ["df-cap", "ml"])
def test_studentized_intervals_follow_the_seed_and_do_not_refit(model, method):
    res = model.fit(method, seed=3, multiplier="rademacher")
    limits = res.conf_int(method="studentized").to_numpy()
    boot, options = res._studentized, res.inference.options
    np.testing.assert_array_equal(boot.deviations, res.inference.bootstrap.deviations)
    assert not options.studentize
    # With weights of size one, only the mean of the terms makes replicates differ.
    bse = res.bse.to_numpy()
    expected = np.sqrt(bse**2 - boot.deviations**2 / 26)
    np.testing.assert_allclose(boot.deviations_bse, expected, rtol=1e-6)
    assert (limits[:, 0] < res.params).all()
    wide = limits[:, 1] - limits[:, 0]
    assert (wide > 1.9 * 1.96 * bse).all()


def test_studentized_intervals_need_sandwich_standard_errors(model):
    with pytest.raises(errors.NotComputedError, match="cov_type='sandwich'"):
        model.fit(cov_type="naive").conf_int(method="studentized")


def test_without_a_bootstrap_intervals_are_wald(model):
    res = model.fit(df_cap=0.21, n_boot=0)
    pd.testing.assert_frame_equal(res.conf_int(), res.conf_int(method="wald"))
    with pytest.raises(errors.NotComputedError, match="bse_boot was not computed"):
        _ = res.bse_boot
    with pytest.raises(errors.NotComputedError, match="method='wald'"):
        res.conf_int(method="percentile")
    text = str(res.summary())
    assert "(boot)" not in text
    assert "Wald, level 0.95" in text
    assert "bootstrap std err" not in res.summary_frame()


def test_one_and_two_sided_pvalues(model):
    one, two = model.fit(df_cap=0.21), model.fit(df_cap=0.21, alternative="two-sided")
    assert one.alternative == "larger"
    np.testing.assert_allclose(two.pvalues, 2 * one.pvalues)
    assert (one.pvalues > 0).all()  # z = 36.6: a survival function, not 1 - cdf
    assert "P>|z|" in str(two.summary())
    assert "two-sided" in str(two.summary())


def test_covariance_kinds(model):
    kinds = {
        kind: model.fit(df_cap=0.21, cov_type=kind).bse for kind in ("sandwich", "naive", "max")
    }
    np.testing.assert_allclose(kinds["max"], np.maximum(kinds["sandwich"], kinds["naive"]))


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


def test_inherited_methods_that_would_mislead_raise(res):
    for name in ("llf", "aic", "bic", "df_model", "gradient_norm", "identification"):
        with pytest.raises(errors.NotComputedError, match="fit with method='ml'"):
            getattr(res, name)


def test_joint_tests_of_covariates(res2):
    table = res2.wald_test_terms().table
    assert list(table.index) == ["Intercept", "group", "age"]
    assert table["df_constraint"].tolist() == [2, 4, 2]
    keys = [("comp1", "age"), ("comp2", "age")]
    b, V = res2.params[keys].to_numpy(), res2.cov_params().loc[keys, keys].to_numpy()
    assert table.loc["age", "statistic"] == pytest.approx(b @ np.linalg.solve(V, b))


def test_prediction_of_new_units(res2, simulated):
    new = simulated[["group", "age"]].iloc[[5, 2]]
    pd.testing.assert_frame_equal(res2.predict(new), res2.predict().iloc[[5, 2]])
    one_level = new.assign(group="c")
    assert res2.predict(one_level).shape == (2, 5)
    with pytest.raises(errors.UnseenLevelError, match="'group' has an unseen level 'z'; known: a"):
        res2.predict(new.assign(group="z"))
    with pytest.raises(errors.MissingColumnError, match="predict needs a column 'group'"):
        res2.predict(new[["age"]])
    for age in (["1", "2"], pd.Categorical(["1", "2"])):
        with pytest.raises(errors.NonNumericError, match="covariate 'age' is not numeric"):
            res2.predict(new.assign(age=age))
    with pytest.raises(errors.NonFiniteError, match="Covariate 'age' is missing at unit 5"):
        res2.predict(new.assign(age=[np.nan, 1.0]))
    with pytest.raises(errors.ShapeError, match="pass new covariates as a DataFrame"):
        res2.predict(np.ones((2, 4)))
    with pytest.raises(errors.InvalidArgumentError, match="which='blup'"):
        res2.predict(new, which="blup")
    with pytest.raises(errors.InvalidArgumentError, match="which='mean'"):
        res2.predict(which="mean")


def test_prediction_with_transforms_uses_what_the_fit_learned(simulated):
    model = nmfre.NMFRE.from_formula("y1 + y2 ~ standardize(age)", simulated, rank=1)
    with pytest.warns(errors.NegativeCovariateWarning):
        res = model.fit()
    pd.testing.assert_frame_equal(res.predict(simulated.iloc[:3]), res.predict().iloc[:3])


def test_prediction_with_an_intercept_alone(simulated):
    res = nmfre.NMFRE.from_formula("y1 + y2 ~ 1", simulated, rank=1).fit()
    assert res.predict(pd.DataFrame(index=["a", "b"])).index.tolist() == ["a", "b"]


@pytest.mark.bits
def test_prediction_of_array_models_matches_columns_by_name(simulated):
    exog = simulated[["age"]].assign(one=1.0)
    res = nmfre.NMFRE(simulated[["y1", "y2"]], exog, rank=1).fit()
    swapped = exog[["one", "age"]]
    pd.testing.assert_frame_equal(res.predict(swapped), res.predict())
    np.testing.assert_array_equal(res.predict(exog.to_numpy()), res.predict())
    with pytest.raises(errors.MissingColumnError, match="'one'"):
        res.predict(exog[["age"]])
    with pytest.raises(errors.ShapeError, match="exog has 1 columns, the model 2"):
        res.predict(np.ones((3, 1)))


# The summary


def test_the_summary_holds_what_the_results_hold(res):
    text = str(res.summary())
    for part in (
        "distance ~ sex",
        "tolerance, 226 iter.",
        "2.12 of 27",
        "5.67, did not bind",
        "90.501    2.472",
        "500 one-step",
        "exponential multipliers, seed 0",
        "P>z",
        "[0.025    0.975]",
        "tau2 was not estimated",
        "sigma2 has not converged (mean squared residual: 4.427)",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80
    assert "comp1" in text


def test_the_level_of_the_summary(res):
    text = str(res.summary(alpha=0.2, title="Growth"))
    assert "[0.1      0.9]" in text
    assert "level 0.8" in text
    assert text.splitlines()[0].strip() == "Growth"


@pytest.mark.parametrize(
    ("alpha", "limits", "level"),
    [
        (0.001, ["[0.0005", "0.9995]"], "0.999"),
        (0.005, ["[0.0025", "0.9975]"], "0.995"),
        (1e-6, ["[5e-07", "0.9999995]"], "0.999999"),
    ],
)
def test_limits_of_the_summary_are_exact(res, alpha, limits, level):
    text = str(res.summary(alpha=alpha))
    lines = text.splitlines()
    header = next(line for line in lines if "coef" in line)
    assert header.split()[-2:] == limits
    assert f"level {level}, from" in " ".join(text.split())
    width = len(lines[1])
    assert {len(line) for line in lines[1 : lines.index("Notes:") - 1]} == {width}


def test_summary_of_two_components(res2):
    text = str(res2.summary())
    lines = text.splitlines()
    rows = [line.split()[0] for line in lines if line.startswith(("comp", "  "))]
    assert [row for row in rows if row.startswith("comp")] == ["comp1", "comp2"]
    assert "leaves out the uncertainty of the basis" in " ".join(text.split())
    assert "Formula: y1 + y2 + y3 + y4 + y5 ~ age + group" in text
    assert max(map(len, lines)) <= 80


def test_boundary_coefficients_are_marked():
    rng = np.random.default_rng(0)
    falling = np.linspace(0, 1, 60)
    Y = np.outer(10 - 4 * falling, [1.0, 2.0]) + rng.random((60, 2))
    res = nmfre.NMFRE(Y, np.column_stack([np.ones(60), falling]), rank=1).fit()
    assert res.at_bound.tolist() == [False, True]
    text = str(res.summary())
    assert "x1 (b)" in text
    assert "(b): at the bound 0" in text


def test_how_the_cap_is_told(model):
    bound = " ".join(str(model.fit(df_cap=0.05).summary()).split())
    assert "Cap: 1.35, bound" in bound
    assert "The cap bound in 2 of 203 iterations, first in iteration 1." in bound
    off = str(model.fit(df_cap=None).summary())
    assert "Cap:                              off" in off
    assert "(estimated)" in off
    held = str(model.fit(df_cap=None, update_tau2=False).summary())
    assert "update_tau2 was off" in " ".join(held.split())


def test_html_latex_and_csv(res2):
    summary = res2.summary()
    html, latex, csv = summary.as_html(), summary.as_latex(), summary.as_csv()
    assert "<th>  age</th>" in html
    assert r"\toprule" in latex
    assert "~" not in latex.replace(r"$\sim$", "").split("Notes")[0]
    assert "%" not in latex.replace(r"\%", "").replace("%\\caption", "")
    assert "comp2" in csv
    assert summary._repr_html_() == html


def test_summary_returns_and_does_not_print(res, capsys):
    res.summary()
    assert capsys.readouterr().out == ""


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
