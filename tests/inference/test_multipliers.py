"""Multipliers of the wild bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre.inference.multipliers import MULTIPLIERS

FOURTH = {"exponential": 9.0, "rademacher": 1.0, "mammen": 2.0, "normal": 3.0}


THIRD = {"exponential": 2.0, "rademacher": 0.0, "mammen": 1.0, "normal": 0.0}


@pytest.mark.parametrize("name", MULTIPLIERS)
def test_multipliers_have_their_moments(name):
    w = MULTIPLIERS[name](np.random.default_rng(0), (400, 1000))
    assert w.mean() == pytest.approx(0.0, abs=0.01)
    assert w.var() == pytest.approx(1.0, abs=0.02)
    assert np.mean(w**3) == pytest.approx(THIRD[name], abs=0.1)
    assert np.mean(w**4) == pytest.approx(FOURTH[name], abs=0.5)
