"""Responses in an array, all of them observed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.data.design import Design
from nmfre.data.rsquared import FitSums
from nmfre.estimation.complete import squares
from nmfre.estimation.covariance_forms import Relative

BLOCK_BYTES, SMALLEST_BLOCK = 1 << 23, 256
"""Size of responses around their means that are held at a time; units, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseDesign(Design):
    """A design whose Y is an array without missing cells."""

    Y: FloatArray

    def fit_sums(
        self, X: FloatArray, Theta: FloatArray, relative: Relative, U: FloatArray | None
    ) -> FitSums:
        """Over the observed cells, a block of units at a time."""
        if self.weights is not None:
            return self._weighted_sums(X, self.scores(Theta, U))
        scores, observed, n_units = self.scores(Theta, U), self.observed, len(self.units)
        size = max(BLOCK_BYTES // (8 * max(len(X), 100)), SMALLEST_BLOCK)
        blocks = [slice(start, start + size) for start in range(0, n_units, size)]
        counts, y_mean = observed.sum(axis=1), np.array([np.nanmean(y) for y in self.Y])
        fit_mean = np.sum([X * (observed[:, b] @ scores[:, b].T) for b in blocks], axis=(0, 2))
        fit_mean /= counts
        sums = np.zeros(3)
        for block in blocks:
            seen = observed[:, block]
            y_off = np.where(seen, self.Y[:, block] - y_mean[:, None], 0.0)
            fit_off = np.where(seen, X @ scores[:, block] - fit_mean[:, None], 0.0)
            sums += squares(y_off), squares(fit_off), float(np.vdot(y_off, fit_off))
        y_squares, fit_squares, products = map(float, sums)
        return FitSums(counts, y_mean, fit_mean, y_squares, fit_squares, products)

    def _weighted_sums(self, X: FloatArray, scores: FloatArray) -> FitSums:
        """The same with weights of units."""
        assert self.weights is not None
        w = self.observed * self.weights.by_unit
        Y, fits = np.nan_to_num(self.Y), X @ scores
        counts = w.sum(axis=1)
        y_mean, fit_mean = np.vecdot(w, Y) / counts, np.vecdot(w, fits) / counts
        y_off, fit_off = Y - y_mean[:, None], fits - fit_mean[:, None]
        sums = (
            float(np.vdot(w * a, b))
            for a, b in ((y_off, y_off), (fit_off, fit_off), (y_off, fit_off))
        )
        return FitSums(counts, y_mean, fit_mean, *sums)
