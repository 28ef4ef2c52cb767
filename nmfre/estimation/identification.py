"""
Which mixtures of the components leave the likelihood as it is, and one of them to print.

X R, R^-1 Theta, R^-1 U fit as well as X, Theta, U for any R with 1'R = 1 for which R^-1 Phi R^-T
has the form of Phi, that keeps X R >= 0, its pattern, and R^-1 Theta >= 0 where Theta is bounded.
Where Phi = tau2 I these are rotations of three components and more; where it is diagonal, of two
and more; as far as the zeros of X (and Theta) leave them room. Where tau2 = 0, only X Theta enters
the likelihood, and R can be anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import linprog
from scipy.sparse import csc_array, eye_array, hstack

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.orthonormal import nonnegative
from nmfre.estimation.random_forms import RandomForm

ZERO = 1e-6
"""Size of an entry, relative to the mean of its column, up to which it is taken for zero."""
ATTEMPTS = ((None, True, 0.5), (None, False, 0.5), (1e4, True, 1e-6))
"""
Bounds of k, presolve and the least rise of a row, until HiGHS solves a programme.

It fails in some where a cone is narrow; along a bounded k rows rise less.
"""
STEP = 1e-4
"""How far to go along a free direction: its square is no zero that has been left."""
NOTHING = 1e-12
"""What may be left, per row of size 1, of a sum that is zero but for rounding."""
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
        Whether each component takes part; if none does, the components are identified.
    directions : (n_free, Q, Q)
        Matrices K that span them: X changes by X K and Theta by -K Theta.
    by_bounds : bool
        Whether some mixture is ruled out only by the bounds of Theta.
    by : str
        What identifies the components: "pattern", "zeros" of the basis, "bounds" of effects, or the
        "convention" of equal variances; empty if a direction is free, or the rank is 1.
    """

    n_free: int
    mixing: tuple[bool, ...]
    directions: FloatArray
    by_bounds: bool
    by: str = ""


def identify(
    X: FloatArray,
    Theta: FloatArray | None,
    Phi: FloatArray,
    structure: Structure,
    *,
    mean: FloatArray | None = None,
) -> Identification:
    """
    Count the free directions.

    These are K with 1'K = 0 for which K Phi + Phi K' has the form of Phi, such that X K pushes no
    zero of X below zero (nor -K Theta one of Theta) and moves no entry that is held at zero: a
    cone, whose dimension one linear programme finds, by raising as many of its inequalities as
    possible above zero. Where Phi = tau2 I they are skew-symmetric with K1 = 0, of dimension
    (Q - 1)(Q - 2)/2; where it is diagonal, of dimension Q (Q - 1)/2; where tau2 is zero, any, of
    dimension Q (Q - 1).

    Parameters
    ----------
    X : array, (P, Q)
        Basis.
    Theta : array, (Q, K), or None
        Effects where they are bounded below by 0; None where they are not.
    Phi : array, (Q, Q)
        Covariance of the random effects; variances at their bound are 0.
    structure : Structure
        Its form, and the entries of X that are held at 0.
    mean : array, (Q, K), optional
        Effects, bounded or not. Components without random effects whose effects are linear
        combinations of others' (as all are, where there are fewer covariates than components) are
        mixing, whatever the K are: their columns of X can be anything.

    Returns
    -------
    Identification
    """
    candidates = _candidates(X, Phi, structure.random, structure.pattern)
    # One who has left a corner of what is free may find more ways there.
    directions, within = _from_within(X, Theta, Phi, structure)
    size = np.abs(within)
    moved = np.maximum(size.max(axis=(0, 1), initial=0.0), size.max(axis=(0, 2), initial=0.0))
    if mean is not None:
        dependent = np.abs(dependent_components(mean, Phi)).max(axis=1, initial=0.0)
        moved = np.maximum(moved, dependent)
    mixing = tuple(bool(x) for x in moved > ZERO)
    return Identification(
        n_free=len(directions),
        mixing=mixing,
        directions=directions,
        by_bounds=Theta is not None and len(free_directions(X, None, candidates)) > len(directions),
        by="" if any(mixing) or X.shape[1] == 1 else _identified_by(X, Theta, Phi, structure),
    )


def _from_within(
    X: FloatArray, Theta: FloatArray | None, Phi: FloatArray, structure: Structure
) -> tuple[FloatArray, FloatArray]:
    """Free directions here, and of one who has gone along them until no new ones open."""
    rank = X.shape[1]
    here, K = _cone(X, Theta, _candidates(X, Phi, structure.random, structure.pattern))
    found = here
    while len(found):
        step = STEP * K / max(np.abs(K).max(), np.finfo(float).tiny)
        X = X @ (np.eye(rank) + step)
        Theta = None if Theta is None else Theta - step @ Theta
        more, K = _cone(X, Theta, _candidates(X, Phi, structure.random, structure.pattern))
        if len(more) <= len(found):
            break
        found = more
    return here, found


def _identified_by(
    X: FloatArray, Theta: FloatArray | None, Phi: FloatArray, structure: Structure
) -> str:
    """The first of what by itself leaves nothing free where variances may differ."""
    form = structure.random.without_convention
    candidates = _candidates(X, Phi, form, structure.pattern)
    if not len(candidates):
        return "pattern"
    if not len(free_directions(X, None, candidates)):
        return "zeros"
    if Theta is not None and not len(free_directions(X, Theta, candidates)):
        return "bounds"
    return "convention"


def n_free(X: FloatArray, Theta: FloatArray | None, Phi: FloatArray, structure: Structure) -> int:
    """How many directions `identify` finds free, without what else it tells."""
    return len(free_directions(X, Theta, _candidates(X, Phi, structure.random, structure.pattern)))


def n_rotations(shape: tuple[int, int], structure: Structure) -> int:
    """Number of free directions of a basis without zeros but those of the pattern."""
    rng = np.random.default_rng(0)  # any basis of the pattern
    X = rng.uniform(0.5, 1.5, size=shape)
    X[structure.held(shape)] = 0.0
    return len(_candidates(X, np.eye(shape[1]), structure.random, structure.pattern))


def n_spanning(X: FloatArray, held: BoolArray) -> int:
    """
    Number of free entries of X that tell its span, of those that are not held (P, Q).

    All of them, less the sums of the columns and what only mixes these.
    """
    K = _mixing_directions(X.shape[1])
    n_mixing = len(K)
    if n_mixing and held.any():
        n_mixing -= int(np.linalg.matrix_rank((X @ K)[:, held] * len(X), tol=ZERO))
    return int(np.sum(~held)) - int(np.sum(~held.all(axis=0))) - n_mixing


def _candidates(
    X: FloatArray, Phi: FloatArray, form: RandomForm, pattern: BoolArray | None
) -> FloatArray:
    """The K with 1'K = 0 that keep the form of Phi and what is held of X, (dimension, Q, Q)."""
    K = _mixing_directions(X.shape[1])
    if not len(K):
        return K
    size = np.abs(Phi).max()
    scaled = Phi / size if size > 0.0 else Phi
    changes = form.residue(K @ scaled + scaled @ K.mT)
    if pattern is not None:
        changes = np.hstack([changes, (X @ K)[:, ~pattern] * len(X)])
    if not changes.size:
        return K
    return np.asarray(np.tensordot(null_space(changes.T, rcond=ZERO).T, K, axes=1))


def dependent_components(Theta: FloatArray, Phi: FloatArray) -> FloatArray:
    """
    V (Q, d), orthonormal, with V'Theta = 0 and V'Phi = 0.

    X + D V' has the same X Theta and X Phi X' for every D.
    """
    rows = [Theta.T / np.abs(Theta).max()]
    if Phi.any():
        rows.append(Phi / np.abs(Phi).max())
    return np.asarray(null_space(np.vstack(rows), rcond=ZERO))


def free_directions(X: FloatArray, Theta: FloatArray | None, directions: FloatArray) -> FloatArray:
    """A basis of the free ones in the span of some directions, (n_free, Q, Q)."""
    return _cone(X, Theta, directions)[0]


def _cone(
    X: FloatArray, Theta: FloatArray | None, directions: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The same, and one of them that leaves every bound that can be left, (Q, Q)."""
    still = np.zeros(directions.shape[1:])
    if not len(directions):
        return directions, still
    pushes = [(X @ K)[zeros(X, axis=0)] for K in directions]
    if Theta is not None:
        below = zeros(Theta, axis=None)
        pushes = [
            np.concatenate([a, (-K @ Theta)[below]])
            for a, K in zip(pushes, directions, strict=True)
        ]
    A = np.column_stack(pushes)
    A = A[np.abs(A).max(axis=1) > ZERO * np.abs(A).max(initial=0.0)]
    if not len(A):
        return directions, still
    A = A / np.abs(A).max(axis=1, keepdims=True)
    free, inside = _span_of_cone(A[:: 1 + len(A) // FEW])
    if free.size and len(A) >= FEW:  # some of many inequalities leave room: ask all of them
        free, inside = _span_of_cone(A)
    return (
        np.asarray(np.tensordot(free.T, directions, axes=1)),
        np.asarray(np.tensordot(inside, directions, axes=1)),
    )


def _span_of_cone(A: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A basis, in columns, of the span of the k with A k >= 0, and one within them."""
    m, d = A.shape
    if m <= FEW and _is_nothing(A):
        return np.empty((d, 0)), np.zeros(d)
    if m > FEW:
        left: Any = hstack([csc_array(-A), eye_array(m)], format="csc")
    else:  # a sparse matrix takes longer to build than a small programme to solve
        left = np.hstack([-A, np.eye(m)])
    # max sum t with A k >= t, 0 <= t <= 1: rows that stay at t = 0 are equalities.
    for bound, presolve, least in ATTEMPTS:
        limits = (None, None) if bound is None else (-bound, bound)
        solution = linprog(
            np.concatenate([np.zeros(d), -np.ones(m)]),
            A_ub=left,
            b_ub=np.zeros(m),
            bounds=[limits] * d + [(0.0, 1.0)] * m,
            options={"presolve": presolve},
        )
        if solution.x is not None:
            held = np.asarray(solution.x)[d:] < least
            break
    inside = np.asarray(solution.x)[:d]
    return np.asarray(null_space(A[held], rcond=ZERO) if held.any() else np.eye(d)), inside


def _is_nothing(A: FloatArray) -> bool:
    """
    Whether it is certain that only k = 0 has A k >= 0.

    It is where columns are independent and a sum of all rows with weights of at least 1 is zero:
    no row can rise then. Most bases have so many zeros, and this is sooner found than a programme
    is solved.
    """
    if len(A) <= A.shape[1] or np.linalg.matrix_rank(A, tol=ZERO) < A.shape[1]:
        return False
    total = A.sum(axis=0)
    weights = nonnegative(A.T / np.linalg.norm(A, axis=1), -total)
    rest = total + A.T @ (weights / np.linalg.norm(A, axis=1))
    return bool(np.abs(rest).max() <= NOTHING * len(A))


def _mixing_directions(rank: int) -> FloatArray:
    """A basis of the K with 1'K = 0, (Q (Q - 1), Q, Q)."""
    contrasts = null_space(np.ones((1, rank)))
    K = np.einsum("rc,qs->cqrs", contrasts, np.eye(rank))
    return np.asarray(K.reshape(-1, rank, rank))


def zeros(values: FloatArray, axis: int | None) -> BoolArray:
    """Which entries are zero, beside the mean along an axis."""
    return np.asarray(values <= ZERO * np.abs(values).mean(axis=axis, keepdims=True))
