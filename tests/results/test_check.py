from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from confirmatory import fitted
from forms import PAPER
from shown import falling, topics

import nmfre
from nmfre import errors
from nmfre.results.check import on_residuals


@pytest.fixture(scope="module")
def model():
    data = nmfre.datasets.load_orthodont()
    return nmfre.NMFRE.from_formula("distance ~ sex", data, rank=1, unit="subject", occasion="age")


def simulate(seed=0, *, n=400, errors="normal", sd=1.0, effect=20.0):
    """Responses of one component at about 30, 20 and 50, and a group."""
    rng = np.random.default_rng(seed)
    exog = np.column_stack([np.ones(n), np.arange(n) % 2])
    scores = exog @ [100.0, effect] + 5 * rng.normal(size=n)
    E = rng.normal(size=(n, 3)) if errors == "normal" else rng.standard_t(2.5, size=(n, 3))
    return np.maximum(np.outer(scores, [0.3, 0.2, 0.5]) + sd * E, 0.0), exog


def test_a_good_fit_has_nothing_to_remark():
    res = nmfre.NMFRE(*simulate(), rank=1).fit("ml")
    assert res.check().advice == []
    assert str(res.check()) == "No issues found."
    assert "No issues" in res.check()._repr_html_()


def test_the_gravest_comes_first(model):
    with pytest.warns(nmfre.ConvergenceWarning):
        res = model.fit(df_cap=0.21, maxiter=5)
    check = res.check()
    assert check.frame["severity"].iloc[0] == "problem"
    assert check.frame["topic"].iloc[0] == "not converged"
    assert "limit of 5 iterations" in str(check)
    assert list(check.frame.columns) == ["severity", "topic", "text"]
    assert check._repr_html_().count("<li>") == len(check.advice)


def test_scale_and_cap_of_df_cap(model):
    found = topics(model.fit(df_cap=0.21))
    assert found == {"scale": "caution", "influential units": "caution", "sigma2": "note"}
    found = topics(model.fit(df_cap=0.05))
    assert found["cap"] == "note"
    capped = model.fit("ml", df_cap=0.5)
    assert topics(capped)["cap"] == "caution"
    assert f"log-likelihood by {capped.llf_uncapped - capped.llf:.1f};" in str(capped.check())


def test_saturation(model):
    with pytest.warns(nmfre.ConvergenceWarning):
        assert topics(model.fit(df_cap=1.0, start_tau2=1000.0))["saturation"] == "problem"


def test_bounds():
    res = nmfre.NMFRE(*simulate(effect=-20.0), rank=1).fit("ml")
    assert "comp1[x1] is at the boundary 0" in str(res.check())
    assert topics(res)["bounds"] == "note"


def test_residuals():
    Y, exog = simulate(errors="t")
    assert topics(nmfre.NMFRE(Y, exog, rank=1).fit("ml"))["heavy tails"] == "caution"
    Y, exog = simulate()
    Y[:, 0] += 4 * np.random.default_rng(1).normal(size=len(Y))
    model = nmfre.NMFRE(Y, exog, rank=1)
    equal = model.fit("ml", cov_resid="identity")
    assert topics(equal)["unequal variances"] == "caution"
    assert "Fit ml with cov_resid='diagonal'" in str(equal.check()).replace("\n    ", " ")
    assert "unequal variances" not in topics(model.fit("ml", cov_resid="diagonal"))
    rng = np.random.default_rng(2)
    mean = np.outer(rng.gamma(2.0, 100.0, 400), [0.05, 0.05, 0.1, 0.2, 0.3, 0.3])
    counts = rng.poisson(mean).astype(float)
    found = topics(nmfre.NMFRE(counts, rank=1).fit("ml"))
    assert found["heteroscedastic residuals"] == "caution"


def test_responses_that_few_units_have_are_left_out_of_the_comparison():
    Y, exog = simulate()
    for n_seen in (1, 2, 9):
        rare = np.full(len(Y), np.nan)
        rare[:n_seen] = 20.0
        res = nmfre.NMFRE(np.column_stack([Y, rare]), exog, rank=1).fit("ml", n_boot=0)
        found = topics(res)
        assert found["rarely observed"] == "note"
        assert "unequal variances" not in found
        assert "fewer than 10 units have y4" in str(res.check())


def test_residuals_without_variance():
    fitted = pd.DataFrame(np.arange(1.0, 41.0)[:, None] * np.ones(3), columns=list("abc"))
    noise = np.random.default_rng(0).normal(size=(40, 3)) * [0.0, 1.0, 1.0]
    found = list(on_residuals(pd.DataFrame(noise, columns=fitted.columns), fitted))
    assert [item.topic for item in found] == ["unequal variances"]
    assert "differ (largest: " in found[0].text
    assert "smallest: a)" in found[0].text
    assert list(on_residuals(0.0 * fitted, fitted)) == []
    assert list(on_residuals(0.0 * fitted.head(1), fitted.head(1))) == []


@pytest.mark.parametrize("method", ["df-cap", "ml"])
def test_fitted_values_below_zero_get_a_note(method):
    endog = np.random.default_rng(0).gamma(0.3, size=(100, 6))
    options = {"df_cap": None, "tol": 1e-10} if method == "df-cap" else PAPER
    res = nmfre.NMFRE(endog, rank=2).fit(method, n_boot=0, **options)
    n_negative = int((res.fittedvalues < 0).sum().sum())
    assert n_negative > 0
    assert topics(res)["negative fits"] == "note"
    assert f"{n_negative} of 600 fitted values (BLUPs) are below 0" in str(res.check())


def test_an_influential_unit_is_named():
    Y, exog = simulate(n=100)
    Y[17] *= 3.0
    res = nmfre.NMFRE(Y, exog, rank=1).fit("ml")
    text = next(item.text for item in res.check().advice if item.topic == "influential units")
    assert text.startswith("deleting 17 (")


@pytest.mark.parametrize("method", ["df-cap", "ml"])
def test_dfbetas_are_close_to_deletion(method):
    Y, exog = simulate(n=60, sd=0.5)
    options = {"method": method, "n_boot": 0}
    if method == "df-cap":
        options |= {"start_tau2": 25.0, "df_cap": None, "update_tau2": False, "tol": 1e-13}
    res = nmfre.NMFRE(Y, exog, rank=1).fit(**options)
    assert res.dfbetas.shape == (60, 2)
    for n in (0, 7, 31):
        without = nmfre.NMFRE(np.delete(Y, n, 0), np.delete(exog, n, 0), rank=1).fit(**options)
        change = (res.params - without.params) / res.bse
        np.testing.assert_allclose(res.dfbetas.iloc[n], change, rtol=0.15, atol=0.01)
    np.testing.assert_allclose(res.dfbetas.sum(), 0.0, atol=1e-3 if method == "ml" else 0.2)


def test_dfbetas_of_many_units_are_refused():
    rng = np.random.default_rng(0)
    res = nmfre.NMFRE(rng.uniform(1, 2, size=(5001, 2)), rank=1).fit("ml", n_boot=0)
    with pytest.raises(errors.NotComputedError, match="more than 5000 units"):
        _ = res.dfbetas
    assert topics(res)["influence"] == "note"


def test_identification(simulated):
    rng = np.random.default_rng(3)
    Y = rng.uniform(1, 2, size=(80, 6)) @ rng.uniform(size=(6, 6)) + 5
    exog = np.column_stack([np.ones(80), rng.normal(size=80)])
    res = nmfre.NMFRE(Y, exog, rank=3).fit("ml", signed=True, n_boot=0)
    expected = any(res.identification.mixing)
    assert ("not identified" in topics(res)) == expected
    assert expected
    wide = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age", simulated, rank=3)
    with pytest.warns(nmfre.ConvergenceWarning):
        found = topics(wide.fit(df_cap=0.5, tol=1e-5, n_boot=0))
    assert found["identification"] == "note"
    assert found["basis treated as known"] == "caution"


@pytest.mark.filterwarnings("ignore::nmfre.NMFREWarning")
def test_a_fit_without_residuals_has_no_influential_units():
    res = nmfre.NMFRE(np.ones((12, 1)), rank=1).fit(df_cap=None, n_boot=0, maxiter=300)
    assert not np.isfinite(res.dfbetas.to_numpy()).any()
    assert "influential" not in str(res.check())


@pytest.mark.parametrize("signed", [True, False])
def test_advice_names_no_option_that_is_in_use(bumps, signed):
    res = bumps.fit("ml", signed=signed, n_starts=1, n_boot=0)
    merged = replace(res.estimate, condition=1e6)
    other = replace(res, estimate=merged)
    assert ("use signed=False" in " ".join(str(other.check()).split())) == signed
    endog, exog = falling()
    bounds = nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0).check().frame
    text = bounds.set_index("topic").loc["bounds", "text"]
    assert text.endswith("If effects may be negative, use signed=True.")


def test_what_identifies_components_is_a_note():
    assert topics(fitted("full"))["identification"] == "note"
    estimate = fitted("diagonal").estimate
    held = replace(estimate, resid_at_bound=np.eye(9)[3] > 0)
    other = replace(fitted("diagonal"), estimate=held)
    assert topics(other)["residual variances"] == "caution"
    rest = replace(estimate, identification=replace(estimate.identification, by="convention"))
    text = " ".join(str(replace(fitted("diagonal"), estimate=rest).check()).split())
    assert "identified_set() shows what they can be without it" in text


def test_residual_variances_that_are_hardly_determined_are_named():
    data = nmfre.datasets.load_holzinger_swineford()
    tests = [f"x{p}" for p in range(1, 10)]
    res = nmfre.NMFRE.from_formula("~ school", data, 3, endog=tests).fit("ml", n_boot=0)
    table = res.variance_components().loc["sigma2[x1]":"sigma2[x9]"]
    assert list(table.index[table["std err"] > table["estimate"]]) == ["sigma2[x7]"]
    found = "poorly determined, with standard errors larger than the estimates: x7."
    assert found in " ".join(str(res.check()).split())
    assert topics(res)["residual variances"] == "caution"
