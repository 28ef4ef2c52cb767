"""
Data in chunks that dask holds: on disk, or on the machines of a cluster.

Whatever is needed of all units is a sum over chunks of units. The sums are added in one fixed
order, of arrays in one layout, so that they do not depend on the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import accumulate, pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from nmfre import errors
from nmfre.core.layout import aligned, laid_out
from nmfre.core.threads import one_thread
from nmfre.core.typing import AnyArray, FloatArray
from nmfre.data.checks import check_unique, is_chunked, numeric_frame
from nmfre.data.design import NO_REPLICATES, REFIT, Design
from nmfre.data.faults import Faults, check_faults, covariate_faults
from nmfre.data.groups import groups_of_units
from nmfre.data.interchange import table
from nmfre.data.labelled import INTERCEPT, Rows, check_same_units, exog_names, two_axes
from nmfre.data.rsquared import FitSums
from nmfre.data.sums import Totals, totals_of
from nmfre.estimation.complete import DenseMoments, dense_moments
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.orthonormal import Orthonormal

if TYPE_CHECKING:
    from dask.array import Array

FAN_IN = 16
"""Sums that are added in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkedDesign(Design):
    """
    A design whose Y and A are dask arrays in the same chunks of units, with their sums.

    Attributes
    ----------
    totals : Totals
        Sums over all units, from one pass that has checked them.
    """

    in_memory: ClassVar[bool] = False
    rounding: ClassVar[float] = 1e-10
    totals: Totals

    def refusals(self) -> dict[str, errors.NMFREError]:
        """As in `Design`."""
        refused, where = errors.InvalidArgumentError, "where data are in chunks"
        return {
            "df-cap": errors.ChunkedResponsesError(),
            REFIT: errors.NotComputedError(name=REFIT, reason=NO_REPLICATES),
            "multipliers": refused("multipliers", "array", f"None {where}"),
            "criterion='cv'": refused("criterion", "cv", f"'bic' or 'aic' {where}"),
        }

    def faults(self) -> Faults:
        """As in `Design`, from the pass."""
        return self.totals.faults

    def response_sums(self) -> FloatArray:
        """Sum of each response, (P,)."""
        return self.totals.Y1

    def covariate_root(self) -> FloatArray:
        """As in `Design`, from the pass."""
        return self.totals.R

    @property
    def for_statsmodels(self) -> FloatArray:
        """A stand-in: statsmodels would read all chunks into memory."""
        return np.eye(len(self.covariates))

    @property
    def compared(self) -> FloatArray:
        """YY'."""
        return self.totals.YY

    def moments(self) -> DenseMoments:
        """Moments of Y and A, from their sums."""
        YY, R, QY = self.totals.YY, self.totals.R, self.totals.QY
        return dense_moments(len(self.units), float(np.trace(YY)), YY, R, QY)

    def orthonormal(self) -> Orthonormal:
        """How A is made orthonormal."""
        return Orthonormal.of_factor(self.totals.R, len(self.units))

    def total(self, function: Callable[..., tuple[Any, ...]], *data: Any) -> tuple[Any, ...]:
        """
        As in `Design`, of dask arrays with units in columns.

        Raises
        ------
        ChunkError
            If a chunk cannot be read or a worker dies.
        """
        return _total(function, *data)

    def frame(self, values: FloatArray, columns: pd.Index, units: pd.Index | None = None) -> Any:
        """Values (J, N) as a lazy dask DataFrame, or as one in memory where they are there."""
        if not is_chunked(values):
            return Design.frame(self, values, columns, units)
        return import_module("dask.dataframe").from_dask_array(values.T, columns=columns)

    def map_rows(self, function: Callable[..., pd.Series], frame: Any, name: str) -> Any:
        """Labels that ``function`` gives to the rows of a lazy frame, a lazy Series."""
        return frame.map_partitions(function, meta=(name, object))

    def fit_sums(
        self, X: FloatArray, Theta: FloatArray, relative: Relative, U: FloatArray | None
    ) -> FitSums:
        """Without a pass: U is linear in Y - X Theta A."""
        totals, by_Y = self.totals, np.zeros_like(X.T)
        if U is not None:
            by_Y = relative.blup_of(X)
        by_A = Theta - by_Y @ X @ Theta
        YS = totals.YY @ by_Y.T + totals.YA @ by_A.T
        AS = totals.YA.T @ by_Y.T + totals.R.T @ totals.R @ by_A.T
        sums = YS, by_Y @ YS + by_A @ AS, by_Y @ totals.Y1 + by_A @ totals.A1
        responses = float(np.trace(totals.YY)), totals.Y1
        return FitSums.of_totals(X, len(self.units), responses, sums)

    def covariates_of(self, exog: object) -> tuple[FloatArray, pd.Index]:
        """As in `Design`; of dask collections, a dask array that is checked as it is computed."""
        if not is_chunked(exog):
            return Design.covariates_of(self, exog)
        values = table(exog)
        if hasattr(values, "columns"):
            values = self._columns_of(values)
        A = _rows(values, "exog", "x").array.T
        self._check_axes(A)
        labels, units = self.labels, pd.RangeIndex(A.shape[1])

        def checked(block: FloatArray, block_info: Any = None) -> FloatArray:
            first = block_info[0]["array-location"][1][0] if block_info else 0
            check_faults(covariate_faults(block), labels | {"unit": units[first:]})
            return block

        A = A.rechunk({0: -1}).map_blocks(checked, dtype=float, meta=np.empty((0, 0)))
        return A, units


def design_from_chunks(endog: object, exog: object, groups: object = None) -> ChunkedDesign:
    """
    Design of responses (N x P) and covariates (N x K; None for an intercept alone) in chunks.

    One of them may be in memory; groups of units are. Units are numbered in the order of the rows.
    """
    Y = _rows(endog, "endog", "y")
    if exog is None:
        A = Rows(_dask_array().ones((len(Y.array), 1), chunks=(Y.array.chunks[0], 1)), INTERCEPT)
    else:
        A = _rows(exog, "exog", "x")
    check_same_units(Y.array, A.array)
    rows = (Y if is_chunked(endog) else A).array.chunks[0]
    data = [part.array.rechunk((rows, -1)).T for part in (Y, A)]
    indices = [_dask_array().asarray(part.index) for part in (Y, A) if part.index is not None]
    check_unique(Y.columns, "response")
    check_unique(A.columns, "covariate")
    (totals,) = _total(totals_of, *data, *(indices if len(indices) == 2 else ()))
    units = pd.RangeIndex(sum(rows))
    with _named_errors():
        found = groups_of_units(groups, units, named=False)
    return ChunkedDesign(
        Y=data[0],
        A=data[1],
        responses=Y.columns,
        units=units,
        groups=found,
        covariates=A.columns if A.named else exog_names(totals.all_one),
        totals=totals,
    )


def _dask_array() -> ModuleType:
    return import_module("dask.array")


def _rows(values: object, name: str, prefix: str) -> Rows:
    """As `Rows.of`, with a dask array, in one chunk where ``values`` are in memory."""
    if not is_chunked(values):
        rows = Rows.of(values, name, prefix)
        if not isinstance(rows.array, np.ndarray):
            raise errors.ShapeError(reason=f"{name} is sparse: make the other a NumPy array.")
        array = _dask_array().from_array(rows.array, chunks=(-1, -1))
        return replace(
            rows, array=array, index=None if rows.index is None else rows.index.to_numpy()
        )
    with _named_errors():
        array, labels, index = _parts_of(values, name)
    if array.dtype.kind not in "buif":
        raise errors.NonNumericError(name=name, dtype=array.dtype, remedy="convert it to numbers.")
    array, columns = two_axes(array.astype(float), name, prefix)
    return Rows(array, columns if labels is None else labels, index, labels is not None)


def _parts_of(values: Any, name: str) -> tuple[Array, pd.Index | None, Array | None]:
    """A dask array with known chunks; for a DataFrame of dask its columns and index, too."""
    if hasattr(type(values), "to_dask_array"):
        frame = values.to_frame() if values.ndim == 1 else values
        numeric_frame(frame)
        array = frame.to_dask_array(lengths=True)
        index = frame.index.to_dask_array(lengths=list(array.chunks[0]))
        return array, pd.Index(frame.columns), index
    if hasattr(type(values), "compute_chunk_sizes"):
        if np.isnan(values.shape).any():
            values = values.copy().compute_chunk_sizes()  # it changes what it is called on
        return values, None, None
    raise errors.ShapeError(
        reason=f"{name} is a {type(values).__name__} of dask: pass a dask array or DataFrame, "
        "units in rows."
    )


def _total(function: Callable[..., tuple[Any, ...]], *data: Array) -> tuple[Any, ...]:
    """Sum over chunks of what ``function`` returns for the first unit and the data of each."""
    dask = import_module("dask")
    one_chunk, add = dask.delayed(_one_chunk), dask.delayed(_added)
    function = dask.delayed(function)
    # Unoptimised, so that arrays made of the same chunks read each chunk once.
    units = data[0].chunks[-1]
    pieces = [
        part.rechunk({part.ndim - 1: units}).to_delayed(optimize_graph=False).ravel()
        for part in data
    ]
    edges = pairwise(accumulate(units, initial=0))
    pending = [
        one_chunk(function, start, stop, *parts)
        for (start, stop), *parts in zip(edges, *pieces, strict=True)
    ]
    while len(pending) > 1:
        pending = [add(pending[i : i + FAN_IN]) for i in range(0, len(pending), FAN_IN)]
    with _named_errors(), one_thread():
        (result,) = dask.compute(*pending)
    return aligned(tuple(result))


def _one_chunk(
    function: Callable[..., tuple[Any, ...]], start: int, stop: int, *parts: AnyArray
) -> tuple[Any, ...]:
    for part in parts:
        if not isinstance(part, np.ndarray) or isinstance(part, np.ma.MaskedArray):
            raise errors.ShapeError(
                reason=f"chunks of dask arrays are {type(part).__name__}: make them NumPy arrays."
            )
        if part.shape[-1] != stop - start:
            raise errors.ChunkLengthError(first=start, last=stop - 1, found=part.shape[-1])
    result: tuple[Any, ...] = aligned(function)(start, *map(laid_out, parts))
    return result


def _added(results: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    total = results[0]
    for result in results[1:]:
        total = tuple(a + b for a, b in zip(total, result, strict=True))
    return total


@contextmanager
def _named_errors() -> Iterator[None]:
    """Whatever a file, a task or a worker fails with comes back as one class of errors."""
    try:
        yield
    except errors.NMFREError:
        raise
    except Exception as error:
        raise errors.ChunkError(cause=f"{type(error).__name__}: {error}") from error
