from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import nmfre
from nmfre.core.threads import SMALL, one_thread, one_thread_if_small
from nmfre.simulation import BumpDesign


def blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


# Accelerate, NumPy's BLAS on macOS, is none that threadpoolctl knows.
pytestmark = pytest.mark.skipif(not blas_threads(), reason="no BLAS whose threads can be set")


def test_small_products_get_one_thread_and_large_ones_all():
    before = blas_threads()
    with one_thread_if_small(SMALL):
        assert blas_threads() == {1}
    assert blas_threads() == before
    assert isinstance(one_thread_if_small(SMALL + 1), nullcontext)


@pytest.mark.bits
@pytest.mark.parametrize("uncertainty", ["marginal", "conditional"])
def test_the_number_of_threads_changes_no_bit(uncertainty):
    data = BumpDesign(n_responses=30, rank=2, n_units=3000).draw(np.random.default_rng(0))
    model = nmfre.NMFRE(*data, rank=2)
    found = []
    for threads in (1, 2):  # as in workers of joblib and without them
        with threadpool_limits(threads, "blas"):
            res = model.fit("ml", n_starts=1, n_boot=20, uncertainty=uncertainty)
        found.append([res.params, res.bse, res.bse_boot, res.basis, res.random_effects])
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_contexts_of_several_threads_may_overlap():
    before = blas_threads()
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before
