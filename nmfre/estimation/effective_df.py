"""Effective degrees of freedom of the random effects, and the ridge that meets a cap on them."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import Float, FloatArray

MAX_NEWTON_STEPS = 200


def eigenvalues_of(XtX: FloatArray) -> FloatArray:
    """Eigenvalues of X'X, (..., Q), without the negative ones that rounding makes."""
    return np.asarray(np.maximum(np.linalg.eigvalsh(XtX), 0.0))


def effective_df(
    eigenvalues: FloatArray, ridge: Float, n_units: int, weights: Float = 1.0
) -> FloatArray:
    """
    df_U = N sum_q w_q d_q / (d_q + ridge), for a stack of problems.

    Parameters
    ----------
    eigenvalues : array, (..., Q)
        Eigenvalues d of X'X.
    ridge : array, (...)
        lambda = sigma2 / tau2.
    n_units : int
        N.
    weights : array, (..., Q)
        Shares of the units that the eigenvalues belong to, where these have different X.

    Returns
    -------
    array, (...)
    """
    shrinkage = eigenvalues / (eigenvalues + np.asarray(ridge)[..., None])
    df: FloatArray = n_units * (weights * shrinkage).sum(axis=-1)
    return df


def ridge_at_cap(
    eigenvalues: FloatArray,
    cap: FloatArray,
    ridge: FloatArray,
    n_units: int,
    weights: Float = 1.0,
) -> FloatArray:
    """
    The ridge at which df_U equals the cap, for problems that exceed it at ``ridge``.

    Newton's method on 1 / df_U, which is an increasing and concave function of the ridge (a
    harmonic mean of linear functions): from below the root every step stays below it and comes
    closer, so that no bracket is needed.

    Parameters
    ----------
    eigenvalues : array, (B, Q)
    cap : array, (B,)
        Below df_U(ridge).
    ridge : array, (B,)
        Where to start from.
    n_units : int
    weights : array, (B, Q)
        As in `effective_df`.

    Returns
    -------
    array, (B,)
    """
    moving = np.ones(ridge.shape, dtype=bool)  # so that a member's steps are its own
    for _ in range(MAX_NEWTON_STEPS):
        shrinkage = eigenvalues / (eigenvalues + ridge[..., None])
        df = n_units * (weights * shrinkage).sum(axis=-1)
        slope = n_units * (weights * shrinkage / (eigenvalues + ridge[..., None])).sum(axis=-1)
        step = np.where(moving, df * (df / cap - 1.0) / slope, 0.0)
        ridge = ridge + step
        moving = step > np.finfo(float).eps * ridge
        if not moving.any():
            break
    return ridge


def log_ridge_on_cap(
    eigenvalues: FloatArray, weights: FloatArray, cap: float, n_units: int
) -> float:
    """Log lambda at which df_U = cap; eigenvalues and weights (Q,) as in `effective_df`."""
    below = np.array([1e-12 * eigenvalues.max()])
    if effective_df(eigenvalues, below, n_units, weights)[0] <= cap:  # X has lost rank
        return float(np.log(below[0]))
    return float(np.log(ridge_at_cap(eigenvalues, np.array([cap]), below, n_units, weights)[0]))
