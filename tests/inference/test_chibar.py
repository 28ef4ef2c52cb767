"""The chi-bar-squared mixture, against projections of normal draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import nnls

from nmfre.inference.chibar import chi_bar_sf, chi_bar_weights, orthant_probability


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_weights_are_those_of_projections(size):
    rng = np.random.default_rng(size)
    factor = rng.normal(size=(size, size + 1))
    covariance = factor @ factor.T
    L_inv = np.linalg.inv(np.linalg.cholesky(covariance))
    draws = rng.normal(size=(4000, size)) @ np.linalg.cholesky(covariance).T
    projected = np.array([nnls(L_inv, L_inv @ z)[0] for z in draws])
    share = np.bincount((projected > 1e-10).sum(axis=1), minlength=size + 1) / 4000
    weights = chi_bar_weights(covariance)
    np.testing.assert_allclose(weights, share, atol=4 * 0.5 / np.sqrt(4000))
    assert weights.sum() == pytest.approx(1.0)
    lengths = np.sum((projected @ L_inv.T) ** 2, axis=1)
    for x in (0.5, 3.0):
        assert chi_bar_sf(x, covariance) == pytest.approx(np.mean(lengths > x), abs=0.032)


def test_known_cases():
    assert chi_bar_sf(2.7055, np.eye(1)) == pytest.approx(0.05, abs=1e-5)
    np.testing.assert_allclose(chi_bar_weights(np.eye(3)), [1 / 8, 3 / 8, 3 / 8, 1 / 8])
    assert chi_bar_sf(0.0, np.eye(2)) == 1.0
    assert chi_bar_sf(4.0, np.eye(2)) < stats.chi2.sf(4.0, 2)
    rho = np.array([[1.0, 0.5], [0.5, 1.0]])
    assert orthant_probability(rho) == pytest.approx(1 / 3)
    assert orthant_probability(np.eye(4)) == pytest.approx(1 / 16, abs=1e-5)


def test_the_global_random_state_is_left_alone():
    """Guards the caller's random numbers against SciPy's integration over random points."""
    covariance = 0.5 * np.eye(4) + 0.5  # from four entries on, points are random
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = chi_bar_sf(3.0, covariance)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert chi_bar_sf(3.0, covariance) == pytest.approx(first, rel=1e-5)
