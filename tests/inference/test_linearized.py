"""Information and scores given the basis, by their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from linearization import Linearization

from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.orthonormal import orthonormal
from nmfre.inference.linearized import linearize


@pytest.fixture
def parts():
    rng = np.random.default_rng(2)
    X = rng.random((6, 2))
    X /= X.sum(axis=0)
    A = np.vstack([np.ones(50), rng.random(50)])
    Theta = np.array([[20.0, 5.0], [30.0, 1.0]])
    U = rng.normal(size=(2, 50))
    Y = X @ (Theta @ A + U) + rng.normal(size=(6, 50))
    return Y, A, X, Theta, U


def test_information_and_scores_are_those_of_the_formulas(parts):
    Y, A, X, Theta, U = parts
    lin = Linearization(parts)
    R = Y - X @ (Theta @ A + U)
    M = X.T @ X + 0.5 * np.eye(2)
    df = 50 * np.trace(np.linalg.solve(M, X.T @ X))
    assert lin.dispersion == pytest.approx(np.sum(R**2) / (300 - df - 4))
    inner = X.T @ (np.eye(6) - X @ np.linalg.solve(M, X.T)) @ X
    np.testing.assert_allclose(
        lin.covariance("naive"),
        np.linalg.inv(np.kron(A @ A.T, inner) / lin.dispersion),
        rtol=1e-7,
    )
    n = 17
    score = -np.outer(X.T @ R[:, n], A[:, n]).ravel(order="F") / lin.dispersion
    H = lin.covariance("naive")
    np.testing.assert_allclose(lin.influence[n], H @ score, rtol=1e-9)
    meat = 50 / 49 * sum(np.outer(s, s) for s in np.linalg.solve(H, lin.influence.T).T)
    np.testing.assert_allclose(lin.covariance("sandwich"), H @ meat @ H, rtol=1e-9)


def test_dispersion_divisors(parts):
    rss = Linearization(parts, dispersion="n").dispersion * 300
    assert Linearization(parts, dispersion="params").dispersion == pytest.approx(rss / 296)


def test_plain_information_is_larger(parts):
    adjusted, plain = Linearization(parts), Linearization(parts, information="plain")
    assert (np.diag(plain.covariance("naive")) < np.diag(adjusted.covariance("naive"))).all()


@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6])
def test_standard_errors_scale_with_the_units_of_y(parts, scale):
    a, b = Linearization(parts), Linearization(parts, scale=scale)
    for kind in ("sandwich", "naive", "max"):
        np.testing.assert_allclose(b.covariance(kind), scale**2 * a.covariance(kind), rtol=1e-9)


def test_conditional_errors_do_not_depend_on_the_units_of_covariates():
    """At one estimate: a covariate of another size or origin, and Theta with it."""
    rng = np.random.default_rng(0)
    X, Theta = rng.random((4, 2)), rng.random((2, 2))
    A = np.stack([np.ones(50), rng.uniform(0, 10, 50)])
    options = {"counts": np.array([50]), "n_cells": 200, "rss": 30.0}
    options |= {"information": "adjusted", "dispersion": "df"}
    options |= {"relative": Relative.identity(4, 2, 0.7)}

    def linearized(A, Theta):
        given = {"covariates": orthonormal(A)[0], **options}
        return linearize(X, Theta, 50 * np.eye(2)[None], (X.T @ X)[None], **given)

    one = linearized(A, Theta)
    for size, shift in ((1e6, 0.0), (1e-6, 0.0), (1.0, 2000.0)):
        C = np.array([[1.0, 0.0], [size * shift, size]])
        other = linearized(C @ A, Theta @ np.linalg.inv(C))
        np.testing.assert_allclose(size**2 * other.bread[2:, 2:], one.bread[2:, 2:], rtol=1e-9)
