"""Null distributions of joint tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nmfre.estimation.orthonormal import orthonormal
from nmfre.inference.chibar import chi_bar_sf
from nmfre.inference.leverages import Leverages
from nmfre.inference.small_samples import Reference, reference


def of_covariates(A, columns, rank):
    leverages = Leverages(orthonormal(A)[0], A.shape[1], slice(None))
    inverse = leverages.covariates.inverse[:, columns]
    return reference(leverages, leverages.squares(A), inverse, rank)


@pytest.mark.parametrize("rank", [1, 2])
def test_two_groups_of_one_size_have_the_test_of_hotelling(rank):
    n = 12
    A = np.vstack([np.ones(2 * n), np.arange(2 * n) % 2])
    null = of_covariates(A, [1], rank)
    df = 2 * (n - 1)
    for p in (0.2, 0.05, 0.01):
        # Of residuals over 1 - 1/n the pooled variance is too large by n / (n - 1).
        hotelling = stats.f.isf(p, rank, df - rank + 1) * df * rank / (df - rank + 1)
        statistic = hotelling * (n - 1) / n
        assert float(null.sf(statistic, rank)) == pytest.approx(p, rel=0.2)


def drawn(A, columns, rank, n_draws=1500):
    """Statistics of regressions of normal scores, with corrected residuals; one at a time."""
    rng = np.random.default_rng(1)
    bread = np.linalg.inv(A @ A.T) @ A
    left = 1.0 - np.sum(A * bread, axis=0)
    found = []
    for _ in range(n_draws):
        T = rng.normal(size=(A.shape[1], rank))
        theta = bread @ T
        residuals = (T - A.T @ theta) / left[:, None]
        terms = bread[columns].T[:, :, None] * residuals[:, None, :]
        terms = terms.reshape(len(residuals), -1)
        effects = theta[columns].ravel()
        found.append(effects @ np.linalg.solve(terms.T @ terms, effects))
    return np.array(found)


@pytest.mark.parametrize(("counts", "rank"), [((4,), 1), ((4,), 2), ((4, 13), 2)])
def test_rare_levels_hold_the_size(counts, rank):
    level = np.repeat(np.arange(len(counts) + 1), (27 - sum(counts), *counts))
    A = (level == np.arange(len(counts) + 1)[:, None]) * 1.0
    A[0] = 1.0
    columns = list(range(1, len(A)))
    pvalues = of_covariates(A, columns, rank).sf(drawn(A, columns, rank), len(columns) * rank)
    for p in (0.2, 0.05, 0.01):
        low, high = stats.binom.ppf([1e-4, 1 - 1e-4], len(pvalues), p) / len(pvalues)
        assert low <= np.mean(pvalues < p) <= high


def test_chi_squared_is_the_limit():
    assert float(Reference().sf(3.84, 1)) == pytest.approx(stats.chi2.sf(3.84, 1))
    many = Reference(1.0, 1e9)
    covariance = np.array([[2.0, 0.3], [0.3, 1.0]])
    for size in (1, 3):
        assert float(many.sf(5.0, size)) == pytest.approx(stats.chi2.sf(5.0, size), rel=1e-5)
    mixture = chi_bar_sf(4.0, covariance)
    assert chi_bar_sf(4.0, covariance, many) == pytest.approx(mixture, rel=1e-5)
    assert chi_bar_sf(4.0, covariance, Reference(1.0, 5.0)) > mixture
