"""Starts without random effects: Y = X Theta A by multiplicative updates, for a stack."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.stack import EPS, inner

THETA_FLOOR = 1e-6


def fit_fixed_effects(
    Y: FloatArray,
    A: FloatArray,
    X: FloatArray,
    Theta: FloatArray,
    *,
    tol: float = 1e-8,
    maxiter: int = 2_000,
) -> tuple[FloatArray, FloatArray]:
    """
    Least squares of Y = X Theta A with X, Theta >= 0 and columns of X that sum to one.

    The data enter through YA' and AA' alone. Every member runs until all have stopped, and keeps
    the iterate at which it stopped.

    Parameters
    ----------
    Y : array, (B, P, N)
        Responses, not negative.
    A : array, (B, K, N) or (1, K, N)
        Covariates, not negative.
    X, Theta : arrays, (B, P, Q) and (B, Q, K)
        Start values.
    tol : float
        Relative change of the sum of squares below which a member stops.
    maxiter : int
        The largest number of iterations.

    Returns
    -------
    X, Theta : arrays, (B, P, Q) and (B, Q, K)
        Theta is at least 1e-6.
    """
    C, AA, YY = Y @ A.mT, A @ A.mT, inner(Y, Y)
    scale = X.sum(axis=-2)
    X, Theta = X / scale[:, None, :], np.maximum(Theta * scale[:, :, None], THETA_FLOOR)
    objective = np.full(len(X), np.inf)
    running = np.ones(len(X), dtype=bool)
    for _ in range(maxiter):
        new_X = X * ((C @ Theta.mT) / np.maximum(X @ (Theta @ AA @ Theta.mT), EPS))
        scale = new_X.sum(axis=-2)
        new_X = new_X / scale[:, None, :]
        new_Theta = Theta * scale[:, :, None]
        XtC, XtX = new_X.mT @ C, new_X.mT @ new_X
        new_Theta = new_Theta * (XtC / np.maximum(XtX @ new_Theta @ AA, EPS))
        new_Theta = np.maximum(new_Theta, THETA_FLOOR)
        new_objective = YY + inner(new_Theta, XtX @ new_Theta @ AA - 2.0 * XtC)
        X = np.where(running[:, None, None], new_X, X)
        Theta = np.where(running[:, None, None], new_Theta, Theta)
        change = np.abs(objective - new_objective)
        with np.errstate(invalid="ignore"):
            running &= ~(change < tol * (np.abs(objective) + EPS))
        objective = new_objective
        if not running.any():
            break
    return X, Theta
