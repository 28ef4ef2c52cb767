from __future__ import annotations

from contextlib import nullcontext

from threadpoolctl import threadpool_info

from nmfre.threads import SMALL, one_thread_if_small


def blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


def test_small_products_get_one_thread_and_large_ones_all():
    before = blas_threads()
    with one_thread_if_small(SMALL):
        assert blas_threads() == {1}
    assert blas_threads() == before
    assert isinstance(one_thread_if_small(SMALL + 1), nullcontext)
