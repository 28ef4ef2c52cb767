"""The saturated model and independence, and traces of unit scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import nmfre
from nmfre.estimation.complete import moments_of
from nmfre.inference.references import References, traces
from nmfre.inference.wild_bootstrap import whole
from nmfre.simulation import BumpDesign


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(0)
    A = np.vstack([np.ones(60), rng.normal(size=60)])
    B = np.array([[5.0, 1.0], [7.0, -1.0], [4.0, 0.0]])
    return B @ A + rng.normal(size=(3, 60)) * [[1.0], [0.5], [2.0]], A


def test_log_likelihoods_are_those_of_densities(sample):
    Y, A = sample
    references = References.of(moments_of(Y, A), A, whole)
    residuals = Y - np.linalg.lstsq(A.T, Y.T)[0].T @ A
    density = stats.multivariate_normal(np.zeros(3), residuals @ residuals.T / 60)
    saturated, independence = references.llf()
    assert saturated == pytest.approx(density.logpdf(residuals.T).sum(), rel=1e-12)
    sd = Y.std(axis=1, keepdims=True)
    expected = stats.norm.logpdf(Y, Y.mean(axis=1, keepdims=True), sd).sum()
    assert independence == pytest.approx(expected, rel=1e-12)
    assert references.determined
    assert references.with_constant
    assert references.n_parameters == (6 + 6, 6)
    np.testing.assert_allclose(references.scale * references.mean, Y.mean(axis=1), rtol=1e-12)
    flat = replace(references, R=np.ones((3, 3)))
    few = replace(references, n_units=4)
    assert not flat.determined
    assert not few.determined


def test_traces_of_normal_data_are_numbers_of_parameters():
    """Where there are many units; zeros that the likelihood pushes against are no parameters."""
    design = BumpDesign(n_responses=8, rank=2, n_units=4000, background=0.5)
    res = nmfre.NMFRE(*design.draw(np.random.default_rng(0)), rank=2).fit(
        "ml", n_boot=0, n_starts=1, cov_re="identity", cov_resid="identity", signed=True
    )
    Y, A, moments = res.model.design.Y, res.model.design.A, res.model.design.moments()
    references = References.of(moments, A, whole)
    found = traces(Y, A, moments, res.estimate, references, total=whole)
    codes = np.arange(len(A.T))
    same = traces(Y, A, moments, res.estimate, references, groups=codes, total=whole)
    for name in ("model", "saturated", "independence"):
        assert getattr(same, name) == pytest.approx(getattr(found, name), rel=1e-9)
    n_saturated, n_independence = references.n_parameters
    assert found.saturated == pytest.approx(n_saturated, rel=0.05)
    assert found.independence == pytest.approx(n_independence, rel=0.05)
    n_zeros = int((res.estimate.X == 0.0).sum())
    assert found.model == pytest.approx(res.df_model - n_zeros, rel=0.1)
