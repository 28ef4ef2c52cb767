"""R2 of a fit, from sums around the means of each response and of its fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import FloatArray, IntArray

ROUNDING, ROUNDING_OF_SUMS = 1e-24, 1e-12
"""Share of the mean square below which a variance is rounding: centred first, or afterwards."""


@dataclass(frozen=True, slots=True)
class FitSums:
    """
    Sums over the observed units of each response, of responses and their fits.

    Attributes
    ----------
    counts : (P,)
        Number of these units, or the sum of their weights.
    y_mean, fit_mean : (P,)
        Means.
    y_squares, fit_squares, products : float
        Squares and products around the means, over all responses.
    rounding : float
        Share of the mean square below which a variance is rounding.
    """

    counts: FloatArray | IntArray
    y_mean: FloatArray
    fit_mean: FloatArray
    y_squares: float
    fit_squares: float
    products: float
    rounding: float = ROUNDING

    @classmethod
    def of_totals(
        cls,
        X: FloatArray,
        n_units: int,
        responses: tuple[float, FloatArray],
        scores: tuple[FloatArray, FloatArray, FloatArray],
    ) -> FitSums:
        """
        Of complete responses and fits X s, from sums that are not around means.

        Parameters
        ----------
        X : array, (P, Q)
        n_units : int
        responses : float and array (P,)
            |Y|^2 and the sum of each response.
        scores : arrays, (P, Q), (Q, Q) and (Q,)
            Y s', s s' and the sum of the scores.
        """
        (total, Y1), (YS, SS, S1) = responses, scores
        y_mean, score_mean = Y1 / n_units, S1 / n_units
        around = SS - n_units * np.outer(score_mean, score_mean)
        y_squares = total - n_units * float(y_mean @ y_mean)
        fit_squares = float(np.vdot(X.T @ X, around))
        products = float(np.vdot(X, YS - n_units * np.outer(y_mean, score_mean)))
        counts, fit_mean = np.full(len(X), n_units), X @ score_mean
        return cls(counts, y_mean, fit_mean, y_squares, fit_squares, products, ROUNDING_OF_SUMS)

    def rsquared(self) -> list[float]:
        """R2 by correlation, uncentered and row-centered; NaN where a variance is only rounding."""
        n, y_mean, fit_mean = self.counts, self.y_mean, self.fit_mean
        y_size = self.y_squares + float(n @ y_mean**2)
        fit_size = self.fit_squares + float(n @ fit_mean**2)
        sse = self.y_squares - 2.0 * self.products + self.fit_squares
        sse += float(n @ (y_mean - fit_mean) ** 2)
        # Between the responses, to be added for what is around the mean of all cells.
        y_off, fit_off = y_mean - n @ y_mean / n.sum(), fit_mean - n @ fit_mean / n.sum()
        y_total = self.y_squares + float(n @ y_off**2)
        fit_total = self.fit_squares + float(n @ fit_off**2)
        correlation = row_centered = np.nan
        if y_total > self.rounding * y_size and fit_total > self.rounding * fit_size:
            products = self.products + float(n @ (y_off * fit_off))
            correlation = products**2 / (y_total * fit_total)
        if self.y_squares > self.rounding * y_size:
            row_centered = 1.0 - sse / self.y_squares
        return [correlation, 1.0 - sse / y_size, row_centered]
