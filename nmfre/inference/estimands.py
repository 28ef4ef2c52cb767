"""
Weighted sums over covariates a_m of expected scores Theta a_m, and of their shares.

Estimates and their derivatives by vec(Theta), entry q + Q k of which is Theta[q, k].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray

BLOCK_VALUES = 1 << 22
"""Entries of an array of replicates that are held at a time."""


class Weighted(Protocol):
    """Covariates, (K, M), and their weights, (M,)."""

    @property
    def A(self) -> FloatArray:
        """Covariates."""

    @property
    def weights(self) -> FloatArray:
        """Weights."""


def combined(cells: Sequence[Weighted]) -> FloatArray:
    """Weighted sums of the covariates, (K, J): all that what is linear in them depends on."""
    return np.column_stack([cell.A @ cell.weights for cell in cells])


def of_scores(labels: FloatArray, C: FloatArray) -> FloatArray:
    """
    Derivatives of b' Theta c, (L, J, QK).

    Parameters
    ----------
    labels : array, (L, Q)
        The b, a component or a sum of some in a row.
    C : array, (K, J)
        The c.
    """
    products = labels[:, None, None, :] * C.T[None, :, :, None]
    return products.reshape(len(labels), C.shape[1], -1)


def shares(Theta: FloatArray, cells: Sequence[Weighted]) -> FloatArray:
    """Weighted sums of Theta a / (1' Theta a), (Q, J); NaN where a total is not above 0."""
    return np.column_stack([_shares(Theta @ cell.A) @ cell.weights for cell in cells])


def _shares(scores: FloatArray) -> FloatArray:
    """Of scores (..., Q, M)."""
    total = scores.sum(axis=-2, keepdims=True)
    return scores / np.where(total > 0.0, total, np.nan)


def of_shares(Theta: FloatArray, cells: Sequence[Weighted], labels: FloatArray) -> FloatArray:
    """
    Derivatives of sums b' of these shares, (L, J, QK).

    That of share q by Theta[r, k] is a_k (delta_qr - s_q) / (1' Theta a).
    """
    rank, n_labels = len(Theta), len(labels)
    parts = []
    for cell in cells:
        scores = Theta @ cell.A
        own = labels @ _shares(scores)
        total = scores.sum(axis=0)
        weights = cell.weights / np.where(total > 0.0, total, np.nan)
        by = (labels[:, :, None] - own[:, None, :]) * weights
        gradient = by.reshape(n_labels * rank, -1) @ cell.A.T
        parts.append(gradient.reshape(n_labels, rank, -1).mT.reshape(n_labels, -1))
    return np.stack(parts, axis=1)


def replicates_of_shares(
    draws: FloatArray, rank: int, cells: Sequence[Weighted], labels: FloatArray
) -> FloatArray:
    """Sums of shares of replicates of vec(Theta), (B, QK); (B, L, J)."""
    Thetas = draws.reshape(len(draws), -1, rank).mT
    values = np.empty((len(draws), len(labels), len(cells)))
    for j, cell in enumerate(cells):
        size = max(BLOCK_VALUES // (rank * cell.A.shape[1]), 1)
        for start in range(0, len(draws), size):
            part = slice(start, start + size)
            values[part, :, j] = (_shares(Thetas[part] @ cell.A) @ cell.weights) @ labels.T
    return values


def replicates_of_scores(draws: FloatArray, labels: FloatArray, C: FloatArray) -> FloatArray:
    """B' Theta C of replicates of vec(Theta), (B, QK); (B, L, J)."""
    Thetas = draws.reshape(len(draws), -1, labels.shape[1]).mT
    return np.asarray(labels @ (Thetas @ C))


def with_basis(
    V: FloatArray,
    X: FloatArray,
    Theta: FloatArray,
    labels: FloatArray,
    C: FloatArray,
    held: BoolArray,
) -> FloatArray:
    """
    Covariance (L, J, J) of b' X Theta C, label by label, where X is estimated too.

    Parameters
    ----------
    V : array, (D, D)
        Covariance of vec(X), vec(Theta) and more.
    X, Theta : arrays, (P, Q) and (Q, K)
    labels : array, (L, P)
        The b, a response or a sum of some in a row.
    C : array, (K, J)
    held : array, (QK,)
        Entries of vec(Theta) that are known.
    """
    (n_responses, rank), n_theta = X.shape, Theta.size
    scores = (Theta @ C).T
    covariance = np.empty((len(labels), len(scores), len(scores)))
    for label, row in enumerate(labels):  # of the P Q entries of X, one response has Q
        own = np.flatnonzero(row)
        by_basis = (scores[:, :, None] * row[own]).reshape(len(scores), -1)
        by_theta = np.where(held, 0.0, of_scores((row @ X)[None], C)[0])
        at = (own + n_responses * np.arange(rank)[:, None]).ravel()
        at = np.concatenate([at, np.arange(X.size, X.size + n_theta)])
        J = np.hstack([by_basis, by_theta])
        covariance[label] = J @ V[np.ix_(at, at)] @ J.T
    return covariance
