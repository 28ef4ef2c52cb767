"""Where labelled data enter: frames of any library become pandas, with dtypes that NumPy knows."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from importlib import import_module
from typing import Any

import narwhals.stable.v1 as nw_v1
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from nmfre.data.checks import is_chunked, listed
from nmfre.errors import DataError, ShapeError

KEPT = (pd.CategoricalDtype, pd.DatetimeTZDtype, pd.PeriodDtype, pd.IntervalDtype)
"""Extension dtypes of pandas that have no NumPy dtype to stand for them."""
INSTEAD = "pass a pandas DataFrame (.to_pandas() in most libraries), or arrays."


def table(values: object, *, blocks: bool = False) -> Any:
    """
    A data frame or Series of pandas, if ``values`` are labelled in any way, else ``values``.

    Taken are pandas, whatever narwhals knows (polars, pyarrow, modin, duckdb, ...), the Arrow
    PyCapsule and the dataframe interchange protocol, and mappings. Columns of extension dtypes
    become NumPy's. Collections of dask stay in their chunks.

    Parameters
    ----------
    values : object
        What a user passes.
    blocks : bool
        Whether entries of a mapping may have two axes. They are left out: formulas find them
        beside the frame.

    Raises
    ------
    ShapeError
        A mapping whose entries do not fit together.
    DataError
        A frame that cannot be read.
    """
    if is_chunked(values):
        return values
    if isinstance(values, Mapping):
        return _of_mapping(values, blocks)
    if isinstance(values, pd.Series):
        return numpy_column(values)
    if not isinstance(values, pd.DataFrame):
        try:
            return _of_other_library(values)
        except Exception as error:
            raise DataError(
                reason=f"a {type(values).__name__} cannot be read ({error}): {INSTEAD}"
            ) from error
    foreign = [j for j, dtype in enumerate(values.dtypes) if _is_foreign(dtype)]
    if foreign:
        values = values.copy(deep=False)
        for j in foreign:
            values.isetitem(j, numpy_column(values.iloc[:, j]).array)
    return values


def numpy_column(column: pd.Series) -> pd.Series:
    """The column itself, or one of a NumPy dtype if its dtype is of pandas or Arrow alone."""
    if not _is_foreign(column.dtype):
        return column
    converted = _column(nw.from_native(column, series_only=True))
    return pd.Series(converted.array, index=column.index, name=column.name)


def has_row_labels(values: object) -> bool:
    """Whether rows are labelled: an index is what pandas alone has."""
    if isinstance(values, Mapping):
        return any(isinstance(value, pd.Series) for value in values.values())
    return isinstance(values, pd.DataFrame | pd.Series)


def frame_of_series(
    series: pd.Series, labels: pd.Index, name: str, units: pd.Index | None = None
) -> pd.DataFrame:
    """
    A Series as a data frame: one row if its index has ``labels``, one column if its name is one.

    Parameters
    ----------
    series : Series
    labels : Index
        Labels of columns.
    name : str
        Name of the argument, for messages.
    units : Index, optional
        Labels of the rows, if these are known.

    Raises
    ------
    ShapeError
        It is neither, or could be both.
    """
    known = series.index.isin(labels)
    row = bool(known.any())
    column = series.name in labels if series.name is not None else len(labels) == 1 and not row
    if row and column and known.all():  # a unit that is named like a column
        column = units is not None and series.index.equals(units)
    if row == column:
        could_be = "one row or one column" if row else "neither a row nor a column"
        raise ShapeError(
            reason=f"{name} is a Series that could be {could_be}: its index is "
            f"{listed(series.index)} and its name {series.name!r}, the columns are "
            f"{listed(labels)}. Pass a DataFrame: series.to_frame().T for one row, "
            "series.to_frame() for one column."
        )
    if column:
        return series.to_frame(labels[0] if series.name is None else series.name)
    frame = series.to_frame().T.infer_objects()
    if series.name is None and units is not None and len(units) == 1:
        frame.index = units
    return frame


def _is_foreign(dtype: object) -> bool:
    return (
        isinstance(dtype, pd.api.extensions.ExtensionDtype)
        and not isinstance(dtype, KEPT)
        and dtype != pd.Series(["text"]).dtype  # how pandas itself holds text
    )


def _of_mapping(data: Mapping[Hashable, Any], blocks: bool) -> pd.DataFrame:
    """The entries with one axis, side by side; scalars, if all are, as one row."""
    try:
        if data and all(pd.api.types.is_scalar(value) for value in data.values()):
            data = {name: [value] for name, value in data.items()}
        shapes = {name: np.shape(value) for name, value in data.items()}
        lengths = {shape[0] for shape in shapes.values()}
    except (IndexError, TypeError, ValueError) as error:
        raise ShapeError(
            reason=f"an entry of data is not an array ({error}): pass arrays with one row per unit."
        ) from error
    if len(lengths) != 1:
        raise ShapeError(
            reason=f"the entries of data have lengths {sorted(lengths)}: all need one row per unit."
        )
    wide = {name: len(shape) for name, shape in shapes.items() if len(shape) != 1}
    for name in wide if not blocks else ():
        raise ShapeError(
            reason=f"entry {name!r} has {wide[name]} axes: pass one-dimensional columns."
        )
    labels = [value.index for value in data.values() if isinstance(value, pd.Series)]
    index = labels[0] if labels else pd.RangeIndex(lengths.pop())
    if not all(index.equals(other) for other in labels):
        raise ShapeError(
            reason="the indices of the entries of data differ: align them, or pass arrays."
        )
    vectors = {name: _vector(value) for name, value in data.items() if name not in wide}
    frame: pd.DataFrame = table(pd.DataFrame(vectors, index=index))
    return frame


def _vector(value: object) -> object:
    """An entry of a mapping as a column; only Series of pandas have an index."""
    if isinstance(value, pd.Series | np.ndarray | list | pd.api.extensions.ExtensionArray):
        return value
    column = table(value)
    return column.array if isinstance(column, pd.Series) else np.asanyarray(column)


def _of_other_library(values: Any) -> Any:
    """A frame or column that pandas did not make; anything else as it is."""
    native = nw.from_native(values, pass_through=True, allow_series=True)
    if native is values and hasattr(values, "__arrow_c_stream__"):
        native = nw.from_native(import_module("pyarrow").table(values))
    elif native is values and hasattr(values, "__dataframe__"):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The Dataframe Interchange Protocol")
            interchange = nw_v1.from_native(values, eager_or_interchange_only=True)
            return table(interchange.to_pandas())
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    if isinstance(native, nw.DataFrame):
        columns = {name: _column(native[name]) for name in native.columns}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(native)))
    if isinstance(native, nw.Series):
        return _column(native).rename(native.name or None)
    return values


def _column(column: Any) -> pd.Series:
    """A column of narwhals; pandas needs no pyarrow for it."""
    dtype = column.dtype
    if dtype in (nw.Categorical, nw.Enum):
        if column.implementation.is_pandas():
            return pd.Series(column.to_native().astype("category"))
        # The order of an Enum, and of an Arrow dictionary, is given; other categories are sorted.
        categories = None
        if dtype == nw.Enum:
            categories = list(dtype.categories)
        elif column.implementation.is_pyarrow():
            categories = column.cat.get_categories().to_list()
        return pd.Series(pd.Categorical(column.to_numpy(), categories=categories))
    if dtype == nw.Decimal:
        column = column.cast(nw.Float64)
    array = column.to_numpy()
    series = pd.Series(array if array.ndim == 1 else column.to_list())
    zone = getattr(dtype, "time_zone", None)
    return series if zone is None else series.dt.tz_localize("UTC").dt.tz_convert(zone)
