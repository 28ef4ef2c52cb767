from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls

from nmfre import errors
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.fixed_effects import THETA_FLOOR, fit_fixed_effects
from nmfre.simulation import (
    PaperDesign,
    baseline_designs,
    paper_study,
    stress_designs,
    studies,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "baseline_n27.csv"
PUBLISHED = pd.read_csv(REFERENCE).groupby(["errors", "effect"])


@pytest.mark.slow
@pytest.mark.parametrize(("distribution", "effect"), list(PUBLISHED.groups))
def test_baseline_agrees_with_the_authors_code(distribution, effect):
    n, published_n = 400, 200
    design = PaperDesign(study="baseline", n_units=27, effect=effect, errors=distribution)
    row = paper_study([design], n, n_boot=500, seed=1, progress=False).iloc[0]
    table = PUBLISHED.get_group((distribution, effect))
    for name, published in zip(table["quantity"], table["value"], strict=True):
        spread = row["sd"] if name in ("bias", "sd") else 0.12  # of one replicate
        if name in ("rejection", "coverage, wald", "coverage, percentile"):
            rate = (n * row[name] + published_n * published) / (n + published_n)
            spread = np.sqrt(rate * (1 - rate)) if rate < 1 else 0.0
        error = spread * np.sqrt(1 / n + 1 / published_n)
        assert row[name] == pytest.approx(published, abs=3 * error + 0.005), name


def test_the_collapse_without_a_cap_is_visible(monkeypatch):
    # A hundredth of the iterations is enough to see where the ridge goes.
    monkeypatch.setattr(studies, "fit_alternating", partial(fit_alternating, maxiter=2000))
    strict, _, off, *_ = stress_designs()
    assert (strict.df_cap, off.df_cap) == (0.21, None)
    table = paper_study([strict, off], 4, n_boot=20, progress=False)
    capped, off = table.iloc[0], table.iloc[1]
    assert capped["df_U / NQ"] == pytest.approx(0.21, rel=1e-3)
    assert capped["cap hit"] == 1.0
    assert off["df_U / NQ"] > 0.99
    assert off["mean ridge"] < 1e-2 * capped["mean ridge"]
    assert off["mean naive se"] > 5.0 * off["mean se"]
    assert capped["mean naive se"] < 2.0 * capped["mean se"]
    assert off["not converged"] == 1.0


@pytest.mark.bits
def test_the_table_depends_on_the_seed_alone(monkeypatch):
    designs = baseline_designs()[:2]
    one, two = (paper_study(designs, 6, n_boot=20, n_jobs=n, progress=False) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    monkeypatch.setattr("nmfre.simulation.studies.CHUNK", 2)
    parts = paper_study(designs, 6, n_boot=20, progress=False)
    pd.testing.assert_frame_equal(one, parts, check_exact=True)
    other = paper_study(designs, 6, n_boot=20, seed=1, progress=False)
    assert not np.allclose(one, other)


def test_settings_are_those_of_the_paper():
    designs = baseline_designs()
    assert len(designs) == 12
    assert {design.df_cap for design in designs} == {0.21}
    np.testing.assert_allclose(designs[0].basis[:, 0], [0.2308, 0.2409, 0.2566, 0.2717], atol=1e-4)
    stress = stress_designs()[3]
    np.testing.assert_allclose(stress.theta[:, 1], [9.4285, 0, 0])
    np.testing.assert_allclose(stress.theta[:, 0].sum(), 90.502)
    with pytest.raises(errors.InvalidArgumentError, match="errors='gauss'"):
        PaperDesign(study="baseline", n_units=27, effect=0.0, errors="gauss")
    with pytest.raises(errors.InvalidArgumentError, match="study='basic' is not allowed"):
        PaperDesign(study="basic", n_units=27, effect=0.0)
    with pytest.raises(errors.InvalidArgumentError, match="n_replicates=1"):
        paper_study([stress], 1)
    with pytest.raises(errors.InvalidArgumentError, match="seed=-1"):
        paper_study([stress], 2, seed=-1)


@pytest.mark.parametrize("distribution", ["normal", "exponential"])
def test_draws_have_the_moments_of_the_design(distribution):
    design = PaperDesign(study="baseline", n_units=200_000, effect=9.4285, errors=distribution)
    rng = np.random.default_rng(0)
    exog = design.covariates(rng)
    endog = design.responses(exog, rng)
    assert exog[:, 1].mean() == pytest.approx(16 / 27, abs=0.005)
    resid = endog - exog @ design.theta.T @ design.basis.T
    covariance = np.cov(resid.T)
    np.testing.assert_allclose(covariance, design.basis @ design.basis.T + np.eye(4), atol=0.02)
    assert resid.mean() == pytest.approx(0.0, abs=0.01)
    skewness = 0.0 if distribution == "normal" else 2.0
    contrast = resid[:, 0] - resid[:, 3] * design.basis[0, 0] / design.basis[3, 0]
    expected = skewness * (1 - (design.basis[0, 0] / design.basis[3, 0]) ** 3)
    assert np.mean(contrast**3) == pytest.approx(expected, abs=0.15)


def test_negative_responses_are_shifted_by_their_minimum():
    rng = np.random.default_rng(0)
    low = PaperDesign(study="baseline", n_units=2000, effect=-95.0)
    assert low.responses(low.covariates(rng), rng).min() == 0.0


def test_the_start_without_random_effects_is_least_squares():
    rng = np.random.default_rng(0)
    A = np.stack([np.ones(50), rng.random(50)])
    Y = np.abs(rng.random((2, 4, 1)) * 20 + rng.normal(size=(2, 4, 50)) + 5 * A[1])
    X, Theta = fit_fixed_effects(
        Y, A[None], rng.random((2, 4, 1)), np.ones((2, 1, 2)), tol=1e-14, maxiter=20_000
    )
    np.testing.assert_allclose(X.sum(axis=1), 1.0)
    for y, x, theta in zip(Y, X, Theta, strict=True):
        best, _ = nnls(np.kron(A.T, x), y.T.ravel())
        np.testing.assert_allclose(theta[0], np.maximum(best, THETA_FLOOR), rtol=1e-5)
        score = A.T @ theta.T
        np.testing.assert_allclose(x[:, 0], (y @ score)[:, 0] / (score.T @ score)[0, 0], rtol=1e-5)
