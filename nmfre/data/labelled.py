"""Numbers with labels of their rows and columns, from what a user passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, issparse

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.data.checks import numeric
from nmfre.data.interchange import frame_of_series, has_row_labels, table
from nmfre.errors import NonNumericError, ShapeError, TransposedError

INTERCEPT = pd.Index(["Intercept"])


@dataclass(frozen=True, slots=True)
class Rows:
    """
    Numbers with two axes, units in rows, in memory or of dask, and their labels.

    Attributes
    ----------
    array : (N, J)
    columns : Index
        Labels of the columns.
    index : Index, array or None
        Labels of the rows, where they have any.
    named : bool
        Whether the labels of the columns are those of the data, and not made up.
    """

    array: Any
    columns: pd.Index
    index: Any = None
    named: bool = True

    @classmethod
    def of(cls, values: object, name: str, prefix: str) -> Rows:
        """From what is passed as ``name``, copied unless sparse; made up labels get the prefix."""
        data = table(values)
        sparse = issparse(data) and name == "endog"
        array = sparse_responses(data) if sparse else numeric(data, name, copy=True)
        array, columns = two_axes(array, name, prefix)
        named = isinstance(data, pd.DataFrame | pd.Series)
        if isinstance(data, pd.DataFrame):
            columns = data.columns
        elif named:
            columns = pd.Index([name if data.name is None else data.name])
        return cls(array, columns, data.index if has_row_labels(values) else None, named)


def check_same_units(Y: FloatArray, A: FloatArray) -> None:
    """Responses (N, P) and covariates (N, K) must have one number of rows."""
    rows, units = Y.shape[0], A.shape[0]
    if rows != units:
        if Y.shape[1] == units:
            raise TransposedError(rows=rows, units=units)
        raise ShapeError(
            reason=f"endog has {rows} rows and exog {units}: pass one row per unit in both."
        )


def sparse_responses(values: Any) -> Any:
    """
    Sparse responses (N x P) in rows that lie together, as floats, each cell once.

    They are large: where they are all that already, they are taken as they are.
    """
    if values.ndim != 2:
        raise ShapeError(
            reason=f"endog has shape {values.shape}: pass a sparse matrix with two axes, units in "
            "rows."
        )
    if values.dtype.kind not in "buif":
        remedy = "convert it to real numbers."
        raise NonNumericError(name="endog", dtype=values.dtype, remedy=remedy)
    array = csr_array(values, dtype=float)
    if not array.has_canonical_format:
        array = array.copy()
        array.sum_duplicates()
    return array


def two_axes(array: Any, name: str, prefix: str) -> tuple[Any, pd.Index]:
    """An array, in memory or of dask, with two axes, and names for columns that have none."""
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or 0 in array.shape:
        raise ShapeError(
            reason=f"{name} has shape {array.shape}: pass an array with two axes, units in rows."
        )
    return array, pd.Index([f"{prefix}{j + 1}" for j in range(array.shape[1])])


def in_rows(array: FloatArray, name: str, n_columns: int) -> FloatArray:
    """New data with units in rows; one axis is a column where there is one, else a single unit."""
    if array.ndim == 1 and n_columns == 1:
        array, _ = two_axes(array, name, "")
    return np.atleast_2d(array)


def unit_labels(endog: object, responses: pd.Index) -> pd.Index:
    """Labels of the units of new responses, a Series of which is one unit."""
    data = table(endog)
    if isinstance(data, pd.Series):
        data = frame_of_series(data, responses, "endog")
    if isinstance(data, pd.DataFrame):
        return data.index
    if issparse(data):
        return pd.RangeIndex(cast("Any", data).shape[0])
    return pd.RangeIndex(len(in_rows(numeric(data, "endog"), "endog", len(responses))))


def exog_names(all_one: BoolArray) -> pd.Index:
    """Names as statsmodels gives them: const for a column of ones, x1, x2, ... for the others."""
    names: list[str] = []
    for is_const in all_one:
        names.append("const" if is_const else f"x{len(names) - names.count('const') + 1}")
    return pd.Index(names)
