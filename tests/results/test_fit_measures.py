"""Measures of fit: those of lavaan, what they do not depend on, where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import confirmatory
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nmfre
from nmfre import errors

GOLDEN = Path(__file__).parents[1] / "golden"
FAST = {"method": "ml", "n_boot": 0, "n_starts": 1}
OF_LAVAAN = {
    "chi2": "chi2",
    "df": "df",
    "pvalue": "p",
    "scaling": "scaling_factor",
    "chi2_scaled": "chi2_scaled",
    "pvalue_scaled": "p_scaled",
    "llf_saturated": "llf_saturated",
    "baseline_chi2": "baseline_chi2",
    "baseline_df": "baseline_df",
    "baseline_scaling": "baseline.chisq.scaling.factor",
    "cfi": "cfi",
    "tli": "tli",
    "rmsea": "rmsea",
    "rmsea_pvalue": "rmsea_p",
    "srmr": "srmr",
    "srmr_responses": "srmr_responses_only",
    "cfi_robust": "cfi.robust",
    "tli_robust": "tli.robust",
    "rmsea_robust": "rmsea.robust",
    "rmsea_robust_lower": "rmsea.ci.lower.robust",
    "rmsea_robust_upper": "rmsea.ci.upper.robust",
    "aic": "aic",
    "bic": "bic",
    "n_parameters": "n_parameters",
}
AT_1E_6 = ("chi2", "llf_saturated", "baseline_chi2", "aic", "bic")
"""Log-likelihoods, of hundreds and thousands."""


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_they_are_those_of_lavaan(path):
    given = json.loads(path.read_text())
    pattern = np.array(given["pattern"], bool)
    structure = {"basis_pattern": pattern} if pattern.shape[1] > 1 else {"rank": 1}
    model = nmfre.NMFRE(np.transpose(given["Y"]), np.transpose(given["A"]), **structure)
    forms = {name: given[name] for name in ("cov_resid", "cov_re")}
    found = model.fit(signed=True, **forms, **FAST).fit_measures()
    expected = given["expected"] | given["expected"]["lavaan_scaled"]
    for name, of_lavaan in OF_LAVAAN.items():
        # lavaan stops short of the maximum: statistics that are divided show it most.
        tol = 2e-5 if name == "chi2_scaled" else 1e-6 if name in AT_1E_6 else 3e-7
        assert found[name] == pytest.approx(expected[of_lavaan], abs=tol, rel=0), name
    limits = found[["rmsea_lower", "rmsea_upper"]]
    np.testing.assert_allclose(limits, expected["rmsea_ci90"], atol=1e-7)


@pytest.fixture(scope="module")
def data():
    """150 units, 5 responses, one component that fits and residuals with long tails."""
    rng = np.random.default_rng(2)
    exog = np.column_stack([np.ones(150), rng.normal(size=150), np.arange(150) % 2])
    scores = exog @ [80.0, 2.0, 3.0] + 5.0 * rng.normal(size=150)
    errors = rng.standard_t(5, size=(150, 5)) * [0.5, 1.0, 1.0, 1.5, 0.7]
    return np.outer(scores, [0.1, 0.3, 0.2, 0.25, 0.15]) + errors, exog


def test_they_do_not_depend_on_units_and_coding(data):
    endog, exog = data
    found = nmfre.NMFRE(endog, exog, rank=1).fit(signed=True, **FAST).fit_measures()
    levels = np.column_stack([1.0 - exog[:, 2], exog[:, 2], exog[:, 1] + 2000.0])
    other = nmfre.NMFRE(1000.0 * endog, levels, rank=1).fit(signed=True, **FAST).fit_measures()
    # Of covariates without the constant among them there is one more.
    same = found.index.difference(["llf", "llf_saturated", "aic", "bic", "srmr"])
    np.testing.assert_allclose(other[same], found[same], rtol=1e-6, atol=1e-8)
    assert found["df"] == 5 * 3 + 15 - (4 + 3 + 6)


def test_sparse_responses_and_chunks_have_those_of_arrays(data):
    endog, exog = np.maximum(data[0] - 8.0, 0.0), data[1]
    found = nmfre.NMFRE(endog, exog, rank=1).fit(**FAST).fit_measures()
    of_sparse = nmfre.NMFRE(sparse.csr_array(endog), exog, rank=1).fit(**FAST).fit_measures()
    np.testing.assert_allclose(of_sparse, found, rtol=1e-6, atol=1e-8)
    array = pytest.importorskip("dask.array")
    lazy = [array.from_array(part, chunks=(40, -1)) for part in (endog, exog)]
    in_chunks = nmfre.NMFRE(*lazy, rank=1).fit(**FAST).fit_measures()
    np.testing.assert_allclose(in_chunks, found, rtol=1e-6, atol=1e-8)


def test_without_a_constant_there_is_no_baseline(data):
    endog, exog = data
    found = nmfre.NMFRE(endog, exog[:, :1] + exog[:, 1:2], rank=1).fit(**FAST).fit_measures()
    missing = found.index[found.isna()]
    assert {"cfi", "tli_robust", "baseline_chi2", "srmr", "srmr_responses"} <= set(missing)
    assert missing.str.startswith(("cfi", "tli", "srmr", "baseline")).all()


def test_a_model_as_large_as_the_saturated_one_has_no_test(data):
    endog, _ = data
    res = nmfre.NMFRE(endog[:, :2], rank=1).fit(cov_resid="diagonal", **FAST)
    found = res.fit_measures()
    assert found["df"] == 0
    assert found["chi2"] == pytest.approx(0.0, abs=1e-6)
    undefined = ["pvalue", "scaling", "tli", "rmsea", "rmsea_upper", "rmsea_robust", "cfi_robust"]
    assert found[undefined].isna().all()


def test_what_has_none_says_why(data, model, holed_fit):
    endog, exog = data
    ml = {"method": "ml", "n_boot": 0}
    with pytest.raises(errors.NotComputedError, match="fit with method='ml'"):
        model.fit(df_cap=0.21).fit_measures()
    with pytest.raises(errors.NotComputedError, match="the cap determines the variances"):
        model.fit(df_cap=0.21, **ml).fit_measures()
    with pytest.raises(errors.NotComputedError, match="responses are missing"):
        holed_fit.fit_measures()
    with pytest.raises(errors.NotComputedError, match="at least 8 units"):
        nmfre.NMFRE(endog[:7], exog[:7], rank=1).fit(cov_resid="identity", **ml).fit_measures()
    twice = np.column_stack([endog, endog[:, 0]])
    with pytest.raises(errors.NotComputedError, match="responses are collinear"):
        nmfre.NMFRE(twice, rank=1).fit(cov_resid="identity", **ml).fit_measures()
    res = nmfre.NMFRE(endog[:, :2], rank=2).fit(cov_resid="identity", **ml)
    with pytest.raises(errors.NotComputedError, match="more parameters"):
        res.fit_measures()
    for bad in ({"n_boot": 1}, {"seed": -1}, {"n_jobs": 0}, {"progress": "yes"}):
        with pytest.raises(errors.InvalidArgumentError):
            res.fit_measures(**bad)
    res = model.fit(**ml)
    res.remove_data()
    with pytest.raises(errors.DataRemovedError):
        res.fit_measures()


def test_wide_bases_have_no_scaling(data, monkeypatch):
    monkeypatch.setattr("nmfre.results.fit_measures.LARGEST", 10)
    found = nmfre.NMFRE(*data, rank=1).fit(**FAST).fit_measures()
    robust = found.index[found.index.str.contains("scal|robust")]
    assert found[robust].isna().all()
    assert found.drop(robust).notna().all()


def test_the_bootstrap_repeats_and_tells_a_wrong_model():
    """Of three correlated parts, uncorrelated ones are rejected."""
    right, wrong = (confirmatory.fitted(cov_re) for cov_re in ("full", "diagonal"))
    found = right.fit_measures(n_boot=19, seed=3)
    one, same = (right.fit_measures(n_boot=3, seed=seed) for seed in (3, 3))
    pd.testing.assert_series_equal(one, same)
    assert found["boot_failed"] == 0
    assert found["pvalue_boot"] > 0.05
    assert abs(found["pvalue_boot"] - found["pvalue"]) < 0.4
    assert wrong.fit_measures(n_boot=19)["pvalue_boot"] == 0.05
    assert wrong.fit_measures()["pvalue"] < 1e-3


def test_units_in_groups_that_are_copies_count_once(data):
    endog, exog = data
    found = nmfre.NMFRE(endog, exog, rank=1).fit(**FAST).fit_measures()
    twice = [np.repeat(part, 2, axis=0) for part in data]
    res = nmfre.NMFRE(*twice, rank=1, groups=np.repeat(np.arange(150), 2)).fit(**FAST)
    copies = res.fit_measures()
    scaled = found.index[found.index.str.endswith(("_scaled", "cfi_robust", "tli_robust"))]
    np.testing.assert_allclose(copies[scaled], found[scaled], rtol=1e-6)
    assert copies["chi2"] == pytest.approx(2.0 * found["chi2"], rel=1e-6)
    with pytest.raises(errors.NotComputedError, match="units of one group depend on each other"):
        res.fit_measures(n_boot=19)


def test_loaded_results_have_the_same(tmp_path):
    res = confirmatory.fitted()
    res.save(tmp_path / "fit.pickle")
    res.to_arrays(tmp_path / "fit.npz")
    for loaded in (nmfre.load(tmp_path / "fit.pickle"), nmfre.from_arrays(tmp_path / "fit.npz")):
        pd.testing.assert_series_equal(loaded.fit_measures(), res.fit_measures(), rtol=1e-9)
        which = [("visual", "g")]
        limits = (each.conf_int(method="profile", which=which) for each in (loaded, res))
        pd.testing.assert_frame_equal(*limits, rtol=1e-7)
        given = (each.standardized(covariates=True).effects for each in (loaded, res))
        pd.testing.assert_frame_equal(*given)
