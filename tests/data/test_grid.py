"""Covariates of units that do not exist."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors
from nmfre.data.grid import Variables


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    n = 30
    frame = pd.DataFrame(rng.uniform(1, 2, size=(n, 2)), columns=["y1", "y2"])
    frame["age"] = rng.uniform(8, 14, n).round(1)
    frame["group"] = np.resize(["b", "a", "c"], n)
    frame["girl"] = np.resize([1, 0], n)
    frame["school"] = pd.Categorical(rng.choice(["s2", "s1"], n), ["s2", "s1", "none"])
    frame["code"] = rng.integers(1, 4, n)
    return frame


def variables(data, right):
    return Variables(nmfre.NMFRE.from_formula(f"y1 + y2 ~ {right}", data, rank=1).design)


def test_levels(data):
    right = "age + group + girl + C(school, levels=['s2', 's1']) + C(code) + I(age > 10)"
    found = variables(data, right)
    assert found.levels == {
        "age": None,
        "group": ("a", "b", "c"),
        "girl": (0, 1),
        "school": ("s2", "s1"),
        "code": (1, 2, 3),
    }
    assert {name for name in found.levels if found.is_number(name)} == {"age", "girl"}


def test_units_of_the_data_have_the_covariates_of_the_fit(data):
    model = nmfre.NMFRE.from_formula("y1 + y2 ~ center(age) * group + C(code)", data, rank=1)
    found = Variables(model.design)
    np.testing.assert_allclose(found.covariates(found.rows), model.design.A)


def test_balanced_grid(data):
    found = variables(data, "age + group + girl")  # Intercept, group[T.b], group[T.c], age, girl
    cells = dict(found.means(["group"], {}, "balanced"))
    assert list(cells) == [("a",), ("b",), ("c",)]
    cell = cells["b",]
    mean = data["age"].mean()
    np.testing.assert_allclose(cell.A.T, [[1, 1, 0, mean, 0], [1, 1, 0, mean, 1]])
    np.testing.assert_allclose(cell.weights, 0.5)
    given = dict(found.means(["age"], {"age": (9, 12), "girl": (1,), "group": ("a",)}, "balanced"))
    np.testing.assert_allclose(given[12,].A.T, [[1, 0, 0, 12, 1]])


def test_grid_of_the_data(data):
    found = variables(data, "age + group + girl")
    cells = dict(found.means(["group"], {"girl": (0, 1)}, "data"))
    A = cells["c",].A
    assert A.shape == (5, 60)
    np.testing.assert_allclose(A[[1, 2]], np.repeat([[0.0], [1.0]], 60, axis=1))
    np.testing.assert_allclose(A[3, ::2], data["age"])
    np.testing.assert_allclose(A[4], np.resize([0.0, 1.0], 60))
    [(values, cell)] = found.means([], {}, "data")
    assert values == ()
    np.testing.assert_allclose(cell.A, found.design.A)


def test_slopes_are_derivatives(data):
    found = variables(data, "I(age**2) + np.log(age) + age:girl + girl")
    x, girl = data["age"].to_numpy(), data["girl"].to_numpy()
    [(_, cell)] = found.slopes("age", [], {}, "data")
    names = list(found.design.covariates)
    slope = dict(zip(names, cell.A @ cell.weights, strict=True))
    assert slope["Intercept"] == pytest.approx(0.0, abs=1e-9)
    # At the ends of the range differences are one-sided.
    assert slope["I(age ** 2)"] == pytest.approx(2 * x.mean(), rel=1e-6)
    assert slope["np.log(age)"] == pytest.approx((1 / x).mean(), rel=1e-6)
    assert slope["age:girl"] == pytest.approx(girl.mean())
    by_girl = dict(found.slopes("age", ["girl"], {"age": (10.0,)}, "balanced"))
    np.testing.assert_allclose(
        dict(zip(names, by_girl[1,].A @ by_girl[1,].weights, strict=True))["I(age ** 2)"], 20.0
    )


def test_slopes_of_splines_stay_within_their_range(data):
    found = variables(data, "bs(age, df=4)")
    [(_, cell)] = found.slopes("age", [], {}, "data")
    B = found.design.A
    total = np.linspace(*found.span("age"), 200_001)
    curve = found.covariates(pd.DataFrame({"age": total}))
    slopes = np.gradient(curve, total, axis=1)
    at = np.array([np.interp(data["age"], total, row) for row in slopes])
    assert B.shape == at.shape
    np.testing.assert_allclose(cell.A @ cell.weights, at.mean(axis=1), atol=1e-5)


def test_columns_of_arrays_are_variables(data):
    exog = data[["age", "girl"]].assign(const=1.0)
    found = Variables(nmfre.NMFRE(data[["y1", "y2"]], exog, rank=1).design)
    assert found.levels == {"age": None, "girl": (0.0, 1.0), "const": (1.0,)}
    cells = dict(found.means(["girl"], {}, "balanced"))
    np.testing.assert_allclose(cells[1.0,].A.T, [[data["age"].mean(), 1.0, 1.0]])
    numbered = Variables(nmfre.NMFRE(data[["y1", "y2"]], exog.to_numpy(), rank=1).design)
    assert numbered.name("variables", "x2") == "x2"


def test_arrays_beside_the_data_are_variables(data):
    weight = np.linspace(20.0, 40.0, len(data))
    model = nmfre.NMFRE.from_formula("y1 + y2 ~ age + weight", data, rank=1)
    found = Variables(model.design)
    assert found.mean("weight") == (pytest.approx(weight.mean()),)
    [(_, cell)] = found.means([], {}, "balanced")
    np.testing.assert_allclose(cell.A[:, 0], [1.0, data["age"].mean(), 30.0])


def test_what_is_not_there_is_named(data):
    found = variables(data, "age + group")
    with pytest.raises(errors.InvalidArgumentError, match=r"variable of the model \('age', 'gr"):
        found.name("over", "sex")
    with pytest.raises(errors.InvalidArgumentError, match="different variables"):
        found.names("over", ["age", "age"])
    for at in (["age"], {"age": []}, {"age": [8, 8]}, {"sex": 1}):
        with pytest.raises(errors.InvalidArgumentError, match="at="):
            found.values_at(at)
    with pytest.raises(errors.UnseenLevelError, match="Known levels: a, b, c"):
        list(found.means(["group"], {"group": ("d",)}, "balanced"))


def test_terms_that_depend_on_all_rows_have_no_grid(data):
    with pytest.warns(errors.StatelessTermWarning):
        found = variables(data, "I(age - np.mean(age)) + group")
    with pytest.raises(errors.NotComputedError, match=r"np.mean\(age\).*center"):
        list(found.means(["group"], {}, "balanced"))


def test_grids_have_a_largest_size():
    rng = np.random.default_rng(0)
    exog = rng.integers(0, 2, size=(60, 17)).astype(float)
    model = nmfre.NMFRE(rng.uniform(1, 2, size=(60, 2)), exog, rank=1)
    with pytest.raises(errors.InvalidArgumentError, match="131,072 combinations"):
        list(Variables(model.design).means([], {}, "balanced"))
