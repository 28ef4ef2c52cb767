"""Intervals of effects that are known up to an interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nmfre.inference.set_intervals import set_interval


@pytest.mark.parametrize("width", [0.0, 0.3, 2.0, 50.0])
def test_the_least_favourable_truth_is_covered_as_often_as_said(width):
    """Imbens and Manski: with equal standard errors, the truth at an end is covered exactly."""
    low, high = set_interval(np.array([[1.0, 1.0 + 2.0 * width]]), np.full((1, 2), 2.0), 0.1)[0]
    c, other = (1.0 - low) / 2.0, (high - 1.0 - 2.0 * width) / 2.0
    assert c == pytest.approx(other)
    assert stats.norm.cdf(c + width) - stats.norm.cdf(-c) == pytest.approx(0.9)


def test_a_point_has_the_wald_interval_and_a_wide_set_one_sided_ends():
    limits = np.array([[5.0, 5.0], [0.0, 1000.0], [3.0, 3.0]])
    bse = np.array([[1.0, 1.0], [1.0, 3.0], [0.0, 0.0]])
    point, wide, known = set_interval(limits, bse, 0.05)
    np.testing.assert_allclose(point, 5.0 + 1.959964 * np.array([-1.0, 1.0]), rtol=1e-6)
    np.testing.assert_allclose(wide, [-1.644854, 1000.0 + 3.0 * 1.644854], rtol=1e-6)
    np.testing.assert_array_equal(known, [3.0, 3.0])
