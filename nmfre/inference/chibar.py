"""The chi-bar-squared distribution of a joint test of effects that are bounded below by 0."""

from __future__ import annotations

import inspect
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from nmfre.core.typing import FloatArray
from nmfre.inference.small_samples import CHI_SQUARED, Reference

LARGEST = 10
"""Effects up to which the 2^p faces of the bounds are gone through."""
PRECISION = 1e-7


def orthant_probability(covariance: FloatArray) -> float:
    """P(z > 0 in every entry) for normal z; closed form up to three entries."""
    size = len(covariance)
    scale = np.sqrt(np.diag(covariance))
    correlation = np.clip(covariance / np.outer(scale, scale), -1.0, 1.0)
    if size <= 3:
        angles = float(np.sum(np.arcsin(correlation[np.triu_indices(size, 1)])))
        return float(0.5**size + angles / (2.0 ** (size - 1) * np.pi)) if size > 1 else 0.5**size
    zeros = np.zeros(size)
    normal: Any = stats.multivariate_normal  # its annotations know no tolerances
    options: dict[str, Any] = {"allow_singular": True, "abseps": PRECISION}
    if "rng" in inspect.signature(normal.cdf).parameters:
        # Since SciPy 1.16 its points come from NumPy's global state, unless it is given another.
        options["rng"] = np.random.default_rng(0)
    return float(normal.cdf(zeros, zeros, correlation, **options))


def chi_bar_weights(covariance: FloatArray) -> FloatArray:
    """
    Weights of the mixture of chi-squared distributions with 0, ..., p degrees of freedom.

    That of the squared length of the projection of a normal vector with this covariance on the
    vectors without a negative entry, in the metric of the covariance (Kudo 1963; Shapiro 1985).

    Parameters
    ----------
    covariance : array, (p, p)

    Returns
    -------
    array, (p + 1,)
    """
    size = len(covariance)
    weights = np.zeros(size + 1)
    everything = range(size)
    for positive_count in range(size + 1):
        for chosen in combinations(everything, positive_count):
            rest = [i for i in everything if i not in chosen]
            weight = 1.0
            if rest:
                at_zero = covariance[np.ix_(rest, rest)]
                weight *= orthant_probability(np.linalg.inv(at_zero))
            if chosen:
                free = covariance[np.ix_(chosen, chosen)]
                if rest:
                    across = covariance[np.ix_(chosen, rest)]
                    free = free - across @ np.linalg.solve(at_zero, across.T)
                weight *= orthant_probability(free)
            weights[positive_count] += weight
    return np.asarray(weights / weights.sum())


def chi_bar_sf(statistic: float, covariance: FloatArray, null: Reference = CHI_SQUARED) -> float:
    """Upper tail of the mixture, the p-value of a joint test against effects above zero."""
    if statistic <= 0.0:
        return 1.0
    degrees = np.arange(1, len(covariance) + 1)
    return float(chi_bar_weights(covariance)[1:] @ null.sf(statistic, degrees))
