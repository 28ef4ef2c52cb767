"""Replicates, and what follows from them."""

from __future__ import annotations

import numpy as np
from scipy import stats

from nmfre.inference import wild_bootstrap as bootstrap
from nmfre.inference.multipliers import Draws
from nmfre.inference.wild_bootstrap import WildBootstrap, one_step, unit_blocks


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
