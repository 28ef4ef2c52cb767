"""Results whose data have been removed."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pandas as pd
import pytest
from saved import LEFT, OPTIONS, assert_same, fitted

import nmfre
from nmfre import errors

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture
def data(simulated):
    return simulated.assign(**{"odd name": simulated["age"] ** 2})


@pytest.fixture
def new(data):
    return data.iloc[[7, 3, 20]].drop(columns=[f"y{j}" for j in range(1, 6)])


@pytest.fixture
def res(data):
    return fitted("ml", data)


@pytest.fixture(params=OPTIONS)
def any_res(request, data):
    return fitted(request.param, data)


def test_without_its_data_a_result_still_tells_what_was_estimated(any_res, new):
    light = copy.deepcopy(any_res)
    light.remove_data()
    assert_same(light, any_res, data=False)
    terms, expected = (each.wald_test_terms().table for each in (light, any_res))
    pd.testing.assert_frame_equal(terms, expected)
    if any_res.bse.notna().all():
        hypothesis = "comp1[age] = comp2[age]"
        assert light.t_test(hypothesis).pvalue == any_res.t_test(hypothesis).pvalue
    pd.testing.assert_frame_equal(light.predict(new), any_res.predict(new), check_exact=True)
    pd.testing.assert_frame_equal(light.tidy(), any_res.tidy())
    pd.testing.assert_frame_equal(light.response_membership, any_res.response_membership)
    assert repr(light) == repr(any_res)
    assert (light.nobs, light.n_units) == (any_res.nobs, any_res.n_units)
    for name in ("df_random", "saturation", "df_resid", "icc"):
        assert getattr(light, name) == getattr(any_res, name)
    if any_res.uncertainty == "marginal":
        pd.testing.assert_frame_equal(light.variance_components(), any_res.variance_components())
        pd.testing.assert_frame_equal(light.profiles_bse, any_res.profiles_bse)


def test_what_needs_the_data_says_so(any_res):
    any_res.remove_data()
    any_res.remove_data()
    light = pickle.loads(pickle.dumps(any_res))
    needs = [
        lambda: light.fittedvalues,
        lambda: light.resid,
        lambda: light.random_effects,
        lambda: light.random_effects_se,
        lambda: light.scores(),
        lambda: light.scores("fixed"),
        lambda: light.unit_clusters(),
        lambda: light.predict(),
        lambda: light.predict(which="blup"),
        lambda: light.with_uncertainty(light.uncertainty),
        lambda: light.model.fit(),
        lambda: light.model.fit("ml"),
        lambda: light.model.endog + 1.0,
        lambda: list(light.model.exog),
        lambda: np.sum(light.model.exog),
        lambda: light.model.design.Y[0],
    ]
    for need in needs:
        with pytest.raises(errors.DataRemovedError, match=r"remove_data\(\) dropped them. Fit"):
            need()


def test_intervals_that_were_computed_with_the_data_stay(res):
    with_it, without = copy.copy(res), copy.copy(res)
    expected = with_it.conf_int(method="studentized")
    with_it.remove_data()
    pd.testing.assert_frame_equal(with_it.conf_int(method="studentized"), expected)
    without.remove_data()
    with pytest.raises(errors.DataRemovedError):
        without.conf_int(method="studentized")


def test_the_data_are_freed(data):
    model = nmfre.NMFRE.from_formula(LEFT + "age", data, rank=1)
    multipliers = np.random.default_rng(0).normal(size=(30, 40))
    res = model.fit("ml", multipliers=multipliers)
    res.t_test("comp1[age] = 0")
    held = {
        "Y": model.design.Y,
        "A": model.design.A,
        "U": res.estimate.U,
        "multipliers": res.inference.options.multipliers,
        "fit": res.fittedvalues,
        "residuals": res.resid,
        "effects": res.random_effects,
        "units": model.design.units,
        "model": model,
    }
    alive = {name: weakref.ref(value) for name, value in held.items()}
    res.remove_data()
    del model, held, multipliers, data
    gc.collect()
    # The fixture keeps the data frame, and so its index, alive.
    assert {name for name, value in alive.items() if value() is not None} <= {"units"}
    assert res.model.design.units.equals(pd.RangeIndex(40))


def test_other_results_and_the_model_keep_their_data(model, tmp_path):
    res, other = model.fit(df_cap=0.21), model.fit("ml")
    endog, expected = model.endog.copy(), other.fittedvalues.copy()
    with pytest.raises(errors.InvalidArgumentError, match="remove_data='no'"):
        res.save(tmp_path / "light.pickle", remove_data="no")
    res.save(tmp_path / "light.pickle", remove_data=True)
    assert res.model is model
    assert res.fittedvalues.shape == (27, 4)
    res.remove_data()
    assert other.model is model
    np.testing.assert_array_equal(model.endog, endog)
    pd.testing.assert_frame_equal(other.fittedvalues, expected)
    model.fit(df_cap=0.21)
    with pytest.raises(errors.DataRemovedError):
        nmfre.load(tmp_path / "light.pickle").predict()
