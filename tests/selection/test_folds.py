"""Folds of entries and of units."""

from __future__ import annotations

import numpy as np
import pytest
from ranks import QUICK, drawn

import nmfre
from nmfre import errors
from nmfre.selection.folds import NO_FOLD, entry_folds, most_in_a_fold, unit_folds, units_of


@pytest.fixture(scope="module")
def model():
    return drawn(2, n_units=40, n_responses=6)


def holed(seed=1, n_responses=7):
    rng = np.random.default_rng(seed)
    Y = rng.integers(1, 9, (60, n_responses)) * (rng.random((60, n_responses)) < 0.6)
    Y = np.where(rng.random(Y.shape) < 0.3, np.nan, Y)
    Y[np.arange(60), np.arange(60) % n_responses] = 1.0
    Y[:3, 1:] = np.nan
    Y[:3, 0] = 1.0  # units of one response
    Y[:, -1] = np.nan
    Y[5, -1] = 2.0  # a response of one unit
    Y[6, :-1] = 3.0
    Y[Y.shape[1] - 1 :: n_responses] = np.where(
        np.isnan(Y[Y.shape[1] - 1 :: n_responses]), 1.0, Y[Y.shape[1] - 1 :: n_responses]
    )
    Y[9:, -1] = np.nan
    return nmfre.NMFRE(Y, rank=1).design


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_folds_of_entries_leave_every_unit_and_response_something(folds, seed):
    design = holed()
    labels = entry_folds(design, folds, np.random.default_rng(seed))
    observed = ~np.isnan(design.Y)
    assert (labels[~observed] == NO_FOLD).all()
    assert (labels[:, observed.sum(axis=0) == 1] == NO_FOLD).all()
    assert set(labels[observed]) <= {NO_FOLD, *range(folds)}
    for fold in range(folds):
        kept = observed & (labels != fold)
        assert kept.any(axis=0).all()
        assert (kept & (design.Y > 0)).any(axis=1).all()
        count = (labels == fold).sum(axis=0)
        assert (count <= np.ceil(observed.sum(axis=0) / folds)).all()


def test_folds_of_complete_entries_are_of_one_size(model):
    labels = entry_folds(model.design, 4, np.random.default_rng(0))
    assert (labels != NO_FOLD).all()
    assert np.ptp(np.bincount(labels.ravel())) <= 0.1 * labels.size / 4
    sizes = np.bincount(unit_folds(model.design, 3, np.random.default_rng(0)))
    assert np.ptp(sizes) <= 1


def test_data_that_are_too_small(simulated):
    one = nmfre.NMFRE(simulated["y1"], simulated["age"], rank=1)
    with pytest.raises(
        errors.FoldsError,
        match=r"folds=5 over entries: there are not enough entries .* Change folds",
    ):
        nmfre.select_rank(one, [1], **QUICK)
    few = nmfre.NMFRE(simulated[["y1", "y2", "y3"]].iloc[:4], rank=1)
    with pytest.raises(errors.FoldsError, match="folds=5 over units: there are 4 units"):
        nmfre.select_rank(few, [1], over="units", **QUICK)
    rare = simulated.assign(rare=(np.arange(40) == 7) * 1.0)
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ rare", rare, rank=1)
    with pytest.raises(errors.FoldsError, match="cannot be fitted: Covariate 'rare' is zero"):
        nmfre.select_rank(model, [1], over="units", folds=3, **QUICK)
    assert nmfre.select_rank(model, [1], folds=3, **QUICK).best == 1


def test_folds_of_units_keep_groups_together(model):
    labels = np.repeat(np.arange(10), [1, 7, 4, 4, 4, 4, 4, 4, 4, 4])
    grouped = nmfre.NMFRE(model.endog, model.exog, rank=2, groups=labels)
    folds = unit_folds(grouped.design, 3, np.random.default_rng(0))
    assert all(len(set(folds[labels == g])) == 1 for g in range(10))
    assert set(folds) == {0, 1, 2}
    assert most_in_a_fold(grouped.design, 3) == 7 + 4 + 4 + 4
    assert most_in_a_fold(model.design, 3) == 14
    part = units_of(grouped.design, folds != 0)
    assert len(part.groups.labels) == len(set(labels[folds != 0]))
    choice = nmfre.select_rank(grouped, [1, 2], over="units", folds=3, **QUICK)
    assert choice.best == 2
    with pytest.raises(errors.FoldsError, match="there are 10 groups of units"):
        nmfre.select_rank(grouped, [1], over="units", folds=11, **QUICK)
