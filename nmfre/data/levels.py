"""Values of factors of a formula: levels that print plainly, matched to those of the fit."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from datetime import date, time
from typing import Any

import numpy as np
import pandas as pd
from patsy import EvalFactor, FactorInfo
from patsy.builtins import C

from nmfre.data.checks import DATES, python_value
from nmfre.data.interchange import numpy_column
from nmfre.errors import NonNumericError, UnseenLevelError

NO_LEVELS = {"c": "take its real part or modulus", "m": "divide it by pd.Timedelta('1D')"}
"""What to do with complex numbers and durations."""
OWN = "and each gets an effect of its own."
TIMES = (pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval, date, time)
"""Values that patsy would print as calls of their classes."""
DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?")
NUMBER = re.compile(r"\s*[-+]?[$€£]?[\d.,]*\d[\d.,]*(e[-+]?\d+)?\s*%?\s*", re.IGNORECASE)


class Factor(EvalFactor):
    """
    A factor whose values are of NumPy dtypes, and whose levels are plain strings, numbers or bools.

    Attributes
    ----------
    levels : tuple or None
        Once it is fitted: its levels, to which those of new data are matched by value; empty if it
        is a number.
    """

    levels: tuple[Hashable, ...] | None = None

    def eval(self, memorize_state: dict[str, Any], data: object) -> object:
        """
        Values of the factor for ``data``.

        Raises
        ------
        NonNumericError
            They are complex numbers or durations, or no numbers where the fit had numbers.
        UnseenLevelError
            A level that the fit has not seen.
        """
        values = self._plain(super().eval(memorize_state, data))
        if self.levels is None:
            return values
        return self._matched(values, self.levels) if self.levels else self._numbers(values)

    def _plain(self, values: Any) -> Any:
        if unboxed(values) is not values:
            levels = None if values.levels is None else list(map(plain_level, values.levels))
            data = self._plain(values.data)
            if getattr(data, "dtype", np.dtype(bool)).kind in "iuf":
                data = data.astype(object)  # of Python's numbers
            return C(data, values.contrast, levels)
        if np.ndim(values) != 1:
            return values
        column = numpy_column(pd.Series(values))
        if column.dtype.kind in NO_LEVELS:
            remedy = f"{NO_LEVELS[column.dtype.kind]}, to make it a number."
            raise self._not_numeric(column.dtype, remedy)
        if column.dtype.kind in "biuf":
            return column if isinstance(values, pd.Series) else column.to_numpy()
        if not isinstance(column.dtype, pd.CategoricalDtype):
            if pd.api.types.infer_dtype(column) not in DATES | {"time", "interval"}:
                return column.astype(object)
            column = column.astype("category")  # sorted by time, and not by what is printed
        return column.cat.rename_categories(list(map(plain_level, column.cat.categories)))

    def _numbers(self, values: object) -> object:
        dtype = np.asarray(values).dtype
        if dtype.kind not in "biuf":
            remedy = "the fit had numbers; convert it (pd.to_numeric, or .astype(float))."
            raise self._not_numeric(dtype, remedy)
        return np.asarray(values, dtype=float) if dtype.kind == "b" else values

    def _not_numeric(self, dtype: object, remedy: str) -> NonNumericError:
        return NonNumericError(name=f"covariate {self.name()!r}", dtype=dtype, remedy=remedy)

    def _matched(self, values: object, levels: Sequence[Hashable]) -> pd.Series:
        """The values as a categorical with the levels of the fit."""
        column = pd.Series(unboxed(values))
        categories = labels(levels)
        places = categories.get_indexer(labels(column))
        for level in column[places < 0]:
            raise UnseenLevelError(name=self.name(), level=level, known=", ".join(map(str, levels)))
        return pd.Series(pd.Categorical.from_codes(places, categories), index=column.index)


def unboxed(values: Any) -> Any:
    """Values of a factor without the box that C() puts them in."""
    return values.data if hasattr(values, "contrast") else values


def labels(values: Iterable[Any]) -> pd.Index:
    """Values or levels, to be found in one another as they compare: 1 is 1.0 and True."""
    return pd.Index(values, dtype=object, tupleize_cols=False)


def plain_level(level: object) -> object:
    """A level that prints as one would write it: a date as 2020-02-01."""
    if isinstance(level, TIMES):
        return str(level).removesuffix(" 00:00:00")
    return python_value(level)


def advice_on_levels(info: FactorInfo, frame: pd.DataFrame) -> str | None:
    """What is odd about the levels of a categorical factor and what to do, or None."""
    factor, levels, n_units = info.factor, info.categories, len(frame)
    name = factor.name()
    values = EvalFactor.eval(factor, info.state, frame)
    chosen = isinstance(getattr(values, "dtype", None), pd.CategoricalDtype)
    if not (chosen or unboxed(values) is not values):
        kind = pd.api.types.infer_dtype(pd.Series(values))
        if kind in DATES | {"time"} or _most(levels, DATE):
            return (
                f"The {len(levels)} levels of {name!r} are dates or times, {OWN} For a trend, pass "
                "a number instead, such as the days since the first date."
            )
        if _most(levels, NUMBER):
            others = [level for level in levels if not NUMBER.fullmatch(str(level))]
            but = f" (but {others[0]!r} does not)" if others else ""
            return (
                f"The {len(levels)} levels of {name!r} look like numbers{but}, {OWN} For a slope, "
                "convert the column to numbers (pd.to_numeric with errors='coerce')."
            )
    if 2 * len(levels) > n_units:
        return (
            f"{name!r} has {len(levels)} levels for {n_units} units, {OWN} If it is a quantity, "
            f"convert it to a number; otherwise merge levels, or drop it."
        )
    return None


def _most(levels: Sequence[object], pattern: re.Pattern[str]) -> bool:
    """Whether more than half of the levels look so; True and False look like nothing else."""
    return 2 * sum(bool(pattern.fullmatch(str(level))) for level in levels) > len(levels)
