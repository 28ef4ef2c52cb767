"""BLAS threads: on small matrices they cost more than they bring."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

SMALL = 1_000_000
"""Multiplications in a product up to which one thread is as fast as any number."""


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through the loaded libraries: once is enough


def one_thread_if_small(multiplications: int) -> AbstractContextManager[Any]:
    """Context in which BLAS has one thread, where its typical product is small."""
    if multiplications > SMALL:
        return nullcontext()
    return one_thread()


def one_thread() -> AbstractContextManager[Any]:
    """Context in which BLAS has one thread: where work is divided otherwise."""
    limits: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limits
