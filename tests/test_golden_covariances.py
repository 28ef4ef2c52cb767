"""Forms of the covariances, against lavaan; what does not depend on units, twins and searches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nmfre
from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.maximize import maximize, starting_bases
from nmfre.estimation.maximum_likelihood import fit_marginal
from nmfre.inference.marginal import marginal_inference
from nmfre.inference.options import InferenceOptions

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("*.json"))


def read(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


def fit(Y, A, structure, rank, n_starts=1, signed=True):
    moments = moments_of(Y, A)
    bases = starting_bases(moments, rank, n_starts, np.random.default_rng(0))
    options = {"signed": signed, "cap": np.inf, "structure": structure}
    return moments, fit_marginal(Y, A, moments, bases, **options)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """Data, pattern, fit and inference of a case, and its polished values as arrays."""
    given = read(request.param)
    Y, A, pattern = np.array(given["Y"]), np.array(given["A"]), np.array(given["pattern"], bool)
    rank = pattern.shape[1]
    structure = Structure(given["cov_resid"], given["cov_re"], pattern if rank > 1 else None)
    moments, estimate = fit(Y, A, structure, rank)
    options = InferenceOptions(
        cov_type="sandwich", uncertainty="marginal", alternative="two-sided", n_boot=0
    )
    inference = marginal_inference(Y, A, moments, estimate, options, np.random.SeedSequence(0))
    polished = {name: np.array(value) for name, value in given["polished"].items()}
    return pattern, estimate, inference, polished, given["expected"]


def test_there_are_all_combinations():
    forms = [(a, b) for a in ("identity", "diagonal") for b in ("identity", "diagonal", "full")]
    scaled = {f"hs_scaled_{a}_{b}" for a, b in forms}
    assert scaled | {"hs_raw_diagonal_full"} <= set(CASES)
    assert len(CASES) == 9


def test_the_maximum_is_that_of_lavaan(case):
    pattern, estimate, _, polished, expected = case
    assert estimate.stop_reason == "tolerance"
    assert estimate.llf == pytest.approx(polished["llf"], abs=1e-6, rel=0)
    assert estimate.llf == pytest.approx(expected["llf"], abs=1e-4, rel=0)
    assert estimate.n_parameters == expected["n_parameters"]
    assert estimate.aic == pytest.approx(expected["aic"], abs=1e-3, rel=0)
    np.testing.assert_array_equal(estimate.X[~pattern], 0.0)
    found = {"X": estimate.X, "Theta": estimate.Theta, "Psi": estimate.psi, "Phi": estimate.Phi}
    for name, values in found.items():
        np.testing.assert_allclose(values, polished[name], rtol=1e-5, atol=0, err_msg=name)
    assert estimate.identification.by == ("pattern" if pattern.shape[1] > 1 else "")
    assert not estimate.resid_at_bound.any()
    assert not estimate.re_at_bound.any()


def test_standard_errors_are_those_of_the_sandwich(case):
    pattern, estimate, inference, polished, _ = case
    free = pattern & (pattern.sum(axis=0) > 1)
    np.testing.assert_allclose(inference.basis_bse[free], polished["se_X"][free], rtol=1e-4)
    np.testing.assert_array_equal(np.isnan(inference.basis_bse), ~free)
    se_Theta = polished["se_Theta"].ravel(order="F")
    np.testing.assert_allclose(inference.bse, se_Theta, rtol=1e-4)
    bse = inference.variance_bse(estimate)
    for name, of in (("log_sigma2", "se_Psi"), ("log_tau2", "se_Phi_diag")):
        values = polished[of]
        assert len(bse[name]) in (1, len(values))
        np.testing.assert_allclose(np.resize(bse[name], len(values)), values, rtol=1e-4)
    np.testing.assert_allclose(bse["cov_re"], polished["se_Phi"], rtol=1e-4, atol=1e-12)


def test_the_estimator_fits_what_lavaan_fits():
    """By the public names, where no pattern is needed."""
    given = read("orthodont_diagonal_identity")
    polished = given["polished"]
    model = nmfre.NMFRE(np.transpose(given["Y"]), np.transpose(given["A"]), rank=1)
    res = model.fit("ml", signed=True, n_boot=0, cov_resid="diagonal", cov_type="sandwich")
    assert res.llf == pytest.approx(polished["llf"], abs=1e-6, rel=0)
    np.testing.assert_allclose(res.params, polished["Theta"][0], rtol=1e-5)
    np.testing.assert_allclose(res.bse, polished["se_Theta"][0], rtol=1e-4)


def bumps(n_units=120, P=8, background=0.0, tau=(7.0, 4.0), seed=0):
    """Two components, and residual variances that differ; Y (P, N) and A (2, N)."""
    rng = np.random.default_rng(seed)
    A = np.vstack([np.ones(n_units), np.arange(n_units) % 2])
    X = np.maximum(1.0 - np.abs(np.arange(P)[:, None] - [0.3 * P, 0.7 * P]) / (0.35 * P), 0.0)
    X = X / X.sum(axis=0) + background / P
    X /= X.sum(axis=0)
    U = np.array(tau)[:, None] * rng.normal(size=(2, n_units))
    psi = np.linspace(0.5, 3.0, P)[rng.permutation(P)]
    E = np.sqrt(psi)[:, None] * rng.normal(size=(P, n_units))
    return np.abs(X @ (np.array([[60.0, 6.0], [60.0, 0.0]]) @ A + U) + E), A


def test_one_component_has_one_variance_whatever_the_form():
    Y, A = bumps(tau=(7.0, 0.0))
    for cov_resid in ("identity", "diagonal"):
        one, other, full = (
            fit(Y, A, Structure(cov_resid, cov_re), 1)[1]
            for cov_re in ("identity", "diagonal", "full")
        )
        for estimate in (other, full):
            assert estimate.llf == pytest.approx(one.llf, abs=1e-8, rel=0)
            assert estimate.n_parameters == one.n_parameters
            assert estimate.tau2 == pytest.approx(one.tau2, rel=1e-6)
            np.testing.assert_allclose(estimate.psi, one.psi, rtol=1e-6)
            np.testing.assert_allclose(estimate.Theta, one.Theta, rtol=1e-7)
            np.testing.assert_allclose(estimate.X, one.X, rtol=1e-6)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("missing", [False, True])
def test_the_unit_of_a_response_does_not_matter_where_variances_differ(missing, signed):
    Y, A = bumps()
    if missing:
        Y[2, ::5] = Y[6, 1::7] = np.nan
    size = np.ones(len(Y))
    size[2] = 10.0
    structure = Structure("diagonal", "diagonal")
    (_, a), (_, b) = (
        fit(scale[:, None] * Y, A, structure, 2, signed=signed) for scale in (size / size, size)
    )
    n = np.sum(~np.isnan(Y[2]))
    assert b.llf == pytest.approx(a.llf - n * np.log(10.0), abs=1e-7, rel=0)
    fits = [e.X @ (e.Theta @ A + e.U) for e in (a, b)]
    np.testing.assert_allclose(fits[1], size[:, None] * fits[0], rtol=1e-6)
    np.testing.assert_allclose(b.psi, size**2 * a.psi, rtol=1e-5)
    communal = [e.X @ e.Phi @ e.X.T for e in (a, b)]
    expected = np.outer(size, size) * communal[0]
    np.testing.assert_allclose(communal[1], expected, rtol=1e-5, atol=1e-7 * expected.max())
    assert b.df_random == pytest.approx(a.df_random, rel=1e-6)


@pytest.mark.parametrize("cov_resid", ["identity", "diagonal"])
def test_without_zeros_different_variances_fit_as_equal_ones_do(cov_resid):
    Y, A = bumps(n_units=300, background=2.0)
    (_, equal), (_, different) = (
        fit(Y, A, Structure(cov_resid, cov_re), 2, n_starts=3)
        for cov_re in ("identity", "diagonal")
    )
    assert equal.X.min() > 1e-3  # no zero binds
    assert equal.identification.by == "convention"
    assert different.identification.n_free == 1
    assert different.n_parameters == equal.n_parameters
    assert different.llf == pytest.approx(equal.llf, abs=1e-10, rel=0)
    for of in (lambda e: e.X @ e.Theta, lambda e: e.X @ e.Phi @ e.X.T, lambda e: e.psi):
        np.testing.assert_allclose(of(different), of(equal), rtol=1e-5)


def test_zeros_tell_different_variances_apart():
    Y, A = bumps(n_units=2000)
    (_, equal), (_, different) = (
        fit(Y, A, Structure("diagonal", cov_re), 2, n_starts=3)
        for cov_re in ("identity", "diagonal")
    )
    assert different.identification.by == "zeros"
    assert different.llf > equal.llf + 10.0
    np.testing.assert_allclose(np.sqrt(np.diag(different.Phi)), [7.0, 4.0], rtol=0.1)
    np.testing.assert_allclose(different.Theta, [[60.0, 6.0], [60.0, 0.0]], atol=1.5)


@pytest.mark.parametrize("cov_resid", ["identity", "diagonal"])
@pytest.mark.parametrize("cov_re", ["identity", "diagonal"])
@pytest.mark.parametrize("signed", [True, False])
def test_steps_without_matrices_reach_what_others_reach(monkeypatch, cov_resid, cov_re, signed):
    Y, A = bumps(P=16)
    moments, structure = moments_of(Y, A), Structure(cov_resid, cov_re)
    (basis,) = starting_bases(moments, 2, 1, np.random.default_rng(0))
    small = maximize(moments, basis, structure=structure, signed=signed)
    monkeypatch.setattr("nmfre.estimation.maximize.DENSE", 1)
    large = maximize(moments, basis, structure=structure, signed=signed)
    assert small.stop_reason == large.stop_reason == "tolerance"
    assert large.value == pytest.approx(small.value, abs=1e-10)
    np.testing.assert_allclose(large.X, small.X, atol=1e-5)
    np.testing.assert_allclose(large.sigma2 * large.v, small.sigma2 * small.v, rtol=1e-4)
    Phi = [m.sigma2 * m.relative.Phi for m in (small, large)]
    np.testing.assert_allclose(Phi[1], Phi[0], rtol=1e-3, atol=1e-9)
