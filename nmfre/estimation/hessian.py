"""
Second derivatives of the marginal likelihood, observed and expected.

Of minus the log-likelihood per unit by (X, Gamma, log psi, t), t the coordinates of Phi, at any
parameters of the scaled responses with sigma2 = 1. Units of one pattern of observed responses enter
together; what is not observed has rows of zeros.
"""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.covariance_forms import Relative, Structure
from nmfre.estimation.moments import Moments

DIFFERENCE = 1e-5
"""Step of differences of a function of Phi alone."""


def second_derivatives(
    moments: Moments,
    X: FloatArray,
    Gamma: FloatArray,
    relative: Relative,
    structure: Structure,
    *,
    expected: bool = False,
) -> FloatArray:
    """
    The Hessian of minus the log-likelihood per unit.

    With Sigma_n the covariance of what is observed of a unit, z_n = Sigma_n^-1 r_n and
    b_n = Gamma w_n + Phi X'z_n; V sums z_n z_n', and W = Sigma^-1 - V is zero in expectation.

    Parameters
    ----------
    moments : Moments
    X, Gamma : arrays, (..., P, Q), (..., Q, K)
    relative : Relative
        The covariances, with sigma2 = 1.
    structure : Structure
    expected : bool
        The Fisher information instead.

    Returns
    -------
    array, (..., D, D)
        X and Gamma in C order.
    """
    (*stack, P, Q), K = X.shape, Gamma.shape[-1]
    F, Phi, Z = relative.F, relative.Phi, relative.loadings(X)
    patterns, w = moments.observed_patterns.T, moments.shares[:, None, None]
    of_units = (X, Gamma, relative.d, F, Phi, X @ Phi)
    Xn, Gn, d, Fn, Pn, XPhi = (part[..., None, :, :] for part in of_units)
    Zn = patterns[:, :, None] * Z[..., None, :, :]
    M_inv = np.linalg.inv(moments.grams(Z) + np.eye(Q))
    ZM = Zn @ M_inv
    dd = d @ d.mT
    inverse = -(ZM @ Zn.mT) * dd
    inverse[..., np.arange(P), np.arange(P)] += patterns * d[..., 0] ** 2
    a, L = (d * ZM) @ Fn.mT, inverse @ Xn
    C, KK = Fn @ M_inv @ Fn.mT, Xn.mT @ L
    J = Pn @ KK
    WW = moments.covariate_squares
    bb, bc = Gn @ WW @ Gn.mT, Gn @ WW
    if expected:
        V, FF = w * inverse, np.zeros((*inverse.shape[:-1], K))
        W, g = np.zeros_like(V), np.zeros_like(a)
        bb = bb + w * (J @ Pn)
    else:
        EE, EW = moments.residual_products(X, Gamma, relative)
        V, FF = EE * dd, d * EW
        W = w * inverse - V
        g = W @ XPhi - FF @ Gn.mT
        mixed = Gn @ FF.mT @ XPhi
        bb = bb + mixed + mixed.mT + XPhi.mT @ V @ XPhi
        bc = bc + XPhi.mT @ FF
    WX, rest = W @ Xn, w * a - g
    XWX = Xn.mT @ WX

    XX = (_product(inverse, bb) + _product(W, C)).swapaxes(-3, -2)
    XX = XX + (_product(a, rest) - _product(g, a)).swapaxes(-3, -1)
    XG = np.moveaxis(_product(FF, J - np.eye(Q)), -3, -1) + _product(L, bc).swapaxes(-3, -2)
    GG = _product(KK, WW).swapaxes(-3, -2)
    Xs = np.einsum("...grp,...gpq->...rqp", inverse, rest)
    Xs = Xs - np.einsum("...grp,...gpq->...rqp", W, a)
    Gs = np.einsum("...gpq,...gpk->...qkp", L, FF)
    ss = np.sum(inverse * (w * inverse / 2.0 - W), axis=-3)
    XP = np.moveaxis(_product(V @ Xn, Xn.mT @ a) - _product(L, Xn.mT @ g), -1, -3)
    XP = XP + WX.sum(axis=-3)[..., None, :, None] * np.eye(Q)[:, None, :]
    GP = np.moveaxis(_product(KK, Xn.mT @ FF), -1, -3)
    PP = _product(KK, w * KK / 2.0 - XWX / 2.0) - _product(XWX, KK) / 2.0  # [t u, v s]
    PP = np.moveaxis(PP, -1, -4)
    sP = np.einsum("...gps,...gpt->...pst", L, w * L / 2.0 - WX / 2.0)
    sP = sP - np.einsum("...gps,...gpt->...pst", WX, L) / 2.0

    psi = relative.v
    log_psi = np.diagonal(W, axis1=-2, axis2=-1).sum(axis=-2) / 2.0 * psi
    resid = structure.resid
    Xs, Gs = resid.pull(Xs * psi[..., None, None, :]), resid.pull(Gs * psi[..., None, None, :])
    ss = ss * (psi[..., :, None] * psi[..., None, :]) + log_psi[..., None] * np.eye(P)
    ss = resid.pull(resid.pull(ss).mT)
    of_t, curvature = coordinates_of_phi(F, XWX.sum(axis=-3) / 2.0, structure)
    of_t = of_t.reshape(*stack, Q * Q, -1)
    sP = (sP * psi[..., None, None]).reshape(*stack, P, Q * Q)
    st = resid.pull((sP @ of_t).mT).mT
    nX, nG, nS, nT = P * Q, Q * K, ss.shape[-1], of_t.shape[-1]
    tt = of_t.mT @ PP.reshape(*stack, Q * Q, Q * Q) @ of_t + curvature
    H = np.zeros((*stack, *(nX + nG + nS + nT,) * 2))
    x, c = slice(0, nX), slice(nX, nX + nG)
    s, v = slice(nX + nG, nX + nG + nS), slice(nX + nG + nS, None)
    H[..., x, x], H[..., x, c] = XX.reshape(*stack, nX, nX), XG.reshape(*stack, nX, nG)
    H[..., c, c], H[..., s, s] = GG.reshape(*stack, nG, nG), ss
    H[..., x, s], H[..., c, s] = Xs.reshape(*stack, nX, nS), Gs.reshape(*stack, nG, nS)
    H[..., x, v] = XP.reshape(*stack, nX, Q * Q) @ of_t
    H[..., c, v] = GP.reshape(*stack, nG, Q * Q) @ of_t
    H[..., s, v], H[..., v, v] = st, tt
    H[..., c, x], H[..., s, x], H[..., s, c] = H[..., x, c].mT, H[..., x, s].mT, H[..., c, s].mT
    H[..., v, x], H[..., v, c], H[..., v, s] = H[..., x, v].mT, H[..., c, v].mT, H[..., s, v].mT
    return np.asarray((H + H.mT) / 2.0)


def _product(A: FloatArray, B: FloatArray) -> FloatArray:
    """Sum over patterns of A_ij B_kl, [... i j k l]."""
    (*_, i, j), (*_, k, m) = A.shape, B.shape
    flat = A.reshape(*A.shape[:-2], i * j).mT @ B.reshape(*B.shape[:-2], k * m)
    return flat.reshape(*flat.shape[:-2], i, j, k, m)


def coordinates_of_phi(
    F: FloatArray, by_Phi: FloatArray, structure: Structure
) -> tuple[FloatArray, FloatArray]:
    """Derivatives of Phi by t, (..., Q, Q, n); second ones times those by Phi, (..., n, n)."""
    random, rank = structure.random, F.shape[-1]
    entries = np.eye(rank**2).reshape(rank, rank, rank, rank)
    of_F = random.pull(F[..., None, None, :, :], np.tril(entries))  # dF_ac / dt_n, [a c n]
    half = F[..., None, :, :] @ of_F
    t = random.coordinates(F)[..., None, :]
    steps = DIFFERENCE * np.eye(t.shape[-1])

    def gradients(t: FloatArray) -> FloatArray:
        at = random.factor(t, rank)
        return random.pull(at, np.tril(2.0 * by_Phi[..., None, :, :] @ at))

    curvature = np.asarray(gradients(t + steps) - gradients(t - steps)) / (2.0 * DIFFERENCE)
    return np.asarray(half + half.swapaxes(-3, -2)), curvature
