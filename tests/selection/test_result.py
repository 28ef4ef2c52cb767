"""What a choice of the rank says."""

from __future__ import annotations

import pandas as pd
import pytest
from ranks import QUICK, drawn

import nmfre


@pytest.fixture(scope="module")
def model():
    return drawn(2, n_units=40, n_responses=6)


@pytest.fixture(scope="module")
def choice(model):
    return nmfre.select_rank(model, [2, 1], folds=2, repeats=2, **QUICK)


def selection(cv, errors, **counts):
    table = pd.DataFrame(
        {"cv": cv, "std err": errors, "not_converged": 0, "merging": 0} | counts,
        range(1, len(cv) + 1),
    )
    parts = {"criterion": "cv", "over": "entries", "folds": 5, "repeats": 1, "seed": 0}
    return nmfre.RankSelection(table=table, scores=pd.DataFrame(), **parts)


def words(found):
    """What is printed, in one line; no line of it passes 80 columns."""
    assert max(map(len, repr(found).splitlines())) <= 80
    return " ".join(repr(found).split())


def test_the_rule_of_one_standard_error():
    found = selection([3.0, 2.2, 2.0, 2.1], [0.9, 0.5, 0.3, 0.9])
    assert (found.best, found.one_standard_error) == (3, 2)
    assert words(found).endswith("of it: rank 2.")
    assert words(selection([3.0, 2.0], [0.1, 0.1])).endswith(
        "of it: rank 2. Rank 2 is the largest tried."
    )


def test_ranks_whose_fits_failed_are_left_out():
    values = [3.0, 2.2, 2.0, 2.1], [0.9, 0.5, 0.3, 0.9]
    found = selection(*values, not_converged=[0, 0, 1, 0], merging=[0, 0, 1, 1])
    assert (found.best, found.one_standard_error) == (2, 2)
    for shown in (words(found), found._repr_html_()):
        assert "Lowest: rank 2. " in shown
        assert "Left out because fits did not converge or components merge: rank 3, 4." in shown
        assert "largest" not in shown
    none_left = selection(*values, merging=[1, 2, 1, 5])
    assert (none_left.best, none_left.one_standard_error) == (3, 2)
    assert "Every rank has fits that did not converge" in words(none_left)


def test_how_it_shows(choice):
    text = words(choice)
    assert text.startswith("Choice of the rank: cross-validation over entries, 2 folds, 2 times")
    assert (
        f"Lowest: rank {choice.best}. Smallest within one standard error of it: rank "
        f"{choice.one_standard_error}." in text
    )
    assert "<table" in choice._repr_html_()
