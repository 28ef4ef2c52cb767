"""From a formula over wide or long data to a Design."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
import patsy.builtins
from patsy import EvalEnvironment
from patsy.parse_formula import ParseNode, parse_formula
from scipy.sparse import issparse

from nmfre import errors
from nmfre.core.caller import warn
from nmfre.core.typing import FloatArray, IntArray
from nmfre.data import checks
from nmfre.data.checks import numeric_frame, python_value
from nmfre.data.covariates import covariates_of_fit
from nmfre.data.design import Design
from nmfre.data.entry import in_memory
from nmfre.data.groups import Groups
from nmfre.data.interchange import table
from nmfre.data.naming import formula_errors, known_columns
from nmfre.data.weights import Weights
from nmfre.errors import FormulaError, InvalidArgumentError, MissingColumnError, ShapeError

FEW_UNITS = 2
"""Units per occasion, mean or median, below which occasions are taken for unrounded times."""
ONE_COLUMN = "the label of one column"


def design_from_formula(
    formula: str,
    data: object,
    *,
    endog: object,
    unit: str | None,
    occasion: str | None,
    groups: object,
    weights: object,
    env: EvalEnvironment,
) -> Design:
    """
    Design of a formula.

    Wide data have one row per unit and one column per response; long data (``unit`` and
    ``occasion``) have one row per cell. Parameters as in `nmfre.NMFRE.from_formula`; ``env`` has
    the names that are not columns.
    """
    if checks.is_chunked(data):
        raise FormulaError(
            formula=formula,
            reason="a formula needs all levels of the data, but these are in chunks. Use "
            "nmfre.NMFRE(data[responses], data[covariates], rank=...); "
            "dask.dataframe.get_dummies makes columns of categories.",
        )
    if not isinstance(formula, str):
        raise FormulaError(formula=formula, reason="it must be a string, such as 'y1 + y2 ~ x'.")
    frame = table(data, blocks=True)
    if not isinstance(frame, pd.DataFrame):
        kind = type(data).__name__
        raise InvalidArgumentError("data", kind, "a DataFrame or a mapping of arrays")
    with formula_errors(formula, frame):
        left, right = _split(formula)
    if endog is None and not left:
        reason = "it has no responses: put them left of ~, or pass endog=[columns]."
        raise FormulaError(formula=formula, reason=reason)
    if endog is not None and left:
        reason = "it has responses on the left: leave endog out."
        raise FormulaError(formula=formula, reason=reason)
    if not len(frame):
        raise ShapeError(
            reason="the data have no rows. Pass one row per unit, or one row per unit and occasion."
        )
    asked = {"unit": unit, "occasion": occasion}
    labels = {role: _labels(frame, name, role) for role, name in asked.items() if name is not None}
    if endog is not None:
        blocks = _columns(frame, endog)
    else:  # of a mapping with its blocks of columns
        known = {**data, **frame} if isinstance(data, Mapping) else frame
        blocks = [_evaluate(code, known, frame, env, formula) for code in left]
    units, rows = frame.index, None
    if occasion is None:
        if unit is not None:
            units = pd.Index(labels["unit"])
        responses = pd.concat([block.iloc[:0] for block in blocks], axis=1).columns
        parts = [block.to_numpy(dtype=float, na_value=np.nan).T for block in blocks]
        # Always a copy, and one alone, in the layout of `laid_out`.
        Y: FloatArray = np.empty((len(responses), len(frame)))
        np.concatenate(parts, out=Y)
    elif unit is None:
        allowed = "the column of unit labels where occasion is given"
        raise InvalidArgumentError("unit", None, allowed)
    elif len(blocks) != 1 or blocks[0].shape[1] != 1:
        reason = "long data (unit, occasion) take one response column."
        raise FormulaError(formula=formula, reason=reason)
    else:
        Y, responses, units, rows = _pivot(blocks[0].iloc[:, 0], **labels)
    group, weight = (
        None if name is None else _of_units(_labels(frame, name, role), units, rows, remedy)
        for role, name, remedy in (
            ("groups", groups, "It names the groups, and each unit must belong to one."),
            ("weights", weights, "It weights units, and each unit has one weight."),
        )
    )
    right_hand_side, A = covariates_of_fit(
        right, frame, units, env, formula=formula, rows=rows, occasion=occasion
    )
    return in_memory(
        Y=Y,
        A=A,
        responses=responses,
        units=units,
        covariates=pd.Index(right_hand_side.covariates),
        formula=formula,
        right_hand_side=right_hand_side,
        groups=None if group is None else Groups.of(group),
        weights=None if weight is None else Weights.of(weight),
    )


def _of_units(
    column: pd.Series, units: pd.Index, rows: tuple[IntArray, IntArray] | None, remedy: str
) -> pd.Series:
    """The value of each unit in a column, which in long data must be the same in all its rows."""
    if rows is not None:
        checks.check_constant(column, rows[0], units, rows[1], remedy)
        column = column.iloc[rows[1]]
    return column.set_axis(units)


def _split(formula: str) -> tuple[list[str], str]:
    """The terms left of ~, and all that is right of it."""
    tree = parse_formula(formula)
    if tree.token is None:
        return [], formula
    left = [] if len(tree.args) == 1 else list(_terms(tree.args[0], formula))
    return left, formula[tree.token.origin.end :]


def _terms(tree: ParseNode, formula: str) -> Iterator[str]:
    """Leaves of a sum, left to right, without recursion: thousands of columns are fine."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if node.type == "+" and len(node.args) == 2:
            pending += reversed(node.args)
        elif node.type == "PYTHON_EXPR":
            yield node.token.extra
        else:
            raise FormulaError(
                formula=formula,
                reason=f"{node.type!r} cannot stand on the left: join columns by +, as in "
                "'y1 + y2 ~ x', or name one block, as in 'Y ~ x'.",
            )


def _evaluate(
    code: str,
    known: Mapping[Hashable, object] | pd.DataFrame,
    frame: pd.DataFrame,
    env: EvalEnvironment,
    formula: str,
) -> pd.DataFrame:
    """Responses that a term on the left stands for."""
    with formula_errors(formula, frame, code):
        value = env.with_outer_namespace(vars(patsy.builtins)).eval(code, inner_namespace=known)
        value = table(value)
    if issparse(value):
        raise FormulaError(
            formula=formula,
            reason=f"{code!r} is sparse: pass it to nmfre.NMFRE(endog, exog, rank=...), with exog "
            "from patsy.dmatrix, say.",
        )
    if isinstance(value, pd.Series | pd.DataFrame):
        if not value.index.equals(frame.index):
            raise ShapeError(reason=f"the index of {code!r} differs from that of the data.")
        if isinstance(value, pd.Series):
            value = value.to_frame(value.name if code.startswith("Q(") else code)
        return numeric_frame(value)
    array = np.asanyarray(value)  # a masked one stays masked
    if array.ndim not in (1, 2) or len(array) != len(frame):
        raise ShapeError(
            reason=f"{code!r} has shape {array.shape}, the data {len(frame)} rows: pass one row "
            f"per unit in both."
        )
    names = [code] if array.ndim == 1 else [f"{code}[{j}]" for j in range(array.shape[1])]
    columns = array.reshape(len(array), -1)
    return numeric_frame(pd.DataFrame(columns, index=frame.index, columns=names))


def _columns(frame: pd.DataFrame, endog: object) -> list[pd.DataFrame]:
    """Columns that are responses: one label, or several."""
    one = isinstance(endog, tuple) and endog in frame.columns
    several = pd.api.types.is_list_like(endog) and not one
    names = list(endog) if isinstance(endog, Iterable) and several else [endog]
    if not names:
        raise InvalidArgumentError("endog", names, "at least one column")
    for name in names:
        _check_column(frame, name, "endog")
    return [numeric_frame(frame[[name]]) for name in names]


def _labels(frame: pd.DataFrame, name: object, role: str) -> pd.Series:
    """The column of labels of units or occasions, none of them missing."""
    _check_column(frame, name, role)
    column = frame[name]
    if not isinstance(column, pd.Series):
        raise InvalidArgumentError(role, name, ONE_COLUMN)
    checks.check_complete(column, "Column")
    return column


def _check_column(frame: pd.DataFrame, name: object, role: str) -> None:
    """``name`` must be the label of a column."""
    if not pd.api.types.is_hashable(name) or name is pd.NA:
        raise InvalidArgumentError(role, type(name), ONE_COLUMN)
    if name not in frame.columns:
        raise MissingColumnError(role=role, name=name, known=known_columns(frame, name))


def _pivot(
    values: pd.Series, unit: pd.Series, occasion: pd.Series
) -> tuple[FloatArray, pd.Index, pd.Index, tuple[IntArray, IntArray]]:
    """
    Long to wide: Y (P, N), occasions, units, and (the unit of each row, the first row of each).

    Cells without a row are missing. Units keep the order of their first rows; occasions are sorted
    where they have an order (numbers, times, ordered categories), else in the order of their first
    rows.
    """
    ordered = checks.on_a_scale(occasion) or (
        isinstance(occasion.dtype, pd.CategoricalDtype) and bool(occasion.cat.ordered)
    )
    n, unit_labels = pd.factorize(unit)
    p, occasion_labels = pd.factorize(occasion, sort=ordered)
    units = pd.Index(unit_labels, name=unit.name)
    occasions = pd.Index(occasion_labels, name=occasion.name)
    cell = n * len(occasions) + p
    count = np.bincount(cell, minlength=len(units) * len(occasions))
    if count.max() > 1:
        place = divmod(int(count.argmax()), len(occasions))
        labels = [
            python_value(index[i]) for index, i in zip((units, occasions), place, strict=True)
        ]
        told = f"({unit.name} {labels[0]!r}, {occasion.name} {labels[1]!r})"
        rows = f" (rows {checks.listed(values.index[cell == count.argmax()])})"
        remedy = "keep one row, or average them."
        raise errors.DuplicateCellError(cell=told, count=count.max(), rows=rows, remedy=remedy)
    if len(units) > 1:
        _check_shared(np.bincount(p[values.notna()], minlength=len(occasions)), occasion.name)
    Y = np.full((len(occasions), len(units)), np.nan)
    Y[p, n] = values.to_numpy(dtype=float, na_value=np.nan)
    return Y, occasions, units, (n, np.unique(n, return_index=True)[1])


def _check_shared(counts: IntArray, name: object) -> None:
    """Occasions must be shared by units: the basis has a row for each."""
    found = f"The occasions {name!r} have {len(counts)} different values in {counts.sum()} rows"
    remedy = "Round or bin them, as by .round() or pd.cut(), so that units share occasions."
    if counts.max(initial=0) == 1:
        raise ShapeError(reason=f"{found}, each observed for one unit only. {remedy}")
    if min(counts.mean(), np.median(counts)) < FEW_UNITS:
        warn(
            f"{found}, most of them observed for only one or two units, on which their part of "
            f"the basis depends. {remedy}",
            errors.NMFREWarning,
        )
