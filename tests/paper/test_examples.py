from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from conftest import CASES

from nmfre import errors, paper
from nmfre.__main__ import main

NLME = [  # REML, age centred: coefficient and standard error
    (24.9687500, 0.48600072),
    (-2.3210227, 0.76141679),
    (0.7843750, 0.08599951),
    (-0.3048295, 0.13473534),
]
LAVAAN = {  # maximum likelihood, std.lv: estimate and z
    ("visual", "age_reversed"): (0.075, 1.009),
    ("visual", "female"): (-0.427, -2.886),
    ("textual", "age_reversed"): (0.183, 2.846),
    ("textual", "grant_white"): (0.521, 3.985),
    ("speed", "age_reversed"): (-0.264, -3.588),
}
NEEDS_DATA = pytest.mark.skipif("NMFRE_DATA" not in os.environ, reason="needs the user's files")


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("orthodont", "orthodont_rank1"),
        ("holzinger-swineford", "holzinger_rank3"),
        pytest.param("od-flow", "od_flow_rank4", marks=NEEDS_DATA),
    ],
)
def test_examples_are_the_authors_estimates(name, case):
    if case not in CASES:
        pytest.skip("needs the reference of the flows")
    expected = json.loads(CASES[case].read_text())["expected"]
    example = paper.EXAMPLES[name]()
    results = example.results
    assert results.n_iter == expected["n_iter"]
    np.testing.assert_allclose(results.theta, expected["Theta"], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(results.basis, expected["X"], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(results.sigma2, expected["sigma2"], rtol=1e-9)
    np.testing.assert_allclose(
        results.bse.to_numpy(), np.ravel(expected["se"], order="F"), rtol=1e-6
    )
    assert example.ml.converged


@NEEDS_DATA
def test_topics_of_the_addresses_follow_the_eras():
    example = paper.inaugural()
    theta = example.results.theta
    assert list(theta.columns) == ["era[to 1865]", "era[1866-1945]", "era[since 1946]"]
    assert theta.idxmax().nunique() == 3
    early = example.results.basis[theta["era[to 1865]"].idxmax()]
    late = example.results.basis[theta["era[since 1946]"].idxmax()]
    assert early["constitution"] > 3 * late["constitution"]
    assert late["america"] > 3 * early["america"]


def test_mixed_model_is_that_of_nlme():
    title, table = paper.linear_mixed_model()
    assert "MixedLM" in title
    order = ["Intercept", "female", "age", "age x female"]
    np.testing.assert_allclose(table.loc[order, "coef"], [c for c, _ in NLME], rtol=1e-5)
    np.testing.assert_allclose(table.loc[order, "std err"], [s for _, s in NLME], rtol=2e-3)


def test_mimic_model_is_that_of_lavaan():
    _, table = paper.mimic_model()
    for effect, (estimate, z) in LAVAAN.items():
        assert table.loc[effect, "coef"] == pytest.approx(estimate, abs=1.5e-3)
        assert table.loc[effect, "z"] == pytest.approx(z, abs=0.12)


def test_without_semopy_the_report_says_what_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "semopy", None)
    with pytest.raises(errors.MissingDependencyError, match=r"pip install \"nmfre\[paper\]\""):
        paper.mimic_model()
    text = paper.report(paper.holzinger_swineford())
    assert "Left out: the MIMIC model needs semopy" in text
    assert "df-cap and ml: Effects differ in size (age on comp2: 2.42; 2.20)" in text


def test_command_line_prints_the_tables(capsys, monkeypatch):
    monkeypatch.delenv("NMFRE_DATA", raising=False)
    assert main(["paper", "orthodont"]) == 0
    out = capsys.readouterr().out
    for part in ("90.501", "Linear mixed model", "-215.587", "df-cap and ml: The effect of sex"):
        assert part in out
    with pytest.raises(SystemExit) as stop:
        main(["paper", "od-flow"])
    assert stop.value.code == 2
    assert "000040170612" in capsys.readouterr().err


def test_command_line_draws_the_figures(tmp_path, capsys):
    assert main(["paper", "orthodont", "--figures", str(tmp_path)]) == 0
    assert (tmp_path / "orthodont.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit):
        main(["paper", "orthodont", "--figures", str(tmp_path / "nowhere")])
    assert "there is no folder" in capsys.readouterr().err


def test_command_line_says_which_examples_lack_their_data(capsys, monkeypatch):
    monkeypatch.delenv("NMFRE_DATA", raising=False)
    assert main(["paper"]) == 0
    out = capsys.readouterr().out
    assert out.count("left out.") == 2
    assert "2.420" in out
