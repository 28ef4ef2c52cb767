"""Division of entries or units into folds, so that what is left can be fitted."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import BoolArray, IntArray
from nmfre.data.design import Design, independent, n_independent
from nmfre.data.entry import changed
from nmfre.errors import DataError, FoldsError

DRAWS = 20
"""Divisions of the units that are tried before there is an error."""
NO_FOLD = -1


def entry_folds(design: Design, folds: int, rng: np.random.Generator) -> IntArray:
    """
    The fold of each response of each unit, (P, N); -1 where it is in none.

    The observed responses of a unit are dealt out in random order, so that a fold takes the same
    number of them, give or take one. Then what alone keeps a unit or a response in is taken out.
    """
    Y = design.Y
    observed = design.observed
    keys = np.where(observed, rng.random(Y.shape), np.inf)
    place = keys.argsort(axis=0).argsort(axis=0) + rng.permutation(Y.shape[1]) % folds
    labels = np.where(observed, place % folds, NO_FOLD)
    for fold in range(folds):
        for keeps, axis in ((observed, 0), (Y > 0, 1)):
            held = labels == fold
            lost = np.flatnonzero(~(keeps & ~held).any(axis=axis))
            first = np.take((keeps & held).argmax(axis=axis), lost)
            labels[(first, lost) if axis == 0 else (lost, first)] = NO_FOLD
    empty = np.flatnonzero(np.bincount(labels[labels != NO_FOLD], minlength=folds) == 0)
    if len(empty):
        few = "there are not enough entries that can be held out while every unit and every "
        raise FoldsError(folds=folds, over="entries", reason=f"{few}response keeps one.")
    return labels


def unit_folds(design: Design, folds: int, rng: np.random.Generator) -> IntArray:
    """
    The fold of each unit, (N,), so that the units without one fold can be fitted.

    Folds have equal numbers of units, or, with groups, of groups, which stay together.
    """
    problem: DataError | None = None
    n, codes = n_independent(design), independent(design)
    if n < folds:
        what = "units" if codes is None else "groups of units"
        raise FoldsError(folds=folds, over="units", reason=f"there are {n} {what}.")
    for _ in range(DRAWS):
        labels = rng.permutation(n) % folds
        labels = labels if codes is None else labels[codes]
        try:
            for fold in range(folds):
                units_of(design, labels != fold)
            return labels
        except DataError as error:
            problem = error
    reason = f"the units that are left cannot be fitted: {problem}"
    raise FoldsError(folds=folds, over="units", reason=reason) from problem


def most_in_a_fold(design: Design, folds: int) -> int:
    """Units in the largest of the folds of units, at the most."""
    sizes = np.ones(len(design.units)) if design.groups is None else design.groups.sizes
    return int(np.sort(sizes)[::-1][: -(-len(sizes) // folds)].sum())


def units_of(design: Design, which: BoolArray) -> Design:
    """The design of some of the units."""
    kept = np.flatnonzero(which)
    groups = None if design.groups is None else design.groups.take(kept)
    own = {"Y": design.Y[:, kept], "A": design.A[:, kept], "units": design.units[kept]}
    weights = None if design.weights is None else design.weights.take(kept)
    return changed(design, **own, groups=groups, weights=weights)
