"""Joint tests of fits of few units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nmfre
from nmfre.inference.small_samples import Reference


def test_joint_tests_know_how_few_units_there_are(model, tmp_path):
    res = model.fit("ml", signed=True, n_boot=0)
    scale, df = res._references[1]
    # Near to that of the t-test of two groups, of 16 and 11, times 1 - h.
    critical = scale * stats.f.isf(0.05, 1, df)
    assert critical == pytest.approx(stats.f.isf(0.05, 1, 25) * (1 - 2 / 27), rel=0.07)
    table = res.wald_test_terms().table
    expected = stats.f.sf(table.loc["sex", "statistic"] / scale, 1, df)
    assert table.loc["sex", "pvalue"] == pytest.approx(expected)
    assert expected > stats.chi2.sf(table.loc["sex", "statistic"], 1)
    of_component = res.wald_test_terms("component").table.loc["comp1"]
    np.testing.assert_allclose(of_component, table.loc["sex"])
    plain = res.with_uncertainty("marginal", cov_type="sandwich")
    np.testing.assert_array_equal(plain._references, [[1.0, np.inf]] * 3)
    res.to_arrays(tmp_path / "fit.npz")
    res.remove_data()
    for other in (nmfre.from_arrays(tmp_path / "fit.npz"), res):
        pd.testing.assert_frame_equal(other.wald_test_terms().table, table)


def test_many_units_have_chi_squared_tests():
    rng = np.random.default_rng(0)
    exog = np.column_stack([np.ones(300), np.arange(300) % 2, np.arange(300) < 5])
    endog = np.outer(50 + rng.normal(size=300), [0.3, 0.7]) + rng.normal(size=(300, 2)) / 5
    res = nmfre.NMFRE(endog, exog, rank=1).fit("ml", signed=True, n_boot=0)
    assert np.isinf(res._references[:2, 1]).all()
    assert res._references[2, 1] < 12  # of a level of five units
    assert float(Reference(*res._references[2]).sf(3.84, 1)) > 0.05


def test_groups_are_what_tests_are_few_of():
    rng = np.random.default_rng(0)
    groups, x = np.repeat(np.arange(30), 20), np.repeat(np.arange(30) % 2, 20)
    exog = np.column_stack([np.ones(600), x])
    endog = np.outer(50 + rng.normal(size=600), [0.3, 0.7]) + rng.normal(size=(600, 2)) / 5
    res = nmfre.NMFRE(endog, exog, rank=1, groups=groups).fit("ml", signed=True, n_boot=0)
    scale, df = res._references[1]
    critical = scale * stats.f.isf(0.05, 1, df)
    assert critical == pytest.approx(stats.f.isf(0.05, 1, 28) * (1 - 2 / 30), rel=0.07)
