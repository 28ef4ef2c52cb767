"""
What long computations report while they run: messages of the logger ``nmfre``.

Processes of joblib have no handlers: what happens inside them is not reported, their results are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from time import monotonic

LOGGER = logging.getLogger("nmfre")
LOGGER.addHandler(logging.NullHandler())
EVERY = 3.0
"""Seconds between two reports of one computation."""

_lock, _shown = Lock(), ExitStack()
_open: list[object] = []
"""The contexts that are open."""


class Pulse:
    """Tells a loop when to report: every few seconds, if anyone listens."""

    def __init__(self) -> None:
        self._last = monotonic()

    def due(self) -> bool:
        """Whether it is time; if so, the next few seconds are silent."""
        if not LOGGER.isEnabledFor(logging.INFO) or monotonic() - self._last < EVERY:
            return False
        self._last = monotonic()
        return True


@contextmanager
def shown(verbose: bool) -> Iterator[None]:
    """
    Context in which messages are printed on standard error, if ``verbose``.

    They are printed once, however many of these contexts are open in several threads.
    """
    if not verbose:
        yield
        return
    with _lock:
        if not _open:
            _shown.enter_context(_on_standard_error())
        _open.append(None)
    try:
        yield
    finally:
        with _lock:
            _open.pop()
            if not _open:
                _shown.close()


@contextmanager
def _on_standard_error() -> Iterator[None]:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s nmfre: %(message)s", "%H:%M:%S"))
    level = LOGGER.level
    LOGGER.addHandler(handler)
    if not LOGGER.isEnabledFor(logging.INFO):
        LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
