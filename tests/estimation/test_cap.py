"""Caps as users give them."""

from __future__ import annotations

import numpy as np
import pytest

import nmfre
from nmfre import errors


def test_caps(model):
    rate = model.fit(df_cap=0.05)
    absolute = model.fit(df_cap=nmfre.Cap(absolute=0.05 * 27))
    assert rate.df_cap == absolute.df_cap == pytest.approx(1.35)
    np.testing.assert_array_equal(rate.params, absolute.params)
    assert rate.cap_hits == 2
    assert rate.first_cap_hit == 1
    assert model.fit(df_cap=0.01).df_cap == 1.0  # never less than one degree of freedom


def test_absolute_caps_that_are_not_allowed():
    for absolute in (0.0, -1.0, np.nan, np.inf, "5", None, True):
        with pytest.raises(errors.InvalidArgumentError, match="absolute="):
            nmfre.Cap(absolute=absolute)
