"""Starting bases."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.moments import Moments


class Uniform(Protocol):
    """What draws from the uniform distribution, such as a numpy.random.Generator."""

    def random(self, size: int) -> FloatArray:
        """``size`` draws in (0, 1)."""
        ...


def nndsvd(Y: FloatArray, rank: int, rng: Uniform) -> FloatArray:
    """
    Non-negative double singular value decomposition, with its zeros filled at random.

    Column 1 is sqrt(s_1) |u_1|; column q takes the positive or the negative parts of (u_q, v_q),
    whichever pair has the larger product of norms, m = |u||v|, and is sqrt(s_q) m u / |u| (the
    paper's variant of Boutsidis and Gallopoulos 2008, who take the root of m as well). Zeros
    become mean(Y)/100 times a uniform draw.

    Parameters
    ----------
    Y : array, (P, N)
        Responses, not negative.
    rank : int
        Q, at most min(P, N).
    rng : numpy.random.Generator, or another source of uniform draws
        For the zeros, column by column.

    Returns
    -------
    array, (P, Q)
        Not normalised.
    """
    u, s, vt = np.linalg.svd(Y, full_matrices=False)
    u, s, v = u[:, :rank], s[:rank], vt[:rank].T
    u_parts = np.stack([np.maximum(u, 0.0), np.maximum(-u, 0.0)])
    u_norms = np.linalg.norm(u_parts, axis=1)
    v_norms = np.stack(
        [np.linalg.norm(np.maximum(v, 0.0), axis=0), np.linalg.norm(np.maximum(-v, 0.0), axis=0)]
    )
    products = u_norms * v_norms
    chosen, column = products.argmax(axis=0), np.arange(rank)
    weight = products[chosen, column]
    norm = np.where(u_norms[chosen, column] > 0, u_norms[chosen, column], 1.0)
    X: FloatArray = np.sqrt(s) * weight * u_parts[chosen, :, column].T / norm
    X[:, 0] = np.sqrt(s[0]) * np.abs(u[:, 0])
    zeros = X.T == 0.0
    X.T[zeros] = Y.mean() / 100.0 * rng.random(int(np.count_nonzero(zeros)))
    return X


def leading_eigenvectors(
    moments: Moments, rank: int, rng: np.random.Generator, tol: float
) -> FloatArray:
    """
    Leading eigenvectors of YY', (P, Q), by subspace iteration: a start needs no digits.

    Until the sum of their eigenvalues changes by less than ``tol``, relative, or 20 times.
    """
    u: Any = rng.standard_normal((moments.n_responses, rank))
    before = 0.0
    for _ in range(20):
        times = moments.times_squares(u)
        total = float(np.vdot(u, times))
        u = np.linalg.qr(times)[0]
        if abs(total - before) < tol * total:
            break
        before = total
    ritz = u.T @ moments.times_squares(u)
    vectors: FloatArray = u @ np.linalg.eigh(ritz)[1][:, ::-1]
    return vectors


def varimax(u: FloatArray) -> FloatArray:
    """Rotated columns with few large entries each, these positive: those of one component."""
    R = np.eye(u.shape[1])
    before = 0.0
    for _ in range(100):
        Z = u @ R
        left, s, right = np.linalg.svd(u.T @ (Z**3 - Z * np.mean(Z**2, axis=0)))
        R = left @ right
        if s.sum() <= before * (1.0 + 1e-6):
            break
        before = s.sum()
    Z = u @ R
    return np.asarray(Z * np.sign(np.sum(Z**3, axis=0)))
