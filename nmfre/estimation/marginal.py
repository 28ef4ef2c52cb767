"""
The marginal likelihood y_n ~ N(X Theta a_n, sigma2 I + tau2 X X'): value and gradient.

Per observed cell: minus the log-likelihood of the scaled responses over their number, with sigma2
at its maximum given the rest, and signed Theta at its maximum given X and lambda.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.estimation.products import Moments, Products
from nmfre.typing import FloatArray

SMALLEST_SIGMA2 = 1e-14
"""Variance of the scaled responses that is rounding: it is not told from zero."""


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
        sum_n [e_n b_n' / sigma2 - X M_n^-1] / N, e_n = y_n - X b_n and b_n = Theta a_n + u_n.
    Theta : (Q, K)
        X' sum_n e_n a_n' / (N sigma2).
    log_sigma2, log_ridge : float
    """

    X: FloatArray
    Theta: FloatArray
    log_sigma2: float
    log_ridge: float


def marginal_score(
    moments: Moments, X: FloatArray, Theta: FloatArray, sigma2: float, ridge: float
) -> MarginalScore:
    """Derivatives of the log-likelihood per unit at any parameters of the scaled responses."""
    return _score(moments, moments.products(X, Theta, ridge), sigma2, ridge)


def _score(moments: Moments, products: Products, sigma2: float, ridge: float) -> MarginalScore:
    rank = products.EB.shape[1]
    cells = moments.n_cells / moments.n_units
    return MarginalScore(
        X=products.EB / sigma2 - products.XM_inv,
        Theta=products.XtEA / sigma2,
        log_sigma2=0.5 * (products.quadratic / sigma2 - cells),
        log_ridge=0.5 * (rank - ridge * (products.trace_inv + products.UU / sigma2)),
    )


def marginal_value(
    moments: Moments, X: FloatArray, Theta: FloatArray | None, log_ridge: float
) -> MarginalValue:
    """
    Evaluate the objective.

    With M_n = X'X + lambda I and r_n = y_n - X Theta a_n, over the observed responses of a unit
    and in means over units, the variance is sigma2 = [r_n'r_n - r_n'X M_n^-1 X'r_n] / P, P the
    number of cells per unit, and minus twice the log-likelihood per unit is
    P log(2 pi sigma2) + P + log|M_n| - Q log lambda.

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
    rank, cells = X.shape[1], moments.n_cells / moments.n_units
    ridge = float(np.exp(log_ridge))
    if Theta is None:
        Theta = moments.profiled_theta(X, ridge)
    products = moments.products(X, Theta, ridge)
    sigma2 = max(products.quadratic / cells, SMALLEST_SIGMA2)
    score = _score(moments, products, sigma2, ridge)
    return MarginalValue(
        value=float(
            0.5
            * (np.log(2.0 * np.pi * sigma2) + 1.0 + (products.log_det - rank * log_ridge) / cells)
        ),
        Theta=Theta,
        sigma2=sigma2,
        X_gradient=-score.X / cells,
        Theta_gradient=-score.Theta / cells,
        log_ridge_gradient=-score.log_ridge / cells,
    )
