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

SMALLEST_SIGMA2 = 1e-14
"""Variance of the scaled responses that is rounding: the it is not told from zero."""


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


@dataclass(frozen=True, slots=True)
class MarginalScore:
    """
    Derivatives of the log-likelihood per unit, of the scaled responses.

    Attributes
    ----------
    X : (P, Q)
        sum_n e_n b_n' / (N sigma2) - X M^-1, where e_n = y_n - X b_n and b_n = Theta a_n + u_n.
    Theta : (Q, K)
        X' sum_n e_n a_n' / (N sigma2).
    log_sigma2, log_ridge : float
    """

    X: FloatArray
    Theta: FloatArray
    log_sigma2: float
    log_ridge: float


@dataclass(frozen=True, slots=True)
class _Products:
    """What value and score have in common: products of the moments T of Y - X Theta A."""

    M: FloatArray
    M_inv: FloatArray
    DAA: FloatArray  # (B - X Theta) AA', (P, K)
    TX: FloatArray
    XtTX: FloatArray
    quadratic: float  # tr T - tr(M^-1 X'TX)

    @classmethod
    def of(cls, moments: Moments, X: FloatArray, Theta: FloatArray, ridge: float) -> _Products:
        M = X.T @ X + ridge * np.eye(X.shape[1])
        M_inv = np.linalg.inv(M)
        D = moments.B - X @ Theta
        DAA = D @ moments.AA
        TX = moments.times(X) + DAA @ (D.T @ X)
        XtTX = X.T @ TX
        quadratic = moments.trace + np.vdot(DAA, D) - np.vdot(M_inv, XtTX)
        return cls(M, M_inv, DAA, TX, XtTX, float(quadratic))

    def score(self, X: FloatArray, Theta: FloatArray, sigma2: float, ridge: float) -> MarginalScore:
        n_responses, rank = X.shape
        M_inv, XtDAA = self.M_inv, X.T @ self.DAA
        EB = self.DAA @ Theta.T + self.TX @ M_inv  # sum of r_n b_n', then of e_n b_n'
        EB = EB - X @ (M_inv @ (XtDAA @ Theta.T + self.XtTX @ M_inv))
        UU = np.vdot(M_inv @ M_inv, self.XtTX)
        return MarginalScore(
            X=EB / sigma2 - X @ M_inv,
            Theta=ridge * M_inv @ XtDAA / sigma2,
            log_sigma2=0.5 * (self.quadratic / sigma2 - n_responses),
            log_ridge=float(0.5 * (rank - ridge * (np.trace(M_inv) + UU / sigma2))),
        )


def marginal_score(
    moments: Moments, X: FloatArray, Theta: FloatArray, sigma2: float, ridge: float
) -> MarginalScore:
    """Derivatives of the log-likelihood per unit at any parameters of the scaled responses."""
    return _Products.of(moments, X, Theta, ridge).score(X, Theta, sigma2, ridge)


def profiled_theta(moments: Moments, X: FloatArray) -> FloatArray:
    """Signed Theta of highest likelihood given X, (X'X)^-1 X'B, whatever the variances are."""
    try:
        return np.linalg.solve(X.T @ X, X.T @ moments.B)
    except np.linalg.LinAlgError:  # two columns of X are one
        return np.asarray(np.linalg.lstsq(X, moments.B, rcond=None)[0])


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
    ridge = float(np.exp(log_ridge))
    if Theta is None:
        Theta = profiled_theta(moments, X)
    products = _Products.of(moments, X, Theta, ridge)
    sigma2 = max(products.quadratic / n_responses, SMALLEST_SIGMA2)
    log_det = np.linalg.slogdet(products.M)[1]
    score = products.score(X, Theta, sigma2, ridge)
    return MarginalValue(
        value=float(
            0.5 * (np.log(2.0 * np.pi * sigma2) + 1.0 + (log_det - rank * log_ridge) / n_responses)
        ),
        Theta=Theta,
        sigma2=sigma2,
        X_gradient=-score.X / n_responses,
        Theta_gradient=-score.Theta / n_responses,
        log_ridge_gradient=-score.log_ridge / n_responses,
    )
