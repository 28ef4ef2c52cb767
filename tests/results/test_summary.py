"""The printed summary: the one place where its words are asserted."""

from __future__ import annotations

import numpy as np
import pytest
from forms import long_model

import nmfre

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture
def res(model):
    return model.fit(df_cap=0.21)


@pytest.fixture(scope="module")
def res2(simulated_once):
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age + group", simulated_once, rank=2)
    return model.fit(df_cap=0.5)


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


def test_few_units_are_told(model):
    assert "27 units are few" in " ".join(str(model.fit("ml").summary()).split())
    corrected = model.fit("ml", cov_type="cr3")
    assert (corrected.bse > model.fit("ml").bse).all()
    assert "units are few" not in str(corrected.summary())


def test_the_summary_shows_errors_of_the_variances(model):
    text = str(model.fit("ml").summary())
    assert "sigma2 (std err):        1.933 (0.679)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_summary_counts_missing_cells(gaps):
    text = str(long_model(gaps).fit("ml", n_boot=0).summary())
    words = " ".join(text.split())
    assert "Missing cells: 12 of 108" in words
    assert "missing at random" in words
    assert max(map(len, text.splitlines())) <= 80
