"""Division of entries or units into folds, so that what is left can be fitted."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import BoolArray, IntArray
from nmfre.data.design import Design
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
    """The fold of each unit, (N,): equal in size, and the units without one can be fitted."""
    problem: DataError | None = None
    if len(design.units) < folds:
        raise FoldsError(folds=folds, over="units", reason=f"there are {len(design.units)} units.")
    for _ in range(DRAWS):
        labels = rng.permutation(len(design.units)) % folds
        try:
            for fold in range(folds):
                units_of(design, labels != fold)
            return labels
        except DataError as error:
            problem = error
    reason = f"the units that are left cannot be fitted: {problem}"
    raise FoldsError(folds=folds, over="units", reason=reason) from problem


def units_of(design: Design, which: BoolArray) -> Design:
    """The design of some of the units."""
    kept = np.flatnonzero(which)
    return changed(design, Y=design.Y[:, kept], A=design.A[:, kept], units=design.units[kept])
