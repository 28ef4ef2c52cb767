"""BLAS threads: on small matrices they cost more than they bring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from threading import Lock
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


class _Limit:
    """
    One thread for BLAS while anyone wants it.

    The limit is one of the process: of contexts that overlap in several threads only the first sets
    it, and only the last lifts it.
    """

    def __init__(self) -> None:
        self.lock, self.n_users = Lock(), 0
        self.limits: Any = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self.lock:
            if not self.n_users:
                self.limits = _controller().limit(limits=1, user_api="blas")
            self.n_users += 1
        try:
            yield
        finally:
            with self.lock:
                self.n_users -= 1
                if not self.n_users:
                    self.limits.restore_original_limits()


one_thread = _Limit()
"""Context in which BLAS has one thread: where work is divided otherwise."""
