"""Formulas over wide and long data: what they mean, and what is said of those that fail."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from forms import long_model
from hypothesis import given, settings
from hypothesis import strategies as st

import nmfre
from nmfre import errors


def test_long_data_in_any_order(model, orthodont):
    shuffled = orthodont.sample(frac=1, random_state=1)
    other = long_model(shuffled)
    assert other.endog_names == [8, 10, 12, 14]
    assert list(other.design.units) == list(shuffled["subject"].unique())
    a, b = model.fit(df_cap=0.21), other.fit(df_cap=0.21)
    np.testing.assert_allclose(a.theta, b.theta, rtol=1e-8)
    pd.testing.assert_frame_equal(
        a.random_effects, b.random_effects.loc[a.random_effects.index], rtol=1e-6
    )


def test_occasions_without_an_order_keep_their_first_rows(orthodont):
    named = orthodont.assign(age=orthodont["age"].map({8: "z", 10: "b", 12: "a", 14: "c"}))
    assert long_model(named).endog_names == ["z", "b", "a", "c"]
    ordered = named.assign(age=pd.Categorical(named["age"], list("abcz"), ordered=True))
    assert long_model(ordered).endog_names == list("abcz")


@pytest.mark.parametrize(
    "occasions",
    [
        pd.period_range("2020", periods=4, freq="Y"),
        pd.to_timedelta([1, 2, 3, 4], "D"),
        [datetime.date(2020, month, 1) for month in (1, 2, 3, 4)],
        pd.date_range("2020-01-01", periods=4, tz="UTC"),
        pd.Index([1, 2.5, 3, 4], dtype=object),
    ],
    ids=["period", "timedelta", "date", "datetime", "object"],
)
def test_occasions_with_an_order_are_sorted(orthodont, occasions):
    dated = orthodont.assign(
        age=orthodont["age"].map(dict(zip((8, 10, 12, 14), occasions, strict=True)))
    )
    assert long_model(dated.iloc[::-1]).endog_names == list(occasions)


def test_wide_unit_column_labels_the_units(simulated):
    frame = simulated.assign(person=[f"p{i}" for i in range(40)])
    model = nmfre.NMFRE.from_formula("y1 + y2 ~ age", frame, rank=1, unit="person")
    assert model.fit("ml").random_effects.index[3] == "p3"


def test_thousands_of_columns_on_the_left():
    """Guards against patsy's limit of recursion."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.random((20, 2000)), columns=[f"w{j}" for j in range(2000)])
    frame["x"] = rng.random(20)
    formula = " + ".join(frame.columns[:-1]) + " ~ x"
    assert nmfre.NMFRE.from_formula(formula, frame, rank=2).endog.shape == (20, 2000)


def test_one_response_stays_two_dimensional(simulated):
    """Guards against what statsmodels squeezes to one axis."""
    with pytest.warns(errors.SingleResponseWarning):
        model = nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1)
    assert model.endog.shape == (40, 1)
    assert model.endog_names == ["y1"]
    assert model.fit(start_sigma2=20.0).fittedvalues.shape == (40, 1)
    assert nmfre.NMFRE(simulated["y1"], rank=1).endog_names == ["y1"]
    with pytest.warns(errors.SingleResponseWarning):
        alone = nmfre.NMFRE.from_formula("~ age", simulated, rank=1, endog="y1")
    assert alone.endog_names == ["y1"]


def test_data_without_rows(simulated, orthodont):
    with pytest.raises(errors.ShapeError, match=r"the data have no rows\. Pass"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", simulated.iloc[:0], rank=1)
    with pytest.raises(errors.ShapeError, match=r"the data have no rows\. Pass"):
        long_model(orthodont.iloc[:0])


@pytest.mark.parametrize(
    ("formula", "match"),
    [
        ("y1*y2 ~ age", r"'\*' cannot stand on the left"),
        ("y1 - y2 ~ age", "'-' cannot stand on the left"),
        ("y1:y2 ~ age", "':' cannot stand on the left"),
        ("1 + y2 ~ age", "cannot stand on the left"),
        ("y1 + y2 ~ ag", "'ag' is not defined(.|\n)*The data have: y1, y2"),
        ("y1 + z ~ age", "'z' is not defined.\nThe data have: y1"),
        ("y1 + y2 ~ (age", r"Unmatched '\('"),
        ("y1 + y2 ~ 0", "has no covariates"),
        ("~ age", "has no responses"),
        ("y1 + y2 ~ age ~ group", "formula"),
        ("names['x'] + y2 ~ age", r"failed \(KeyError\('x'\)\).\nThe data have: y1"),
        ("Q(names['x']) + y2 ~ age", r"failed \(KeyError\('x'\)\).\nThe data have: y1"),
        ("y1 + y2 ~ Q(names['x'])", r"failed \(KeyError\('x'\)\).\nThe data have: y1"),
        ("y1 y2 ~ age", "'y1 y2' is not valid Python"),
        ("y1 + y2 ~ age group", "'age group' is not valid Python"),
        ("item 1 + y2 ~ age", r"write Q\(\"item 1\"\)"),
        ("y1 + y2 ~ item 1", r"write Q\(\"item 1\"\)"),
        ("y1 + y2 ~ age + (1 | group)", r"\(1 \| group\) is a random-effects term"),
        (None, "must be a string"),
    ],
)
def test_formulas_that_cannot_be_used(simulated, formula, match):
    names = {}
    assert not names
    with pytest.raises(errors.FormulaError, match=match):
        nmfre.NMFRE.from_formula(formula, simulated, rank=1)


def test_arguments_of_from_formula(simulated, orthodont):
    with pytest.raises(
        errors.FormulaError, match=r"has responses on the left; leave|leave endog out"
    ):
        nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1, endog=["y2"])
    with pytest.raises(
        errors.MissingColumnError,
        match=r"endog needs a column 'y9', which the data do not have\. They have: y1",
    ):
        nmfre.NMFRE.from_formula("~ age", simulated, rank=1, endog=["y9"])
    with pytest.raises(
        errors.InvalidArgumentError, match=r"endog=\[\] is invalid: .* at least one column"
    ):
        nmfre.NMFRE.from_formula("~ age", simulated, rank=1, endog=[])
    with pytest.raises(errors.MissingColumnError, match="unit needs a column 'person'"):
        nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1, unit="person")
    for unit in (["group"], simulated["group"]):
        with pytest.raises(
            errors.InvalidArgumentError, match=r"unit=.* must be the label of one column"
        ):
            nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1, unit=unit)
    with pytest.raises(errors.InvalidArgumentError, match="unit=None is invalid"):
        nmfre.NMFRE.from_formula("distance ~ sex", orthodont, rank=1, occasion="age")
    with pytest.raises(errors.FormulaError, match="take one response column"):
        long_model(orthodont.assign(d2=1.0), "distance + d2 ~ sex")
    with pytest.raises(
        errors.UnknownArgumentError, match="unknown argument 'occassion'; did you mean 'occas"
    ):
        nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1, occassion="age")


@settings(deadline=None)  # a busy machine is no fault
@given(st.permutations(range(27)))
def test_labels_follow_the_units(order):
    orthodont = nmfre.datasets.load_orthodont()
    labels = orthodont["subject"].unique()
    position = {labels[unit]: place for place, unit in enumerate(order)}
    shuffled = orthodont.sort_values(
        "subject", key=lambda column: column.map(position), kind="stable"
    )
    design = long_model(shuffled).design
    assert list(design.units) == [labels[unit] for unit in order]
    rows = orthodont[orthodont["subject"] == labels[order[4]]]
    np.testing.assert_array_equal(design.Y[:, 4], rows["distance"])


def test_long_data_without_their_unit_and_occasion_are_told(orthodont):
    with pytest.warns(errors.SingleResponseWarning, match="pass unit= and occasion=") as caught:
        nmfre.NMFRE.from_formula("distance ~ sex", orthodont, rank=1)
    assert caught[0].filename == __file__
