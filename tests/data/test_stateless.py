"""Terms that depend on all rows of the data are told, and no others."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import patsy
import pytest

import nmfre
from nmfre import errors
from nmfre.data.stateless import stateless_terms

model = partial(nmfre.NMFRE.from_formula, rank=1)
KNOWN = {"a": 0.5, "b": 1.5, "c": 2.0}


class _Halved:
    """A stateful transform of the user's: the distance from the largest value of the fit."""

    def __init__(self):
        self.largest = -np.inf

    def memorize_chunk(self, x):
        self.largest = max(self.largest, np.max(x))

    def memorize_finish(self):
        pass

    def transform(self, x):
        return self.largest - x


from_largest = patsy.stateful_transform(_Halved)


def data(n, order):
    """Units in random order, sorted, or of a balanced experiment."""
    rng = np.random.default_rng(n)
    x = rng.gamma(2.0, size=n) + 0.1
    if order == "sorted":
        x = np.sort(x)
    elif order == "balanced":
        x = np.tile([1.0, 2.0, 3.0], n)[:n]
    g = np.tile(list("abc"), n)[:n] if order == "balanced" else rng.choice(list("abc"), n)
    frame = pd.DataFrame({"x": x, "z": rng.normal(size=n), "g": g})
    frame["single"] = frame["x"].astype("float32")
    frame["year"] = 1990 + np.arange(n) % 30
    frame["pair"] = np.arange(n) // 2
    frame["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(frame["year"], "D")
    return frame.join(pd.DataFrame(rng.random((n, 3)), columns=["y1", "y2", "y3"]))


@pytest.mark.parametrize("order", ["random", "sorted", "balanced"])
@pytest.mark.parametrize("n", [30, 5000])
@pytest.mark.parametrize(
    "term",
    [
        "I(x - np.mean(x))",
        "I((x - x.mean()) ** 2)",
        "I(x / x.max())",
        "I(x - x.min())",
        "stats.zscore(x)",
        "x.rank()",
        "np.argsort(np.argsort(x))",
        "pd.qcut(x, 3, labels=False, duplicates='drop')",
        "C(pd.qcut(x, 3, labels=False, duplicates='drop'))",
        "pd.cut(x, 3)",
        "(x > np.mean(x))",
        "z.groupby(g).transform('mean')",
        "z.groupby(pair).transform('mean')",
        "z.cumsum()",
        "z.shift(1, fill_value=0.0)",
        "center(z - z.mean())",
        "year - year.min()",
        "(day - day.min()).dt.days",
        "np.random.default_rng().normal(size=len(x))",
        "closed_over(x)",
    ],
)
def test_terms_that_depend_on_all_rows_warn(term, n, order):
    from scipy import stats

    frame = data(n, order)
    weights = frame["z"].to_numpy()

    def closed_over(x):
        return x * weights

    assert stats
    assert closed_over
    with pytest.warns(errors.StatelessTermWarning, match="center") as caught:
        model(f"y1 + y2 + y3 ~ I({term})" if term[0] in "y(" else f"y1 + y2 + y3 ~ {term}", frame)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("order", ["random", "sorted", "balanced"])
@pytest.mark.parametrize("n", [30, 5000])
def test_terms_of_single_rows_and_those_that_remember_do_not_warn(n, order):
    frame = data(n, order)
    beside, block = np.sqrt(frame["x"].to_numpy()), frame[["x", "z"]].to_numpy()
    assert len(beside) == len(block)
    for term in (
        "x + g + single",
        "center(x) + standardize(z)",
        "scale(x) * g",
        "from_largest(x)",
        "bs(z, df=4)",
        "cr(z, df=4)",
        "cc(z, df=4)",
        "te(cr(x, df=3), cr(z, df=3))",
        "bs(center(z), df=4)",
        "center(np.log(x)) : g",
        "C(g) + C(g, Sum):x",
        "C(g, Treatment('b'))",
        "C(x > 1)",
        "np.exp(single) + np.log(single)",
        "np.exp(x) + np.log1p(x) + np.sin(z) + I(x ** 2.5)",
        "I(year - 2000) + I((year - 2000) ** 2)",
        "pd.cut(z, [-9, 0, 9])",
        "np.where(z > 0, 1.0, 0.0)",
        "g.map(KNOWN)",
        "C(g.str.upper())",
        "day.dt.day",
        "beside + z",
        "block",
        "block @ np.ones((2, 1))",
        "Q('x')",
    ):
        info = patsy.dmatrix(term, frame, return_type="dataframe").design_info
        assert stateless_terms(info, frame) == [], term


def test_long_data_warn_once_for_all_terms():
    frame = data(20, "random").assign(id=range(20))
    long = frame.melt(["id", "x", "z"], ["y1", "y2", "y3"], "visit", "y")
    with pytest.warns(errors.StatelessTermWarning, match=r"I\(x - np.mean\(x\)\), z.rank\(\)") as w:
        model("y ~ I(x - np.mean(x)) + z.rank()", long, unit="id", occasion="visit")
    assert len(w) == 1


def test_what_new_data_cannot_give_is_an_error_of_ours():
    frame = data(30, "random")
    fit = {"method": "ml", "n_boot": 0, "n_starts": 1}
    splines = model("y1 + y2 ~ bs(x, df=4)", frame).fit(**fit)
    with pytest.raises(errors.FormulaError, match=r"outermost knots(.|\n)*lower_bound="):
        splines.predict(pd.DataFrame({"x": [0.0]}))
    bounded = model("y1 + y2 ~ bs(x, df=4, lower_bound=0, upper_bound=99)", frame).fit(**fit)
    assert np.isfinite(bounded.predict(pd.DataFrame({"x": [0.0]}))).all(axis=None)
    with pytest.warns(errors.StatelessTermWarning):
        thirds = model("y1 + y2 ~ pd.qcut(x, 3)", frame).fit(**fit)
    with pytest.raises(errors.NMFREError, match="Bin edges must be unique"):
        thirds.predict(frame.head(1))
