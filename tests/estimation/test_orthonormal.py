"""Covariates made orthonormal, and non-negative least squares in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from nmfre.estimation.orthonormal import nonnegative, orthonormal

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, rows=st.integers(1, 8), columns=st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_nonnegative_least_squares_meets_its_conditions(seed, rows, columns):
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(rows, columns))
    F[:, -1] += 1e3 * F[:, 0]  # nearly collinear
    F /= np.linalg.norm(F, axis=0)
    b = rng.normal(size=rows)
    x = nonnegative(F, b)
    ascent = F.T @ (b - F @ x)
    assert (x >= 0.0).all()
    assert ascent.max() < 1e-9
    assert np.abs(ascent[x > 0.0]).max(initial=0.0) < 1e-9


@given(seed=seeds, shift=st.sampled_from([0.0, 1e4, 1e9]))
@settings(max_examples=30, deadline=None)
def test_covariates_are_made_orthonormal(seed, shift):
    rng = np.random.default_rng(seed)
    A = np.stack(
        [np.ones(30), rng.normal(size=30), rng.integers(0, 50, 30) + shift, np.arange(30) % 2 == 0]
    ).astype(float)
    A = A[rng.permutation(len(A))]
    covariates, W = orthonormal(A)
    np.testing.assert_allclose(W @ W.T / 30, np.eye(len(A)), atol=1e-13)
    np.testing.assert_allclose(covariates.L @ W, A, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(covariates.white(A), W, atol=1e-12)
    np.testing.assert_allclose(covariates.scale**2, np.mean(A**2, axis=1))
    Theta = rng.normal(size=(2, len(A)))
    np.testing.assert_allclose(
        covariates.theta(covariates.gamma(Theta)), Theta, rtol=1e-5, atol=1e-6
    )
    R = np.linalg.qr(A.T, mode="r")
    np.testing.assert_allclose(covariates.inverse @ covariates.L, np.eye(len(A)), atol=1e-5)
    again = type(covariates).of_factor(R, 30)
    np.testing.assert_allclose(np.abs(again.white(A) @ W.T / 30).sum(axis=0) >= 1 - 1e-6, True)


def test_a_step_to_a_bound_ends_there():
    """Two columns that are nearly one: rounding left the step a hair above the bound, for ever."""
    F = np.array(
        [
            [0.2511543140487134, -0.6320007883571769, 0.25115431345367045],
            [-0.3525690859873568, 0.7652969094946618, -0.3525690885461645],
            [-0.9014524669336482, 0.12204771130105835, -0.9014524660986525],
        ]
    )
    b = np.array([1.0282808627913735, -1.113882471222308, -1.9491547446781814])
    x = nonnegative(F, b)
    assert np.linalg.norm(F @ x - b) == pytest.approx(nnls(F, b)[1])
