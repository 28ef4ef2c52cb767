"""
The rotations of components at one likelihood, and entries of Theta and X as functions of them.

With L = X F and Phi = F F' diagonal, the parameters with the likelihood of X, Theta and Phi are

    X' = L R / s,   Theta' = s (R' F^-1 Theta),   Phi' = diag(s^2),   s = column sums of L R,

for the rotations R with L R >= 0 that keep the pattern, and R' F^-1 Theta >= 0 where effects are
bounded; where variances are taken to be equal, those with equal s. Every entry is a function of one
column r of R: Theta' of (F^-1 Theta_k . r)(1'L . r), X' of (L_p . r) / (1'L . r).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import nnls

from nmfre.core.typing import FloatArray

FEASIBLE = 1e-9
"""Size of a negative entry of X that is rounding."""
ACTIVE = 1e-6
"""Size of an entry, relative to its row, from which its bound does not hold an end."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    An entry of Theta or X as a function of column q of R.

    Attributes
    ----------
    q : int
        Its component.
    position : int
        Its covariate, or its response.
    of_basis : bool
        Whether it is one of X.
    """

    q: int
    position: int
    of_basis: bool


@dataclass(frozen=True, slots=True)
class Ends:
    """
    The ends of some entries.

    Attributes
    ----------
    entries : list of Entry, length n
    limits : (n, 2)
        Lowest and highest values.
    rotations : (n, 2, Q, Q)
        R at which they are taken.
    """

    entries: list[Entry]
    limits: FloatArray
    rotations: FloatArray


@dataclass(frozen=True)
class Rotations:
    """
    The rotations of components that leave the likelihood as it is.

    Attributes
    ----------
    loadings : (P, Q)
        L = X F.
    effects : (Q, K)
        F^-1 Theta.
    F : (Q, Q)
        Diagonal factor of Phi; I where nothing is free.
    bounded : bool
        Whether effects have the bound 0.
    directions : (d, Q, Q)
        Skew-symmetric matrices along which R can turn.
    start : (Q, Q)
        A rotation of the set, to search from.
    """

    loadings: FloatArray
    effects: FloatArray
    F: FloatArray
    bounded: bool
    directions: FloatArray
    start: FloatArray

    @property
    def rank(self) -> int:
        """Q."""
        return len(self.effects)

    @cached_property
    def sums(self) -> FloatArray:
        """Column sums of L, (Q,)."""
        return np.asarray(self.loadings.sum(axis=0))

    @cached_property
    def rows(self) -> FloatArray:
        """What has no negative product with a column of R, (m, Q); rows of the size of one."""
        rows = np.vstack([self.loadings, self.effects.T[: self.effects.shape[1] * self.bounded]])
        size = np.abs(rows).sum(axis=1)
        return np.asarray(rows[size > 0.0] / size[size > 0.0, None])

    def theta(self, R: FloatArray) -> FloatArray:
        """Theta' at rotations (..., Q, Q)."""
        return np.asarray((self.sums @ R)[..., None] * (R.mT @ self.effects))

    def basis(self, R: FloatArray) -> FloatArray:
        """X' at rotations (..., Q, Q)."""
        return np.asarray(self.loadings @ R / (self.sums @ R)[..., None, :])

    def Phi(self, R: FloatArray) -> FloatArray:
        """Phi' at one rotation."""
        return np.diag((self.sums @ R) ** 2)

    def has(self, R: FloatArray) -> bool:
        """Whether a rotation, if it is one, keeps the bounds."""
        return bool(
            np.abs(R.T @ R - np.eye(self.rank)).max() < FEASIBLE
            and (self.rows @ R).min() >= -FEASIBLE
            and self.basis(R).min() >= -FEASIBLE
        )

    def vectors(self, entry: Entry) -> tuple[FloatArray, FloatArray]:
        """The two vectors that an entry multiplies its column of R by."""
        of_entry = (
            self.loadings[entry.position] if entry.of_basis else self.effects.T[entry.position]
        )
        return of_entry, self.sums

    def value(self, entry: Entry, R: FloatArray) -> FloatArray:
        """An entry at rotations (..., Q, Q)."""
        a, b = (R[..., entry.q] @ vector for vector in self.vectors(entry))
        return np.asarray(a / b if entry.of_basis else a * b)

    def slopes(self, entry: Entry, R: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Derivatives by what its column is multiplied with: weights of the two products."""
        a, b = (float(R[:, entry.q] @ vector) for vector in self.vectors(entry))
        return np.array([1.0 / b, -a / b**2] if entry.of_basis else [b, a]), R[:, entry.q]

    def turns(self, k: FloatArray) -> FloatArray:
        """Rotations of coordinates (..., d), by Cayley's map."""
        half = 0.5 * np.tensordot(k, self.directions, axes=1)
        return np.asarray(np.linalg.solve(np.eye(self.rank) - half, np.eye(self.rank) + half))

    def envelope(self, entry: Entry, R: FloatArray, sign: float) -> tuple[FloatArray, FloatArray]:
        """
        Derivatives of the end of an entry by L, (P, Q), and by F^-1 Theta, (Q, K).

        Those of the Lagrangian: of the entry at this R, less those of the bounds that hold R there,
        each times what it is worth. ``sign``: 1 of a lowest, -1 of a highest value.
        """
        rows = np.vstack([self.loadings, self.effects.T])
        n_responses = len(self.loadings)
        weights, column = self.slopes(entry, R)
        by_rows = np.zeros_like(rows)
        by_rows[entry.position + n_responses * (not entry.of_basis)] = weights[0] * column
        by_rows[:n_responses] += weights[1] * column
        moves = R @ self.directions
        pull = moves[:, :, entry.q] @ (weights @ np.array(self.vectors(entry)))
        if not len(pull):
            return by_rows[:n_responses], by_rows[n_responses:].T
        size = np.maximum(np.abs(rows).sum(axis=1, keepdims=True), np.finfo(float).tiny)
        active = (rows @ R <= ACTIVE * size) & (size > np.finfo(float).tiny)
        active[n_responses:] &= self.bounded
        held, of = np.nonzero(active)
        pushes = np.vecdot(moves[:, :, of].transpose(0, 2, 1), rows[held]).T  # (n, d)
        worth = nnls(pushes.T, sign * pull)[0] if len(pushes) else np.zeros(0)
        np.add.at(by_rows, held, -sign * worth[:, None] * R[:, of].T)
        return by_rows[:n_responses], by_rows[n_responses:].T
