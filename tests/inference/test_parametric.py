"""Moments of data of a fitted model, and statistics of their fits."""

from __future__ import annotations

import confirmatory
import numpy as np
import pytest

import nmfre
from nmfre.inference.parametric import FittedMoments, bootstrap_statistics


@pytest.fixture(scope="module")
def fitted():
    res = confirmatory.fitted()
    return FittedMoments.of(res.model.design.moments(), res.estimate, tol=1e-8, maxiter=1000)


def test_draws_have_the_moments_of_the_model(fitted):
    rng = np.random.default_rng(0)
    draws = [fitted.draw(rng) for _ in range(400)]
    N, K = fitted.n_units, fitted.effects.shape[1]
    for found, expected in (
        (np.array([d.B for d in draws]), fitted.effects),
        (np.array([d.R for d in draws]), fitted.covariance * (N - K) / N),
    ):
        error = (found.mean(axis=0) - expected) / (found.std(axis=0) / np.sqrt(len(draws)))
        assert np.abs(error).max() < 4.5
    of_B = np.array([d.B[:, 0] for d in draws])
    np.testing.assert_allclose(
        N * np.cov(of_B.T), fitted.covariance, atol=0.3 * np.diag(fitted.covariance).max()
    )


def test_a_statistic_is_that_of_units_with_these_moments(fitted):
    seed = np.random.SeedSequence(7)
    moments = fitted.draw(np.random.default_rng(seed))
    A = confirmatory.fitted().model.design.A
    W = fitted.covariates.white(A)
    N, P = fitted.n_units, len(moments.B)
    noise = np.random.default_rng(1).normal(size=(P, N))
    noise -= noise @ W.T @ W / N
    white = np.linalg.solve(np.linalg.cholesky(noise @ noise.T / N), noise)
    Y = fitted.scale * (moments.B @ W + np.linalg.cholesky(moments.R) @ white)
    pattern = np.kron(np.eye(3), np.ones((3, 1))) > 0
    model = nmfre.NMFRE(Y.T, A.T, basis_pattern=pattern)
    res = model.fit("ml", cov_re="full", signed=True, **confirmatory.FAST)
    statistic, converged = fitted.statistic(seed)
    assert converged
    assert statistic == pytest.approx(res.fit_measures()["chi2"], abs=1e-5)


def test_without_zeros_statistics_are_about_chi_squared(fitted):
    """Mean and variance of 60 of them; of 120 units they are a little above."""
    statistics, n_failed = bootstrap_statistics(
        fitted, n_boot=60, seed=0, n_jobs=None, progress=False
    )
    df = confirmatory.fitted().fit_measures()["df"]
    assert n_failed == 0
    assert df < statistics.mean() < 1.15 * df
    assert 0.6 * 2 * df < statistics.var() < 1.8 * 2 * df
