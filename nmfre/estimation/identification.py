"""
Which rotations of the components leave the likelihood as it is, and one of them to print.

X R, R'Theta, R'U fit as well as X, Theta, U for any orthogonal R with R'1 = 1 that keeps X R >= 0
(and R'Theta >= 0 where Theta is bounded). They exist for three components and more, as far as
the zeros of X (and Theta) leave them room.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.linalg import expm, null_space
from scipy.optimize import brentq, linprog, minimize, minimize_scalar
from scipy.sparse import csc_array, eye_array, hstack

from nmfre.typing import FloatArray, IntArray

ZERO = 1e-6
"""Size of an entry, relative to the mean of its column, up to which it is taken for zero."""
ANGLES = 720
STARTS = 12
FEASIBLE = 1e-8
MOST_ROWS = 50
"""Rows of X a component whose bounds a search for a rotation starts with."""
FEW = 1_000
"""Inequalities beyond which an even selection is tried first: if it leaves no room, none is."""


@dataclass(frozen=True, slots=True)
class Identification:
    """
    Directions in which the components can be rotated.

    Attributes
    ----------
    n_free : int
        Number of free directions; 0: the components are identified.
    mixing : tuple of bool, length Q
        Which components take part.
    directions : (n_free, Q, Q)
        Skew-symmetric K that span them: X K and -K Theta is how X and Theta change.
    by_bounds : bool
        Whether bounds of Theta alone keep some rotation from being free.
    """

    n_free: int
    mixing: tuple[bool, ...]
    directions: FloatArray
    by_bounds: bool


def identify(X: FloatArray, Theta: FloatArray | None) -> Identification:
    """
    Count the free directions.

    These are skew-symmetric K with K1 = 0, of dimension (Q - 1)(Q - 2)/2, such that X K pushes no
    zero of X below zero (nor -K Theta one of Theta): a cone, whose dimension one linear programme
    finds, by raising as many of its inequalities as possible above zero.

    Parameters
    ----------
    X : array, (P, Q)
        Basis.
    Theta : array, (Q, K), or None
        Effects where they are bounded below by 0; None where they are not.

    Returns
    -------
    Identification
    """
    directions = _free_directions(X, Theta)
    moved = np.abs(directions).max(axis=(0, 2), initial=0.0)
    return Identification(
        n_free=len(directions),
        mixing=tuple(bool(x) for x in moved > ZERO),
        directions=directions,
        by_bounds=Theta is not None and len(_free_directions(X, None)) > len(directions),
    )


def _free_directions(X: FloatArray, Theta: FloatArray | None) -> FloatArray:
    """A basis of the free directions, (n_free, Q, Q)."""
    directions = _skew_directions(X.shape[1])
    if not len(directions):
        return directions
    pushes = [(X @ K)[_zeros(X, axis=0)] for K in directions]
    if Theta is not None:
        below = _zeros(Theta, axis=None)
        pushes = [
            np.concatenate([a, (-K @ Theta)[below]])
            for a, K in zip(pushes, directions, strict=True)
        ]
    A = np.column_stack(pushes)
    A = A[np.abs(A).max(axis=1) > ZERO * np.abs(A).max(initial=0.0)]
    if not len(A):
        return directions
    A = A / np.abs(A).max(axis=1, keepdims=True)
    free = _span_of_cone(A[:: 1 + len(A) // FEW])
    if free.size and len(A) >= FEW:  # some of many inequalities leave room: ask all of them
        free = _span_of_cone(A)
    return np.asarray(np.tensordot(free.T, directions, axes=1))


def _span_of_cone(A: FloatArray) -> FloatArray:
    """A basis, in columns, of the span of the k with A k >= 0."""
    m, d = A.shape
    if m > FEW:
        left: Any = hstack([csc_array(-A), eye_array(m)], format="csc")
    else:  # a sparse matrix takes longer to build than a small programme to solve
        left = np.hstack([-A, np.eye(m)])
    # max sum t with A k >= t, 0 <= t <= 1: rows that stay at t = 0 are equalities.
    solution = linprog(
        np.concatenate([np.zeros(d), -np.ones(m)]),
        A_ub=left,
        b_ub=np.zeros(m),
        bounds=[(None, None)] * d + [(0.0, 1.0)] * m,
    )
    held = np.asarray(solution.x)[d:] < 0.5
    return np.asarray(null_space(A[held]) if held.any() else np.eye(d))


def sparsest_rotation(X: FloatArray, Theta: FloatArray | None) -> FloatArray:
    """
    The R (Q, Q) among those that leave the likelihood as it is with the largest sum of (XR)^4.

    With three components the rotations are a circle, which is searched as a whole; with more,
    several starts climb (SLSQP).
    """
    rank = X.shape[1]
    directions = _skew_directions(rank)
    columns = X / X.mean()
    bounded = np.empty((rank, 0)) if Theta is None else Theta / np.abs(Theta).max()
    if len(directions) == 1:
        return _sparsest_on_circle(columns, bounded, directions[0])

    total = columns.sum(axis=1, keepdims=True)
    rows = columns[total[:, 0] > 0.0] / total[total[:, 0] > 0.0]
    pairs = (columns[:, :, None] * columns[:, None, :]).reshape(-1, rank**2)
    fourth = pairs.T @ pairs / np.sum(columns**4)

    def rotation(k: FloatArray) -> FloatArray:
        return np.asarray(expm(np.tensordot(k, directions, axes=1)))

    def minus_sparsity(k: Any) -> float:
        R = rotation(k)
        squares = (R[:, None, :] * R[None, :, :]).reshape(rank**2, rank)
        return -float(np.vdot(squares, fourth @ squares))

    def entries(k: Any, of: FloatArray) -> Any:
        R = rotation(k)
        return np.concatenate([(of @ R).ravel(), (R.T @ bounded).ravel()])

    def climb(start: FloatArray, which: IntArray) -> tuple[FloatArray, IntArray]:
        """Where a search ends under the bounds of some rows, and what rows that is."""
        solution = minimize(
            minus_sparsity,
            start,
            method="SLSQP",
            constraints=[{"type": "ineq", "fun": entries, "args": (rows[which],)}],
            options={"ftol": 1e-14, "maxiter": 500},
        )
        below = np.argsort((rows @ rotation(solution.x)).min(axis=1))[:MOST_ROWS]
        below = below[(rows[below] @ rotation(solution.x)).min(axis=1) < -FEASIBLE]
        more = np.setdiff1d(below, which)
        if not len(more):
            return solution.x, which
        return climb(solution.x, np.union1d(which, more))

    # The rows next to a bound hold most of the others, which are added where they are crossed.
    which = np.unique(np.argsort(rows, axis=0)[:MOST_ROWS])
    rng = np.random.default_rng(0)  # where to look, not a result
    starts: list[Any] = [np.zeros(len(directions))]
    starts += [rng.normal(scale=0.5, size=len(directions)) for _ in range(STARTS)]
    best: FloatArray = np.eye(rank)
    most = -1.0
    for start in starts:
        k, which = climb(start, which)
        if minus_sparsity(k) < most and entries(k, rows).min() >= -FEASIBLE:
            best, most = rotation(k), minus_sparsity(k)
    return best


def _sparsest_on_circle(columns: FloatArray, bounded: FloatArray, K: FloatArray) -> FloatArray:
    """The same for Q = 3, where R = I + sin(angle) K + (1 - cos(angle)) K^2 with |K|^2 = 2."""
    K = K * np.sqrt(2.0) / np.linalg.norm(K)
    still = np.concatenate([columns.ravel(), bounded.ravel()])
    sine = np.concatenate([(columns @ K).ravel(), (-K @ bounded).ravel()])
    cosine = np.concatenate([(columns @ K @ K).ravel(), (K @ K @ bounded).ravel()])

    def entries(angle: float) -> FloatArray:
        return np.asarray(still + np.sin(angle) * sine + (1.0 - np.cos(angle)) * cosine)

    def least(angle: float) -> float:
        return float(entries(angle).min())

    def minus_sparsity(angle: float) -> float:
        return -float(np.sum(entries(angle)[: columns.size] ** 4))

    angles = np.arange(-ANGLES // 2, ANGLES // 2) * (2.0 * np.pi / ANGLES)
    allowed = [angle for angle in angles if angle == 0.0 or least(angle) >= 0.0]
    start = min(allowed, key=minus_sparsity)
    limits = []
    for neighbour in (start - 2.0 * np.pi / ANGLES, start + 2.0 * np.pi / ANGLES):
        if least(neighbour) >= 0.0:
            limits.append(neighbour)
        elif least(start) <= 0.0:
            limits.append(start)
        else:
            limits.append(brentq(least, start, neighbour, xtol=1e-14))
    inside = minimize_scalar(
        minus_sparsity, bounds=tuple(limits), method="bounded", options={"xatol": 1e-12}
    )
    angle = min([start, *limits, float(inside.x)], key=minus_sparsity)
    return np.asarray(np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * K @ K)


def _skew_directions(rank: int) -> FloatArray:
    """A basis of the skew-symmetric K with K1 = 0, (dimension, Q, Q)."""
    pairs = list(combinations(range(rank), 2))
    skew = np.zeros((len(pairs), rank, rank))
    for i, (a, b) in enumerate(pairs):
        skew[i, a, b], skew[i, b, a] = 1.0, -1.0
    if len(pairs) < 3:
        return np.empty((0, rank, rank))
    return np.tensordot(null_space(skew.sum(axis=2).T).T, skew, axes=1)


def _zeros(values: FloatArray, axis: int | None) -> FloatArray:
    return np.asarray(values <= ZERO * np.abs(values).mean(axis=axis, keepdims=True))
