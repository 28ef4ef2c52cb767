"""
Confidence intervals of effects that are known up to an interval.

They cover the true value, wherever it lies in the identified set, with the nominal probability
(Imbens and Manski 2004, Econometrica 72; Stoye 2009, Econometrica 77).
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from nmfre.core.typing import FloatArray
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.rotation_set import Ends, Rotations
from nmfre.inference.marginal import MarginalInference


def ends_bse(
    rotations: Rotations, ends: Ends, estimate: MarginalEstimate, inference: MarginalInference
) -> FloatArray:
    """Standard errors of the ends, (n, 2), by the delta method and the envelope theorem."""
    F, effects = rotations.F, rotations.effects
    n_resid = estimate.structure.resid.size(len(estimate.X))
    bse = np.empty(ends.limits.shape)
    for i, entry in enumerate(ends.entries):
        for side, sign in enumerate((1.0, -1.0)):
            by_L, by_effects = rotations.envelope(entry, ends.rotations[i, side], sign)
            by_Theta = np.linalg.solve(F.T, by_effects)
            by_F = estimate.X.T @ by_L - by_Theta @ effects.T
            gradient = np.concatenate(
                [
                    (by_L @ F.T).ravel(order="F"),
                    by_Theta.ravel(order="F"),
                    np.zeros(n_resid),
                    estimate.structure.random.pull(F, np.diag(np.diag(by_F))),
                ]
            )
            bse[i, side] = gradient @ inference.psi_covariance @ gradient
    return np.sqrt(np.maximum(bse, 0.0))


def set_interval(limits: FloatArray, bse: FloatArray, alpha: float) -> FloatArray:
    """
    Intervals that cover the true value with probability 1 - alpha, (n, 2).

    Each end moves outwards by c standard errors of its own, where c solves
    Phi(c + width / largest standard error) - Phi(-c) = 1 - alpha: from the two-sided quantile,
    where the set is a point, to the one-sided.

    Parameters
    ----------
    limits, bse : array, (n, 2)
        The ends of the sets, and their standard errors.
    alpha : float
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        widths = np.nan_to_num((limits[:, 1] - limits[:, 0]) / bse.max(axis=1), nan=0.0)
    most = float(stats.norm.isf(alpha / 2.0))

    def excess(c: float, width: float) -> float:
        return float(stats.norm.sf(c + width) + stats.norm.sf(c)) - alpha

    critical = np.array(
        [
            most if width == 0.0 else brentq(excess, 0.0, most, args=(width,), xtol=1e-12)
            for width in widths
        ]
    )
    return np.asarray(limits + critical[:, None] * np.array([-1.0, 1.0]) * bse)
