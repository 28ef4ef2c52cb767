"""Of the mixtures of components that fit as well, the one that is printed."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import brentq, linprog, minimize, minimize_scalar

from nmfre.core.typing import FloatArray, IntArray
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.identification import ZERO

ANGLES = 720
STARTS = 12
FEASIBLE = 1e-8
ROUGH, FINE = 1e-6, 1e-14
"""Change of the sparsity at which a search ends: of each start, and of the best."""
LEAST = 0.1
"""Share of a component in what takes its place: where to look, not a bound of the maximum."""
MOST_ROWS = 50
"""Rows of X a component whose bounds a search for a rotation starts with."""


def representative(
    X: FloatArray, Theta: FloatArray | None, F: FloatArray, structure: Structure
) -> FloatArray:
    """
    The R (Q, Q) with 1'R = 1 of the one that is printed of those that fit as well.

    Where Phi is diagonal, X F O and O'F^-1 Theta fit as well for any rotation O; where it is
    tau2 I, only those with O'1 = 1 keep its form. The one with the sparsest basis is chosen. With
    a pattern, it is what was found.
    """
    if structure.pattern is not None or np.diag(F).min() <= ZERO * np.diag(F).max():
        return np.eye(len(F))
    directions = structure.random.rotations(len(F))
    bounded = np.empty((len(F), 0)) if Theta is None else np.linalg.solve(F, Theta)
    R = F @ sparsest_rotation(X @ F, bounded, directions)
    return np.asarray(R / (X @ R).sum(axis=0))


def sparsest_rotation(
    columns: FloatArray, bounded: FloatArray, directions: FloatArray
) -> FloatArray:
    """
    The rotation R (Q, Q) along some skew-symmetric directions with the largest sum of (XR)^4.

    That keeps X R >= 0 and R'Theta >= 0. With one direction the rotations are a circle, which is
    searched as a whole; with more, several starts climb (SLSQP).

    Parameters
    ----------
    columns : array, (P, Q)
        X.
    bounded : array, (Q, K)
        Theta; K = 0 where it has no bounds.
    directions : array, (d, Q, Q)
    """
    rank = columns.shape[1]
    columns = columns / columns.mean()
    bounded = bounded / np.abs(bounded).max(initial=1e-300)
    if len(directions) == 1:
        return _sparsest_on_circle(columns, bounded, directions[0])

    total = columns.sum(axis=1, keepdims=True)
    rows = columns[total[:, 0] > 0.0] / total[total[:, 0] > 0.0]
    pairs = (columns[:, :, None] * columns[:, None, :]).reshape(-1, rank**2)
    fourth = pairs.T @ pairs / np.sum(columns**4)

    def rotation(k: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Cayley's, which keeps 1 where the directions do, and its derivatives (d, Q, Q)."""
        A = np.tensordot(k, directions, axes=1)
        inverse = np.linalg.inv(np.eye(rank) - A)
        R = inverse @ (np.eye(rank) + A)
        return R, inverse @ directions @ (np.eye(rank) + R)

    def minus_sparsity(k: Any) -> tuple[float, FloatArray]:
        R, slopes = rotation(k)
        squares = (R[:, None, :] * R[None, :, :]).reshape(rank**2, rank)
        by_R = np.sum((fourth @ squares).reshape(rank, rank, rank) * R, axis=1)
        return -float(np.vdot(R, by_R)), -4.0 * np.tensordot(slopes, by_R)

    def entries(k: Any, of: FloatArray) -> Any:
        R, _ = rotation(k)
        return np.concatenate([(of @ R).ravel(), (R.T @ bounded).ravel()])

    def slopes_of_entries(k: Any, of: FloatArray) -> Any:
        _, slopes = rotation(k)
        parts = [of @ slopes, slopes.mT @ bounded]
        return np.concatenate([part.reshape(len(k), -1) for part in parts], axis=1).T

    def climb(start: FloatArray, which: IntArray, tol: float) -> tuple[FloatArray, IntArray]:
        """Where a search ends under the bounds of some rows, and what rows that is."""
        solution = minimize(
            minus_sparsity,
            start,
            jac=True,
            method="SLSQP",
            constraints=[
                {
                    "type": "ineq",
                    "fun": entries,
                    "jac": slopes_of_entries,
                    "args": (rows[which],),
                }
            ],
            options={"ftol": tol, "maxiter": 500},
        )
        least = (rows @ rotation(solution.x)[0]).min(axis=1)
        below = np.argsort(least)[:MOST_ROWS]
        more = np.setdiff1d(below[least[below] < -FEASIBLE], which)
        if not len(more):
            return solution.x, which
        return climb(solution.x, np.union1d(which, more), tol)

    # The rows next to a bound hold most of the others, which are added where they are crossed.
    which = np.unique(np.argsort(rows, axis=0)[:MOST_ROWS])
    rng = np.random.default_rng(0)  # where to look, not a result
    starts: list[Any] = [np.zeros(len(directions))]
    starts += [rng.normal(scale=0.25, size=len(directions)) for _ in range(STARTS)]
    found = []
    for start in starts:
        k, which = climb(start, which, ROUGH)
        found.append((minus_sparsity(k)[0], k))
    for _, rough in sorted(found, key=lambda one: one[0]):
        k, which = climb(rough, which, FINE)
        if entries(k, rows).min() >= -FEASIBLE:
            return rotation(k)[0]
    return np.eye(rank)


def _sparsest_on_circle(columns: FloatArray, bounded: FloatArray, K: FloatArray) -> FloatArray:
    """The same for a K with K^3 = -K, where R = I + sin(angle) K + (1 - cos(angle)) K^2."""
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
    return np.asarray(np.eye(len(K)) + np.sin(angle) * K + (1.0 - np.cos(angle)) * K @ K)


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
