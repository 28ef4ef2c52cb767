"""
The marginal likelihood y_n ~ N(X Theta a_n, sigma2 I + tau2 X X'): value and gradient.

Per observed cell: minus the log-likelihood of the scaled responses over their number, with sigma2
at its maximum given the rest. Effects are those of orthonormal covariates, Theta A = Gamma W.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.moments import Moments, Products

SMALLEST_SIGMA2 = 1e-14
"""
Variance of the scaled responses that is rounding: it is not told from zero.

Relative to what the quadratic form is a difference of: where that cancels, sigma2 is taken to be
as large as rounding can have made it, so that rounding never looks like a likelihood.
"""


@dataclass(frozen=True, slots=True)
class MarginalValue:
    """
    Objective per cell at (X, Gamma, lambda), and its gradient.

    Attributes
    ----------
    value : float
    sigma2 : float
        Maximum-likelihood variance given the rest; of the scaled responses.
    X_gradient, Gamma_gradient, log_ridge_gradient : (P, Q), (Q, K), float
        Derivatives; along what Theta may move to, that by Gamma is zero where it is profiled.
    """

    value: float
    sigma2: float
    X_gradient: FloatArray
    Gamma_gradient: FloatArray
    log_ridge_gradient: float


@dataclass(frozen=True, slots=True)
class MarginalScore:
    """
    Derivatives of the log-likelihood per unit, of the scaled responses.

    Attributes
    ----------
    X : (P, Q)
        sum_n [e_n b_n' / sigma2 - X M_n^-1] / N, e_n = y_n - X b_n and b_n = Gamma w_n + u_n.
    Gamma : (Q, K)
        X' sum_n e_n w_n' / (N sigma2).
    log_sigma2, log_ridge : float
    """

    X: FloatArray
    Gamma: FloatArray
    log_sigma2: float
    log_ridge: float


def marginal_score(
    moments: Moments, X: FloatArray, Gamma: FloatArray, sigma2: float, ridge: float
) -> MarginalScore:
    """Derivatives of the log-likelihood per unit at any parameters of the scaled responses."""
    return _score(moments, moments.products(X, Gamma, ridge), sigma2, ridge)


def _score(moments: Moments, products: Products, sigma2: float, ridge: float) -> MarginalScore:
    rank = products.EB.shape[1]
    cells = moments.n_cells / moments.n_units
    return MarginalScore(
        X=products.EB / sigma2 - products.XM_inv,
        Gamma=products.XtEW / sigma2,
        log_sigma2=0.5 * (products.quadratic / sigma2 - cells),
        log_ridge=0.5 * (rank - ridge * (products.trace_inv + products.UU / sigma2)),
    )


def marginal_value(
    moments: Moments, X: FloatArray, Gamma: FloatArray, log_ridge: float
) -> MarginalValue:
    """
    Evaluate the objective.

    With M_n = X'X + lambda I and r_n = y_n - X Gamma w_n, over the observed responses of a unit
    and in means over units, the variance is sigma2 = [r_n'r_n - r_n'X M_n^-1 X'r_n] / P, P the
    number of cells per unit, and minus twice the log-likelihood per unit is
    P log(2 pi sigma2) + P + log|M_n| - Q log lambda.

    Parameters
    ----------
    moments : Moments
    X : array, (P, Q)
        Basis.
    Gamma : array, (Q, K)
        Effects of orthonormal covariates in units of the scaled responses.
    log_ridge : float
        log lambda.

    Returns
    -------
    MarginalValue
    """
    rank, cells = X.shape[1], moments.n_cells / moments.n_units
    ridge = float(np.exp(log_ridge))
    products = moments.products(X, Gamma, ridge)
    least = SMALLEST_SIGMA2 * max(1.0, products.rounding / cells)
    sigma2 = max(products.quadratic / cells, least)
    score = _score(moments, products, sigma2, ridge)
    return MarginalValue(
        value=float(
            0.5
            * (np.log(2.0 * np.pi * sigma2) + 1.0 + (products.log_det - rank * log_ridge) / cells)
        ),
        sigma2=sigma2,
        X_gradient=-score.X / cells,
        Gamma_gradient=-score.Gamma / cells,
        log_ridge_gradient=-score.log_ridge / cells,
    )
