"""Values of factors of a formula: levels that print plainly, matched to those of the fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time
from typing import Any

import numpy as np
import pandas as pd
from patsy import EvalFactor, FactorInfo, ModelDesc, Term
from patsy.builtins import C

from nmfre.data.checks import DATES, python_value
from nmfre.data.interchange import numpy_column
from nmfre.errors import NonNumericError, UnseenLevelError

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

    levels: tuple[Any, ...] | None = None

    def eval(self, memorize_state: dict[str, Any], data: Any) -> Any:
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
        return self._matched(values) if self.levels else self._numbers(values)

    def _plain(self, values: Any) -> Any:
        if hasattr(values, "contrast"):  # C() puts its data in a box
            levels = None if values.levels is None else list(map(plain_level, values.levels))
            data = self._plain(values.data)
            if getattr(data, "dtype", np.dtype(bool)).kind in "iuf":
                data = data.astype(object)  # of Python's numbers
            return C(data, values.contrast, levels)
        if np.ndim(values) != 1:
            return values
        column = values if isinstance(values, pd.Series) else pd.Series(values)
        column = numpy_column(column)
        if column.dtype.kind in "cm":
            remedy = {"c": "take its real part or modulus", "m": "divide it by pd.Timedelta('1D')"}
            raise NonNumericError(
                name=f"covariate {self.name()!r}",
                dtype=column.dtype,
                remedy=f"{remedy[column.dtype.kind]}, to make it a number.",
            )
        if column.dtype.kind in "biuf":
            return column if isinstance(values, pd.Series) else column.to_numpy()
        if not isinstance(column.dtype, pd.CategoricalDtype):
            if pd.api.types.infer_dtype(column) not in DATES | {"time", "interval"}:
                return column.astype(object)
            column = column.astype("category")  # sorted by time, and not by what is printed
        return column.cat.rename_categories(list(map(plain_level, column.cat.categories)))

    def _numbers(self, values: Any) -> Any:
        kind = np.asarray(values).dtype.kind
        if kind not in "biuf":
            raise NonNumericError(
                name=f"covariate {self.name()!r}",
                dtype=np.asarray(values).dtype,
                remedy="the fit had numbers; convert it (pd.to_numeric, or .astype(float)).",
            )
        return np.asarray(values, dtype=float) if kind == "b" else values

    def _matched(self, values: Any) -> pd.Series:
        """The values as a categorical with the levels of the fit."""
        assert self.levels is not None
        column = pd.Series(values.data if hasattr(values, "contrast") else values)
        codes, found = pd.factorize(column, use_na_sentinel=False)
        places = {level: place for place, level in enumerate(self.levels)}
        for level in found:
            if level not in places:
                raise UnseenLevelError(
                    name=self.name(), level=level, known=", ".join(map(str, self.levels))
                )
        places_found = np.array([places[level] for level in found], dtype=int)
        categories = pd.Index(self.levels, dtype=object, tupleize_cols=False)
        matched = pd.Categorical.from_codes(places_found[codes], categories=categories)
        return pd.Series(matched, index=column.index)


def with_plain_levels(description: ModelDesc) -> ModelDesc:
    """The right-hand side of a formula with factors of this module."""
    terms = [
        Term([Factor(factor.code, factor.origin) for factor in term.factors])
        for term in description.rhs_termlist
    ]
    return ModelDesc([], terms)


def plain_level(level: Any) -> Any:
    """A level that prints as one would write it: a date as 2020-02-01."""
    if isinstance(level, TIMES):
        return str(level).removesuffix(" 00:00:00")
    return python_value(level)


def advice_on_levels(info: FactorInfo, frame: pd.DataFrame) -> str | None:
    """What is odd about the levels of a categorical factor and what to do, or None."""
    factor, levels, n_units = info.factor, info.categories, len(frame)
    name = factor.name()
    values = EvalFactor.eval(factor, info.state, frame)
    chosen = hasattr(values, "contrast") or isinstance(
        getattr(values, "dtype", None), pd.CategoricalDtype
    )
    if not chosen:
        if pd.api.types.infer_dtype(pd.Series(values)) in DATES | {"time"} or _most(
            levels, DATE.fullmatch
        ):
            return (
                f"The {len(levels)} levels of {name!r} are dates or times, and each gets an effect "
                "of its own. For a trend, pass a number instead, such as the days since the first "
                "date."
            )
        if _most(levels, NUMBER.fullmatch):
            others = [level for level in levels if not NUMBER.fullmatch(str(level))]
            but = f" (but {others[0]!r} does not)" if others else ""
            return (
                f"The {len(levels)} levels of {name!r} look like numbers{but}, and each gets an "
                "effect of its own. For a slope, convert the column to numbers (pd.to_numeric with "
                "errors='coerce')."
            )
    if 2 * len(levels) > n_units:
        return (
            f"{name!r} has {len(levels)} levels for {n_units} units, and each gets an effect of "
            "its own. If it is a quantity, convert it to a number; else merge levels, or drop it."
        )
    return None


def _most(levels: tuple[Any, ...], looks_so: Callable[[str], object]) -> bool:
    """Whether more than half of the levels look so; True and False look like nothing else."""
    found = [level for level in levels if not isinstance(level, bool) and looks_so(str(level))]
    return 2 * len(found) > len(levels)
