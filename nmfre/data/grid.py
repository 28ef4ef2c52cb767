"""
Covariates of units that do not exist: all combinations of levels, or the data with values changed.

A variable with levels is text, a category or a bool, or what a formula puts into C(); as in
emmeans, a number with at most two different values counts as one too. All others are numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Literal

import numpy as np
import pandas as pd
from patsy import DesignInfo

from nmfre.core.typing import FloatArray
from nmfre.data.checks import listed, python_value
from nmfre.data.covariates import names_of_factor
from nmfre.data.design import Design
from nmfre.data.placeholder import Removed
from nmfre.data.stateless import stateless_terms
from nmfre.data.weights import by_unit
from nmfre.errors import InvalidArgumentError, NotComputedError

Grid = Literal["balanced", "data"]
Values = Sequence[Hashable]
FEW_VALUES = 2
"""Different values up to which a number counts as a variable with levels."""
LARGEST_GRID = 100_000
"""Rows of a balanced grid."""
STEP = 1e-5
"""Step of a derivative, as a share of the range of the variable: its square is rounding."""


@dataclass(frozen=True, slots=True)
class Cell:
    """
    Weighted covariates that stand for one mean or slope, the sum of weights times what they give.

    Attributes
    ----------
    A : (K, M)
        Covariates.
    weights : (M,)
        Weights, which sum to 1 (a mean) or 0 (a slope).
    """

    A: FloatArray
    weights: FloatArray


class Variables:
    """
    What the covariates of a design are made of: variables of its formula, or columns of its array.

    Attributes
    ----------
    levels : dict
        Of each variable with levels: these, in order; None for a number, and for one whose data
        are gone.
    rows : DataFrame or None
        Variables of the units; None where these are not there.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        right = design.right_hand_side
        self.info: DesignInfo | None = None
        if right is None:
            names = list(design.covariates)
            self.rows = None
            if design.in_memory and not isinstance(design.A, Removed):
                self.rows = pd.DataFrame(design.A.T, columns=design.covariates)
        else:
            self.info, self.rows = right.design_info, right.rows
            names = list(right.variables if self.rows is None else self.rows.columns)
        self.levels: dict[Hashable, Values | None] = {name: self._levels(name) for name in names}

    def _levels(self, name: Hashable) -> Values | None:
        for factor, found in {} if self.info is None else self.info.factor_infos.items():
            alone = factor.code.isidentifier() or factor.code.startswith(("C(", "Q("))
            if alone and found.categories and names_of_factor(factor, found) == {name}:
                return tuple(found.categories)
        if self.rows is None:
            return None
        column = self.rows[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            return tuple(x for x in column.cat.categories if (column == x).any())
        values = column.unique()
        number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if number and len(values) > FEW_VALUES:
            return None
        return tuple(map(python_value, pd.Index(values).sort_values()))

    def name(self, argument: str, given: object) -> Hashable:
        """
        The variable that an argument names.

        Raises
        ------
        InvalidArgumentError
            There is none.
        """
        for name in self.levels:
            if isinstance(given, Hashable) and (given == name or given == str(name)):
                return name
        known = listed(pd.Index(self.levels, tupleize_cols=False), repr)
        raise InvalidArgumentError(argument, given, f"a variable of the model ({known})")

    def names(self, argument: str, given: object) -> list[Hashable]:
        """The variables that an argument names: one, or a list of them."""
        one = isinstance(given, Hashable) and given in self.levels  # which may be a tuple
        given_list = [given] if one or not isinstance(given, list | tuple | pd.Index) else given
        found = [self.name(argument, each) for each in given_list]
        if len(set(found)) < len(found):
            raise InvalidArgumentError(
                argument, given, "a variable, or a list of different variables"
            )
        return found

    def values_at(self, at: object) -> dict[Hashable, Values]:
        """The values of ``at`` by variable, always as lists."""
        if not isinstance(at, Mapping):
            raise InvalidArgumentError("at", at, "a dict of values, such as {'age': [8, 10]}")
        chosen: dict[Hashable, Values] = {}
        for key, values in at.items():
            several = pd.api.types.is_list_like(values)
            given = tuple(map(python_value, values if several else [values]))
            if not given or len(set(given)) < len(given):
                raise InvalidArgumentError(
                    "at", at, "a value, or a list of different ones, by variable"
                )
            chosen[self.name("at", key)] = given
        return chosen

    def values(self, name: Hashable, at: Mapping[Hashable, Values]) -> Values:
        """Values of a variable in a grid: those of ``at``, its levels, or its mean."""
        levels = at.get(name, self.levels[name])
        return self.mean(name) if levels is None else levels

    def mean(self, name: Hashable) -> Values:
        """The mean of a number, as its one value; with weights of units where they have some."""
        column, weights = self._column(name), by_unit(self.design.weights)
        return (float(column.mean() if weights is None else np.average(column, weights=weights)),)

    def span(self, name: Hashable) -> tuple[float, float]:
        """Smallest and largest value of a number."""
        column = self._column(name)
        return float(column.min()), float(column.max())

    def is_number(self, name: Hashable) -> bool:
        """Whether a variable has slopes: a number, also one with two values."""
        if self.rows is None:
            return self.levels[name] is None
        kind = self.rows[name].dtype
        number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
        return number and (self.info is None or not self._coded(name))

    def _coded(self, name: Hashable) -> bool:
        """Whether a formula makes levels of a variable wherever it occurs."""
        assert self.info is not None
        kinds = [
            found.type
            for factor, found in self.info.factor_infos.items()
            if name in names_of_factor(factor, found)
        ]
        return bool(kinds) and all(kind == "categorical" for kind in kinds)

    def _column(self, name: Hashable) -> pd.Series:
        if self.rows is None:
            allowed = f"a dictionary with values for {str(name)!r} too: the data were removed"
            raise InvalidArgumentError("at", None, allowed)
        return self.rows[name]

    def means(
        self, focal: Sequence[Hashable], at: Mapping[Hashable, Values], grid: Grid
    ) -> Iterator[tuple[tuple[Hashable, ...], Cell]]:
        """Values of the focal variables, and the covariates of which their mean is taken."""
        for values, frame in self._frames(focal, at, grid):
            A = self.covariates(frame)
            yield values, Cell(A, self._shares(grid, A.shape[1]))

    def slopes(
        self,
        name: Hashable,
        focal: Sequence[Hashable],
        at: Mapping[Hashable, Values],
        grid: Grid,
    ) -> Iterator[tuple[tuple[Hashable, ...], Cell]]:
        """
        Values of the focal variables, and covariates whose differences are slopes of a variable.

        Central differences, within the range of the data: at its ends, beyond which a spline is
        not defined, one-sided ones.
        """
        for values, frame in self._frames(focal, at, grid, moved=name):
            x = frame[name].to_numpy(dtype=float)
            low, high = (x.min(), x.max()) if self.rows is None else self.span(name)
            step = STEP * (high - low if high > low else max(1.0, abs(high)))
            inside = (low <= x) & (x <= high) & (high > low)
            below = np.where(inside, np.maximum(x - step, low), x - step)
            above = np.where(inside, np.minimum(x + step, high), x + step)
            ends = []
            for end in (above, below):
                frame[name] = end
                ends.append(self.covariates(frame))
            weights = self._shares(grid, len(x)) / (above - below)
            yield values, Cell(np.hstack(ends), np.concatenate([weights, -weights]))

    def _shares(self, grid: Grid, size: int) -> FloatArray:
        """What each of the rows of a frame counts in their mean: as its unit, of data; (M,)."""
        weights = by_unit(self.design.weights)
        if weights is None or grid != "data":
            return np.full(size, 1.0 / size)
        repeated = np.repeat(weights, size // len(weights))
        return np.asarray(repeated / repeated.sum())

    def _frames(
        self,
        focal: Sequence[Hashable],
        at: Mapping[Hashable, Values],
        grid: Grid,
        moved: Hashable | None = None,
    ) -> Iterator[tuple[tuple[Hashable, ...], pd.DataFrame]]:
        """Values of the focal variables, and the variables of the units that have them."""
        chosen = {name: self.values(name, at) for name in focal}
        if grid == "data":
            self.design.require("grid='data'", "use grid='balanced', and give numbers by at")
            if self.rows is None:
                self._column(next(name for name in self.levels if name not in at))
            rest = {name: values for name, values in at.items() if name not in chosen}
        else:
            rest = {name: self.values(name, at) for name in self.levels if name not in chosen}
            if moved in rest and moved not in at:
                rest[moved] = self.mean(moved)
            size = prod(map(len, [*chosen.values(), *rest.values()]))
            if size > LARGEST_GRID:
                told = f"'data': most of the {size:,} combinations of levels have no unit"
                raise InvalidArgumentError("grid", grid, told)
        others = pd.DataFrame(list(product(*rest.values())), columns=_columns(rest))
        if grid == "data":
            assert self.rows is not None
            own = self.rows.drop(columns=list(rest))
            others = own.reset_index(drop=True).merge(others, how="cross") if rest else own
        self._check_rows()
        for values in product(*chosen.values()):
            frame = others.copy()
            for name, value in zip(chosen, values, strict=True):
                frame[name] = pd.Series([value] * len(frame), index=frame.index)
            yield values, frame

    def _check_rows(self) -> None:
        """A formula must give a row the same covariates whatever the other rows are."""
        if self.info is None or self.rows is None:
            return
        found = stateless_terms(self.info, self.rows)
        if found:
            raise NotComputedError(
                name="A grid of values",
                reason=f"in the formula, {', '.join(found)} depends on all rows of the data; use "
                "a transform that remembers the fit, such as center(x) or bs(x, df=4).",
            )

    def covariates(self, frame: pd.DataFrame) -> FloatArray:
        """A (K, M) of M units with these variables."""
        if self.info is None:
            frame = frame[list(self.design.covariates)]
        return self.design.covariates_of(frame)[0]


def _columns(names: Mapping[Hashable, Values]) -> pd.Index:
    return pd.Index(list(names), dtype=object, tupleize_cols=False)
