"""Units grouped by which of their responses are observed."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray, IntArray


def patterns_of(observed: BoolArray) -> tuple[BoolArray, IntArray]:
    """The different columns (P, G) of ``observed`` (P, N), and which of them each column is."""
    bits = np.packbits(observed, axis=0)
    words = np.zeros((-(-len(bits) // 8) * 8, observed.shape[1]), dtype=np.uint8)
    words[: len(bits)] = bits
    codes = np.ascontiguousarray(words.T).view(np.uint64)
    if codes.shape[1] == 1:  # sorting numbers is faster than sorting rows
        _, first, which = np.unique(codes[:, 0], return_index=True, return_inverse=True)
    else:
        _, first, which = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    return observed[:, first], which.ravel()


def sums_of_products(A: FloatArray, B: FloatArray, which: IntArray, n: int) -> FloatArray:
    """Sums of a_i b_i' over the rows (..., m, .) of each of n kinds; (..., n, ., .)."""
    counts = np.bincount(which, minlength=n)
    order = np.argsort(which, kind="stable")
    first = np.cumsum(counts) - counts
    alone = order[np.minimum(first, len(order) - 1)]  # of most patterns there is one unit
    sums = A[..., alone, :, None] * B[..., alone, None, :]
    for g in np.flatnonzero(counts != 1):
        rows = order[first[g] : first[g] + counts[g]]
        sums[..., g, :, :] = A[..., rows, :].mT @ B[..., rows, :]
    return np.asarray(sums)


def squares_by_pattern(A: FloatArray, which: IntArray) -> FloatArray:
    """Sums of a_n a_n' over the units of each pattern; (G, K, K)."""
    sums = np.zeros((int(which.max()) + 1, len(A), len(A)))
    np.add.at(sums, which, A.T[:, :, None] * A.T[:, None, :])
    return sums


def shortened(
    Y: FloatArray, W: FloatArray, patterns: BoolArray, which: IntArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Responses, covariates and patterns of the units, many of one pattern made few."""
    n_responses, n_covariates = len(Y), len(W)
    counts, length = np.bincount(which), patterns.sum(axis=0) + n_covariates
    many = counts > length
    order = np.argsort(which, kind="stable")
    stop = np.cumsum(counts)
    single = order[~many[which[order]]]
    parts = [np.vstack([Y[:, single], W[:, single]])]
    labels = [which[single]]
    for g in np.flatnonzero(many):
        units = order[stop[g] - counts[g] : stop[g]]
        rows = np.append(np.flatnonzero(patterns[:, g]), n_responses + np.arange(n_covariates))
        stacked = np.column_stack([Y[patterns[:, g]][:, units].T, W[:, units].T])
        factor = np.zeros((n_responses + n_covariates, length[g]))
        factor[rows] = np.asarray(np.linalg.qr(stacked, mode="r")).T
        parts.append(factor)
        labels.append(np.full(length[g], g))
    columns = np.hstack(parts)
    return columns[:n_responses], columns[n_responses:], np.concatenate(labels)
