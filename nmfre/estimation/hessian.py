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
    X, Gamma : arrays, (P, Q), (Q, K)
    relative : Relative
        The covariances, with sigma2 = 1.
    structure : Structure
    expected : bool
        The Fisher information instead.

    Returns
    -------
    array, (D, D)
        X and Gamma in C order.
    """
    (P, Q), K = X.shape, Gamma.shape[1]
    d, F, Phi = relative.d, relative.F, relative.Phi
    Z, patterns, shares = relative.loadings(X), moments.observed_patterns, moments.shares
    Zg = patterns.T[:, :, None] * Z
    M_inv = np.linalg.inv(moments.grams(Z) + np.eye(Q))
    ZM = Zg @ M_inv
    dd = d @ d.T
    inverse = -(ZM @ Zg.mT) * dd
    inverse[:, np.arange(P), np.arange(P)] += patterns.T * d[:, 0] ** 2
    a, L = (d * ZM) @ F.T, inverse @ X
    C = F @ M_inv @ F.T
    KK, J = X.T @ L, Phi @ (X.T @ L)
    WW = moments.covariate_squares
    w = shares[:, None, None]
    if expected:
        V, FF = w * inverse, np.zeros((len(shares), P, K))
        W, g = np.zeros_like(V), np.zeros_like(a)
        bb = Gamma @ WW @ Gamma.T + w * (Phi @ X.T @ L @ Phi)
        bc = Gamma @ WW
    else:
        EE, EW = moments.residual_products(X, Gamma, relative)
        V, FF = EE * dd, d * EW
        W = w * inverse - V
        g = W @ X @ Phi - FF @ Gamma.T
        mixed = Gamma @ FF.mT @ (X @ Phi)
        PX = Phi @ X.T
        bb = Gamma @ WW @ Gamma.T + mixed + mixed.mT + PX @ V @ PX.T
        bc = Gamma @ WW + PX @ FF
    WX, VX, LX = W @ X, V @ X, L
    XWX, Xg, XF, Xa = X.T @ WX, X.T @ g, X.T @ FF, X.T @ a

    XX = _product(inverse, bb).transpose(0, 2, 1, 3) + _product(W, C).transpose(0, 2, 1, 3)
    crossed = _product(a, w * a - g) - _product(g, a)
    XX = XX + crossed.transpose(0, 3, 2, 1)
    XG = _product(FF, J - np.eye(Q)).transpose(0, 2, 3, 1) + _product(L, bc).transpose(0, 2, 1, 3)
    GG = _product(KK, WW).transpose(0, 2, 1, 3)
    Xs = np.einsum("grp,gpq->rqp", inverse, w * a - g) - np.einsum("grp,gpq->rqp", W, a)
    Gs = np.einsum("gpq,gpk->qkp", L, FF)
    ss = np.sum(inverse * (w * inverse / 2.0 - W), axis=0)
    XP = _product(VX, Xa).transpose(0, 3, 1, 2) - _product(LX, Xg).transpose(0, 3, 1, 2)
    XP = XP + np.einsum("ps,tq->pqst", WX.sum(axis=0), np.eye(Q))
    GP = _product(KK, XF).transpose(0, 3, 1, 2)
    PP = _product(KK, w * KK / 2.0 - XWX / 2.0) - _product(XWX, KK) / 2.0  # [t u, v s]
    PP = PP.transpose(3, 0, 1, 2)
    sP = np.einsum("gps,gpt->pst", L, w * L / 2.0 - WX / 2.0)
    sP = sP - np.einsum("gps,gpt->pst", WX, L) / 2.0

    psi = relative.v
    log_psi = np.diagonal(W, axis1=1, axis2=2).sum(axis=0) / 2.0 * psi
    resid, random = structure.resid, structure.random
    Xs, Gs, sP = Xs * psi, Gs * psi, sP * psi[:, None, None]
    ss = ss * np.outer(psi, psi) + np.diag(log_psi)
    of_t = _phi_by_coordinates(F, structure)  # (Q, Q, n)
    by_Phi = XWX.sum(axis=0) / 2.0
    t = random.coordinates(F)

    def gradient(t: FloatArray) -> FloatArray:
        at = random.factor(t, Q)
        return random.pull(at, np.tril(2.0 * by_Phi @ at))

    steps = DIFFERENCE * np.eye(len(t))
    curvature = np.array([gradient(t + h) - gradient(t - h) for h in steps]) / (2.0 * DIFFERENCE)
    tt = np.tensordot(np.tensordot(PP, of_t, axes=2), of_t, axes=((0, 1), (0, 1)))
    tt = tt + curvature
    Xt, Gt, st = (np.tensordot(block, of_t, axes=2) for block in (XP, GP, sP))
    Xs, Gs = resid.pull(Xs), resid.pull(Gs)
    ss, st = resid.pull(resid.pull(ss).T), resid.pull(st.T).T
    nX, nG, nS, nT = P * Q, Q * K, ss.shape[0], len(t)
    H = np.zeros((nX + nG + nS + nT,) * 2)
    x, c = slice(0, nX), slice(nX, nX + nG)
    s, v = slice(nX + nG, nX + nG + nS), slice(nX + nG + nS, None)
    H[x, x], H[x, c], H[c, c] = XX.reshape(nX, nX), XG.reshape(nX, nG), GG.reshape(nG, nG)
    H[x, s], H[c, s], H[s, s] = Xs.reshape(nX, nS), Gs.reshape(nG, nS), ss
    H[x, v], H[c, v], H[s, v], H[v, v] = Xt.reshape(nX, nT), Gt.reshape(nG, nT), st, tt
    H[c, x], H[s, x], H[s, c] = H[x, c].T, H[x, s].T, H[c, s].T
    H[v, x], H[v, c], H[v, s] = H[x, v].T, H[c, v].T, H[s, v].T
    return np.asarray((H + H.T) / 2.0)


def _product(A: FloatArray, B: FloatArray) -> FloatArray:
    """Sum over patterns of A_ij B_kl, [i j k l]."""
    (n, i, j), (_, k, m) = A.shape, B.shape
    return np.asarray(A.reshape(n, -1).T @ B.reshape(n, -1)).reshape(i, j, k, m)


def _phi_by_coordinates(F: FloatArray, structure: Structure) -> FloatArray:
    """Derivatives of Phi by t, (Q, Q, n)."""
    rank = len(F)
    entries = np.eye(rank**2).reshape(rank, rank, rank, rank)
    of_F = structure.random.pull(F, np.tril(entries))  # dF_ab / dt
    half = np.einsum("acn,bc->abn", of_F, F)
    return np.asarray(half + half.transpose(1, 0, 2))
