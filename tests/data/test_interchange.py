"""Labels are matched, never positions, whatever library the labels come from."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix

import nmfre
from nmfre import errors
from nmfre.data.interchange import table

NAMES = ["w8", "w10", "w12", "w14"]
UNITS = [f"u{i}" for i in range(40)]


class Interchange:
    """A frame of a library that narwhals does not know, with the interchange protocol alone."""

    def __init__(self, frame):
        self._frame = frame

    def __dataframe__(self, *args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas gives it up
            return self._frame.__dataframe__(*args, **kwargs)


class Capsule:
    """The same with the Arrow PyCapsule protocol alone."""

    def __init__(self, frame):
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema=None):
        return self._frame.__arrow_c_stream__(requested_schema)


def polars(frame):
    return pytest.importorskip("polars").DataFrame({name: list(frame[name]) for name in frame})


def lazy(frame):
    return polars(frame).lazy()


def arrow(frame):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({name: list(frame[name]) for name in frame})


def batch(frame):
    return arrow(frame).to_batches()[0]


def capsule(frame):
    return Capsule(arrow(frame))


def mapping(frame):
    return {name: list(frame[name]) for name in frame}


def mapping_of_series(frame):
    return {name: frame[name] for name in frame}


LIBRARIES = [Interchange, polars, lazy, arrow, batch, capsule, mapping, mapping_of_series]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"const": 1.0, "x": rng.uniform(1, 3, 40)})
    frame["sex"] = np.array(["m", "f"])[np.arange(40) % 2]
    scores = 20 + 2 * frame["x"] + 3 * (frame["sex"] == "m") + rng.normal(size=40)
    for name, share in zip(NAMES, [0.1, 0.2, 0.3, 0.4], strict=True):
        frame[name] = share * scores + rng.normal(scale=0.2, size=40)
    return frame


@pytest.fixture(scope="module")
def res(frame):
    return nmfre.NMFRE(frame[NAMES], frame[["const", "x"]], rank=1).fit("ml", n_boot=0)


@pytest.fixture(scope="module")
def by_formula(frame):
    formula = " + ".join(NAMES) + " ~ x + sex"
    return nmfre.NMFRE.from_formula(formula, frame, rank=1).fit("ml", n_boot=0)


@pytest.mark.parametrize("library", LIBRARIES)
def test_frames_of_every_library_are_those_of_pandas(library, frame, res, by_formula):
    formula, data = by_formula.model.formula, library(frame)
    model = nmfre.NMFRE.from_formula(formula, data, rank=1)
    assert (model.endog_names, model.exog_names) == (NAMES, ["Intercept", "sex[T.m]", "x"])
    np.testing.assert_array_equal(model.endog, by_formula.model.endog)
    np.testing.assert_array_equal(model.exog, by_formula.model.exog)

    model = nmfre.NMFRE(library(frame[NAMES]), library(frame[["const", "x"]]), rank=1)
    assert (model.endog_names, model.exog_names) == (NAMES, ["const", "x"])
    np.testing.assert_array_equal(model.endog, res.model.endog)
    np.testing.assert_array_equal(model.exog, res.model.exog)

    new = frame[["sex", "x", "const"]].head(2)
    seen = frame[NAMES[::-1]].head(2)
    for fit, columns in ((res, ["x", "const"]), (by_formula, ["sex", "x"])):
        exog = library(new[columns])
        expected = fit.predict(new)
        pd.testing.assert_frame_equal(fit.predict(exog), expected)
        expected = fit.predict(new, endog=seen)
        pd.testing.assert_frame_equal(fit.predict(new, endog=library(seen)), expected)
        predicted = fit.get_prediction(exog, endog=library(seen)).predicted_mean
        pd.testing.assert_frame_equal(predicted, expected)


def test_long_data_of_other_libraries(orthodont):
    options = {"rank": 1, "unit": "subject", "occasion": "age"}
    model = nmfre.NMFRE.from_formula("distance ~ sex", orthodont, **options)
    for library in (polars, arrow, mapping):
        other = nmfre.NMFRE.from_formula("distance ~ sex", library(orthodont), **options)
        np.testing.assert_array_equal(other.endog, model.endog)
        assert list(other.design.units) == list(model.design.units)
        assert (other.endog_names, other.exog_names) == (model.endog_names, model.exog_names)


def test_rows_without_labels_take_those_of_the_other(frame, res):
    labelled = frame.set_axis(UNITS)
    model = nmfre.NMFRE(mapping(frame[NAMES]), labelled[["const", "x"]], rank=1)
    assert list(model.design.units) == UNITS
    new, seen = labelled[["const", "x"]].head(2), labelled[NAMES].head(2)
    expected = res.predict(new, endog=seen)
    pd.testing.assert_frame_equal(res.predict(new, endog=mapping(seen)), expected)
    with pytest.raises(errors.ShapeError, match="indices of endog and exog differ"):
        res.predict(new, endog=mapping_of_series(seen[::-1]))
    crossed = {"w8": seen["w8"], "w10": seen["w10"][::-1]}
    with pytest.raises(errors.ShapeError, match="indices of the entries of data differ"):
        res.predict(new, endog=crossed)


def test_a_series_is_one_unit_or_one_column(frame, res, by_formula):
    row = frame.iloc[3]
    for fit in (res, by_formula):
        expected = fit.predict(frame.iloc[[3]])
        for series in (row, row[::-1], row.drop(NAMES)):
            pd.testing.assert_frame_equal(fit.predict(series), expected)
        unnamed = pd.Series(row[::-1].to_dict())
        np.testing.assert_array_equal(fit.predict(unnamed), expected)
        prediction = fit.get_prediction(row, endog=row[NAMES[::-1]])
        expected = fit.predict(frame.iloc[[3]], endog=frame.iloc[[3]][NAMES])
        pd.testing.assert_frame_equal(prediction.predicted_mean, expected)
    some = frame[["const", "x"]].head(3)
    column = frame["w12"].head(3)
    expected = res.predict(some, endog=column.to_frame())
    pd.testing.assert_frame_equal(res.predict(some, endog=column), expected)
    girl = {"x": 2.0, "sex": "f"}
    np.testing.assert_array_equal(by_formula.predict(girl), by_formula.predict(pd.Series(girl)))
    alone = nmfre.NMFRE(frame[NAMES], frame["x"], rank=1).fit("ml", n_boot=0)
    for new in (frame["x"], frame["x"].rename(None)):
        np.testing.assert_array_equal(alone.predict(new), alone.predict())


@pytest.mark.parametrize(
    ("series", "match"),
    [
        (pd.Series([1.0, 2.0]), "neither a row nor a column: its index is 0, 1 and its name None"),
        (pd.Series({"const": 1.0}), "predict needs a column 'x'"),
        (pd.Series([1.0, 2.0], name="x"), "predict needs a column 'const'"),
        (pd.Series({"const": 1.0, "x": 2.0, "w8": 3.0}, name="x"), "one row or one column"),
    ],
)
def test_a_series_that_does_not_tell(series, match, res):
    with pytest.raises((errors.ShapeError, errors.MissingColumnError), match=match):
        res.predict(series)


def test_columns_that_are_numbers_are_labels_too(frame):
    exog = pd.DataFrame(frame[["const", "x"]].to_numpy())
    endog = pd.DataFrame(frame[NAMES].to_numpy())
    fit = nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0)
    row = exog.iloc[0]  # it is named 0, and so is a column
    expected = fit.predict(exog.iloc[[0]])
    pd.testing.assert_frame_equal(fit.predict(row[::-1]), expected)
    with pytest.raises(errors.ShapeError, match="one row or one column"):
        fit.predict(exog[0])
    with pytest.raises(errors.ShapeError, match="one row or one column"):
        fit.predict(exog.iloc[[1]], endog=pd.Series([3.0], index=[1], name=0))


def test_sparse_rows_are_observed(frame):
    counts = csr_matrix(np.random.default_rng(1).poisson(2, (60, 5)))
    fit = nmfre.NMFRE(counts, rank=1).fit("ml", n_boot=0)
    ones = np.ones((2, 1))
    expected = fit.predict(ones, endog=counts[:2].toarray())
    for rows in (counts[:2], csr_array(counts[:2]).tocoo()):
        pd.testing.assert_frame_equal(fit.predict(ones, endog=rows), expected)
    with pytest.raises(errors.ShapeError, match=r"endog has shape \(3, 5\)"):
        fit.predict(ones, endog=counts[:3])


def test_mappings_that_are_no_columns(frame):
    block = {"Y": frame[NAMES].to_numpy(), "x": frame["x"]}
    assert nmfre.NMFRE.from_formula("Y ~ x", block, rank=1).exog_names == ["Intercept", "x"]
    with pytest.raises(errors.ShapeError, match="entry 'Y' has 2 axes"):
        nmfre.NMFRE(block, rank=1)
    with pytest.raises(errors.ShapeError, match=r"lengths \[2, 3\]"):
        nmfre.NMFRE({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}, rank=1)


def test_a_frame_that_cannot_be_read_says_so():
    class Broken:
        def __dataframe__(self, *args, **kwargs):
            raise NotImplementedError("no columns here")

    with pytest.raises(errors.DataError, match=r"a Broken cannot be read .*pandas DataFrame"):
        nmfre.NMFRE(Broken(), rank=1)


def test_nothing_is_converted_that_numpy_knows(frame):
    for data in (frame, frame["sex"], frame.assign(sex=frame["sex"].astype("category"))):
        assert table(data) is data
    array = frame[NAMES].to_numpy()
    assert table(array) is array


def test_categories_of_other_libraries_keep_their_order():
    pl = pytest.importorskip("polars")
    sizes = pl.Series(["mid", "low", "high"], dtype=pl.Enum(["low", "mid", "high"]))
    names = pl.Series(["mid", "low", "high"], dtype=pl.Categorical)
    converted = table(pl.DataFrame({"sizes": sizes, "names": names}))
    assert list(converted["sizes"].cat.categories) == ["low", "mid", "high"]
    assert list(converted["names"].cat.categories) == ["high", "low", "mid"]
    frame = pd.DataFrame({"sizes": pd.Categorical(["mid", "low"], ["low", "mid", "high"])})
    pa = pytest.importorskip("pyarrow")
    arrow = pa.Table.from_pandas(frame)
    pd.testing.assert_frame_equal(table(arrow), frame)
    backed = arrow.to_pandas(types_mapper=pd.ArrowDtype)
    assert list(table(backed)["sizes"].cat.categories) == ["low", "mid", "high"]
