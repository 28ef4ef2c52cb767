from __future__ import annotations

from contextlib import nullcontext

import pytest
from threadpoolctl import threadpool_info

from nmfre.threads import SMALL, one_thread, one_thread_if_small


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


def test_contexts_of_several_threads_may_overlap():
    before = blas_threads()
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before
