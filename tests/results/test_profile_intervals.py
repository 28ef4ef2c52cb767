"""Profile likelihood intervals by their labels."""

from __future__ import annotations

import confirmatory
import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors
from nmfre.inference.profile_likelihood import Limits


def test_intervals_are_labelled(model):
    res = model.fit("ml", n_boot=0)
    every = res.conf_int(0.1, "profile")
    assert every.index.equals(res.params.index)
    assert every.columns.to_list() == ["5 %", "95 %"]
    assert (every["5 %"] < res.params).all()
    assert (every["95 %"] > res.params).all()
    one = res.conf_int(0.1, "profile", which=[("comp1", "sex[T.Male]")])
    pd.testing.assert_frame_equal(one, every.iloc[[1]])
    wald = res.conf_int(method="wald")
    turned = res.conf_int(method="wald", which=res.params.index[::-1])
    pd.testing.assert_frame_equal(turned, wald.iloc[::-1])


def test_processes_change_nothing():
    import joblib

    res = confirmatory.fitted()
    which = [("visual", "g"), ("speed", "g")]
    one = res.conf_int(method="profile", which=which)
    with joblib.parallel_config("threading"):
        pd.testing.assert_frame_equal(
            res.conf_int(method="profile", which=which, n_jobs=2), one, check_exact=True
        )


def test_what_has_none_says_why(model, monkeypatch):
    with pytest.raises(errors.NotComputedError, match="fit with method='ml'"):
        model.fit(df_cap=0.21).conf_int(method="profile")
    with pytest.raises(errors.NotComputedError, match="the cap determines the variances"):
        model.fit("ml", df_cap=0.21, n_boot=0).conf_int(method="profile")
    res = model.fit("ml", n_boot=0)
    for which in ([], "comp1", [("comp1", "age")], ["comp1"], 3, [["comp1", "Intercept"]]):
        with pytest.raises(errors.InvalidArgumentError, match="which"):
            res.conf_int(method="profile", which=which)
    with pytest.raises(errors.InvalidArgumentError, match="n_jobs"):
        res.conf_int(method="profile", n_jobs=0)
    monkeypatch.setattr("nmfre.results.profile_intervals.LARGEST_HESSIAN", 3)
    with pytest.raises(errors.NotComputedError, match="a basis of 3 entries"):
        res.conf_int(method="profile")
    monkeypatch.undo()
    res.remove_data()
    with pytest.raises(errors.DataRemovedError):
        res.conf_int(method="profile")


def test_components_that_are_not_identified_have_none():
    design = nmfre.simulation.BumpDesign(n_responses=8, rank=2, n_units=100, background=0.5)
    model = nmfre.NMFRE(*design.draw(np.random.default_rng(0)), rank=2)
    res = model.fit("ml", signed=True, n_boot=0, n_starts=1)
    assert res.estimate.identification.n_free
    assert res.conf_int(method="profile").isna().all(axis=None)


def test_failures_are_warned_of(model, monkeypatch):
    res = model.fit("ml", n_boot=0)
    failed = Limits(np.nan, np.nan, "no fit converged")
    monkeypatch.setattr("nmfre.results.profile_intervals.profile_limits", lambda *a, **k: [failed])
    with pytest.warns(errors.ConvergenceWarning, match=r"comp1\[Intercept\]: no fit converged"):
        found = res.conf_int(method="profile", which=[("comp1", "Intercept")])
    assert found.isna().all(axis=None)
