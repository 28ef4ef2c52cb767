"""
The identified set: the lowest and the highest value of effects and loadings at one likelihood.

For two components a rotation is an angle. The bounds leave it an interval, along which entries of X
are monotone and those of Theta are sinusoids. For more it is searched.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import null_space

from nmfre.core.typing import FloatArray
from nmfre.errors import NotComputedError
from nmfre.estimation.identification import ZERO, free_directions
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.random_forms import RANDOM_FORMS, CovRe
from nmfre.estimation.rotation_search import Search
from nmfre.estimation.rotation_set import FEASIBLE, Ends, Entry, Rotations

SET = "The identified set"
MIXTURES = (
    "with no variance of the random effects, or with cov_re='full', components can be mixed "
    "freely and effects have no limits. profiles and wald_test_terms() do not depend on this."
)
UNEQUAL = "no parameters with equal variances reach the likelihood of this fit."


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
        if every.basis(start)[held].any():
            raise NotComputedError(name=SET, reason=UNEQUAL)
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
        R = Search(rotations).nearest(R)
    if not rotations.has(R):
        raise NotComputedError(name=SET, reason=UNEQUAL)
    return R


def _with_zeros(values: FloatArray) -> FloatArray:
    """With what is zero but for rounding as zero."""
    return np.where(values <= ZERO * np.abs(values).mean(axis=0), 0.0, values)


def ends(within: Rotations, entries: list[Entry]) -> Ends:
    """The lowest and the highest value of entries."""
    if not len(within.directions):
        found = np.tile(within.start, (len(entries), 2, 1, 1))
    elif within.rank == 2:
        found = np.array([_on_arc(within, entry) for entry in entries])
    else:
        found = Search(within).ends(entries)
    values = [within.value(entry, R) for entry, R in zip(entries, found, strict=True)]
    limits = np.array(values).reshape(-1, 2)
    rounding = np.array([[entry.of_basis] for entry in entries]) & (np.abs(limits) < FEASIBLE)
    return Ends(entries, np.where(rounding, 0.0, limits), found)


def arc(within: Rotations) -> tuple[float, float]:
    """Of two components: the lowest and the highest angle that the bounds allow."""
    angles = np.arctan2(within.rows[:, 1], within.rows[:, 0])
    return min(float(angles.max()) - np.pi / 2.0, 0.0), max(float(angles.min()), 0.0)


def _on_arc(within: Rotations, entry: Entry) -> FloatArray:
    """Rotations of the ends of an entry of two components, (2, 2, 2)."""
    low, high = arc(within)
    angles = [low, high]
    if not entry.of_basis:  # half of constant -+ cosine cos(2 angle) -+ sine sin(2 angle)
        a, b = within.vectors(entry)
        stationary = 0.5 * np.arctan2(a[0] * b[1] + a[1] * b[0], a[0] * b[0] - a[1] * b[1])
        turns = stationary + np.pi / 2.0 * np.arange(-2, 3)
        angles += turns[(low < turns) & (turns < high)].tolist()
    rotations = np.array([_plane(angle) for angle in angles])
    values = within.value(entry, rotations)
    return rotations[[values.argmin(), values.argmax()]]


def _plane(angle: float) -> FloatArray:
    """A rotation of two components."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])
