"""Starting bases."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.moments import Moments

BLOCK_BYTES = 1 << 23
"""Size of responses that are factorised at a time."""


class Uniform(Protocol):
    """What draws from the uniform distribution, such as a numpy.random.Generator."""

    def random(self, size: int) -> FloatArray:
        """``size`` draws in (0, 1)."""
        ...


def nndsvd(Y: FloatArray, rank: int, rng: Uniform, weights: FloatArray | None = None) -> FloatArray:
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
    weights : array, (N,), optional
        How often each unit counts.

    Returns
    -------
    array, (P, Q)
        Not normalised.
    """
    mean = Y.mean() if weights is None else np.average(Y, axis=1, weights=weights).mean()
    u, s, v_norms = _leading_triplets(Y if weights is None else Y * np.sqrt(weights), rank)
    u_parts = np.stack([np.maximum(u, 0.0), np.maximum(-u, 0.0)])
    u_norms = np.linalg.norm(u_parts, axis=1)
    products = u_norms * v_norms
    chosen, column = products.argmax(axis=0), np.arange(rank)
    weight = products[chosen, column]
    norm = np.where(u_norms[chosen, column] > 0, u_norms[chosen, column], 1.0)
    X: FloatArray = np.sqrt(s) * weight * u_parts[chosen, :, column].T / norm
    X[:, 0] = np.sqrt(s[0]) * np.abs(u[:, 0])
    zeros = X.T == 0.0
    X.T[zeros] = mean / 100.0 * rng.random(int(np.count_nonzero(zeros)))
    return X


def _leading_triplets(Y: FloatArray, rank: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """
    Leading left singular vectors and values, and norms of the parts of the right vectors.

    Returns
    -------
    u : array, (P, Q)
    s : array, (Q,)
    v_norms : array, (2, Q)
        Norms of the positive and of the negative parts of the right singular vectors.
    """
    width = max(BLOCK_BYTES // (8 * len(Y)), len(Y))
    blocks = [Y[:, start : start + width] for start in range(0, Y.shape[1], width)]
    if len(blocks) == 1:
        u, s, vt = np.linalg.svd(Y, full_matrices=False)
        parts = [vt[:rank]]
    else:  # Y = R'Q' has the left vectors and values of R', P x P
        R: Any = np.zeros((0, len(Y)))
        for block in blocks:
            R = np.linalg.qr(np.vstack([R, block.T]), mode="r")
        u, s, _ = np.linalg.svd(R.T)
        size = np.where(s[:rank] > 0.0, s[:rank], 1.0)
        parts = [(u[:, :rank].T @ block) / size[:, None] for block in blocks]
    squares = [[np.sum(np.maximum(sign * v, 0.0) ** 2, axis=1) for sign in (1, -1)] for v in parts]
    return u[:, :rank], s[:rank], np.sqrt(np.sum(squares, axis=0))


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
