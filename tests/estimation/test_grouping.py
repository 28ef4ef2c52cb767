"""Units of one pattern of observed responses."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre.estimation.grouping import patterns_of


@pytest.mark.parametrize("n_responses", [3, 64, 65, 200])
def test_patterns(n_responses):
    rng = np.random.default_rng(n_responses)
    different = rng.random((n_responses, 5)) < 0.5
    drawn = rng.integers(0, 5, 100)
    patterns, which = patterns_of(different[:, drawn])
    np.testing.assert_array_equal(patterns[:, which], different[:, drawn])
    assert patterns.shape[1] == len(np.unique(different[:, drawn], axis=1).T)
