"""
Ends of the identified set of three and more components.

A search (SLSQP) climbs from several rotations of the set, in steps that are too short to leap to
another order of the components, and from the ends of other entries that are better. What it finds
is in the set; that nothing lies beyond is not proved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from scipy.optimize import minimize

from nmfre.core.typing import FloatArray
from nmfre.estimation.representative import MOST_ROWS
from nmfre.estimation.rotation_set import FEASIBLE, Entry, Rotations

STEP = 0.5
"""Largest turn of a step of the search in each plane, in radians."""
STARTS, CLIMBS, MOST_STEPS, MOST_TURNS, MOST_ROUNDS = 40, 3, 20, 300, 10
SMALLEST_GAIN = 1e-10
"""Relative to the size of an entry, from which a search goes on."""


@dataclass(frozen=True)
class Search:
    """
    A search in a set of rotations.

    Attributes
    ----------
    within : Rotations
    """

    within: Rotations

    def nearest(self, start: FloatArray) -> FloatArray:
        """A rotation of the set next to one that may be none of it."""
        return self._step(start, partial(_distance, np.zeros(len(self.within.directions))))

    @cached_property
    def inside(self) -> FloatArray:
        """Rotations of the set to climb from, (n, Q, Q)."""
        return self._around(self.within.start[None], 0)

    def _around(self, seeds: FloatArray, number: int) -> FloatArray:
        """Rotations that chains of short turns lead to, from some of the set."""
        rng = np.random.default_rng(number)  # where to look, not a result
        found = list(seeds)
        for _ in range(STARTS):
            start = found[rng.integers(len(found))]
            aim = rng.normal(scale=STEP / 2.0, size=len(self.within.directions))
            R = self._step(start, partial(_distance, aim))
            if self.within.has(R):
                found.append(R)
        walks, visited = np.array(found), [np.array(found)]
        for _ in range(MOST_TURNS):  # where the set is no thin one, they lead everywhere
            size = 10.0 ** rng.uniform(-2.5, np.log10(STEP), size=(len(walks), 1))
            k = size * rng.normal(size=(len(walks), len(self.within.directions)))
            moved = walks @ self.within.turns(k)
            stays = (self.within.rows @ moved).min(axis=(1, 2), keepdims=True) < -FEASIBLE / 10.0
            walks = np.where(stays, walks, moved)
            visited.append(walks)
        return np.unique(np.concatenate(visited), axis=0)

    def ends(self, entries: list[Entry]) -> FloatArray:
        """Rotations of the ends of entries, (n, 2, Q, Q)."""
        goals = [(entry, sign) for entry in entries for sign in (1.0, -1.0)]
        found = np.array([self._lowest(*goal) for goal in goals])
        for number in range(
            1, MOST_ROUNDS + 1
        ):  # near the end of one may be a better one of another
            around, better = self._around(found, number), False
            for i, (entry, sign) in enumerate(goals):
                now = sign * float(self.within.value(entry, found[i]))
                every = np.concatenate([around, found])
                values = sign * self.within.value(entry, every)
                if values.min() < now - SMALLEST_GAIN * np.abs(values).max():
                    found[i], better = self._climb(entry, sign, every[values.argmin()]), True
            if not better:
                break
        return found.reshape(len(entries), 2, self.within.rank, self.within.rank)

    def _lowest(self, entry: Entry, sign: float) -> FloatArray:
        """Where an entry times a sign is lowest."""
        starts, values = self.inside, sign * self.within.value(entry, self.inside)
        ends: list[FloatArray] = []
        while len(starts) and len(ends) < CLIMBS:
            start = starts[values.argmin()]
            ends.append(self._climb(entry, sign, start))
            far = np.linalg.norm(starts - start, axis=(1, 2)) > STEP
            starts, values = starts[far], values[far]
        return min(ends, key=lambda R: float(sign * self.within.value(entry, R)))

    def _climb(self, entry: Entry, sign: float, R: FloatArray) -> FloatArray:
        """Where an entry times a sign falls no more on the way from a rotation of the set."""
        vectors = np.array(self.within.vectors(entry))
        size = max(float(np.abs(self.within.value(entry, self.inside)).max()), np.finfo(float).tiny)

        def objective(k: FloatArray, R: FloatArray, dR: FloatArray) -> tuple[float, FloatArray]:
            by_products = self.within.slopes(entry, R)[0] @ vectors
            value = float(self.within.value(entry, R))
            return sign * value / size, sign / size * (dR[:, :, entry.q] @ by_products)

        for _ in range(MOST_STEPS):
            after = self._step(R, objective)
            if not self.within.has(after):
                after = self.nearest(after)
            gain = sign * float(self.within.value(entry, R) - self.within.value(entry, after))
            if not (self.within.has(after) and gain > 0.0):
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
        unit, n = np.eye(self.within.rank), len(self.within.directions)

        def turned(k: FloatArray) -> tuple[FloatArray, FloatArray]:
            half = 0.5 * np.tensordot(k, self.within.directions, axes=1)
            inverse = np.linalg.inv(unit - half)
            turn = inverse @ (unit + half)  # Cayley's map
            return start @ turn, 0.5 * start @ inverse @ self.within.directions @ (unit + turn)

        def value(k: Any) -> Any:
            return objective(k, *turned(k))

        def bounds(k: Any) -> Any:
            return (self.within.rows[which] @ turned(k)[0]).ravel()

        def by_k(k: Any) -> Any:
            return (self.within.rows[which] @ turned(k)[1]).reshape(n, -1).T

        which = np.unique(np.argsort(self.within.rows, axis=0)[:MOST_ROWS])
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
            least = (self.within.rows @ R).min(axis=1)
            below = np.argsort(least)[:MOST_ROWS]
            more = np.setdiff1d(below[least[below] < -FEASIBLE], which)
            if not len(more):
                return R
            which = np.union1d(which, more)


def _distance(
    aim: FloatArray, k: FloatArray, R: FloatArray, dR: FloatArray
) -> tuple[float, FloatArray]:
    """Half of the squared distance, and its gradient."""
    return 0.5 * float((k - aim) @ (k - aim)), k - aim
