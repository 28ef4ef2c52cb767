"""Designs of the paper's studies: settings and draws."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre import errors
from nmfre.simulation import (
    PaperDesign,
    baseline_designs,
    paper_study,
    stress_designs,
)


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
    with pytest.raises(errors.InvalidArgumentError, match="study='basic' is invalid"):
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
