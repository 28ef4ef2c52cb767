from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from confirmatory import fitted
from forms import PAPER

import nmfre
from nmfre import errors

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture(scope="module")
def fits():
    data = nmfre.datasets.load_orthodont()

    def model(formula, rank):
        return nmfre.NMFRE.from_formula(formula, data, rank, unit="subject", occasion="age")

    return {
        "capped": model("distance ~ sex", 1).fit(df_cap=0.21),
        "short": model("distance ~ sex", 1).fit(df_cap=None, maxiter=5),
        "two": model("distance ~ 0 + sex", 2).fit("ml", df_cap=nmfre.Cap(absolute=20.0), **PAPER),
        "signed": model("distance ~ 1", 1).fit("ml", signed=True, n_boot=0),
    }


def line(text, start):
    return next(row for row in text.splitlines() if row.strip().startswith(start))


def test_numbers(fits):
    comparison = nmfre.compare(fits)
    frame = comparison.frame
    assert frame.columns.to_list() == [
        (fit, quantity) for fit in fits for quantity in ("estimate", "std err", "p")
    ]
    assert frame.index.to_list() == [
        ("comp1", "Intercept"),
        ("comp1", "sex[T.Male]"),
        ("comp1", "sex[Female]"),
        ("comp1", "sex[Male]"),
        ("comp2", "sex[Female]"),
        ("comp2", "sex[Male]"),
    ]
    assert (frame.dtypes == np.float64).all()
    for name, res in fits.items():
        known = frame[name].dropna(how="all")
        assert len(known) == len(res.params)
        for quantity, series in (
            ("estimate", res.params),
            ("std err", res.bse),
            ("p", res.pvalues),
        ):
            np.testing.assert_array_equal(known[quantity], series[known.index])


def test_measures(fits):
    measures = nmfre.compare(fits).measures
    assert measures.loc["Method"].to_list() == ["df-cap", "df-cap", "ml", "ml"]
    assert measures.loc["Rank"].to_list() == [1, 1, 2, 1]
    assert measures.loc["Cap"].to_list() == [pytest.approx(5.67), None, 20.0, None]
    assert measures.loc["Signed"].to_list() == [False, False, False, True]
    assert measures.loc["Units"].to_list() == [27] * 4
    assert measures.loc["Converged"].to_list()[:2] == [True, False]
    assert measures.loc["tau2 estimated"].to_list() == [False, True, True, True]
    for row, attribute in (
        ("sigma2", "sigma2"),
        ("tau2", "tau2"),
        ("ICC", "icc"),
        ("df of U", "df_random"),
        ("Saturation", "saturation"),
    ):
        assert measures.loc[row].to_list() == [getattr(fit, attribute) for fit in fits.values()]
    for row, attribute in (("Log-likelihood", "llf"), ("AIC", "aic"), ("BIC", "bic")):
        expected = [None, None, *(getattr(fits[name], attribute) for name in ("two", "signed"))]
        assert measures.loc[row].to_list() == expected


def test_the_table(fits):
    text = str(nmfre.compare(fits))
    assert text == nmfre.compare(fits).as_text() == repr(nmfre.compare(fits))
    lines = text.splitlines()
    assert lines[2].split() == list(fits)
    assert line(text, "sex[T.Male]").split()[:2] == ["sex[T.Male]", "9.429**"]
    below = lines[lines.index(line(text, "sex[T.Male]")) + 1]
    assert below.split()[0] == "(3.056)"
    assert line(text, "Cap").split() == ["Cap", "5.67", "off", "20.00", "off"]
    assert line(text, "Signed").split() == ["Signed", "no", "no", "no", "yes"]
    assert line(text, "Converged").split()[:3] == ["Converged", "yes", "no"]
    llf = [f"{fits[name].llf:.3f}" for name in ("two", "signed")]
    assert line(text, "Log-likelihood").split() == ["Log-likelihood", *llf]
    joined = " ".join(text.split())
    assert "In parentheses: standard errors." in joined
    assert "Components are matched by label" in joined
    # No row of the table is wider than its rules; what is blank in a fit is blank in print.
    table = lines[1 : lines.index("")]
    assert max(map(len, table)) == len(table[0])
    assert text.count("(") == sum(len(fit.params) for fit in fits.values())


def test_stars_are_those_of_the_pvalues(simulated):
    rng = np.random.default_rng(5)
    noise = pd.DataFrame(rng.uniform(size=(40, 6)), columns=[f"z{j}" for j in range(6)])
    res = nmfre.NMFRE.from_formula(
        "y1 + y2 ~ age + z0 + z1 + z2 + z3 + z4 + z5", simulated.join(noise), rank=1
    ).fit("ml", signed=True, n_boot=0)
    text = nmfre.compare([res], stat="pvalue").as_text()
    seen = set()
    for (_, covariate), p in res.pvalues.items():
        stars = "***" if p < 0.001 else "**" if p < 0.01 else "*" if p < 0.05 else ""
        cell = line(text, covariate).split()[1]
        assert cell.lstrip("-.0123456789") == stars
        seen.add(stars)
    assert len(seen) > 1


def test_other_statistics(fits):
    intervals = nmfre.compare(fits, stat="conf_int", alpha=0.1)
    limits = fits["capped"].conf_int(0.1)
    np.testing.assert_array_equal(
        intervals.frame["capped"][["5 %", "95 %"]].iloc[:2], limits.to_numpy()
    )
    low, high = (f"{limit:.3f}" for limit in limits.iloc[1])
    assert f"({low}, {high})" in str(intervals)
    assert "intervals of level 0.9" in str(intervals)
    pvalues = nmfre.compare(fits, stat="pvalue")
    assert list(pvalues.frame["capped"].columns) == ["estimate", "p"]
    assert f"({fits['capped'].pvalues.iloc[1]:.3f})" in str(pvalues)


def test_html_and_latex(fits):
    comparison = nmfre.compare(fits)
    html, latex = comparison.as_html(), comparison.as_latex()
    assert comparison._repr_html_() == html
    assert html.count("<table") == 2
    assert ">(3.056)" in html
    assert "\nLog-likelihood &" in latex
    assert latex.count(r"\toprule") == 1


def test_names_and_order(fits):
    first, second = fits["capped"], fits["signed"]
    assert list(nmfre.compare([first, second]).measures) == ["(1)", "(2)"]
    assert list(nmfre.compare((first,)).measures) == ["(1)"]
    assert list(nmfre.compare({2: first, 1: second}).measures) == ["2", "1"]


def test_the_same_rank_and_other_data_are_told(fits, simulated):
    same = str(nmfre.compare([fits["capped"], fits["short"]]))
    assert "matched by label" not in same
    assert "different data" not in same
    other = nmfre.NMFRE(simulated[["y1", "y2"]], rank=1).fit("ml")
    assert "different data cannot be compared" in str(nmfre.compare([fits["signed"], other]))


def test_effects_without_standard_errors(simulated):
    res = nmfre.NMFRE(simulated[["y1", "y2", "y4", "y5"]], rank=2).fit("ml", n_boot=0, **PAPER)
    covariance = res.inference.covariance.copy()
    covariance[0] = covariance[:, 0] = np.nan
    inference = replace(res.inference, covariance=covariance)
    res = replace(res, inference=inference)
    for stat in ("std err", "conf_int", "pvalue"):
        text = str(nmfre.compare([res], stat=stat))
        assert line(text, "Intercept").split()[1] == f"{res.params.iloc[0]:.3f}"  # no stars
        assert text.split("Method")[0].count("(") == 2  # the name of the fit, and one of two
        assert "nan" not in text


def test_results_without_data_and_of_files_are_compared(fits, tmp_path):
    fits["signed"].save(tmp_path / "fit.pickle", remove_data=True)
    light = nmfre.load(tmp_path / "fit.pickle")
    assert str(nmfre.compare([light])) == str(nmfre.compare([fits["signed"]]))


def test_what_cannot_be_compared(fits):
    for nothing in ([], {}, ()):
        with pytest.raises(errors.InvalidArgumentError, match="a list of results"):
            nmfre.compare(nothing)
    for other in (fits["capped"], 3, None):
        with pytest.raises(errors.InvalidArgumentError, match="fits="):
            nmfre.compare(other)
    with pytest.raises(errors.InvalidArgumentError, match=r"fits\['b'\]='Series'"):
        nmfre.compare({"a": fits["capped"], "b": fits["capped"].params})
    with pytest.raises(errors.InvalidArgumentError, match="names must differ"):
        nmfre.compare({1: fits["capped"], "1": fits["signed"]})
    with pytest.raises(errors.InvalidArgumentError, match="stat='bse'"):
        nmfre.compare(fits, stat="bse")
    with pytest.raises(errors.InvalidArgumentError, match="alpha"):
        nmfre.compare(fits, alpha=95)
    with pytest.raises(TypeError, match="unexpected keyword argument 'stats'"):
        nmfre.compare(fits, stats="pvalue")


def test_no_random_effects_are_none():
    rng = np.random.default_rng(0)
    endog = np.maximum(20.0 + rng.normal(size=(200, 3)), 0.0)
    res = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0)
    assert res.estimate.tau2_at_bound
    assert line(str(nmfre.compare([res])), "tau2").split() == ["tau2", "0.000"]


def test_structures_are_compared():
    measures = nmfre.compare([fitted("full"), fitted("identity", "identity")]).measures
    assert measures.loc["cov_resid"].to_list() == ["diagonal", "identity"]
    assert measures.loc["cov_re"].to_list() == ["full", "identity"]
    assert measures.loc["Basis pattern"].to_list() == [True, True]


def test_variances_that_are_means_are_called_so(fits):
    means = "sigma2 and tau2 are means"
    assert means in str(nmfre.compare([fitted("full"), fitted("identity", "identity")]))
    assert means not in str(nmfre.compare([fits["capped"], fits["two"]]))


def test_measures_of_fit_are_shown_where_they_are_asked_for(fits):
    assert "CFI" not in nmfre.compare(fits).measures.index
    comparison = nmfre.compare(fits, fit_measures=True)
    measures = comparison.measures.loc["Chi-squared":]
    assert measures.index.to_list() == ["Chi-squared", "df", "P", "CFI", "RMSEA", "SRMR"]
    assert measures.drop(columns="signed").isna().all(axis=None)  # df-cap, or its cap binds
    found = fits["signed"].fit_measures()
    expected = found[["chi2", "df", "pvalue", "cfi", "rmsea", "srmr"]].to_list()
    assert measures["signed"].to_list() == expected
    assert line(str(comparison), "SRMR").split() == ["SRMR", f"{found['srmr']:.3f}"]
    assert line(str(comparison), "Chi-squared").split() == ["Chi-squared", f"{found['chi2']:.2f}"]
    with pytest.raises(errors.InvalidArgumentError):
        nmfre.compare(fits, fit_measures="yes")
