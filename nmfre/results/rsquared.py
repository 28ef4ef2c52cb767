"""R2 of a fit, from sums around the means of each response and of its fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import FloatArray, IntArray
from nmfre.data.checks import is_chunked
from nmfre.data.design import Design
from nmfre.estimation.complete import squares
from nmfre.estimation.estimate import Estimate
from nmfre.inference.wild_bootstrap import unit_blocks

ROUNDING, ROUNDING_OF_SUMS = 1e-24, 1e-12
"""Share of the mean square below which a variance is rounding: centred first, or afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Over the observed units of each response; squares and products are around the means."""

    counts: IntArray  # (P,)
    y_mean: FloatArray  # (P,)
    fit_mean: FloatArray  # (P,)
    y_squares: float
    fit_squares: float
    products: float
    rounding: float


def rsquared(design: Design, estimate: Estimate, *, blup: bool) -> list[float]:
    """R2 by correlation, uncentered and row-centered; NaN where a variance is only rounding."""
    if design.sparse or is_chunked(design.Y):
        sums = _from_totals(design, estimate, blup=blup)
    else:
        sums = _in_memory(design, estimate, blup=blup)
    n, y_mean, fit_mean = sums.counts, sums.y_mean, sums.fit_mean
    y_size = sums.y_squares + float(n @ y_mean**2)
    fit_size = sums.fit_squares + float(n @ fit_mean**2)
    sse = sums.y_squares - 2.0 * sums.products + sums.fit_squares
    sse += float(n @ (y_mean - fit_mean) ** 2)
    # Between the responses, to be added for what is around the mean of all cells.
    y_off, fit_off = y_mean - n @ y_mean / n.sum(), fit_mean - n @ fit_mean / n.sum()
    y_total = sums.y_squares + float(n @ y_off**2)
    fit_total = sums.fit_squares + float(n @ fit_off**2)
    correlation = row_centered = np.nan
    if y_total > sums.rounding * y_size and fit_total > sums.rounding * fit_size:
        correlation = (sums.products + float(n @ (y_off * fit_off))) ** 2 / (y_total * fit_total)
    if sums.y_squares > sums.rounding * y_size:
        row_centered = 1.0 - sse / sums.y_squares
    return [correlation, 1.0 - sse / y_size, row_centered]


def _in_memory(design: Design, estimate: Estimate, *, blup: bool) -> _Sums:
    X, Y = estimate.X, design.Y
    scores = estimate.Theta @ design.A + (estimate.U if blup else 0.0)
    if design.n_missing:
        observed = design.observed
        counts = observed.sum(axis=1)
        y_mean = np.nanmean(Y, axis=1)
        fit = np.where(observed, X @ scores, 0.0)
        fit_mean = fit.sum(axis=1) / counts
        y_off = np.where(observed, Y - y_mean[:, None], 0.0)
        fit_off = np.where(observed, fit - fit_mean[:, None], 0.0)
        y_squares, fit_squares = squares(y_off), squares(fit_off)
        products = float(np.vdot(y_off, fit_off))
    else:
        # Moments of the fit X s from those of the scores s: no P x N array is formed.
        n_units = Y.shape[1]
        counts, y_mean = np.full(len(X), n_units), Y.mean(axis=1)
        score_mean = scores.mean(axis=1)
        fit_mean, scores = X @ score_mean, scores - score_mean[:, None]
        fit_squares = float(np.vdot(X.T @ X, scores @ scores.T))
        y_squares = products = 0.0
        for block in unit_blocks(n_units, len(X)):
            y_off = Y[:, block] - y_mean[:, None]
            y_squares += squares(y_off)
            products += float(np.vdot(X, y_off @ scores[:, block].T))
    return _Sums(
        counts=counts,
        y_mean=y_mean,
        fit_mean=fit_mean,
        y_squares=y_squares,
        fit_squares=fit_squares,
        products=products,
        rounding=ROUNDING,
    )


def _from_totals(design: Design, estimate: Estimate, *, blup: bool) -> _Sums:
    """Of sparse responses and of data in chunks, whose sums are not around means."""
    X, n_units = estimate.X, len(design.units)
    total, sums = design.response_sums()
    YS, SS, S1 = design.score_sums(estimate, blup=blup)
    y_mean, score_mean = sums / n_units, S1 / n_units
    around = SS - n_units * np.outer(score_mean, score_mean)
    return _Sums(
        counts=np.full(len(X), n_units),
        y_mean=y_mean,
        fit_mean=X @ score_mean,
        y_squares=total - n_units * float(y_mean @ y_mean),
        fit_squares=float(np.vdot(X.T @ X, around)),
        products=float(np.vdot(X, YS - n_units * np.outer(y_mean, score_mean))),
        rounding=ROUNDING_OF_SUMS,
    )
