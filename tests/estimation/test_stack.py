"""A stack of problems: each as if it were alone."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from stacked import problems, same

from nmfre.estimation import stack
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.estimate import StopReason


@pytest.mark.bits
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("cap", [np.inf, 9.0])
def test_a_member_of_a_stack_is_the_single_fit_to_the_bit(cap, rank):
    Y, A, X, Theta = problems(7, Q=rank)
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


def test_a_long_fit_takes_little_memory():
    """Guards against arrays of all units that are there once for an iteration: U, X'Y."""
    Y, A, X, Theta = problems(1, N=100_000)
    fit_alternating(Y[..., :50], A[..., :50], X, Theta, cap=9.0, maxiter=2)
    tracemalloc.start()
    fit_alternating(Y, A, X, Theta, cap=9.0, maxiter=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * (Y.nbytes + A.nbytes)


def test_blocks_of_units_change_rounding_only(monkeypatch):
    Y, A, X, Theta = problems(1, N=500)
    (whole,) = fit_alternating(Y, A, X, Theta, cap=30.0, maxiter=60)
    monkeypatch.setattr(stack, "BLOCK_BYTES", 8 * 5 * 70)
    (blocked,) = fit_alternating(Y, A, X, Theta, cap=30.0, maxiter=60)
    for name in ("X", "Theta", "U", "rss", "objective_path"):
        np.testing.assert_allclose(getattr(blocked, name), getattr(whole, name), rtol=1e-9)


@pytest.mark.bits
@pytest.mark.parametrize("rank", [2, 3])
def test_non_finite_members_stop_and_leave_the_others_alone(rank):
    Y, A, X, Theta = problems(3, Q=rank)
    good = fit_alternating(Y, A, X, Theta, cap=9.0, tol=1e-6)
    Y = Y.copy()
    Y[1] *= 1e200
    mixed = fit_alternating(Y, A, X, Theta, cap=9.0, tol=1e-6)
    assert mixed[1].stop_reason is StopReason.NON_FINITE
    assert same(mixed[0], good[0])
    assert same(mixed[2], good[2])
