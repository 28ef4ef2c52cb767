"""Scores and shares over covariates: estimates, derivatives, replicates."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre.data.grid import Cell
from nmfre.inference import estimands

STEP = 1e-6


@pytest.fixture
def problem():
    rng = np.random.default_rng(2)
    Theta = rng.uniform(1.0, 3.0, size=(3, 2))
    cells = [Cell(rng.uniform(size=(2, m)), rng.dirichlet(np.ones(m))) for m in (4, 1, 3)]
    labels = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    return Theta, cells, labels


def differences(function, Theta):
    """Central differences of a function (L, J) by vec(Theta); (L, J, QK)."""
    columns = []
    for k in range(Theta.shape[1]):
        for q in range(Theta.shape[0]):
            step = np.zeros_like(Theta)
            step[q, k] = STEP
            columns.append((function(Theta + step) - function(Theta - step)) / (2.0 * STEP))
    return np.stack(columns, axis=2)


def test_derivatives_are_those_of_differences(problem):
    Theta, cells, labels = problem
    C = estimands.combined(cells)
    np.testing.assert_allclose(
        estimands.of_scores(labels, C),
        differences(lambda T: labels @ T @ C, Theta),
        atol=1e-8,
    )
    np.testing.assert_allclose(
        estimands.of_shares(Theta, cells, labels),
        differences(lambda T: labels @ estimands.shares(T, cells), Theta),
        atol=1e-8,
    )


def test_shares_sum_to_one_whatever_theta_is(problem):
    Theta, cells, _ = problem
    np.testing.assert_allclose(estimands.shares(Theta, cells).sum(axis=0), 1.0)
    everything = np.ones((1, 3))
    np.testing.assert_allclose(estimands.of_shares(Theta, cells, everything), 0.0, atol=1e-15)


def test_there_is_no_share_of_nothing(problem):
    Theta, cells, _ = problem
    assert np.isnan(estimands.shares(-Theta, cells)).all()


def test_replicates_are_the_estimates_at_other_thetas(problem, monkeypatch):
    _, cells, labels = problem
    rng = np.random.default_rng(3)
    draws = rng.uniform(1.0, 2.0, size=(7, 6))
    Thetas = [draw.reshape(3, 2, order="F") for draw in draws]
    C = estimands.combined(cells)
    whole = estimands.replicates_of_shares(draws, 3, cells, labels)
    np.testing.assert_allclose(whole, [labels @ estimands.shares(T, cells) for T in Thetas])
    np.testing.assert_allclose(
        estimands.replicates_of_scores(draws, labels, C), [labels @ T @ C for T in Thetas]
    )
    monkeypatch.setattr(estimands, "BLOCK_VALUES", 24)
    np.testing.assert_allclose(
        estimands.replicates_of_shares(draws, 3, cells, labels), whole, rtol=1e-14
    )


def test_covariance_with_the_basis_is_that_of_all_parameters(problem):
    Theta, cells, _ = problem
    rng = np.random.default_rng(4)
    X = rng.dirichlet(np.ones(4), size=3).T
    C, labels = estimands.combined(cells), np.array([[0.0, 1, 0, 0], [1, 0, 0, 1]])
    root = rng.normal(size=(20, 20))
    V = root @ root.T
    found = estimands.with_basis(V, X, Theta, labels, C, np.zeros(6, dtype=bool))
    J = np.empty((2, 3, 20))
    by_X = differences(lambda Z: labels @ Z @ Theta @ C, X)
    by_Theta = differences(lambda T: labels @ X @ T @ C, Theta)
    J[:, :, :12], J[:, :, 12:18], J[:, :, 18:] = by_X, by_Theta, 0.0
    np.testing.assert_allclose(found, J @ V @ J.mT, rtol=1e-6)
    held = np.arange(6) == 2
    without = estimands.with_basis(V, X, Theta, labels, C, held)
    J[:, :, 14] = 0.0
    np.testing.assert_allclose(without, J @ V @ J.mT, rtol=1e-6)
