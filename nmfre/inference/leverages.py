"""
Leverages of units, or of groups of them: what they take from scores, and what effects rest on.

With orthonormal covariates w_n (W W' = N I), the residuals of a group g are too small by I - H_g,
H_g = W_g'W_g / N. Its score by the effects of these covariates, sum_n w_n (x'r_n)', is made right
by (I - S_g)^-1, S_g = W_g W_g' / N (the jackknife, or CR3); of one unit that is 1 / (1 - h_n), its
leverage. Scores by all other parameters are divided by 1 less the largest eigenvalue of S_g.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.core.findings import Finding
from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.estimation.orthonormal import Orthonormal
from nmfre.inference.groups import group_sums, n_independent
from nmfre.inference.wild_bootstrap import Total, parts_of_blocks, whole

LEAST_LEFT = 1e-8
"""Least of 1 - h that a score is divided by."""


@dataclass(frozen=True, slots=True)
class Leverages:
    """
    Corrections of scores.

    A unit of leverage 1 has a covariate to itself and residuals of zero in its direction. There is
    nothing to correct then: its score stays as it is.

    Attributes
    ----------
    covariates : Orthonormal
    n_units : int or float
        N, or the sum of the weights of units.
    effects : slice
        Scores by the effects of orthonormal covariates, entry q + Q k, among all scores.
    """

    covariates: Orthonormal
    n_units: float
    effects: slice

    def white(self, A: FloatArray, weights: FloatArray | None = None) -> FloatArray:
        """Orthonormal covariates of units with covariates A (K, n), times roots of weights (n,)."""
        W = self.covariates.white(A)
        return W if weights is None else W * np.sqrt(weights)

    def of_units(self, A: FloatArray, weights: FloatArray | None = None) -> FloatArray:
        """Leverages a_n'(AA')^-1 a_n of units with covariates A (K, n), (n,)."""
        W = self.white(A, weights)
        return np.asarray(np.sum(W * W, axis=0)) / self.n_units

    def squares(self, A: FloatArray, weights: FloatArray | None = None) -> FloatArray:
        """Terms w_n w_n' / N of the S_g, (n, K^2)."""
        W = self.white(A, weights).T
        return np.asarray(W[:, :, None] * W[:, None, :]).reshape(len(W), -1) / self.n_units

    def eigen(self, squares: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues (g, K) and eigenvectors (g, K, K) of I - S_g, of rows S_g (g, K^2)."""
        n_covariates = len(self.covariates.size)
        values, axes = np.linalg.eigh(squares.reshape(-1, n_covariates, n_covariates))
        return 1.0 - values, axes

    def correct_units(
        self, scores: FloatArray, A: FloatArray, weights: FloatArray | None = None
    ) -> FloatArray:
        """Scores of units, (n, d), divided by 1 - h."""
        left = 1.0 - self.of_units(A, weights)
        return np.asarray(scores / np.where(left < LEAST_LEFT, 1.0, left)[:, None])

    @staticmethod
    def factors(left: FloatArray) -> FloatArray:
        """What scores are multiplied by, of what leverages leave of 1."""
        return np.asarray(1.0 / np.where(left < LEAST_LEFT, 1.0, left))

    def correct_groups(self, scores: FloatArray, squares: FloatArray) -> FloatArray:
        """Scores of groups, (g, d), with their S_g as rows (g, K^2)."""
        left, axes = self.eigen(squares)
        factors = self.factors(left)
        corrected: FloatArray = scores * factors.max(axis=1)[:, None]
        effects = scores[:, self.effects].reshape(*left.shape, -1)
        along = factors[:, :, None] * (axes.mT @ effects)
        corrected[:, self.effects] = (axes @ along).reshape(len(scores), -1)
        return corrected


def independent_terms(
    data: tuple[Any, ...],
    scores: Callable[..., FloatArray],
    *,
    leverages: Leverages | None,
    groups: IntArray | None,
    blocks: list[slice],
    total: Total,
    root: FloatArray | None = None,
    weights: FloatArray | None = None,
) -> tuple[tuple[Any, ...], Callable[..., FloatArray], Total]:
    """
    The independent terms that a sandwich is made of: corrected scores of units, or of groups.

    Parameters
    ----------
    data : tuple of arrays, (..., N)
        Units in columns; the second are the covariates A.
    scores : callable
        From some columns of the data to the scores of these units, (n, d).
    leverages : Leverages or None
        Corrections of the scores; None for none.
    groups : array of int, (N,), or None
        Codes of the groups.
    blocks : list of slice
        Units that are passed over together.
    total : callable
        As in `one_step`.
    root : array, (d, e), optional
        What scores are multiplied by in the end.
    weights : array, (N,), optional
        What those of each unit are multiplied by before.

    Returns
    -------
    data, influence, total
        The first arguments of `one_step`, with units or groups in columns, and its ``total``.
    """
    own = () if weights is None else (weights[None],)
    weighted = scores if weights is None else Weighted(scores)

    def ended(values: FloatArray) -> FloatArray:
        return values if root is None else values @ root

    def of_units(*data: Any) -> FloatArray:
        values = weighted(*data)
        if leverages is not None:
            values = leverages.correct_units(values, data[1], *data[len(data) - len(own) :])
        return ended(values)

    def of_groups(sums: FloatArray, squares: FloatArray) -> FloatArray:
        values = sums.T
        return ended(values if leverages is None else leverages.correct_groups(values, squares.T))

    if groups is None:
        return (*data, *own), of_units, total
    sums = group_sums((*data, *own), weighted, groups, blocks, total)
    squares: FloatArray = np.empty((len(sums), 0))
    if leverages is not None:
        squares = group_sums((data[1], *own), leverages.squares, groups, blocks, total)
    return (sums.T, squares.T), of_groups, whole


@dataclass(frozen=True, slots=True)
class Weighted:
    """Scores of units times their weights (1, n), the last of the data."""

    scores: Callable[..., FloatArray]

    def __call__(self, *data: Any) -> FloatArray:
        """Of some units, (n, d)."""
        return np.asarray(self.scores(*data[:-1]) * data[-1].T)


@dataclass(frozen=True, slots=True)
class Support:
    """
    What the effect of each covariate rests on.

    Attributes
    ----------
    effective : (K,)
        (sum v)^2 / sum v^2 of the shares v of units (of groups, where there are any) in the
        variance of the effect: N where all have the same, about the number of units in a rare
        level where others have many.
    level : (K,)
        Units (groups) in the rarer class of a covariate of zeros and ones; 0 for others.
    alone : (K,)
        Effects that rest on a unit (group) of leverage 1.
    independent : int
        Number of units, or of groups.
    grouped : bool
        Whether these are groups.
    """

    effective: FloatArray
    level: IntArray
    alone: BoolArray
    independent: int
    grouped: bool

    def findings(self, rare: int) -> list[Finding]:
        """About effects that rest on up to ``rare`` units, or groups, or on one of leverage 1."""
        found, what = [], "group" if self.grouped else "unit"
        if self.alone.any():
            cause = f"depend on one {what} (leverage 1), whose residuals are zero"
            short = f"{{names}} {cause}: standard errors are too small."
            found.append(
                Finding(
                    "caution",
                    "leverage 1",
                    short,
                    f"{short} Leave out the {what} or the covariate, merge levels, or use "
                    f"cov_type='max', which uses model-based standard errors where they are "
                    f"larger.",
                    covariates=np.flatnonzero(self.alone).tolist(),
                )
            )
        few = np.flatnonzero((self.effective <= rare) & ~self.alone)
        if len(few) and self.independent > rare:
            counts = np.where(self.level > 0, self.level, np.rint(self.effective).astype(int))[few]
            sizes = str(counts.min())
            if np.ptp(counts):
                sizes += f" to {counts.max()}"
            short = f"{{names}} depend on few {what}s ({sizes}): intervals tend to be too narrow."
            found.append(
                Finding(
                    "note",
                    "rare levels",
                    short,
                    f"{short} Merge rare levels, or interpret p-values near the significance "
                    f"level with caution.",
                    covariates=few.tolist(),
                )
            )
        return found


@dataclass(frozen=True, slots=True)
class _Shares:
    """Sums over units, or over groups, that `Support` is made of."""

    leverages: Leverages
    blocks: list[slice]

    def terms(self, A: FloatArray, *weights: FloatArray) -> FloatArray:
        """Of each unit: shares of the variances, whether A is one, zero, other; (n, 4 K)."""
        V = self.leverages.white(A, *weights).T @ self.leverages.covariates.inverse
        one, zero = A.T == 1.0, A.T == 0.0
        return np.column_stack([V * V, one, zero, ~(one | zero)])

    def alone(self, A: FloatArray, *weights: FloatArray) -> FloatArray:
        """Shares of units of leverage 1, (K,)."""
        there = 1.0 - self.leverages.of_units(A, *weights) < LEAST_LEFT
        V = self.leverages.covariates.white(A[:, there]).T @ self.leverages.covariates.inverse
        return np.asarray(np.sum(V * V, axis=0))

    def sums(self, terms: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Over independent terms: of shares, of their squares, and how many have any of a class."""
        shares, *classes = np.split(terms, 4, axis=1)
        counts = [np.count_nonzero(each, axis=0) for each in classes]
        return shares.sum(axis=0), np.sum(shares * shares, axis=0), np.array(counts)

    def __call__(self, start: int, *data: FloatArray) -> tuple[Any, ...]:
        """Over units with these covariates, and weights; the first being ``start``."""
        found: tuple[Any, ...] = (0.0, 0.0, 0, 0.0)
        for _, own, _ in parts_of_blocks(self.blocks, start, start + data[0].shape[1]):
            part = [each[:, own] for each in data]
            new = (*self.sums(self.terms(*part)), self.alone(*part))
            found = tuple(a + b for a, b in zip(found, new, strict=True))
        return found


def support(
    A: Any,
    leverages: Leverages,
    groups: IntArray | None,
    blocks: list[slice],
    total: Total,
    weights: FloatArray | None = None,
) -> Support:
    """
    What the effect of each covariate rests on.

    Parameters
    ----------
    A : array, (K, N)
    leverages : Leverages
    groups : array of int, (N,), optional
        Codes of the groups.
    blocks : list of slice
        Units that are passed over together.
    total : callable
        As in `one_step`.
    weights : array, (N,), optional
        Of the units.
    """
    of_units = _Shares(leverages, blocks)
    data = (A,) if weights is None else (A, weights[None])
    if groups is None:
        first, second, counts, alone = total(of_units, *data)
    else:
        first, second, counts = of_units.sums(
            group_sums(data, of_units.terms, groups, blocks, total)
        )
        squares = group_sums(data, leverages.squares, groups, blocks, total)
        left, axes = leverages.eigen(squares)
        V = axes.mT[left < LEAST_LEFT] @ leverages.covariates.inverse
        alone = np.sum(V * V, axis=0)
    ones, zeros, other = counts
    return Support(
        effective=np.asarray(first**2 / second),
        level=np.where(other == 0, np.minimum(ones, zeros), 0),
        alone=np.asarray(alone > LEAST_LEFT * first),
        independent=n_independent(A.shape[1], groups),
        grouped=groups is not None,
    )
