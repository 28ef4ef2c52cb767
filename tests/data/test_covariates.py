"""Covariates of a right-hand side: names, and what formulas reach."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors


def test_levels_may_be_named_like_columns(simulated):
    frame = simulated.assign(
        group=simulated["group"].replace("a", "height"),
        height=np.where(simulated.index == 3, np.nan, 1.0),
    )
    frame["my x"] = frame["age"]
    model = nmfre.NMFRE.from_formula(
        "y1 + y2 ~ C(group, Treatment('height')) + Q('my x')", frame, rank=1
    )
    assert model.exog_names[-1] == "Q('my x')"
    frame.loc[5, "my x"] = np.nan
    with pytest.raises(errors.NonFiniteError, match="Covariate 'my x' is missing at unit 5"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ Q('my x')", frame, rank=1)


def test_formulas_of_the_right_hand_side(simulated):
    def names(formula):
        return nmfre.NMFRE.from_formula(formula, simulated, rank=2).exog_names

    assert names("y1 + y2 ~ age + group") == ["Intercept", "group[T.b]", "group[T.c]", "age"]
    assert names("y1 + y2 ~ age - 1") == ["age"]
    assert names("y1 + y2 ~ 1") == ["Intercept"]
    assert names("y1 + y2 ~ age:group - 1")[0] == "age:group[a]"
    assert names("y1 + Q('y2') ~ np.sqrt(age)") == ["Intercept", "np.sqrt(age)"]


def test_local_functions_are_found(simulated):
    """Guards against a frame of ours between the formula and the caller's functions."""

    def squared(x):
        return x**2

    model = nmfre.NMFRE.from_formula("y1 + y2 ~ squared(age)", simulated, rank=1)
    np.testing.assert_allclose(model.exog[:, 1], simulated["age"] ** 2)


def test_levels_without_units(simulated):
    frame = simulated.assign(
        g=pd.Categorical(simulated["group"].replace("b", "c"), list("abc")), k="a", b=True
    )

    def names(right):
        return nmfre.NMFRE.from_formula(f"y1 + y2 ~ {right}", frame, rank=1).exog_names

    for right in ("g", "C(g)", "age + g", "age:g"):
        with pytest.raises(
            errors.ZeroCovariateError, match=r"g\)?\[b\]' .* no unit has .*remove_unused_categ"
        ):
            names(right)
    for right in ("k", "C(k)", "age * k"):
        with pytest.raises(
            errors.FormulaError, match=r"every unit has the level 'a' of '(C\()?k\)?', .* effect"
        ):
            names(right)
    with pytest.raises(errors.FormulaError, match=r"the level True of 'b', .* leave it out"):
        names("b")
    assert names("0 + k") == ["k[a]"]
    assert names("age:k") == ["Intercept", "age:k[a]"]
    assert names("0 + k + age:k") == ["k[a]", "age:k[a]"]
    assert len(names("C(g, [[0.0], [1.0], [2.0]])")) == 2
