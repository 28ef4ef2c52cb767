"""The bootstrap that chooses the rank in every replicate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from forms import PAPER, long_model

import nmfre
from nmfre import errors
from nmfre.simulation import BumpDesign


def drawn(**changes):
    design = BumpDesign(n_responses=6, rank=2, n_units=40, **changes)
    return nmfre.NMFRE(*design.draw(np.random.default_rng(1)), rank=2)


@pytest.fixture(scope="module")
def res():
    return drawn(tau=(7.0, 1.0)).fit("ml", n_boot=0, n_starts=2, **PAPER)


@pytest.fixture(scope="module")
def boot(res):
    return res.bootstrap(30, refit=True, select=[2, 1, 3], seed=3)


def test_replicates_are_the_best_of_the_refits_of_each_rank(res, boot):
    assert set(boot.ranks) <= {1, 2, 3}
    assert boot.shares.sum() == pytest.approx(1.0)
    plain = res.bootstrap(30, refit=True, seed=3)
    own = (boot.ranks == 2).to_numpy()
    assert own.any()
    effects = plain.replicates["comp1", "x1"] + plain.replicates["comp2", "x1"]
    # The same multipliers: at the rank of the fit, replicates are those of refits.
    sums = boot.replicates["x1"].sum(axis=1)
    np.testing.assert_allclose(sums[own], effects[own], rtol=1e-6)


def test_the_criterion_decides(res):
    one = res.bootstrap(10, refit=True, select=[1, 2], criterion="aic")
    assert (one.ranks >= res.bootstrap(10, refit=True, select=[1, 2]).ranks).all()
    assert "AIC" in repr(one)
    assert max(map(len, repr(one).splitlines())) <= 80


def test_tables_are_those_of_profiles(res, boot):
    pd.testing.assert_frame_equal(boot.profiles, res.profiles)
    limits, own = boot.profiles_conf_int(0.1), res.profiles_conf_int(0.1)
    pd.testing.assert_index_equal(limits.index, own.index)
    pd.testing.assert_index_equal(limits.columns, own.columns)
    expected = np.quantile(boot.replicates[("x1", "y2")], [0.05, 0.95])
    np.testing.assert_allclose(limits.loc["y2", "x1"], expected)
    np.testing.assert_allclose(boot.profiles_bse.loc["y2", "x1"], boot.replicates["x1", "y2"].std())


@pytest.mark.bits
def test_workers_and_chunks_change_nothing(res, boot, monkeypatch):
    monkeypatch.setattr("nmfre.results.rank_bootstrap.CHUNK", 15)
    other = res.bootstrap(30, refit=True, select=[1, 2, 3], seed=3, n_jobs=2)
    pd.testing.assert_frame_equal(boot.replicates, other.replicates, check_exact=True)
    pd.testing.assert_series_equal(boot.ranks, other.ranks)


def test_what_is_refused(res):
    for arguments, message in (
        ({"select": [1, 2]}, "refit"),
        ({"select": [1, 3], "refit": True}, "include 2, the rank of the fit"),
        ({"select": 2, "refit": True}, "select"),
        ({"select": [1, 2], "refit": True, "criterion": "cv"}, "criterion='cv'"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            res.bootstrap(4, **arguments)
    growth = long_model(nmfre.datasets.load_orthodont())
    with pytest.raises(errors.NotComputedError):
        growth.fit(df_cap=0.21).bootstrap(4, refit=True, select=[1, 2])
    capped = drawn().fit("ml", df_cap=0.4, n_boot=0, n_starts=1)
    with pytest.raises(errors.NotComputedError, match="cap"):
        capped.bootstrap(4, refit=True, select=[1, 2])
