"""
The likelihood-ratio test of no random effects, Phi = 0.

For one component its distribution under the null is the mixture 1/2 chi2_0 + 1/2 chi2_1, as for any
single variance at its bound (Self and Liang 1987). For more, only X Theta is left under the null:
the basis of the random effects is not identified there, and no mixture holds (as in Davies 1977).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nmfre.core.layout import LaidOut
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import Relative, Structure
from nmfre.estimation.draws import draw_responses
from nmfre.estimation.maximize import CLIMB_TOL, Maximum, maximize, starting_bases
from nmfre.estimation.moments import Moments
from nmfre.estimation.random_forms import NoRandom
from nmfre.inference.chibar import chi_bar_sf

NOTHING = 1e-6
"""Statistic up to which it is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomEffectsModel(LaidOut):
    """
    The model whose random effects are tested, and where the search for its maximum begins.

    Attributes
    ----------
    structure : Structure
    signed : bool
    maxiter : int
    X : (P, Q)
        The estimated basis.
    """

    structure: Structure
    signed: bool
    maxiter: int
    X: FloatArray

    @property
    def null(self) -> Structure:
        """The structure without random effects."""
        return replace(self.structure, cov_re=NoRandom.name)

    def highest(
        self, moments: Moments, bases: Sequence[FloatArray], structure: Structure
    ) -> Maximum:
        """The best maximum from several bases."""
        maxima = [
            maximize(
                moments,
                X,
                structure=structure,
                signed=self.signed,
                tol=CLIMB_TOL,
                maxiter=self.maxiter,
                polish=False,
            )
            for X in bases
        ]
        return min(maxima, key=lambda maximum: maximum.value)

    def statistic(
        self, moments: Moments, null_basis: FloatArray, rng: np.random.Generator
    ) -> float:
        """
        Twice the log of the likelihood ratio of other data.

        The null model is climbed from its basis in the data; the model from the basis found so,
        from its own in the data, and from the moments.
        """
        null = self.highest(moments, [null_basis], self.null)
        rank = self.X.shape[1]
        bases = [null.X, self.X, *starting_bases(moments, rank, 1, rng)]
        return ratio(moments, null, self.highest(moments, bases, self.structure))


@dataclass(frozen=True, slots=True)
class NullModel(LaidOut):
    """Draws from the null model, and the statistics of these."""

    model: RandomEffectsModel
    maximum: Maximum
    scale: float
    A: FloatArray
    observed: BoolArray

    def statistics(self, seeds: list[np.random.SeedSequence]) -> list[float]:
        """Of a data set for each seed; negative cells stay as they are."""
        null = self.maximum
        covariances = null.relative.times(null.sigma2 * self.scale**2)
        none = Relative(covariances.v, np.zeros_like(covariances.F))
        scores = self.scale * null.Theta @ self.A
        found = []
        with one_thread_if_small(null.X.size * len(null.X)):
            for seed in seeds:
                rng = np.random.default_rng(seed)
                Y = draw_responses(null.X, scores, none, rng)
                moments = moments_of(np.where(self.observed, Y, np.nan), self.A)
                found.append(self.model.statistic(moments, null.X, rng))
        return found


def ratio(moments: Moments, null: Maximum, full: Maximum) -> float:
    """Twice the log of the likelihood ratio; 0 for what is rounding."""
    statistic = 2.0 * moments.n_cells * (null.value - full.value)
    return float(statistic) if statistic > NOTHING else 0.0


def chi_bar_pvalue(statistic: float) -> float:
    """The p-value for one component, of 1/2 chi2_0 + 1/2 chi2_1."""
    return chi_bar_sf(statistic, np.eye(1))


def bootstrap_pvalue(statistic: float, drawn: FloatArray) -> float:
    """Share of the statistics drawn under the null that are as large, never 0."""
    return float((1 + np.sum(drawn >= statistic)) / (1 + len(drawn)))
