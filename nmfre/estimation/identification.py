"""
Which mixtures of the components leave the likelihood as it is, and one of them to print.

X R, R^-1 Theta, R^-1 U fit as well as X, Theta, U for any orthogonal R with R'1 = 1 that keeps
X R >= 0 (and R^-1 Theta >= 0 where Theta is bounded). These rotations exist for three components
and more, as far as the zeros of X (and Theta) leave them room. Where tau2 = 0, only X Theta enters
the likelihood, and R need not be orthogonal: two components can be mixed, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.linalg import expm, null_space
from scipy.optimize import brentq, linprog, minimize, minimize_scalar
from scipy.sparse import csc_array, eye_array, hstack

from nmfre.core.typing import FloatArray, IntArray

ZERO = 1e-6
"""Size of an entry, relative to the mean of its column, up to which it is taken for zero."""
ANGLES = 720
STARTS = 12
FEASIBLE = 1e-8
LEAST = 0.1
"""Share of a component in what takes its place: where to look, not a bound of the maximum."""
MOST_ROWS = 50
"""Rows of X a component whose bounds a search for a rotation starts with."""
FEW = 1_000
"""Inequalities beyond which an even selection is tried first: if it leaves no room, none is."""


@dataclass(frozen=True, slots=True)
class Identification:
    """
    Directions in which the components can be rotated or, where tau2 is zero, mixed.

    Attributes
    ----------
    n_free : int
        Number of free directions.
    mixing : tuple of bool, length Q
        Which components take part; none: the components are identified.
    directions : (n_free, Q, Q)
        K that span them: X K and -K Theta is how X and Theta change.
    by_bounds : bool
        Whether bounds of Theta alone keep some mixture from being free.
    """

    n_free: int
    mixing: tuple[bool, ...]
    directions: FloatArray
    by_bounds: bool


def identify(
    X: FloatArray, Theta: FloatArray | None, *, mean: FloatArray | None = None
) -> Identification:
    """
    Count the free directions.

    These are skew-symmetric K with K1 = 0, of dimension (Q - 1)(Q - 2)/2, or, where tau2 is zero,
    any K with 1'K = 0, of dimension Q (Q - 1), such that X K pushes no zero of X below zero (nor
    -K Theta one of Theta): a cone, whose dimension one linear programme finds, by raising as many
    of its inequalities as possible above zero.

    Parameters
    ----------
    X : array, (P, Q)
        Basis.
    Theta : array, (Q, K), or None
        Effects where they are bounded below by 0; None where they are not.
    mean : array, (Q, K), optional
        Effects, bounded or not, where tau2 is zero. Components whose effects are linear
        combinations of others' (as all are, where there are fewer covariates than components) are
        mixing, whatever the K are: their columns of X can be anything.

    Returns
    -------
    Identification
    """
    rank = X.shape[1]
    candidates = _skew_directions(rank) if mean is None else _mixing_directions(rank)
    directions = _free_directions(X, Theta, candidates)
    size = np.abs(directions)
    moved = np.maximum(size.max(axis=(0, 1), initial=0.0), size.max(axis=(0, 2), initial=0.0))
    if mean is not None:
        moved = np.maximum(moved, np.abs(dependent_components(mean)).max(axis=1, initial=0.0))
    return Identification(
        n_free=len(directions),
        mixing=tuple(bool(x) for x in moved > ZERO),
        directions=directions,
        by_bounds=Theta is not None
        and len(_free_directions(X, None, candidates)) > len(directions),
    )


def dependent_components(Theta: FloatArray) -> FloatArray:
    """V (Q, d), orthonormal, with V'Theta = 0: X + D V' has the same X Theta for every D."""
    return np.asarray(null_space(Theta.T / np.abs(Theta).max(), rcond=ZERO))


def _free_directions(X: FloatArray, Theta: FloatArray | None, directions: FloatArray) -> FloatArray:
    """A basis of the free ones in the span of some directions, (n_free, Q, Q)."""
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


def widest_mixture(X: FloatArray, Theta: FloatArray | None) -> FloatArray:
    """
    The R (Q, Q) with 1'R = 1, X R >= 0 and R^-1 Theta >= 0 that has the largest determinant.

    Where only X Theta is known, it moves the components as far apart as their bounds allow. The
    determinant is linear in a column of R, so that one column after the other goes to its best
    corner, by a linear programme. For two components that is the maximum; for more, several climbs
    start from random corners.
    """
    rank = X.shape[1]
    total = X.sum(axis=1, keepdims=True)
    rows = X[total[:, 0] > 0.0] / total[total[:, 0] > 0.0]
    bounded = np.empty((rank, 0)) if Theta is None else Theta / np.abs(Theta).max()

    def moved(R: FloatArray, q: int, costs: FloatArray | None = None) -> FloatArray:
        effects = np.maximum(np.linalg.solve(R, bounded), 0.0)
        costs = -np.eye(rank)[q] if costs is None else costs @ R
        R = R.copy()
        R[:, q] = R @ _corner(rows @ R, effects, q, costs)
        return R

    def climb(R: FloatArray) -> FloatArray:
        before = 0.0
        while abs(np.linalg.det(R)) > (1.0 + FEASIBLE) * before:
            before = abs(np.linalg.det(R))
            for q in range(rank):
                R = moved(R, q)
        return R

    rng = np.random.default_rng(0)  # where to look, not a result
    found = [climb(np.eye(rank))]
    for _ in range(STARTS if rank > 2 else 0):
        R = found[-1]
        for q in range(rank):
            R = moved(R, q, rng.normal(size=len(X)) @ X)
        found.append(climb(R))
    return max(found, key=lambda R: float(abs(np.linalg.det(R))))


def _corner(X: FloatArray, Theta: FloatArray, q: int, costs: FloatArray) -> FloatArray:
    """
    The s of lowest costs, 1's = 1, such that X s may take the place of column q of X.

    The effects become Theta_q / s_q and Theta_j - (s_j / s_q) Theta_q, with s_q at least `LEAST`.
    """
    unit = np.eye(len(Theta))
    bounds = [X, unit[[q]] - LEAST]
    has_effect = Theta[q] > ZERO
    if has_effect.any():
        most = (Theta[:, has_effect] / Theta[q, has_effect]).min(axis=1, keepdims=True)
        bounds.append(np.delete(most * unit[q] - unit, q, axis=0))
    rows = np.vstack(bounds)
    solution = linprog(
        costs,
        A_ub=-rows,
        b_ub=np.zeros(len(rows)),
        A_eq=np.ones((1, len(costs))),
        b_eq=np.ones(1),
        bounds=(None, None),
    )
    return np.asarray(solution.x)


def _skew_directions(rank: int) -> FloatArray:
    """A basis of the skew-symmetric K with K1 = 0, (dimension, Q, Q)."""
    pairs = list(combinations(range(rank), 2))
    skew = np.zeros((len(pairs), rank, rank))
    for i, (a, b) in enumerate(pairs):
        skew[i, a, b], skew[i, b, a] = 1.0, -1.0
    if len(pairs) < 3:
        return np.empty((0, rank, rank))
    return np.tensordot(null_space(skew.sum(axis=2).T).T, skew, axes=1)


def _mixing_directions(rank: int) -> FloatArray:
    """A basis of the K with 1'K = 0, (Q (Q - 1), Q, Q)."""
    contrasts = null_space(np.ones((1, rank)))
    K = np.einsum("rc,qs->cqrs", contrasts, np.eye(rank))
    return np.asarray(K.reshape(-1, rank, rank))


def _zeros(values: FloatArray, axis: int | None) -> FloatArray:
    return np.asarray(values <= ZERO * np.abs(values).mean(axis=axis, keepdims=True))
