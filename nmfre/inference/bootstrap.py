"""The one-step wild bootstrap of Theta: replicates, standard errors, intervals, p-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.inference.multipliers import MULTIPLIERS, Multiplier
from nmfre.typing import FloatArray

DRAW_BYTES = 1 << 25
"""Multipliers held at a time."""


@dataclass(frozen=True, slots=True)
class WildBootstrap:
    """
    Replicates of vec(Theta).

    Attributes
    ----------
    estimate : (QK,)
        The estimate that the replicates are perturbations of.
    replicates : (B, QK)
        Floored at 0 where the parameters are.
    """

    estimate: FloatArray
    replicates: FloatArray

    @property
    def bse(self) -> FloatArray:
        """Standard deviations of the replicates, divisor B - 1; (QK,)."""
        bse: FloatArray = self.replicates.std(axis=0, ddof=1)
        return bse

    def percentile_interval(self, alpha: float) -> FloatArray:
        """Quantiles alpha/2 and 1 - alpha/2 of the replicates, interpolated linearly; (QK, 2)."""
        return np.quantile(self.replicates, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0).T

    def pvalues(self, alternative: str) -> FloatArray:
        """
        Share of replicates, centred at the estimate, that lie as far out as the estimate; (QK,).

        (1 + count) / (1 + B), so that no p-value is 0.
        """
        deviations = self.replicates - self.estimate
        if alternative == "two-sided":
            as_far = np.abs(deviations) >= np.abs(self.estimate)
        else:
            as_far = deviations >= self.estimate
        pvalues: FloatArray = (1.0 + as_far.sum(axis=0)) / (1.0 + len(self.replicates))
        return pvalues


def one_step_bootstrap(
    estimate: FloatArray,
    influence: FloatArray,
    *,
    n_boot: int,
    multiplier: Multiplier,
    rng: np.random.Generator,
    floor: float,
    multipliers: FloatArray | None = None,
) -> WildBootstrap:
    """
    Replicates Theta_b = max(Theta - sum_n w_bn I^-1 s_n, floor) (paper, Section 5).

    Parameters
    ----------
    estimate : array, (QK,)
        vec(Theta).
    influence : array, (N, QK)
        I^-1 s_n of every unit (I: the information).
    n_boot : int
        Number of replicates B.
    multiplier : {"exponential", "rademacher", "mammen", "normal"}
        Distribution of the w_bn.
    rng : numpy.random.Generator
        Where they come from; drawn replicate by replicate, so that memory stays bounded.
    floor : float
        0 for Theta >= 0, minus infinity for signed Theta.
    multipliers : array, (B, N), optional
        The w_bn themselves; nothing is drawn then.

    Returns
    -------
    WildBootstrap
    """
    n_units = len(influence)
    if multipliers is not None:
        steps = multipliers @ influence
    else:
        draw = MULTIPLIERS[multiplier]
        size = max(DRAW_BYTES // (8 * n_units), 1)
        steps = np.concatenate(
            [
                draw(rng, (min(size, n_boot - start), n_units)) @ influence
                for start in range(0, n_boot, size)
            ]
        )
    return WildBootstrap(estimate=estimate, replicates=np.maximum(estimate - steps, floor))
