"""Checks of labels and columns: each raises an error that names the place."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from nmfre import errors
from nmfre.core.typing import FloatArray, IntArray

NUMBERS = {"boolean", "integer", "floating", "mixed-integer-float", "decimal"}
SPANS = {"timedelta64", "timedelta", "time"}
DATES = {"datetime64", "datetime", "date", "period"}
"""Kinds of labels, as pandas infers them, that lie on a scale."""
REPEATED_UNIT = (
    "data with several rows per unit need NMFRE.from_formula(..., unit=, occasion=). Otherwise "
    "keep one row per unit, or, if the index does not name the units, pass "
    "data.reset_index(drop=True)."
)


def on_a_scale(labels: pd.Index | pd.Series) -> bool:
    """Whether labels are numbers or times: they have an order and distances."""
    kinds = NUMBERS | SPANS | DATES
    return pd.api.types.infer_dtype(labels) in kinds and not labels.isna().any()


def check_unique(labels: pd.Index, what: str) -> None:
    """Labels must not repeat."""
    if not labels.is_unique:
        first = int(labels.duplicated(keep=False).argmax())
        rows = np.flatnonzero(labels.isin(labels[[first]]))  # NaN, too
        told, remedy = "", "rename or drop all but one."
        if what == "unit":
            told, remedy = f" (rows {listed(pd.Index(rows))})", REPEATED_UNIT
        cell = f"{what} {python_value(labels[first])!r}"
        raise errors.DuplicateCellError(cell=cell, count=len(rows), rows=told, remedy=remedy)


def check_complete(column: pd.Series, role: str) -> None:
    """No missing value in a column whose index are the units."""
    missing = column.isna().to_numpy()
    if missing.any():
        where = {"unit": column.index[int(missing.argmax())], "count": missing.sum()}
        raise errors.NonFiniteError(role=role, name=column.name, value="missing", **where)


def check_constant(
    column: pd.Series, codes: IntArray, units: pd.Index, first: IntArray, remedy: str
) -> None:
    """A column of long data must have one value per unit: that of the unit's first row."""
    values = pd.factorize(column)[0]
    differs = values != values[first[codes]]
    if differs.any():
        row = int(differs.argmax())
        rows = {"first": column.index[first[codes[row]]], "second": column.index[row]}
        unit = units[codes[row]]
        raise errors.VaryingCovariateError(covariate=column.name, unit=unit, remedy=remedy, **rows)


def numeric(values: object, name: str, *, copy: bool = False) -> FloatArray:
    """Values as an array of floats, NaN where masked; theirs where they are one, unless copied."""
    if isinstance(values, pd.DataFrame):
        block = numeric_frame(values).to_numpy(dtype=float, na_value=np.nan)  # perhaps theirs
        return np.array(block, order="F", copy=True if copy else None)
    if issparse(values):
        raise errors.InvalidArgumentError(name, values, f"a dense array: pass {name}.toarray()")
    try:
        array = np.asarray(values)
    except ValueError as error:
        reason = f"{name} cannot be converted to an array: its rows must have equal lengths."
        raise errors.ShapeError(reason=reason) from error
    if array.dtype.kind not in "buif":
        remedy = "convert it to numbers, or use a formula."
        raise errors.NonNumericError(name=name, dtype=array.dtype, remedy=remedy)
    copy = copy or isinstance(values, np.ma.MaskedArray)
    floats = array.astype(float, order="F", copy=copy)  # as frames are
    if isinstance(values, np.ma.MaskedArray):
        floats[np.ma.getmaskarray(values)] = np.nan
    return floats


def numeric_frame(block: pd.DataFrame) -> pd.DataFrame:
    """The data frame itself where all its columns are real numbers."""
    for name, dtype in zip(block.columns, block.dtypes, strict=True):
        if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_complex_dtype(dtype):
            remedy = "convert it to numbers (pd.to_numeric), or move it right of ~."
            raise errors.NonNumericError(name=f"column {name!r}", dtype=dtype, remedy=remedy)
    return block


def listed(columns: pd.Index, spelled: Callable[[object], str] = str) -> str:
    """Names for a message, the first twenty."""
    shown = [spelled(column) for column in columns[:20]]
    more = [f"... ({len(columns)} in all)"] * (len(columns) > len(shown))
    return ", ".join(shown + more) or "none"


def python_value(label: object) -> object:
    """A label without its NumPy type, for messages."""
    return label.item() if isinstance(label, np.generic) else label


def is_chunked(*values: object) -> bool:
    """Whether any of these is a collection of dask."""
    dask = sys.modules.get("dask")  # not imported: nothing is of it
    return dask is not None and any(map(dask.is_dask_collection, values))


def require_memory(values: object, name: str, instead: str) -> None:
    """
    Refuse what needs all units at once where their values are in chunks.

    Raises
    ------
    NotComputedError
        With what to do instead.
    """
    if is_chunked(values):
        raise errors.NotComputedError(name=name, reason=f"the data are in chunks; {instead}.")
