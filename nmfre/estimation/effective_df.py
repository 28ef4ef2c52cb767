"""Effective degrees of freedom of the random effects, and the ridge that meets a cap on them."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np

from nmfre.core.typing import BoolArray, Float, FloatArray

Shrinkage: TypeAlias = tuple[FloatArray, FloatArray, BoolArray, FloatArray]
MAX_NEWTON_STEPS = 200
LAST_STEP = 1e-9
"""Relative step to the ridge at the cap after which the next, of its square, is rounding."""


def eigenvalues_of(XtX: FloatArray) -> FloatArray:
    """Eigenvalues of X'X, (..., Q), without the negative ones that rounding makes."""
    if XtX.shape[-1] == 1:
        return np.asarray(XtX[..., 0])
    return np.asarray(np.maximum(np.linalg.eigvalsh(XtX), 0.0))


def shrinkage_under_cap(
    XtX: FloatArray, ridge: FloatArray, cap: FloatArray, n_units: float, bound: BoolArray
) -> Shrinkage:
    """
    df_U at a ridge, or the ridge at which it is the cap, and (X'X + ridge I)^-1.

    Parameters
    ----------
    XtX : array, (B, Q, Q)
    ridge : array, (B,)
    cap : array, (B,)
        Infinite where there is none.
    n_units : int or float
    bound : array of bool, (B,)
        Whether the cap bound before, and so is likely to bind again.

    Returns
    -------
    ridge : array, (B,)
        Raised where df_U exceeds the cap.
    df : array, (B,)
        df_U at this ridge.
    capped : array of bool, (B,)
        Whether it was raised.
    M_inv : array, (B, Q, Q)
        The inverse at this ridge.
    """
    rank = XtX.shape[-1]
    if rank > 2:
        return _by_factors(XtX, ridge, cap, n_units, bound)
    return (_of_one if rank == 1 else _of_two)(XtX, ridge, cap, n_units)


def _of_one(XtX: FloatArray, ridge: FloatArray, cap: FloatArray, n_units: float) -> Shrinkage:
    """Q = 1: df_U = N d / (d + ridge)."""
    d = XtX[:, 0, 0]
    df = n_units * (d / (d + ridge))
    capped = df > cap
    if np.count_nonzero(capped):
        share = np.minimum(cap / n_units, 1.0)  # what does not bind may be infinite
        ridge = np.where(capped, d * ((1.0 - share) / share), ridge)
        df = np.where(capped, cap, df)
    return ridge, df, capped, 1.0 / (XtX + ridge[:, None, None])


def _of_two(XtX: FloatArray, ridge: FloatArray, cap: FloatArray, n_units: float) -> Shrinkage:
    """
    Q = 2: df_U = N (2 D + ridge t) / |M|, |M| = D + ridge (t + ridge), t = tr X'X, D = |X'X|.

    At the cap that is a quadratic equation, whose positive root is taken in the form that does not
    cancel.
    """
    first, second, product = XtX[:, 0, 0], XtX[:, 1, 1], XtX[:, 0, 1]
    trace = first + second
    determinant = np.maximum(first * second - product * product, 0.0)
    of_M = determinant + ridge * (trace + ridge)
    df = n_units * ((determinant + determinant + ridge * trace) / of_M)
    capped = df > cap
    if np.count_nonzero(capped):
        share = np.minimum(cap / n_units, 2.0)  # share ridge^2 + b ridge - c = 0
        b, c = (share - 1.0) * trace, (2.0 - share) * determinant
        q = np.abs(b) + np.sqrt(b * b + 4.0 * share * c)
        raised = np.where(b > 0.0, 2.0 * c / q, q / (2.0 * share))
        ridge, df = np.where(capped, raised, ridge), np.where(capped, cap, df)
        of_M = determinant + ridge * (trace + ridge)
    adjugate = (trace + ridge)[:, None, None] * _identity(2) - XtX
    return ridge, df, capped, adjugate / of_M[:, None, None]


def _by_factors(
    XtX: FloatArray, ridge: FloatArray, cap: FloatArray, n_units: float, bound: BoolArray
) -> Shrinkage:
    """Q > 2: from eigenvectors where the cap binds or bound before, otherwise from an inverse."""
    n_bound = np.count_nonzero(bound)
    near: BoolArray | slice = slice(None)
    capped, M_inv, df = bound, XtX, ridge  # of those near to the cap not yet
    if n_bound < len(bound):
        M_inv = np.linalg.inv(XtX + ridge[:, None, None] * _identity(XtX.shape[-1]))
        df = n_units * np.vecdot(M_inv.reshape(len(M_inv), -1), XtX.reshape(len(XtX), -1))
        capped = df > cap
        if n_bound == 0 and np.count_nonzero(capped) == 0:
            return ridge, df, capped, M_inv
        near = bound | capped
    d, vectors = np.linalg.eigh(XtX[near])
    d, least, limit = np.maximum(d, 0.0), ridge[near], cap[near]
    raised = ridge_at_cap(d, limit, least, n_units)
    exceeds = raised > least
    inverse = 1.0 / (d + raised[:, None])
    found = (
        raised,
        np.where(exceeds, limit, n_units * np.vecdot(d, inverse)),
        exceeds,
        (vectors * inverse[:, None, :]) @ vectors.mT,
    )
    if isinstance(near, slice):
        return found
    for whole, part in zip((ridge := ridge.copy(), df, capped, M_inv), found, strict=True):
        whole[near] = part
    return ridge, df, capped, M_inv


@cache
def _identity(rank: int) -> FloatArray:
    return np.eye(rank)


def effective_df(
    eigenvalues: FloatArray, ridge: Float, n_units: float, weights: Float = 1.0
) -> FloatArray:
    """
    df_U = N sum_q w_q d_q / (d_q + ridge), for a stack of problems.

    Parameters
    ----------
    eigenvalues : array, (..., Q)
        Eigenvalues d of X'X.
    ridge : array, (...)
        lambda = sigma2 / tau2.
    n_units : int or float
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
    n_units: float,
    weights: Float = 1.0,
) -> FloatArray:
    """
    The ridge at which df_U equals the cap, for problems that exceed it at ``ridge``.

    That of others stays as it is.

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
    n_units : int or float
    weights : array, (B, Q)
        As in `effective_df`.

    Returns
    -------
    array, (B,)
    """
    share, weighted = cap / n_units, weights * eigenvalues
    moving: BoolArray | bool = True  # so that a member's steps are its own
    for _ in range(MAX_NEWTON_STEPS):
        inverse = 1.0 / (eigenvalues + ridge[..., None])
        shrunk = weighted * inverse
        now, slope = np.add.reduce(shrunk, axis=-1), np.vecdot(shrunk, inverse)
        step = np.maximum(now * (now / share - 1.0) / slope, 0.0)
        step = step if moving is True else np.where(moving, step, 0.0)
        ridge = ridge + step
        moving = step > LAST_STEP * ridge
        if not np.count_nonzero(moving):
            break
    return ridge


def log_ridge_on_cap(
    eigenvalues: FloatArray, weights: FloatArray, cap: float, n_units: float
) -> float:
    """Log lambda at which df_U = cap; eigenvalues and weights (Q,) as in `effective_df`."""
    below = np.array([1e-12 * eigenvalues.max()])
    if effective_df(eigenvalues, below, n_units, weights)[0] <= cap:  # X has lost rank
        return float(np.log(below[0]))
    return float(np.log(ridge_at_cap(eigenvalues, np.array([cap]), below, n_units, weights)[0]))
