"""
The marginal likelihood y_n ~ N(X Theta a_n, Psi + X Phi X'): value and gradient.

Of the scaled responses, with Psi = sigma2 diag(v) and Phi = sigma2 F F'. Effects are those of
orthonormal covariates, Theta A = Gamma W.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import Float, FloatArray
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.moments import Moments, Products

SMALLEST_SIGMA2 = 1e-14
"""
Variance of the scaled responses that is rounding: it is not told from zero.

Relative to what the quadratic form is a difference of: where that cancels, sigma2 is taken to be
as large as rounding can have made it, so that rounding never looks like a likelihood.
"""


@dataclass(frozen=True, slots=True)
class Score:
    """
    Derivatives of the log-likelihood per unit, of the scaled responses.

    With r_n, u_n, e_n, Z and M_n as in `Products`.

    Attributes
    ----------
    X : (P, Q)
    Gamma : (Q, K)
    F : (Q, Q)
        By F / sigma2^(-1/2); below the diagonal and on it.
    log_psi : (P,)
        By the logarithms of the residual variances, Phi as it is.
    """

    X: FloatArray
    Gamma: FloatArray
    F: FloatArray
    log_psi: FloatArray


@dataclass(frozen=True, slots=True)
class MarginalValue:
    """
    Minus the log-likelihood per cell, and what its gradient is made of.

    Attributes
    ----------
    value : float, or (...) of a stack
    sigma2 : float, or (...)
        Its maximum given the rest where it is profiled, of the scaled responses; else 1.
    products : Products
    """

    value: Float
    sigma2: Float
    products: Products


def marginal_value(
    moments: Moments, X: FloatArray, Gamma: FloatArray, relative: Relative, *, profiled: bool
) -> MarginalValue:
    """
    Evaluate the objective.

    Minus twice the log-likelihood per unit is, in means over units and over observed responses,
    P log(2 pi sigma2) + log|diag v| + log|I + Z'Z| + r_n'(I + Z Z')^-1 r_n / sigma2.

    Parameters
    ----------
    moments : Moments
    X : array, (P, Q)
        Basis.
    Gamma : array, (Q, K)
        Effects of orthonormal covariates in units of the scaled responses.
    relative : Relative
        v and F.
    profiled : bool
        Whether sigma2 is at its maximum given the rest, instead of 1.

    Returns
    -------
    MarginalValue
    """
    cells = moments.n_cells / moments.n_units
    products = moments.products(X, Gamma, relative)
    rest: Float = products.quadratic / cells
    sigma2: Float = np.ones_like(rest)
    if profiled:
        least = SMALLEST_SIGMA2 * np.maximum(1.0, products.rounding / cells)
        sigma2, rest = np.maximum(rest, least), 1.0
    log_det = products.log_det + np.vecdot(np.log(relative.v), moments.cells)
    value = 0.5 * (np.log(2.0 * np.pi * sigma2) + rest + log_det / cells)
    return MarginalValue(value, sigma2, products)


def score(
    moments: Moments,
    X: FloatArray,
    Gamma: FloatArray,
    relative: Relative,
    point: MarginalValue,
    *,
    on_cap: bool = False,
) -> Score:
    """
    Derivatives at a point that has been evaluated.

    ``on_cap``: along the surface on which df_U is what it is here: Phi is multiplied by what that
    takes.
    """
    products, (d, F) = point.products, (relative.d, relative.F)
    of_row = np.asarray(point.sigma2)[..., None]
    sigma2 = of_row[..., None]
    Z = relative.loadings(X)
    by_Z = products.EU / sigma2 - products.ZM_inv
    by_log_psi = 0.5 * (products.EE / of_row + np.vecdot(Z, products.ZM_inv) - moments.cells)
    if on_cap:
        by_factor = 0.5 * float(np.vdot(Z, by_Z))
        df_by_Z, df_by_factor = moments.df_slopes(Z)
        along = by_factor / df_by_factor * df_by_Z
        by_Z = by_Z - along
        by_log_psi += 0.5 * np.vecdot(Z, along)
    ZtEW = products.UW / sigma2
    return Score(
        X=d * (products.EW @ (Gamma.mT / sigma2) + by_Z @ F.mT),
        Gamma=np.linalg.solve(F.mT, ZtEW),
        F=np.tril((d * X).mT @ by_Z),
        log_psi=by_log_psi,
    )
