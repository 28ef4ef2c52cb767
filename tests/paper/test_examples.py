"""The paper's examples are the author's estimates."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from conftest import CASES

from nmfre import paper

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
    """Guards the examples whole: their data, scaling, start and seed lead to the golden case."""
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


@pytest.mark.parametrize(
    ("name", "rate", "case"),
    [("orthodont", 0.1, None), ("holzinger-swineford", 0.8, "holzinger_rank3_cap080")],
)
def test_scans_of_caps_are_fits_from_the_papers_start(name, rate, case):
    example = paper.EXAMPLES[name]()
    title, table = example.tables[0]()
    assert title == "Scan of caps"
    row = table.loc[rate]
    assert row["verdict"] == "binds"
    assert table["verdict"].iloc[-1] == "does not bind"
    if case is None:
        fit = example.model.fit(df_cap=rate)  # of one component, whose start is the same
        found = {"df_U": fit.df_random, "sigma2": fit.sigma2, "iterations": fit.n_iter}
    else:
        expected = json.loads(CASES[case].read_text())["expected"]
        found = {"df_U": expected["dfU"], "sigma2": expected["sigma2"]}
        found |= {"tau2": expected["tau2"], "iterations": expected["n_iter"]}
    np.testing.assert_allclose(row[list(found)].astype(float), list(found.values()), rtol=1e-8)


def test_reports_show_scans_and_the_mixed_model():
    text = paper.report(paper.orthodont())
    for line in (
        "Scan of caps:",
        "sd of intercepts",
        "age x sex; intercept, slope  -213.903       8 443.806 465.263",
        "age; intercept, slope        -219.606       6 451.212 467.304 11.406 0.003",
        "Intercept      1               79 4035.569 <0.001",
    ):
        assert line in text
    assert max(map(len, text.splitlines())) <= 80


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


@NEEDS_DATA
def test_words_of_topics_are_those_of_the_basis():
    example = paper.inaugural()
    basis = example.results.basis
    text = paper.report(example)
    _, (_, largest), (_, mostly) = (make() for make in example.tables)
    for component in basis:
        words = largest[component]
        assert basis[component][words].is_monotonic_decreasing
        assert basis[component].drop(words).max() <= basis[component][words].min()
        share = basis[component] / basis.sum(axis=1)
        found = [word.split(" (")[0] for word in mostly[component] if word]
        assert set(found) == set(share.index[share >= 0.5])
        assert f"america ({100 * share['america']:.0f} %)" in text or "america" not in found
