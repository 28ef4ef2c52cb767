from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nmfre.errors import InvalidArgumentError
from nmfre.estimation.orthonormal import orthonormal
from nmfre.inference import wild_bootstrap as bootstrap
from nmfre.inference.covariance import Parts, without_leverages
from nmfre.inference.linearized import linearize
from nmfre.inference.multipliers import MULTIPLIERS, Draws
from nmfre.inference.wild_bootstrap import WildBootstrap, one_step, unit_blocks

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


class Linearized:
    """A linearisation with its influence of all units."""

    def __init__(self, parts, scale=1.0, **options):
        Y, A, X, Theta, U = parts
        Y, Theta, U = scale * Y, scale * Theta, scale * U
        options = {"information": "adjusted", "dispersion": "df", **options}
        rss = np.sum((Y - X @ (Theta @ A + U)) ** 2)
        sums = {"counts": np.array([50]), "n_cells": 300}
        sums |= {"covariates": orthonormal(A)[0], "ridge": 0.5, "rss": rss}
        WW, XtX = 50 * np.eye(2)[None], (X.T @ X)[None]
        self.parts = linearize(X, Theta, WW, XtX, **sums, **options)
        self.dispersion = self.parts.dispersion
        self.influence = self.parts.influence(Y, A, U)

    def covariance(self, cov_type):
        parts = Parts(self.parts.naive, self.influence.T @ self.influence, 50)
        return without_leverages(cov_type).covariance(parts)


linearization = Linearized


def replicates(estimate, influence, *, n_boot, multiplier, seed=1, floor=0.0, **given):
    influence = np.asarray(influence)
    blocks = unit_blocks(len(influence), n_boot)
    draws = Draws(
        blocks=blocks,
        n_boot=n_boot,
        multiplier=multiplier,
        seeds=np.random.SeedSequence(seed).spawn(len(blocks)),
        given=given.pop("multipliers", None),
        **given,
    )
    return one_step((influence.T,), np.transpose, draws, estimate=estimate, floor=floor)[1]


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
    H = lin.covariance("naive")
    np.testing.assert_allclose(lin.influence[n], H @ score, rtol=1e-9)
    meat = 50 / 49 * sum(np.outer(s, s) for s in np.linalg.solve(H, lin.influence.T).T)
    np.testing.assert_allclose(lin.covariance("sandwich"), H @ meat @ H, rtol=1e-9)


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


def test_an_unknown_kind_of_covariance_is_an_error(parts):
    for kind in ("bogus", "cr3"):
        with pytest.raises(InvalidArgumentError, match=f"cov_type='{kind}'"):
            linearization(parts).covariance(kind)


@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6])
def test_standard_errors_scale_with_the_units_of_y(parts, scale):
    a, b = linearization(parts), linearization(parts, scale=scale)
    for kind in ("sandwich", "naive", "max"):
        np.testing.assert_allclose(b.covariance(kind), scale**2 * a.covariance(kind), rtol=1e-9)


def test_blocks_of_units_have_streams_of_their_own(monkeypatch):
    influence = np.random.default_rng(0).normal(size=(700, 3))
    monkeypatch.setattr(bootstrap, "BLOCK_BYTES", 8 * 100 * 300)
    assert [s.stop - s.start for s in unit_blocks(700, 50)] == [300, 300, 100]
    boot = replicates(np.zeros(3), influence, n_boot=50, multiplier="normal", floor=-np.inf)
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(1).spawn(3)]
    w = np.hstack(
        [r.standard_normal((50, n)) for r, n in zip(streams, (300, 300, 100), strict=True)]
    )
    np.testing.assert_allclose(boot.replicates, -w @ influence, rtol=1e-9)
    assert unit_blocks(10, 10**9) == [slice(0, 10)]


def test_bootstrap_variance_is_that_of_the_scores():
    influence = np.random.default_rng(0).normal(size=(40, 3))
    boot = replicates(np.full(3, 100.0), influence, n_boot=20_000, multiplier="normal")
    np.testing.assert_allclose(boot.bse, np.linalg.norm(influence, axis=0), rtol=0.03)
    half = stats.norm.isf(0.05) * np.linalg.norm(influence, axis=0)
    for interval in (boot.percentile_interval, boot.basic_interval, boot.normal_interval):
        np.testing.assert_allclose(interval(0.1).T, [100 - half, 100 + half], rtol=0.005)
    np.testing.assert_allclose(boot.bias, 0.0, atol=5 * boot.bse.max() / np.sqrt(20_000))


def test_studentized_intervals_of_a_mean_are_those_of_student():
    y = np.random.default_rng(0).normal(size=(12, 1))
    influence = (y - y.mean()) / 12
    boot = replicates(
        y.mean(axis=0),
        influence,
        n_boot=200_000,
        multiplier="normal",
        floor=-np.inf,
        studentize=True,
    )
    # A replicate is -sum w_n influence_n; its standard error is that of the mean of N such terms.
    w = np.random.default_rng(np.random.SeedSequence(1).spawn(1)[0]).standard_normal((200_000, 12))
    terms = 12 * w * influence[:, 0]
    np.testing.assert_allclose(
        boot.deviations_bse[:, 0], terms.std(axis=1, ddof=1) / np.sqrt(12), rtol=1e-9
    )
    t = boot.deviations[:, 0] / boot.deviations_bse[:, 0]
    bse = y.std(axis=0, ddof=1) / np.sqrt(12)
    expected = y.mean() - np.quantile(t, [0.975, 0.025]) * bse
    np.testing.assert_allclose(boot.studentized_interval(0.05, bse)[0], expected)


def test_replicates_are_floored_and_pvalues_centred():
    estimate = np.array([1.0, 5.0])
    boot = WildBootstrap(
        estimate=estimate,
        deviations=np.array([[0.0, 4.0], [3.0, 6.0], [1.0, 10.5]]) - estimate,
        floor=0.0,
    )
    np.testing.assert_allclose(boot.pvalues("larger"), [2 / 4, 2 / 4])
    np.testing.assert_allclose(boot.pvalues("two-sided"), [3 / 4, 2 / 4])
    floored = replicates(
        np.array([1.0]),
        [[1.0], [1.0]],
        n_boot=2,
        multiplier="normal",
        multipliers=np.array([[5.0, 0.0], [0.0, 0.5]]),
    )
    np.testing.assert_allclose(floored.replicates, [[0.0], [0.5]])


def test_conditional_errors_do_not_depend_on_the_units_of_covariates():
    """At one estimate: a covariate of another size or origin, and Theta with it."""
    rng = np.random.default_rng(0)
    X, Theta = rng.random((4, 2)), rng.random((2, 2))
    A = np.stack([np.ones(50), rng.uniform(0, 10, 50)])
    options = {"counts": np.array([50]), "n_cells": 200, "ridge": 0.7, "rss": 30.0}
    options |= {"information": "adjusted", "dispersion": "df"}

    def linearized(A, Theta):
        given = {"covariates": orthonormal(A)[0], **options}
        return linearize(X, Theta, 50 * np.eye(2)[None], (X.T @ X)[None], **given)

    one = linearized(A, Theta)
    for size, shift in ((1e6, 0.0), (1e-6, 0.0), (1.0, 2000.0)):
        C = np.array([[1.0, 0.0], [size * shift, size]])
        other = linearized(C @ A, Theta @ np.linalg.inv(C))
        np.testing.assert_allclose(size**2 * other.bread[2:, 2:], one.bread[2:, 2:], rtol=1e-9)
