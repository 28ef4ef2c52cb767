from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmfre.estimation import stack
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.effective_df import effective_df, ridge_at_cap
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.initial import nndsvd


def problems(size, *, P=5, N=30, Q=2, K=3, seed=0):
    rng = np.random.default_rng(seed)
    A = np.concatenate([np.ones((size, 1, N)), rng.random((size, K - 1, N))], axis=1)
    X = rng.random((size, P, Q)) ** 3
    scores = 20 * rng.random((size, Q, K)) @ A + rng.normal(size=(size, Q, N))
    Y = np.maximum(X @ scores + rng.normal(size=(size, P, N)), 0)
    return Y, A, rng.random((size, P, Q)) + 0.1, np.ones((size, Q, K))


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("X", "Theta", "U", "sigma2", "tau2", "n_iter", "objective_path", "ridge_path")
    )


@pytest.mark.bits
@pytest.mark.parametrize("cap", [np.inf, 9.0])
def test_a_member_of_a_stack_is_the_single_fit_to_the_bit(cap):
    Y, A, X, Theta = problems(7)
    together = fit_alternating(Y, A, X, Theta, cap=cap, tol=1e-5)
    assert len({estimate.n_iter for estimate in together}) > 3  # they leave one after another
    for b, estimate in enumerate(together):
        one = slice(b, b + 1)
        (alone,) = fit_alternating(Y[one], A[one], X[one], Theta[one], cap=cap, tol=1e-5)
        assert same(estimate, alone)
        assert estimate.stop_reason is StopReason.TOLERANCE


@pytest.mark.bits
def test_shared_data_and_different_caps():
    Y, A, X, Theta = problems(4)
    caps = np.array([np.inf, 20.0, 8.0, 2.0])
    shared = fit_alternating(Y[:1], A[:1], X, Theta, cap=caps, tol=1e-5)
    repeated = fit_alternating(
        np.repeat(Y[:1], 4, axis=0), np.repeat(A[:1], 4, axis=0), X, Theta, cap=caps, tol=1e-5
    )
    for a, b, cap in zip(shared, repeated, caps, strict=True):
        assert same(a, b)
        assert a.tau2_estimated == np.isinf(cap)
        assert a.df_random <= cap * 1.001


def test_blocks_of_units_change_rounding_only(monkeypatch):
    Y, A, X, Theta = problems(1, N=500)
    (whole,) = fit_alternating(Y, A, X, Theta, cap=30.0, maxiter=60)
    monkeypatch.setattr(stack, "BLOCK_BYTES", 8 * 5 * 70)
    (blocked,) = fit_alternating(Y, A, X, Theta, cap=30.0, maxiter=60)
    for name in ("X", "Theta", "U", "rss", "objective_path"):
        np.testing.assert_allclose(getattr(blocked, name), getattr(whole, name), rtol=1e-9)


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


def test_the_distance_to_the_fixed_point_is_told():
    Y, A, X, Theta = problems(1, Q=1, N=60)
    fit = {"cap": 9.0, "sigma2": 1.0}
    (early,) = fit_alternating(Y, A, X, Theta, tol=0.0, maxiter=40, **fit)
    (late,) = fit_alternating(Y, A, X, Theta, tol=0.0, maxiter=49, **fit)  # sigma2 is still 1
    missing = np.linalg.norm(early.Theta - late.Theta) / np.linalg.norm(early.Theta)
    assert missing <= early.fixed_point_distance * 1.01
    assert early.fixed_point_residual <= early.fixed_point_distance


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


@pytest.mark.bits
def test_non_finite_members_stop_and_leave_the_others_alone():
    Y, A, X, Theta = problems(3)
    good = fit_alternating(Y, A, X, Theta, cap=9.0, tol=1e-6)
    Y = Y.copy()
    Y[1] *= 1e200
    mixed = fit_alternating(Y, A, X, Theta, cap=9.0, tol=1e-6)
    assert mixed[1].stop_reason is StopReason.NON_FINITE
    assert same(mixed[0], good[0])
    assert same(mixed[2], good[2])


def test_one_iteration_is_not_convergence():
    Y, A, X, Theta = problems(1)
    (e,) = fit_alternating(Y, A, X, Theta, cap=9.0, maxiter=1, tol=1e9)
    assert (e.n_iter, e.stop_reason) == (1, StopReason.MAXITER)
    (e,) = fit_alternating(Y, A, X, Theta, cap=9.0, tol=1e9)
    assert (e.n_iter, e.stop_reason) == (2, StopReason.TOLERANCE)


@given(
    arrays(float, (4, 3), elements=st.floats(1e-6, 10.0)),
    st.floats(1e-6, 1.0),
    st.floats(0.01, 0.95),
)
def test_ridge_at_cap_meets_the_cap(eigenvalues, ridge, share):
    ridge = np.full(4, ridge)
    cap = share * effective_df(eigenvalues, ridge, 50)
    found = ridge_at_cap(eigenvalues, cap, ridge, 50)
    assert (found > ridge).all()
    np.testing.assert_allclose(effective_df(eigenvalues, found, 50), cap, rtol=1e-12)


def test_effective_df_of_equal_eigenvalues():
    assert effective_df(np.array([1.0, 1.0]), 1.0, 10) == pytest.approx(10.0)
    assert effective_df(np.array([1.0, 0.0]), 1.0, 10) == pytest.approx(5.0)


def test_nndsvd_is_positive_and_reproducible():
    Y = problems(1, P=6, Q=3)[0][0]
    starts = [nndsvd(Y, 3, np.random.default_rng(5)) for _ in range(2)]
    np.testing.assert_array_equal(*starts)
    assert (starts[0] > 0).all()
    u, s, _ = np.linalg.svd(Y)
    np.testing.assert_allclose(starts[0][:, 0], np.sqrt(s[0]) * np.abs(u[:, 0]))
    zeros = starts[0] < Y.mean() / 100
    assert zeros[:, 1:].any()
    assert not zeros[:, 0].any()


def test_nndsvd_is_the_start_of_the_reference_where_that_is_not_random():
    from conftest import Case

    case = Case.read("synthetic_p12_n60_q3_off")
    start = nndsvd(case.Y, case.rank, np.random.default_rng(0))
    random = case.Y.mean() / 100
    fixed = random < case.X
    np.testing.assert_allclose(start[fixed], case.X[fixed], rtol=1e-8)
    assert (start[~fixed] <= random).all()
