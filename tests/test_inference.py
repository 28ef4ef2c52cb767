from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nmfre.inference import bootstrap
from nmfre.inference.bootstrap import WildBootstrap, one_step_bootstrap
from nmfre.inference.linearized import linearize
from nmfre.inference.multipliers import MULTIPLIERS

FOURTH = {"exponential": 9.0, "rademacher": 1.0, "mammen": 2.0, "normal": 3.0}
THIRD = {"exponential": 2.0, "rademacher": 0.0, "mammen": 1.0, "normal": 0.0}


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


def linearization(parts, scale=1.0, **options):
    Y, A, X, Theta, U = parts
    Y, Theta, U = scale * Y, scale * Theta, scale * U
    rss = np.sum((Y - X @ (Theta @ A + U)) ** 2)
    options = {"information": "adjusted", "dispersion": "df", **options}
    return linearize(Y, A, X, Theta, U, ridge=0.5, rss=rss, **options)


@pytest.mark.parametrize("name", MULTIPLIERS)
def test_multipliers_have_their_moments(name):
    w = MULTIPLIERS[name](np.random.default_rng(0), (400, 1000))
    assert w.mean() == pytest.approx(0.0, abs=0.01)
    assert w.var() == pytest.approx(1.0, abs=0.02)
    assert np.mean(w**3) == pytest.approx(THIRD[name], abs=0.1)
    assert np.mean(w**4) == pytest.approx(FOURTH[name], abs=0.5)


def test_information_and_scores_are_those_of_the_formulas(parts):
    Y, A, X, Theta, U = parts
    lin = linearization(parts)
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
    np.testing.assert_allclose(lin.scores[n] / lin.dispersion, score, rtol=1e-9)
    scores, H = lin.scores / lin.dispersion, lin.covariance("naive")
    meat = 50 / 49 * sum(np.outer(s, s) for s in scores)
    np.testing.assert_allclose(lin.covariance("sandwich"), H @ meat @ H, rtol=1e-9)
    np.testing.assert_allclose(lin.influence, scores @ H, rtol=1e-9)


def test_dispersion_divisors(parts):
    rss = linearization(parts, dispersion="n").dispersion * 300
    assert linearization(parts, dispersion="params").dispersion == pytest.approx(rss / 296)


def test_plain_information_is_larger(parts):
    adjusted, plain = linearization(parts), linearization(parts, information="plain")
    assert (np.diag(plain.covariance("naive")) < np.diag(adjusted.covariance("naive"))).all()


def test_max_takes_the_larger_standard_error_and_keeps_correlations(parts):
    lin = linearization(parts)
    se = {kind: np.sqrt(np.diag(lin.covariance(kind))) for kind in ("sandwich", "naive", "max")}
    np.testing.assert_allclose(se["max"], np.maximum(se["sandwich"], se["naive"]))
    correlation = [
        lin.covariance(kind) / np.outer(se[kind], se[kind]) for kind in ("sandwich", "max")
    ]
    np.testing.assert_allclose(*correlation)


@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6])
def test_standard_errors_scale_with_the_units_of_y(parts, scale):
    a, b = linearization(parts), linearization(parts, scale=scale)
    for kind in ("sandwich", "naive", "max"):
        np.testing.assert_allclose(b.covariance(kind), scale**2 * a.covariance(kind), rtol=1e-9)


def test_replicates_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch):
    influence = np.random.default_rng(0).normal(size=(40, 3))

    def draw():
        return one_step_bootstrap(
            np.ones(3),
            influence,
            n_boot=50,
            multiplier="exponential",
            rng=np.random.default_rng(1),
            floor=-np.inf,
        ).replicates

    whole = draw()
    monkeypatch.setattr(bootstrap, "DRAW_BYTES", 8 * 40 * 7)
    np.testing.assert_allclose(draw(), whole, rtol=1e-12)


def test_bootstrap_variance_is_that_of_the_scores():
    influence = np.random.default_rng(0).normal(size=(40, 3))
    boot = one_step_bootstrap(
        np.full(3, 100.0),
        influence,
        n_boot=20_000,
        multiplier="normal",
        rng=np.random.default_rng(1),
        floor=0.0,
    )
    np.testing.assert_allclose(boot.bse, np.linalg.norm(influence, axis=0), rtol=0.03)
    half = stats.norm.isf(0.05) * np.linalg.norm(influence, axis=0)
    limits = boot.percentile_interval(0.1)
    np.testing.assert_allclose(limits.T, [100 - half, 100 + half], rtol=0.005)


def test_replicates_are_floored_and_pvalues_centred():
    boot = WildBootstrap(np.array([1.0, 5.0]), np.array([[0.0, 4.0], [3.0, 6.0], [1.0, 10.5]]))
    np.testing.assert_allclose(boot.pvalues("larger"), [2 / 4, 2 / 4])
    np.testing.assert_allclose(boot.pvalues("two-sided"), [3 / 4, 2 / 4])
    floored = one_step_bootstrap(
        np.array([1.0]),
        np.array([[1.0], [1.0]]),
        n_boot=2,
        multiplier="normal",
        rng=np.random.default_rng(0),
        floor=0.0,
        multipliers=np.array([[5.0, 0.0], [0.0, 0.5]]),
    )
    np.testing.assert_allclose(floored.replicates, [[0.0], [0.5]])
