"""Intervals after a choice of the rank, in a study."""

from __future__ import annotations

import pytest

import nmfre
from nmfre import errors
from nmfre.simulation import BumpDesign, rank_choice_study


def test_the_table():
    design = BumpDesign(n_responses=4, rank=1, n_units=30)
    options = {"ranks": [2, 1], "n_boot": 4, "progress": False}
    study = rank_choice_study(design, 3, **options)
    assert study.attrs["n_replicates"] == 3
    assert sum(study.attrs["shares"].values()) == pytest.approx(1.0)
    assert study["coverage"].between(0.5, 1.0).all()


def test_what_is_not_allowed(monkeypatch):
    design = BumpDesign(n_responses=4, rank=1, n_units=27)
    for arguments, message in (({"alpha": 5}, "alpha=5"), ({"n_boot": 1}, "n_boot=1")):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            rank_choice_study(design, 2, progress=False, **arguments)
    with pytest.raises(errors.InvalidArgumentError, match="design"):
        rank_choice_study(4, 2)
    with pytest.raises(errors.RankError):
        rank_choice_study(design, 2, ranks=[9])
    monkeypatch.setattr(nmfre.NMFREResults, "converged", False)
    with pytest.raises(errors.NotComputedError, match="no fit reached"):
        rank_choice_study(design, 2, ranks=[1], progress=False)
