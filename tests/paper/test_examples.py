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
