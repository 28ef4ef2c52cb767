"""Alternating updates: their limit, their order, their digits."""

from __future__ import annotations

import numpy as np
import pytest
from stacked import problems

from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.estimate import StopReason


def test_order_of_units_does_not_matter():
    Y, A, X, Theta = problems(1)
    order = np.random.default_rng(3).permutation(30)
    (a,) = fit_alternating(Y, A, X, Theta, cap=9.0, maxiter=300)
    (b,) = fit_alternating(Y[..., order], A[..., order], X, Theta, cap=9.0, maxiter=300)
    np.testing.assert_allclose(b.X, a.X, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(b.Theta, a.Theta, rtol=1e-8)
    np.testing.assert_allclose(b.U, a.U[:, order], rtol=1e-7, atol=1e-9)


def test_order_of_responses_does_not_matter():
    Y, A, X, Theta = problems(1, Q=1)
    order = [4, 2, 0, 1, 3]
    (a,) = fit_alternating(Y, A, X, Theta, cap=9.0, maxiter=300)
    (b,) = fit_alternating(Y[:, order], A, X[:, order], Theta, cap=9.0, maxiter=300)
    np.testing.assert_allclose(b.X, a.X[order], rtol=1e-8)
    np.testing.assert_allclose(b.Theta, a.Theta, rtol=1e-8)


def test_the_limit_satisfies_the_equations_of_the_estimator():
    Y, A, X, Theta = problems(1, Q=1, N=60)
    (e,) = fit_alternating(Y, A, X, Theta, cap=np.inf, tol=0.0, maxiter=5_000)
    Y, A = Y[0], A[0]
    M = e.X.T @ e.X + e.ridge * np.eye(1)
    U = np.linalg.solve(M, e.X.T @ (Y - e.X @ e.Theta @ A))
    U -= U.mean(axis=1, keepdims=True)
    scale = e.U[0, 0] / U[0, 0]  # normalising X after its update rescales U (and Theta)
    np.testing.assert_allclose(e.U, scale * U, rtol=1e-6, atol=1e-8)
    assert scale == pytest.approx(1.0, abs=0.01)
    assert e.sigma2 == pytest.approx(np.mean((Y - e.X @ (e.Theta @ A + e.U)) ** 2), rel=1e-6)
    tau2 = np.mean(U**2) + e.sigma2 * np.linalg.inv(M).trace()
    assert e.tau2 == pytest.approx(tau2, rel=1e-6)
    Z = np.maximum(Y - e.X @ e.U, 0)
    np.testing.assert_allclose(e.X.T @ Z @ A.T, e.X.T @ e.X @ e.Theta @ A @ A.T, rtol=1e-6)
    assert e.fixed_point_residual < 1e-8


def test_columns_sum_to_one_and_nothing_is_negative():
    for estimate in fit_alternating(*problems(5, Q=3), cap=20.0, maxiter=200):
        np.testing.assert_allclose(estimate.X.sum(axis=0), 1.0, atol=1e-8)
        assert (estimate.X >= 1e-10).all()
        assert (estimate.Theta >= 1e-10).all()
        np.testing.assert_allclose(estimate.U.mean(axis=1), 0.0, atol=1e-9)
        centroid = np.arange(1, 6) @ estimate.X
        assert (np.diff(centroid) >= 0).all()


def test_near_perfect_fit_keeps_its_digits():
    """Where |Y|^2 - 2<Y, XB> + |XB|^2 would be rounding, the residuals themselves are summed."""
    rng = np.random.default_rng(0)
    A = np.ones((1, 1, 20))
    Y = np.outer([1.0, 2.0, 3.0], np.full(20, 1e3))[None] + 1e-4 * rng.random((1, 3, 20))
    (e,) = fit_alternating(Y, A, Y[:, :, :1], np.ones((1, 1, 1)), cap=1.0, maxiter=50)
    residual = Y[0] - e.X @ (e.Theta @ A[0] + e.U)
    assert e.rss == pytest.approx(np.sum(residual**2), rel=1e-9)


def test_negative_responses_of_refits_are_clipped_where_the_paper_clips():
    Y, A, X, Theta = problems(1)
    Y = Y - 1.0
    (e,) = fit_alternating(Y, A, X, Theta, cap=9.0, maxiter=100)
    assert (e.X > 0).all()
    assert e.rss == pytest.approx(np.sum((Y[0] - e.X @ (e.Theta @ A[0] + e.U)) ** 2), rel=1e-9)


def test_one_iteration_is_not_convergence():
    Y, A, X, Theta = problems(1)
    (e,) = fit_alternating(Y, A, X, Theta, cap=9.0, maxiter=1, tol=1e9)
    assert (e.n_iter, e.stop_reason) == (1, StopReason.MAXITER)
    (e,) = fit_alternating(Y, A, X, Theta, cap=9.0, tol=1e9)
    assert (e.n_iter, e.stop_reason) == (2, StopReason.TOLERANCE)
