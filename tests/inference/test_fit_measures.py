"""Chi-squared statistics and indices made of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nmfre.inference.fit_measures import ChiSquared, cfi, noncentrality, tli


@pytest.mark.parametrize("statistic", [3.0, 12.0, 600.0])
@pytest.mark.parametrize("probability", [0.05, 0.95])
def test_noncentrality_solves_its_equation(statistic, probability):
    size = noncentrality(statistic, 8, probability)
    if size == 0.0:
        assert stats.chi2.cdf(statistic, 8) <= probability
    else:
        assert stats.ncx2.cdf(statistic, 8, size) == pytest.approx(probability, abs=1e-9)


def test_indices_of_fits_at_their_ends():
    baseline = ChiSquared(100.0, 10)
    perfect, worst = ChiSquared(4.0, 8), ChiSquared(300.0, 8)
    assert cfi(perfect, baseline) == 1.0
    assert cfi(worst, baseline) == 0.0
    assert cfi(perfect, ChiSquared(5.0, 10)) == 1.0
    assert tli(perfect, baseline) > 1.0
    assert tli(baseline, baseline) == 0.0
    assert perfect.rmsea(100)[:2] == (0.0, 0.0)
    assert np.isnan(tli(ChiSquared(0.0, 0), baseline))
    assert np.isnan(cfi(ChiSquared(5.0, 4, np.nan), baseline))
    assert np.isnan(ChiSquared(0.0, 0).rmsea(100)).all()


def test_scaling_is_a_change_of_units():
    plain, scaled = ChiSquared(30.0, 8), ChiSquared(60.0, 8, 2.0)
    assert scaled.scaled == plain
    assert scaled.excess == 2.0 * plain.excess
    np.testing.assert_allclose(scaled.rmsea(50), np.sqrt(2.0) * np.array(plain.rmsea(50)))
