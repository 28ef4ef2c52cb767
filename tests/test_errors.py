"""Errors of the package: one tree, which survives pickling."""

from __future__ import annotations

import pickle

import pytest
from forms import long_model

import nmfre
from nmfre import errors


def test_errors_are_one_tree_and_survive_pickling(orthodont):
    orthodont.loc[5, "distance"] = -1.0
    with pytest.raises(nmfre.NMFREError) as caught:
        long_model(orthodont)
    assert isinstance(caught.value, ValueError)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is errors.NegativeResponseError
    assert str(copy) == str(caught.value)
    assert issubclass(errors.UnknownArgumentError, TypeError)
    assert issubclass(nmfre.ConvergenceWarning, nmfre.NMFREWarning)
