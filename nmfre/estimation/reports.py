"""What climbs report to the logger ``nmfre``: each start, and long climbs every few seconds."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nmfre.core.progress import LOGGER, Pulse
from nmfre.core.typing import FloatArray
from nmfre.estimation.moments import Moments


class Reached(Protocol):
    """The end of a climb; see `nmfre.estimation.maximize.Maximum`."""

    @property
    def value(self) -> float:
        """Minus the log-likelihood per cell, of the scaled responses."""
        ...

    @property
    def gradient_norm(self) -> float:
        """Per cell."""
        ...

    @property
    def n_iter(self) -> int:
        """Iterations."""
        ...


class StartReports:
    """Numbers the starts that have been climbed from."""

    def __init__(self, moments: Moments, n_starts: int, where: str = "") -> None:
        self.moments, self.n_starts, self.where = moments, n_starts, where
        self.count = 0

    def __call__(self, maxima: list[Reached]) -> None:
        """Report what one or several starts have led to."""
        for maximum in maxima:
            self.count += 1
            name = f"start {self.count} of {self.n_starts}{self.where}"
            report(name, self.moments, maximum)


def report(name: str, moments: Moments, maximum: Reached) -> None:
    """Report the end of a climb."""
    LOGGER.info(
        "%s: log-likelihood %.6f, gradient norm %.1e, %d iterations",
        name,
        _llf(moments, maximum.value),
        maximum.gradient_norm,
        maximum.n_iter,
    )


class ClimbPulse(Pulse):
    """Reports how far one climb is, every few seconds."""

    def __init__(self, moments: Moments) -> None:
        super().__init__()
        self.moments = moments

    def tell(self, n_iter: int, value: float, norm: float = np.nan) -> None:
        """Report an iteration, where `due`; with the norm of the gradient where it is known."""
        known = "" if np.isnan(norm) else f", gradient norm {norm:.1e}"
        LOGGER.info("iteration %d: log-likelihood %.6f%s", n_iter, _llf(self.moments, value), known)


def tell_of_stack(paths: list[list[float]], norms: FloatArray) -> None:
    """Report how far climbs are that go on together."""
    LOGGER.info(
        "%d climbs together: %d iterations, largest gradient norm %.1e",
        len(paths),
        max(map(len, paths)),
        norms.max(),
    )


def _llf(moments: Moments, value: float) -> float:
    """The log-likelihood of the responses as they are."""
    return float(-moments.n_cells * (value + np.log(moments.scale)))
