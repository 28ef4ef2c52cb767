"""Conditional BLUPs of units from what is observed of them, and variances of predictions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmfre.typing import BoolArray, FloatArray


def conditional_blup(X: FloatArray, ridge: float, R: FloatArray) -> FloatArray:
    """
    Random effects (Q, M) of units given residuals R (P, M) around the fixed effects.

    u_n = (X_o'X_o + lambda I)^-1 X_o' r_o with o the responses observed of the unit; NaN in R are
    those that are not. Units with nothing observed have zero.
    """
    U = np.zeros((X.shape[1], R.shape[1]))
    for observed, units in _patterns(~np.isnan(R)):
        X_o = X[observed]
        M = X_o.T @ X_o + ridge * np.eye(X.shape[1])
        U[:, units] = np.linalg.solve(M, X_o.T @ R[np.ix_(observed, units)])
    return U


def posterior_variances(
    X: FloatArray, sigma2: float, ridge: float, observed: BoolArray
) -> FloatArray:
    """Variances (Q, M) of u given the responses observed (P, M), with known parameters."""
    variances = np.empty((X.shape[1], observed.shape[1]))
    for seen, units in _patterns(observed):
        M_inv = np.linalg.inv(X[seen].T @ X[seen] + ridge * np.eye(X.shape[1]))
        variances[:, units] = sigma2 * np.diag(M_inv)[:, None]
    return variances


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
    ridge: float,
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
    sigma2, ridge : float
    observed : array of bool, (P, M)
    """
    variances = np.empty((len(X), A.shape[1]))
    for seen, units in _patterns(observed):
        X_o = X[seen]
        M_inv = np.linalg.inv(X_o.T @ X_o + ridge * np.eye(X.shape[1]))
        L = np.eye(len(X))
        L[:, seen] -= X @ M_inv @ X_o.T
        posterior = sigma2 * np.sum(X @ M_inv * X, axis=1)
        variances[:, units] = _quadratic(profiles, L, A[:, units]) + posterior[:, None]
    return variances


def _quadratic(profiles: FloatArray, L: FloatArray, A: FloatArray) -> FloatArray:
    """Variances (P, M) of L X Theta a."""
    n_responses, n_covariates = len(L), len(A)
    shape = (n_covariates, n_responses, n_covariates, n_responses)
    by_covariates = np.einsum("pi,kilj,pj->pkl", L, profiles.reshape(shape), L, optimize=True)
    return np.asarray(np.einsum("km,lm,pkl->pm", A, A, by_covariates, optimize=True))


def _patterns(observed: BoolArray) -> Iterator[tuple[BoolArray, BoolArray]]:
    """Each pattern of observed responses (P,) and the units (M,) that have it."""
    if observed.all():
        yield np.ones(len(observed), dtype=bool), np.ones(observed.shape[1], dtype=bool)
        return
    patterns, member = np.unique(observed, axis=1, return_inverse=True)
    for j, pattern in enumerate(patterns.T):
        yield pattern, np.ravel(member) == j
