"""Options of the estimators, and which of them belongs to whom."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

import nmfre
from nmfre import errors
from nmfre.estimators import ESTIMATORS, NEUTRAL, DfCap, MaximumLikelihood, estimator_of


@pytest.fixture(scope="module")
def model():
    endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
    return nmfre.NMFRE(endog, rank=1)


def test_defaults_are_those_of_the_method(model):
    assert estimator_of("df-cap", df_cap="default") == DfCap() == DfCap(df_cap=0.10)
    assert estimator_of("ml", df_cap="default", n_starts=None) == MaximumLikelihood(df_cap=None)
    assert model.fit("ml", n_boot=0).estimator == MaximumLikelihood()
    assert model.fit("ml", n_boot=0, df_cap=0.10).estimator.df_cap == 0.10
    assert [MaximumLikelihood(signed=s).alternative for s in (False, True)] == [
        "larger",
        "two-sided",
    ]


@pytest.mark.parametrize("method", ESTIMATORS)
def test_what_means_nothing_to_an_estimator_may_be_given(method):
    own = {field.name for field in fields(ESTIMATORS[method])}
    assert estimator_of(method, **NEUTRAL) == estimator_of(
        method, **{name: value for name, value in NEUTRAL.items() if name in own}
    )


@pytest.mark.parametrize(
    ("method", "option", "message"),
    [
        ("df-cap", {"signed": True}, "False with df-cap; it belongs to method='ml'"),
        ("df-cap", {"n_starts": 5}, "1 with df-cap; it belongs to method='ml'"),
        ("ml", {"update_tau2": False}, "True with ml; it belongs to method='df-cap'"),
        ("ml", {"start_theta": np.ones((1, 1))}, "None with ml; it belongs to method='df-cap'"),
    ],
)
def test_an_option_of_another_method_names_its_owner(model, method, option, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        model.fit(method, **option)


@pytest.mark.parametrize(
    ("estimator", "wrong"),
    [
        (DfCap, {"df_cap": 1.5}),
        (DfCap, {"df_cap": "default"}),
        (DfCap, {"update_tau2": None}),
        (MaximumLikelihood, {"df_cap": "auto"}),
        (MaximumLikelihood, {"n_starts": 0}),
        (MaximumLikelihood, {"signed": 1}),
        (MaximumLikelihood, {"tol": -1.0}),
    ],
)
def test_options_are_checked_where_an_estimator_is_made(estimator, wrong):
    (name,) = wrong
    with pytest.raises(errors.InvalidArgumentError, match=f"{name}="):
        estimator(**wrong)


def test_estimators_are_frozen_and_travel():
    estimator = DfCap(df_cap=nmfre.Cap(absolute=3.0), tol=1e-6)
    with pytest.raises(FrozenInstanceError):
        estimator.tol = 1e-8
    for other in (copy.deepcopy(estimator), pickle.loads(pickle.dumps(estimator))):
        assert other == estimator
