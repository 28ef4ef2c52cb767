"""BLAS threads: on small matrices they cost more than they bring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from threading import Lock

from threadpoolctl import ThreadpoolController

SMALL = 1_000_000
"""Multiplications in a product up to which one thread is as fast as any number."""

_lock, _limit = Lock(), ExitStack()
_open: list[object] = []
"""The contexts that are open."""


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through the loaded libraries: once is enough


def one_thread_if_small(multiplications: int) -> AbstractContextManager[object]:
    """Context in which BLAS has one thread, where its typical product is small."""
    if multiplications > SMALL:
        return nullcontext()
    return one_thread()


@contextmanager
def one_thread() -> Iterator[None]:
    """
    Context in which BLAS has one thread: where work is divided otherwise.

    The limit is one of the process: of contexts that overlap in several threads only the first sets
    it, and only the last lifts it.
    """
    with _lock:
        if not _open:
            _limit.enter_context(_controller().limit(limits=1, user_api="blas"))
        _open.append(None)
    try:
        yield
    finally:
        with _lock:
            _open.pop()
            if not _open:
                _limit.close()
