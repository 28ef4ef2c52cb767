"""Kinds of covariance."""

from __future__ import annotations

import numpy as np
import pytest
from bumps import directions
from linearization import Linearization


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


def test_max_takes_the_larger_standard_error_and_keeps_correlations(parts):
    lin = Linearization(parts)
    se = {kind: np.sqrt(np.diag(lin.covariance(kind))) for kind in ("sandwich", "naive", "max")}
    np.testing.assert_allclose(se["max"], np.maximum(se["sandwich"], se["naive"]))
    correlation = [
        lin.covariance(kind) / np.outer(se[kind], se[kind]) for kind in ("sandwich", "max")
    ]
    np.testing.assert_allclose(*correlation)


def test_covariance_is_the_sandwich_of_the_formula(bumps):
    res = bumps.fit("ml", signed=True, n_starts=2, n_boot=0, cov_type="sandwich")
    coordinates, J = directions(res)
    theta = coordinates.of_theta
    H = 60 * coordinates.hessian()
    s = coordinates.unit_scores(bumps.design.Y, bumps.design.A)
    reduced = np.linalg.inv(H) @ (60 / 59 * s.T @ s) @ np.linalg.inv(H)
    expected = (J @ reduced @ J.T)[theta, theta]
    np.testing.assert_allclose(res.cov_params(), expected, rtol=1e-8)
    naive = bumps.fit("ml", signed=True, n_starts=2, n_boot=0, cov_type="naive")
    np.testing.assert_allclose(
        naive.cov_params(), (J @ np.linalg.inv(-H) @ J.T)[theta, theta], rtol=1e-8
    )
    largest = bumps.fit("ml", signed=True, n_starts=2, n_boot=0, cov_type="max")
    np.testing.assert_allclose(largest.bse, np.maximum(res.bse, naive.bse))
    h = np.sum(bumps.exog.T * np.linalg.solve(bumps.exog.T @ bumps.exog, bumps.exog.T), axis=0)
    t = s / (1 - h)[:, None]
    cr3 = bumps.fit("ml", signed=True, n_starts=2, n_boot=0)
    assert cr3.inference.options.cov_type == "cr3"
    expected = J @ np.linalg.inv(H) @ t.T @ t @ np.linalg.inv(H) @ J.T
    np.testing.assert_allclose(cr3.cov_params(), expected[theta, theta], rtol=1e-8)


def test_every_kind_of_covariance_and_interval(holed):
    for cov_type in ("naive", "max", "cr3"):
        res = holed.fit("ml", signed=True, n_starts=1, n_boot=20, cov_type=cov_type)
        assert (res.bse > 0).all()
        assert res.conf_int(method="basic").notna().all(axis=None)
    res = holed.fit("ml", signed=True, n_starts=1, n_boot=20)
    studentized = res.conf_int(method="studentized")
    assert studentized.notna().all(axis=None)
