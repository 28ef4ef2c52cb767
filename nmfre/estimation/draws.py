"""Data of the model: normal random effects and residuals around given mean scores."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.covariance_forms import Relative


def draw_responses(
    X: FloatArray, scores: FloatArray, covariances: Relative, rng: np.random.Generator
) -> FloatArray:
    """
    Responses X (s + u) + e, (P, N); some may be negative.

    Parameters
    ----------
    X : array, (P, Q)
    scores : array, (Q, N)
        Means Theta a.
    covariances : Relative
        Psi and a factor of Phi themselves.
    rng : numpy.random.Generator
    """
    n_responses, n_units = len(X), scores.shape[1]
    U = covariances.F @ rng.standard_normal((len(scores), n_units))
    E = np.sqrt(covariances.v)[:, None] * rng.standard_normal((n_responses, n_units))
    return np.asarray(X @ (scores + U) + E)
