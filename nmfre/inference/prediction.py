"""Variances of predictions."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.grouping import patterns_of
from nmfre.estimation.patterns import unit_inverses


def fixed_variances(profiles: FloatArray, A: FloatArray) -> FloatArray:
    """
    Variances (P, M) of X Theta a for units with covariates A (K, M).

    Parameters
    ----------
    profiles : array, (P K, P K)
        Covariance of the profiles X Theta[:, k], stacked.
    A : array, (K, M)
    """
    n_responses = len(profiles) // len(A)
    return _quadratic(profiles, np.eye(n_responses), A)


def blup_variances(
    profiles: FloatArray,
    A: FloatArray,
    X: FloatArray,
    sigma2: float,
    relative: Relative,
    observed: BoolArray,
) -> FloatArray:
    """
    Variances (P, M) of X(Theta a + u) around its conditional BLUP.

    The posterior variance of u, and the error of the fixed effects, of which the responses that are
    observed take a part back: errors of X and the variances in u itself are left out.

    Parameters
    ----------
    profiles, A
        As in `fixed_variances`.
    X : array, (P, Q)
    sigma2 : float
    relative : Relative
        Covariances relative to it.
    observed : array of bool, (P, M)
    """
    variances = np.empty((len(X), A.shape[1]))
    patterns, which = patterns_of(observed)
    inverses = unit_inverses(patterns, relative.loadings(X))
    weighted = X / relative.v[:, None]
    for g, (seen, M_inv) in enumerate(zip(patterns.T, inverses, strict=True)):
        units = which == g
        L = np.eye(len(X))
        of_u = relative.F @ M_inv @ relative.F.T
        L[:, seen] -= X @ of_u @ weighted[seen].T
        posterior = sigma2 * np.sum(X @ of_u * X, axis=1)
        variances[:, units] = _quadratic(profiles, L, A[:, units]) + posterior[:, None]
    return variances


def _quadratic(profiles: FloatArray, L: FloatArray, A: FloatArray) -> FloatArray:
    """Variances (P, M) of L X Theta a."""
    n_responses, n_covariates = len(L), len(A)
    shape = (n_covariates, n_responses, n_covariates, n_responses)
    by_covariates = np.einsum("pi,kilj,pj->pkl", L, profiles.reshape(shape), L, optimize=True)
    return np.asarray(np.einsum("km,lm,pkl->pm", A, A, by_covariates, optimize=True))
