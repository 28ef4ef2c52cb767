"""Score tests of equal variances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import nmfre
from nmfre.inference.equality import EQUAL_RE, EQUAL_RESID
from nmfre.simulation import BumpDesign

IDENTITY = {"method": "ml", "cov_resid": "identity", "cov_re": "identity", "signed": True}


def drawn(seed=0, **options):
    """Responses and covariates of a design."""
    design = BumpDesign(n_responses=8, rank=2, n_units=200, **options)
    return design.draw(np.random.default_rng(seed))


def equality_of(endog, exog, rank=2, **options):
    model = nmfre.NMFRE(endog, exog, rank=rank)
    return model.fit(**{**IDENTITY, "n_starts": 2, "n_boot": 0, **options}).inference.equality


def test_one_component_by_hand():
    """
    With a fixed basis (1, ..., 1) / P in truth and a large N the statistic is near the LR.

    The stretch is taken out: it is what the sandwich makes of the information.
    """
    rng = np.random.default_rng(1)
    n_units = 4_000
    endog = 40 + 2 * rng.normal(size=(n_units, 1)) + rng.normal(size=(n_units, 3)) * [1.0, 1.05, 1]
    model = nmfre.NMFRE(endog, rank=1)
    res = model.fit(**IDENTITY, n_boot=0)
    test = res.inference.equality[EQUAL_RESID]
    other = model.fit("ml", signed=True, cov_resid="diagonal", n_boot=0)
    assert test.df == 2
    assert test.statistic == pytest.approx(2 * (other.llf - res.llf), rel=0.1)
    assert EQUAL_RE not in res.inference.equality


def test_unequal_variances_are_found():
    found = equality_of(*drawn(sigma2=tuple(np.linspace(0.5, 6.0, 8))))
    assert found[EQUAL_RESID].df == 7
    assert found[EQUAL_RESID].pvalue < 1e-6
    found = equality_of(*drawn(tau=(7.0, 4.0)))
    assert found[EQUAL_RE].df == 1
    assert found[EQUAL_RE].pvalue < 0.01


def test_without_zeros_equal_tau2_is_a_convention():
    found = equality_of(*drawn(tau=(7.0, 6.0), background=0.4))[EQUAL_RE]
    assert found.df == 0
    assert np.isnan(found.pvalue)
    assert "convention" in str(found)


def test_long_tails_are_not_taken_for_unequal_variances():
    pvalues = [
        equality_of(*drawn(seed, errors="exponential"), n_starts=1)[EQUAL_RESID].pvalue
        for seed in range(20)
    ]
    assert np.mean(np.array(pvalues) < 0.05) <= stats.binom.ppf(1 - 1e-4, 20, 0.05) / 20


@pytest.mark.parametrize("bounded", [False, True])
def test_what_does_not_change_the_model_does_not_change_the_tests(bounded):
    endog, exog = drawn(3)
    exog = np.column_stack([exog, np.random.default_rng(0).normal(size=len(exog))])
    signed = {"signed": not bounded}
    found = equality_of(endog, exog, **signed)
    permuted = equality_of(1e3 * endog[::-1, ::-1], exog[::-1] * [1.0, 1.0, 1e-2], **signed)
    for name, test in found.items():
        assert permuted[name].df == test.df
        assert permuted[name].statistic == pytest.approx(test.statistic, rel=1e-4)


def test_what_is_not_assumed_is_not_tested():
    endog, exog = drawn()
    assert equality_of(endog, exog, cov_resid="diagonal", cov_re="diagonal") == {}
    assert list(equality_of(endog, exog, cov_re="diagonal")) == [EQUAL_RESID]
    assert list(equality_of(endog, exog, cov_resid="diagonal")) == [EQUAL_RE]
    assert equality_of(endog, exog, df_cap=0.3) == {}
    assert equality_of(endog, exog, uncertainty="conditional") == {}


def test_missing_and_sparse_and_chunked_data():
    da = pytest.importorskip("dask.array")
    from scipy.sparse import csr_array

    endog, exog = drawn(5)
    whole = equality_of(endog, exog)
    for other in (csr_array(endog), da.from_array(endog, chunks=(70, 8))):
        for name, test in equality_of(other, exog).items():
            assert test.statistic == pytest.approx(whole[name].statistic, rel=1e-5)
    endog[np.random.default_rng(0).uniform(size=endog.shape) < 0.1] = np.nan
    assert [test.df for test in equality_of(endog, exog).values()] == [7, 1]
