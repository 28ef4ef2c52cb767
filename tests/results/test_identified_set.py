"""The identified set in the labels of the data, and the intervals that join it with errors."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from forms import long_model

import nmfre
from nmfre import errors
from nmfre.results.frames import default_interval
from nmfre.simulation import BumpDesign

FAST = {"cov_resid": "diagonal", "n_boot": 0, "n_starts": 2}


@pytest.fixture(scope="module")
def labelled():
    endog, exog = BumpDesign(n_responses=8, rank=2, n_units=200, background=0.5).draw(
        np.random.default_rng(0)
    )
    days = pd.Index([f"day {p}" for p in range(8)], name="day")
    return nmfre.NMFRE(
        pd.DataFrame(endog, columns=days),
        pd.DataFrame(exog, columns=["Intercept", "group"]),
        rank=2,
    )


@pytest.fixture(scope="module")
def res(labelled):
    return labelled.fit("ml", signed=True, cov_re="diagonal", **FAST)


def test_tables_are_labelled(res):
    found = res.identified_set()
    assert not found.is_point
    assert list(found.theta.columns) == ["estimate", "lower", "upper", "same sign"]
    pd.testing.assert_index_equal(found.theta.index, res.params.index)
    np.testing.assert_array_equal(found.theta["estimate"], res.params)
    pd.testing.assert_frame_equal(found.summary_frame(), found.theta)
    assert (found.theta["lower"] < found.theta["upper"]).all()
    same = (found.theta["lower"] > 0) | (found.theta["upper"] < 0)
    assert found.theta["same sign"].tolist() == same.tolist() == [True, True, True, False]
    assert found.basis.index.names == ["component", "day"]
    np.testing.assert_array_equal(found.basis["estimate"], res.basis.to_numpy().ravel(order="F"))
    within = (found.basis["lower"] - 1e-9 <= found.basis["estimate"]) & (
        found.basis["estimate"] <= found.basis["upper"] + 1e-9
    )
    assert within.all()
    assert (found.basis["lower"] >= 0.0).all()
    assert (found.basis["lower"] == 0.0).sum() == 2  # one for each end of the arc


def test_what_is_printed(res):
    text = str(res.identified_set())
    assert "may differ" in text
    assert all(line == line.rstrip() for line in text.splitlines())
    assert text.splitlines()[-2].split()[-1] == "no"
    assert "intervals of 4 effects" in repr(res.identified_set())
    assert res.identified_set()._repr_html_().startswith("<table")
    equal = res.identified_set("identity")
    assert equal.is_point
    assert "The set is a single point, the estimate." in str(equal)
    assert "point" in repr(equal)


def test_equal_variances_rest_on_a_convention(labelled, res):
    equal = labelled.fit("ml", signed=True, cov_re="identity", **FAST)
    assert equal.identification.by == "convention"
    assert equal.identified_set("identity").is_point
    np.testing.assert_allclose(
        equal.identified_set("identity").theta["lower"], equal.params, rtol=1e-9
    )
    free = res.identified_set().theta[["lower", "upper"]]
    np.testing.assert_allclose(
        equal.identified_set().theta[["lower", "upper"]], free, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(  # ends, and their errors, are those of the likelihood
        equal.conf_int(method="set"), res.conf_int(method="set"), rtol=1e-3, atol=1e-3
    )


def test_intervals_hold_the_set(res):
    limits, found = res.conf_int(0.1, method="set"), res.identified_set().theta
    assert list(limits.columns) == ["5 %", "95 %"]
    assert (limits["5 %"] < found["lower"]).all()
    assert (found["upper"] < limits["95 %"]).all()
    wider = res.conf_int(method="set")
    assert (wider["2.5 %"] < limits["5 %"]).all()
    assert res.bse.isna().all()  # what it is there for
    assert default_interval(res) == "wald"


def test_bounded_effects_are_cut_off_at_zero(labelled):
    bounded = labelled.fit("ml", signed=False, cov_re="diagonal", **FAST)
    found = bounded.identified_set().theta
    assert (found["lower"] >= 0.0).all()
    limits = bounded.conf_int(method="set")
    assert (limits.min() >= 0.0).all()
    assert (limits.iloc[:, 0] <= found["lower"]).all()


@pytest.mark.parametrize("cov_re", ["diagonal", "identity"])
def test_a_point_has_the_wald_interval(orthodont, cov_re):
    res = long_model(orthodont).fit("ml", cov_re=cov_re, **FAST)
    assert res.identified_set().is_point
    np.testing.assert_allclose(res.identified_set().theta["upper"], res.params)
    pd.testing.assert_frame_equal(res.conf_int(method="set"), res.conf_int(method="wald"))


def test_a_pattern_identifies_a_full_covariance():
    design = BumpDesign(n_responses=8, rank=2, n_units=200)
    endog, exog = design.draw(np.random.default_rng(0))
    model = nmfre.NMFRE(endog, exog, rank=2, basis_pattern=design.basis > 0.0)
    res = model.fit("ml", cov_re="full", **FAST)
    assert res.identified_set().is_point
    np.testing.assert_allclose(res.identified_set().theta["lower"], res.params)
    pd.testing.assert_frame_equal(res.conf_int(method="set"), res.conf_int(method="wald"))


def test_sets_do_not_need_the_data(labelled, res):
    found = res.identified_set()
    light = pickle.loads(pickle.dumps(res))
    light.remove_data()
    pd.testing.assert_frame_equal(light.identified_set().theta, found.theta)
    pd.testing.assert_frame_equal(light.conf_int(method="set"), res.conf_int(method="set"))
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(found)).theta, found.theta)


def test_errors(orthodont, res):
    with pytest.raises(errors.InvalidArgumentError, match="'diagonal', 'identity'"):
        res.identified_set("full")
    capped = long_model(orthodont).fit(df_cap=0.21)
    with pytest.raises(errors.NotComputedError, match="identified set"):
        capped.identified_set()
    with pytest.raises(errors.NotComputedError, match="uncertainty='marginal'"):
        res.with_uncertainty("conditional").conf_int(method="set")
