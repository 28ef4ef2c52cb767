"""
Null distributions of joint tests where few units, or groups, tell the covariance of the effects.

Wald statistics with corrected scores are larger than chi-squared variables under the null
hypothesis: their covariance varies, most of all where an effect rests on few units. How much
depends on the covariates alone, as far as units are alike and normal: not on the responses, whose
covariance cancels. So the distribution is drawn, and approximated by a multiple of F.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from nmfre.core.typing import FloatArray, IntArray
from nmfre.inference.leverages import Leverages

DRAWS = 6_000
"""Statistics that are drawn; the size of a test at .05 has a standard error of .003."""
CENTRE, TAIL = 0.25, 0.05
"""Upper tails at which the multiple of F has the quantiles of the draws."""
FEWEST, MOST = 0.5, 1e6
"""Degrees of freedom that are looked for."""
BLOCK_VALUES = 1 << 21
"""Entries of an array of scores that are held at a time."""


@dataclass(frozen=True, slots=True)
class Reference:
    """
    Distribution of a Wald statistic W with q effects: W / (q scale) is F with q and df.

    Attributes
    ----------
    scale, df : float
        1 and infinity: W is chi-squared.
    """

    scale: float = 1.0
    df: float = np.inf

    def sf(self, statistic: float, size: IntArray | int) -> FloatArray:
        """Upper tail."""
        if np.isinf(self.df):
            return np.asarray(stats.chi2.sf(statistic, size))
        return np.asarray(stats.f.sf(statistic / (size * self.scale), size, self.df))


CHI_SQUARED = Reference()


def reference(
    leverages: Leverages,
    squares: FloatArray,
    contrasts: FloatArray,
    rank: int,
    variances: FloatArray | None = None,
) -> Reference:
    """
    From draws under the null hypothesis.

    Parameters
    ----------
    leverages : Leverages
    squares : array, (G, K^2)
        S_g of independent units, or groups.
    contrasts : array, (K, m)
        Combinations of the effects of the orthonormal covariates that are tested.
    rank : int
        Q, the number of components that each is tested for.
    variances : array, (G, K^2), optional
        Covariances of the sums of scores. Default: the S_g, as they are where units have no
        weights; a weighted score has the square of its weight in its variance.
    """
    left, axes = leverages.eigen(squares)
    n_groups, n_covariates = left.shape
    values = np.maximum(1.0 - left, 0.0)
    kept = int(np.max(np.sum(values > n_covariates * np.finfo(float).eps, axis=1)))
    along = axes
    if variances is not None:
        left_of, along = leverages.eigen(variances)
        values = np.maximum(1.0 - left_of, 0.0)
    roots = (along * np.sqrt(values)[:, None, :])[:, :, -kept:]  # of a unit, one column
    corrected = axes @ (leverages.factors(left)[:, :, None] * (axes.mT @ contrasts))
    of_draws = corrected.mT @ roots
    of_total = (corrected.mT @ squares.reshape(axes.shape)).transpose(2, 0, 1)
    sums: FloatArray = roots.transpose(0, 2, 1).reshape(-1, n_covariates)
    of_total = of_total.reshape(n_covariates, -1)
    n_effects = contrasts.shape[1]
    rng, size = np.random.default_rng(0), n_effects * rank
    statistics: list[FloatArray] = []
    step = max(BLOCK_VALUES // (left.size * rank), 1)
    for first in range(0, DRAWS, step):
        n = min(step, DRAWS - first)
        draws = rng.standard_normal((n * rank, n_groups, kept))
        total = draws.reshape(n * rank, -1) @ sums
        terms = np.einsum("bgr,gmr->bmg", draws, of_draws)
        terms = terms - (total @ of_total).reshape(-1, n_groups, n_effects).mT
        terms = terms.reshape(n, size, n_groups)
        effects: FloatArray = (total @ contrasts).reshape(n, size)
        solved = np.linalg.solve(terms @ terms.mT, effects[..., None])[..., 0]
        statistics.append(np.vecdot(effects, solved))
    centre, tail = np.quantile(np.concatenate(statistics), [1.0 - CENTRE, 1.0 - TAIL])

    def excess(log_df: float) -> float:
        df = np.exp(log_df)
        return float(stats.f.isf(TAIL, size, df) / stats.f.isf(CENTRE, size, df) - tail / centre)

    low, high = np.log(FEWEST), np.log(MOST)
    if excess(high) >= 0.0:  # no longer tail than chi-squared
        df = MOST
    else:
        df = float(np.exp(brentq(excess, low, high))) if excess(low) > 0.0 else FEWEST
    return Reference(float(tail / (size * stats.f.isf(TAIL, size, df))), df)
