"""
The marginal likelihood y_n ~ N(X Theta a_n, sigma2 I + tau2 X X'): value and gradient.

Per cell: minus the log-likelihood of the scaled responses over N P, with sigma2 at its maximum
given the rest, and signed Theta at its maximum given X, which is least squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.estimation.moments import Moments
from nmfre.typing import FloatArray


@dataclass(frozen=True, slots=True)
class MarginalValue:
    """
    Objective per cell at (X, Theta, lambda), and its gradient.

    Attributes
    ----------
    value : float
    Theta : (Q, K)
        As given, or profiled; of the scaled responses.
    sigma2 : float
        Maximum-likelihood variance given the rest; of the scaled responses.
    X_gradient, Theta_gradient, log_ridge_gradient : (P, Q), (Q, K), float
        Derivatives; that by Theta is zero where Theta is profiled.
    """

    value: float
    Theta: FloatArray
    sigma2: float
    X_gradient: FloatArray
    Theta_gradient: FloatArray
    log_ridge_gradient: float


def profiled_theta(moments: Moments, X: FloatArray) -> FloatArray:
    """Signed Theta of highest likelihood given X, (X'X)^-1 X'B, whatever the variances are."""
    return np.linalg.solve(X.T @ X, X.T @ moments.B)


def marginal_value(
    moments: Moments, X: FloatArray, Theta: FloatArray | None, log_ridge: float
) -> MarginalValue:
    """
    Evaluate the objective.

    With M = X'X + lambda I and T the moments of Y - X Theta A, the variance is
    sigma2 = [tr T - tr(M^-1 X'TX)] / P and minus twice the log-likelihood per unit is
    P log(2 pi sigma2) + P + log|M| - Q log lambda.

    Parameters
    ----------
    moments : Moments
    X : array, (P, Q)
        Basis.
    Theta : array, (Q, K), or None
        Effects in units of the scaled responses; None: profiled.
    log_ridge : float
        log lambda.

    Returns
    -------
    MarginalValue
    """
    n_responses, rank = X.shape
    ridge = np.exp(log_ridge)
    XtX = X.T @ X
    M = XtX + ridge * np.eye(rank)
    M_inv = np.linalg.inv(M)
    if Theta is None:
        Theta = profiled_theta(moments, X)
    D = moments.B - X @ Theta
    DAA = D @ moments.AA
    TX = moments.times(X) + DAA @ (D.T @ X)
    XtTX = X.T @ TX
    sigma2 = (moments.trace + np.vdot(DAA, D) - np.vdot(M_inv, XtTX)) / n_responses
    log_det = np.linalg.slogdet(M)[1]
    value = 0.5 * (np.log(2.0 * np.pi * sigma2) + 1.0 + (log_det - rank * log_ridge) / n_responses)
    XtDAA = X.T @ DAA
    X_gradient = (
        X @ (M_inv @ (XtDAA @ Theta.T + XtTX @ M_inv)) - DAA @ Theta.T - TX @ M_inv
    ) / sigma2 + X @ M_inv
    Theta_gradient = -ridge * M_inv @ XtDAA / sigma2
    log_ridge_gradient = 0.5 * (
        ridge * (np.vdot(M_inv @ M_inv, XtTX) / sigma2 + np.trace(M_inv)) - rank
    )
    return MarginalValue(
        value=float(value),
        Theta=Theta,
        sigma2=float(sigma2),
        X_gradient=X_gradient / n_responses,
        Theta_gradient=Theta_gradient / n_responses,
        log_ridge_gradient=float(log_ridge_gradient) / n_responses,
    )
