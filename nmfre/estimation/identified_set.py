"""
The identified set: the lowest and the highest value of effects and loadings at one likelihood.

With L = X F and Phi = F F' diagonal, the parameters with the likelihood of X, Theta and Phi are

    X' = L R / s,   Theta' = s (R' F^-1 Theta),   Phi' = diag(s^2),   s = column sums of L R,

for the rotations R with L R >= 0 that keep the pattern, and R' F^-1 Theta >= 0 where effects are
bounded; where variances are taken to be equal, those with equal s. Every entry is a function of one
column o of R: Theta' of (F^-1 Theta_k . o)(1'L . o), X' of (L_p . o) / (1'L . o).

For two components R is an angle. The bounds leave it an interval, along which entries of X are
monotone and those of Theta are sinusoids. For more, a search (SLSQP) climbs from several rotations
of the set, in steps that are too short to reach another order of the components.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import minimize, nnls

from nmfre.core.typing import FloatArray
from nmfre.errors import NotComputedError
from nmfre.estimation.covariance_forms import RANDOM_FORMS, CovRe
from nmfre.estimation.identification import MOST_ROWS, ZERO, free_directions
from nmfre.estimation.marginal_estimate import MarginalEstimate

SET = "The identified set"
MIXTURES = (
    "random effects without a variance, or with a covariance of any form, leave components free to "
    "be mixed, and effects have no limits. profiles and wald_test_terms() do not depend on that."
)
STEP = 0.5
"""Largest angle of a step of the search, in radians."""
STARTS, CLIMBS, MOST_STEPS, MOST_TURNS = 30, 3, 20, 300
SMALLEST_GAIN = 1e-10
"""Relative to the size of an entry, from which a search goes on."""
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

    def ends(self, entries: list[Entry]) -> Ends:
        """The lowest and the highest value of entries."""
        if not len(self.directions):
            found = np.tile(self.start, (len(entries), 2, 1, 1))
        elif self.rank == 2:
            found = np.array([self._on_arc(entry) for entry in entries])
        else:
            found = self._search(entries)
        values = [self.value(entry, R) for entry, R in zip(entries, found, strict=True)]
        limits = np.array(values).reshape(-1, 2)
        rounding = np.array([[entry.of_basis] for entry in entries]) & (np.abs(limits) < FEASIBLE)
        return Ends(entries, np.where(rounding, 0.0, limits), found)

    @cached_property
    def arc(self) -> tuple[float, float]:
        """Of two components: the lowest and the highest angle that the bounds allow."""
        angles = np.arctan2(self.rows[:, 1], self.rows[:, 0])
        return min(float(angles.max()) - np.pi / 2.0, 0.0), max(float(angles.min()), 0.0)

    def _on_arc(self, entry: Entry) -> FloatArray:
        """Rotations of the ends of an entry of two components, (2, 2, 2)."""
        low, high = self.arc
        angles = [low, high]
        if not entry.of_basis:  # half of constant -+ cosine cos(2 angle) -+ sine sin(2 angle)
            a, b = self.vectors(entry)
            stationary = 0.5 * np.arctan2(a[0] * b[1] + a[1] * b[0], a[0] * b[0] - a[1] * b[1])
            turns = stationary + np.pi / 2.0 * np.arange(-2, 3)
            angles += turns[(low < turns) & (turns < high)].tolist()
        rotations = np.array([_plane(angle) for angle in angles])
        values = self.value(entry, rotations)
        return rotations[[values.argmin(), values.argmax()]]

    @cached_property
    def inside(self) -> FloatArray:
        """Rotations of the set to climb from, (n, Q, Q)."""
        rng = np.random.default_rng(0)  # where to look, not a result
        found = [self.start]
        for _ in range(STARTS):
            start = found[rng.integers(len(found))]
            aim = rng.normal(scale=STEP / 2.0, size=len(self.directions))
            R = self._step(start, partial(_distance, aim))
            if self.has(R):
                found.append(R)
        walks, visited = np.array(found), [np.array(found)]
        for _ in range(MOST_TURNS):  # where the set is no thin one, they lead everywhere
            size = 10.0 ** rng.uniform(-2.5, np.log10(STEP), size=(len(walks), 1))
            k = size * rng.normal(size=(len(walks), len(self.directions)))
            moved = walks @ self._turns(k)
            stays = (self.rows @ moved).min(axis=(1, 2), keepdims=True) < 0.0
            walks = np.where(stays, walks, moved)
            visited.append(walks)
        return np.unique(np.concatenate(visited), axis=0)

    def _turns(self, k: FloatArray) -> FloatArray:
        """Rotations of coordinates (..., d), by Cayley's map."""
        half = 0.5 * np.tensordot(k, self.directions, axes=1)
        return np.asarray(np.linalg.solve(np.eye(self.rank) - half, np.eye(self.rank) + half))

    @cached_property
    def nearest(self) -> FloatArray:
        """A rotation of the set next to a start that may not be one."""
        return self._step(self.start, partial(_distance, np.zeros(len(self.directions))))

    def _search(self, entries: list[Entry]) -> FloatArray:
        """Rotations of the ends of entries, (n, 2, Q, Q)."""
        goals = [(entry, sign) for entry in entries for sign in (1.0, -1.0)]
        found = np.array([self._lowest(*goal) for goal in goals])
        better = True
        while better:  # the end of one may lie next to a better one of another
            better = False
            for i, (entry, sign) in enumerate(goals):
                values = sign * self.value(entry, found)
                if values.min() < values[i] - SMALLEST_GAIN * np.abs(values).max():
                    found[i], better = self._climb(entry, sign, found[values.argmin()]), True
        return found.reshape(len(entries), 2, self.rank, self.rank)

    def _lowest(self, entry: Entry, sign: float) -> FloatArray:
        """Where an entry times a sign is lowest."""
        starts, values = self.inside, sign * self.value(entry, self.inside)
        ends: list[FloatArray] = []
        while len(starts) and len(ends) < CLIMBS:
            start = starts[values.argmin()]
            ends.append(self._climb(entry, sign, start))
            far = np.linalg.norm(starts - start, axis=(1, 2)) > STEP
            starts, values = starts[far], values[far]
        return min(ends, key=lambda R: float(sign * self.value(entry, R)))

    def _climb(self, entry: Entry, sign: float, R: FloatArray) -> FloatArray:
        """Where an entry times a sign falls no more on the way from a rotation of the set."""
        vectors = np.array(self.vectors(entry))
        size = max(float(np.abs(self.value(entry, self.inside)).max()), np.finfo(float).tiny)

        def objective(k: FloatArray, R: FloatArray, dR: FloatArray) -> tuple[float, FloatArray]:
            by_products = self.slopes(entry, R)[0] @ vectors
            value = float(self.value(entry, R))
            return sign * value / size, sign / size * (dR[:, :, entry.q] @ by_products)

        for _ in range(MOST_STEPS):
            after = self._step(R, objective)
            if not self.has(after):
                after = replace(self, start=after).nearest
            gain = sign * float(self.value(entry, R) - self.value(entry, after))
            if not (self.has(after) and gain > 0.0):
                break
            R = after
            if gain <= SMALLEST_GAIN * size:
                break
        return R

    def _step(
        self,
        start: FloatArray,
        objective: Callable[[FloatArray, FloatArray, FloatArray], tuple[float, FloatArray]],
    ) -> FloatArray:
        """The rotation next to one where an objective is lowest under the bounds."""
        unit, n = np.eye(self.rank), len(self.directions)

        def turned(k: FloatArray) -> tuple[FloatArray, FloatArray]:
            half = 0.5 * np.tensordot(k, self.directions, axes=1)
            inverse = np.linalg.inv(unit - half)
            turn = inverse @ (unit + half)  # Cayley's map
            return start @ turn, 0.5 * start @ inverse @ self.directions @ (unit + turn)

        def value(k: Any) -> Any:
            return objective(k, *turned(k))

        def bounds(k: Any) -> Any:
            return (self.rows[which] @ turned(k)[0]).ravel()

        def by_k(k: Any) -> Any:
            return (self.rows[which] @ turned(k)[1]).reshape(n, -1).T

        which = np.unique(np.argsort(self.rows, axis=0)[:MOST_ROWS])
        while True:
            solution = minimize(
                value,
                np.zeros(n),
                jac=True,
                method="SLSQP",
                bounds=[(-STEP, STEP)] * n,
                constraints=[{"type": "ineq", "fun": bounds, "jac": by_k}],
                options={"ftol": 1e-15, "maxiter": 200},
            )
            R = turned(solution.x)[0]
            least = (self.rows @ R).min(axis=1)
            below = np.argsort(least)[:MOST_ROWS]
            more = np.setdiff1d(below[least[below] < -FEASIBLE], which)
            if not len(more):
                return R
            which = np.union1d(which, more)

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


def rotations(estimate: MarginalEstimate, cov_re: CovRe) -> Rotations:
    """
    The rotations that leave the likelihood of an estimate as it is.

    Parameters
    ----------
    estimate : MarginalEstimate
    cov_re : {"diagonal", "identity"}
        Whether variances of components may differ. It is no matter where Phi has any form, or
        variances are 0: there, components must be identified.

    Raises
    ------
    NotComputedError
        Where other mixtures than rotations are free, or variances cannot be equal.
    """
    structure, found = estimate.structure, estimate.identification
    rank = len(estimate.Theta)
    F: FloatArray = np.sqrt(estimate.tau2) * estimate.F
    directions: FloatArray = np.empty((0, rank, rank))
    if structure.cov_re == "full" or estimate.re_at_bound.any():
        if found.n_free or any(found.mixing):
            raise NotComputedError(name=SET, reason=MIXTURES)
        F = np.eye(rank)
    else:
        directions = RANDOM_FORMS[cov_re].rotations(rank)
    X, bounded = _with_zeros(estimate.X), not estimate.signed
    loadings = X @ F
    effects = np.linalg.solve(F, _with_zeros(estimate.Theta) if bounded else estimate.Theta)
    held = structure.held(X.shape)
    if held.any() and len(directions):
        changes = (loadings @ directions)[:, held] / loadings.max()
        directions = np.tensordot(null_space(changes.T, rcond=ZERO).T, directions, axes=1)
    start: FloatArray = np.eye(rank)
    every = Rotations(loadings, effects, F, bounded, directions, start)
    if cov_re == "identity" and len(F) > 1:
        start = _with_equal_sums(every)
    free = free_directions(loadings @ start, start.T @ effects if bounded else None, directions)
    return replace(every, start=start, directions=directions if len(free) else directions[:0])


def _with_equal_sums(rotations: Rotations) -> FloatArray:
    """A rotation of the set that makes column sums equal."""
    rank = rotations.rank
    now, aim = rotations.sums / np.linalg.norm(rotations.sums), np.full(rank, rank**-0.5)
    both = now + aim  # turns the one into the other, and leaves what is orthogonal to them
    R: FloatArray = (
        np.eye(rank) + 2.0 * np.outer(now, aim) - np.outer(both, both) / (1.0 + now @ aim)
    )
    if not rotations.has(R) and len(rotations.directions):
        R = replace(rotations, start=R).nearest
    if not rotations.has(R):
        raise NotComputedError(
            name=SET, reason="no parameters with equal variances have the likelihood of this fit."
        )
    return R


def _with_zeros(values: FloatArray) -> FloatArray:
    """With what is zero but for rounding as zero."""
    return np.where(values <= ZERO * np.abs(values).mean(axis=0), 0.0, values)


def _plane(angle: float) -> FloatArray:
    """A rotation of two components."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _distance(
    aim: FloatArray, k: FloatArray, R: FloatArray, dR: FloatArray
) -> tuple[float, FloatArray]:
    """Half of the squared distance, and its gradient."""
    return 0.5 * float((k - aim) @ (k - aim)), k - aim
