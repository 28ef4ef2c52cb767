"""The random numbers of the author's start."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import FloatArray


class RUniform:
    """The uniform draws of R after ``set.seed``, with which the author's start fills zeros."""

    def __init__(self, seed: int) -> None:
        states = [seed]
        for _ in range(50 + 625):
            states.append((69069 * states[-1] + 1) % 2**32)
        self._bits = np.random.MT19937()
        key = np.array(states[-624:], dtype=np.uint32)
        self._bits.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": 624}}

    def random(self, size: int) -> FloatArray:
        """Draws in (0, 1), 32 bits each."""
        return np.asarray(self._bits.random_raw(size) / 2.0**32)
