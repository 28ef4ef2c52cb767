"""Responses in an array, all of them observed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.data.design import Design
from nmfre.data.rsquared import FitSums
from nmfre.estimation.complete import squares

BLOCK_BYTES, SMALLEST_BLOCK = 1 << 25, 256
"""Size of responses around their means that are held at a time; units, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseDesign(Design):
    """A design whose Y is an array without missing cells."""

    Y: FloatArray

    def fit_sums(
        self, X: FloatArray, Theta: FloatArray, ridge: float, U: FloatArray | None
    ) -> FitSums:
        """Moments of the fit X s from those of the scores s: no P x N array is formed."""
        scores, (n_responses, n_units) = self.scores(Theta, U), self.Y.shape
        y_mean, score_mean = self.Y.mean(axis=1), scores.mean(axis=1)
        scores = scores - score_mean[:, None]
        y_squares = products = 0.0
        size = max(BLOCK_BYTES // (8 * max(n_responses, 100)), SMALLEST_BLOCK)
        for start in range(0, n_units, size):
            block = slice(start, start + size)
            y_off = self.Y[:, block] - y_mean[:, None]
            y_squares += squares(y_off)
            products += float(np.vdot(X, y_off @ scores[:, block].T))
        return FitSums(
            counts=np.full(n_responses, n_units),
            y_mean=y_mean,
            fit_mean=X @ score_mean,
            y_squares=y_squares,
            fit_squares=float(np.vdot(X.T @ X, scores @ scores.T)),
            products=products,
        )
