"""Covariates of every dtype, their levels, and new data that spell the same levels otherwise."""

from __future__ import annotations

import datetime
import decimal
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors

LEFT = "y1 + y2 + y3 ~ "
DAYS = pd.to_datetime(["2020-01-01", "2020-02-01", "2020-05-01"])


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.uniform(1, 3, 60), "grp": list("bca") * 20})
    frame["flag"] = rng.random(60) < 0.5
    frame["k"] = [2, 3, 1] * 20
    score = 20 + 2 * frame["x"] + 3 * (frame["grp"] == "b") + 1.5 * frame["flag"]
    for j, share in enumerate([0.2, 0.3, 0.5]):
        frame[f"y{j + 1}"] = share * (score + rng.normal(size=60))
    return frame


def model(frame, right):
    return nmfre.NMFRE.from_formula(LEFT + right, frame, rank=1)


def fit(frame, right):
    return model(frame, right).fit("ml", n_boot=0, n_starts=1)


def dtypes(frame):
    """Covariates by a dtype that only pandas or Arrow knows, and by one of NumPy."""
    yield frame["flag"].astype("boolean"), frame["flag"]
    yield frame["flag"].astype(object), frame["flag"]
    yield frame["k"].astype("Int64"), frame["k"]
    yield frame["k"].astype(object), frame["k"]
    yield frame["x"].astype("Float64"), frame["x"]
    yield frame["x"].astype(object), frame["x"]
    yield frame["x"].astype("Sparse[float]"), frame["x"]
    yield frame["k"].map(decimal.Decimal), frame["k"] * 1.0
    yield frame["grp"].astype("string"), frame["grp"]
    yield frame["k"].astype("Int64").astype("category"), frame["k"].astype("category")
    try:
        import pyarrow as pa
    except ImportError:
        return
    arrow = {
        "x": pa.float64(),
        "k": pa.int8(),
        "flag": pa.bool_(),
        "grp": pa.large_string(),
    }
    for name, dtype in arrow.items():
        yield frame[name].astype(pd.ArrowDtype(dtype)), frame[name]
    yield frame["k"].astype(pd.ArrowDtype(pa.decimal128(25, 2))), frame["k"] * 1.0
    category = frame["grp"].astype(pd.CategoricalDtype(["c", "b", "a"]))
    dictionary = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    yield category.astype(dictionary), category


@pytest.mark.parametrize("right", ["v", "C(v)", "0 + v"])
def test_dtypes_of_pandas_and_arrow_are_those_of_numpy(frame, right):
    for v, plain in dtypes(frame):
        if right == "C(v)" and plain.nunique() > 3:
            continue
        one, other = (model(frame.assign(v=column), right) for column in (v, plain))
        assert one.exog_names == other.exog_names, v.dtype
        np.testing.assert_array_equal(one.exog, other.exog)


def test_a_whole_frame_of_nullable_dtypes(frame):
    expected = model(frame, "x + grp + flag")
    backends = ["numpy_nullable"]
    try:
        import pyarrow  # noqa: F401

        backends.append("pyarrow")
    except ImportError:
        pass
    for backend in backends:
        other = model(frame.convert_dtypes(dtype_backend=backend), "x + grp + flag")
        assert other.exog_names == expected.exog_names
        np.testing.assert_array_equal(other.exog, expected.exog)
        np.testing.assert_array_equal(other.endog, expected.endog)


def times():
    yield DAYS, ["2020-01-01", "2020-02-01", "2020-05-01"]
    yield DAYS.tz_localize("UTC"), [f"{day.date()} 00:00:00+00:00" for day in DAYS]
    yield DAYS.to_period("M"), ["2020-01", "2020-02", "2020-05"]
    yield [day.date() for day in DAYS], ["2020-01-01", "2020-02-01", "2020-05-01"]
    yield [datetime.time(hour) for hour in (1, 2, 3)], ["01:00:00", "02:00:00", "03:00:00"]
    yield DAYS + pd.Timedelta("9h"), [f"{day.date()} 09:00:00" for day in DAYS]


@pytest.mark.parametrize(("values", "printed"), list(times()), ids=lambda value: str(value[0]))
def test_times_are_levels_that_print_plainly(frame, values, printed):
    dated = frame.assign(v=[values[k - 1] for k in frame["k"]])
    with pytest.warns(errors.LevelsWarning, match=r"levels of 'v' are dates or times.*write C\(v"):
        names = model(dated, "v").exog_names
    assert names == ["Intercept", *(f"v[T.{level}]" for level in printed[1:])]
    res = fit(dated, "C(v)")
    assert res.model.exog_names == [name.replace("v[", "C(v)[") for name in names]
    new = dated.iloc[[2, 0]]
    expected = fit(frame, "C(k)").predict(new)
    np.testing.assert_allclose(res.predict(new), expected, rtol=1e-6)
    np.testing.assert_allclose(res.predict({"v": [printed[0], printed[1]]}), expected, rtol=1e-6)


def test_levels_of_every_kind_print_plainly(frame):
    def names(right):
        return model(frame, right).exog_names[1:]

    assert names("C(k)") == ["C(k)[T.2]", "C(k)[T.3]"]
    assert names("C(np.floor(k / 2))") == ["C(np.floor(k / 2))[T.1.0]"]
    assert names("C(k, levels=[3, 1, 2])")[0] == "C(k, levels=[3, 1, 2])[T.1]"
    assert names("C(k.astype('Int64'), Sum)")[0] == "C(k.astype('Int64'), Sum)[S.1]"
    assert names("pd.cut(x, [1, 2, 3])") == ["pd.cut(x, [1, 2, 3])[T.(2, 3]]"]
    bins = frame.assign(v=pd.arrays.IntervalArray(pd.cut(frame["k"], [0, 1, 2, 10])))
    assert model(bins, "v").exog_names[1:] == ["v[T.(1, 2]]", "v[T.(2, 10]]"]
    assert names("flag:k")[0] == "flag[False]:k"


def spellings(grp):
    yield grp.astype(object)
    yield grp.astype("category")
    yield pd.Series(pd.Categorical(grp, categories=list("cab")), index=grp.index)
    yield pd.Series(pd.Categorical(grp, categories=list("zabc")), index=grp.index)
    yield grp.astype("string")


@pytest.mark.parametrize(
    "right", ["grp", "C(grp)", "C(grp, Sum)", "x:grp", "C(grp, levels=list('cab'))"]
)
@pytest.mark.parametrize("fitted", ["object", "category"])
def test_levels_of_new_data_are_matched_by_value(frame, right, fitted):
    res = fit(frame.assign(grp=frame["grp"].astype(fitted)), right)
    some = frame[frame["grp"] != "b"].head(4)
    expected = res.model.design.A[:, some.index]
    for loaded in (res, pickle.loads(pickle.dumps(res))):
        for grp in spellings(some["grp"]):
            new = some.assign(grp=grp)
            np.testing.assert_array_equal(loaded.model.design.covariates_of(new)[0], expected)
        np.testing.assert_allclose(loaded.predict(new), res.predict().loc[some.index])
        with pytest.raises(errors.UnseenLevelError, match=r"level 'z', which .* Known levels: "):
            loaded.predict(some.assign(grp=pd.Categorical(["a", "c", "z", "a"])))
    missing = some.assign(grp=["a", None, "c", "a"])
    with pytest.raises(errors.NonFiniteError, match="'grp' is missing"):
        res.predict(missing)


def test_zeros_and_ones_are_false_and_true(frame):
    bits = frame.assign(flag=frame["flag"].astype(int))
    some, some_bits = frame.head(5), bits.head(5)
    for fitted, right in [(frame, "flag"), (bits, "flag"), (bits, "C(flag)"), (frame, "flag:x")]:
        res = fit(fitted, right)
        expected = res.predict().head(5)
        for new in (some, some_bits, some_bits.assign(flag=some_bits["flag"] * 1.0)):
            pd.testing.assert_frame_equal(res.predict(new), expected)
        with pytest.raises((errors.UnseenLevelError, errors.NonNumericError)):
            res.predict(some.assign(flag="yes"))


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        (lambda frame: frame["x"].astype(complex), "real part"),
        (lambda frame: pd.to_timedelta(frame["x"], unit="D"), r"divide it by pd.Timedelta\('1D'\)"),
    ],
)
def test_numbers_that_are_not_real(frame, values, remedy):
    with pytest.raises(errors.NonNumericError, match=rf"covariate 'v' is not numeric.*{remedy}"):
        model(frame.assign(v=values(frame)), "v")


def test_text_that_should_be_numbers_is_told(frame):
    text = frame.assign(v=["1", "2", "3.5", ".", "1e3", "-6"] * 10)
    with pytest.warns(
        errors.LevelsWarning, match=r"6 levels of 'v' .*\(but '.' does not\)"
    ) as told:
        names = nmfre.NMFRE.from_formula(LEFT + "v", text, rank=1).exog_names
    assert told[0].filename == __file__
    assert len(names) == 6
    dated = frame.assign(v=["1/2/2020", "2020-03-01 12:00", "3.4.20"] * 20)
    with pytest.warns(errors.LevelsWarning, match="are dates or times"):
        model(dated, "x + v")
    for data in (text, dated):
        assert len(model(data, "C(v)").exog_names) > 2  # as asked for
        model(data.assign(v=data["v"].astype("category")), "v")
    ages = frame.assign(v=["18-25", "26-40", "41+"] * 20)
    assert model(ages, "v").exog_names[1] == "v[T.26-40]"


def test_nearly_as_many_levels_as_units(frame):
    rare = frame.assign(v=[f"p{i}" for i in range(31)] + ["p0"] * 29)
    with pytest.warns(errors.LevelsWarning, match="'v' has 31 levels for 60 units"):
        model(rare, "v")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(rare, "C(v)")
        model(frame.assign(v=[f"p{i % 30}" for i in range(60)]), "v")


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (pd.date_range("2020", periods=60), "60 levels of 'v' are dates or times"),
        ([f"{i}.5" for i in range(60)], "60 levels of 'v' look like numbers"),
        ([f"person {i}" for i in range(60)], "'v' has 60 levels for 60 units"),
    ],
)
def test_too_few_units_for_the_levels_of_a_column(frame, values, what):
    with pytest.raises(
        errors.TooFewUnitsError,
        match=rf"too few for 60 covariates: at least 61 are needed. .*{what}",
    ):
        model(frame.assign(v=values), "v")
