"""Starts without random effects."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from nmfre.estimation.fixed_effects import THETA_FLOOR, fit_fixed_effects


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
