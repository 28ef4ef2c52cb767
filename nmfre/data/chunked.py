"""
Data in chunks that dask holds: on disk, or on the machines of a cluster.

Whatever is needed of all units is a sum over chunks of units. The sums are added in one fixed
order, of arrays in one layout, so that they do not depend on the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from nmfre.core.layout import aligned, laid_out
from nmfre.core.threads import one_thread
from nmfre.core.typing import FloatArray
from nmfre.data.checks import check_unique, is_chunked, numeric_frame, require_memory
from nmfre.data.design import NO_REFIT, Design
from nmfre.data.faults import check_faults, covariate_faults
from nmfre.data.interchange import has_row_labels, table
from nmfre.data.labelled import check_same_units, exog_names, labelled_matrix, two_axes
from nmfre.data.rsquared import FitSums
from nmfre.data.sums import Totals, check_totals, totals_of
from nmfre.errors import (
    ChunkedResponsesError,
    ChunkError,
    ChunkLengthError,
    InvalidArgumentError,
    NMFREError,
    NonNumericError,
    ShapeError,
)
from nmfre.estimation.complete import DenseMoments, dense_moments
from nmfre.estimation.orthonormal import Orthonormal

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
    refusals: ClassVar[Mapping[str, Callable[[], NMFREError]]] = {
        "df-cap": ChunkedResponsesError,
        "bootstrap(refit=True)": NO_REFIT,
        "multipliers": partial(
            InvalidArgumentError, "multipliers", "array", "None where data are in chunks"
        ),
        "criterion='cv'": partial(
            InvalidArgumentError, "criterion", "cv", "'bic' or 'aic' where data are in chunks"
        ),
    }

    totals: Totals

    def check(self) -> None:
        """Nothing: the pass has checked the data."""

    def require(self, what: str, instead: str = "fit a sample of the units in memory") -> None:
        """As in `Design`; values of all units are never at hand."""
        Design.require(self, what)
        require_memory(self.A, what, instead)

    @property
    def for_statsmodels(self) -> tuple[Any, Any]:
        """A stand-in: statsmodels would read all chunks into memory."""
        n_covariates = len(self.covariates)
        return np.ones(n_covariates), np.eye(n_covariates)

    def moments(self) -> DenseMoments:
        """Moments of Y and A, from their sums."""
        totals = self.totals
        total = float(np.trace(totals.YY))
        return dense_moments(len(self.units), total, totals.YY, totals.R, totals.QY)

    def orthonormal(self) -> Orthonormal:
        """How A is made orthonormal."""
        return Orthonormal.of_factor(self.totals.R, len(self.units))

    def total(self, function: Callable[..., tuple[Any, ...]], *data: Any) -> tuple[Any, ...]:
        """
        Sum of what ``function`` returns for each chunk of dask arrays with units in columns.

        Raises
        ------
        ChunkError
            If a chunk cannot be read or a worker dies.
        """
        return _total(function, *data)

    def frame(self, values: Any, columns: pd.Index, units: pd.Index | None = None) -> Any:
        """Values (J, N) as a lazy dask DataFrame, or as one in memory where they are there."""
        if not is_chunked(values):
            return Design.frame(self, values, columns, units)
        return import_module("dask.dataframe").from_dask_array(values.T, columns=columns)

    def map_rows(self, function: Callable[[Any], pd.Series], frame: Any, name: str) -> Any:
        """Labels that ``function`` gives to the rows of a lazy frame, a lazy Series."""
        return frame.map_partitions(function, meta=(name, object))

    def same_responses(self, other: Design) -> bool:
        """Whether another design has these responses, as far as their second moments tell."""
        return (
            isinstance(other, ChunkedDesign)
            and self.Y.shape == other.Y.shape
            and np.allclose(self.totals.YY, other.totals.YY, rtol=1e-10, atol=0.0)
        )

    def covariate_products(self, other: Design) -> FloatArray:
        """A B' of these covariates and those of another design of these units, (K, L)."""
        B: Any = other.A
        chunks: Any = self.A
        (products,) = self.total(_products, chunks, B.rechunk((-1, chunks.chunks[1])))
        return np.asarray(products)

    def fit_sums(
        self, X: FloatArray, Theta: FloatArray, ridge: float, U: FloatArray | None
    ) -> FitSums:
        """Without a pass: U = M^-1 X'(Y - X Theta A), M = X'X + lambda I."""
        totals, by_Y = self.totals, np.zeros_like(X.T)
        if U is not None:
            by_Y = np.linalg.solve(X.T @ X + ridge * np.eye(X.shape[1]), X.T)
        by_A = Theta - by_Y @ X @ Theta
        YS = totals.YY @ by_Y.T + totals.YA @ by_A.T
        AS = totals.YA.T @ by_Y.T + totals.AA @ by_A.T
        return FitSums.of_totals(
            X,
            len(self.units),
            (float(np.trace(totals.YY)), totals.Y1),
            (YS, by_Y @ YS + by_A @ AS, by_Y @ totals.Y1 + by_A @ totals.A1),
        )

    def covariates_of(self, exog: Any) -> tuple[Any, pd.Index]:
        """As in `Design`; of dask collections, a dask array that is checked as it is computed."""
        if not is_chunked(exog):
            return Design.covariates_of(self, exog)
        if hasattr(exog, "columns"):
            exog = self.columns_of(exog)
        array = _Rows.of(exog, "exog", "x").array
        self.check_columns(array)
        responses, covariates = self.responses, self.covariates

        def checked(block: FloatArray, block_info: Any = None) -> FloatArray:
            first = block_info[0]["array-location"][1][0] if block_info else 0
            units = pd.RangeIndex(first, first + block.shape[1])
            check_faults(covariate_faults(block), responses, covariates, units)
            return block

        A = array.rechunk((array.chunks[0], -1)).T
        return A.map_blocks(checked, dtype=float, meta=np.empty((0, 0))), pd.RangeIndex(len(array))


def _products(start: int, A: FloatArray, B: FloatArray) -> tuple[FloatArray]:
    """A B' of some units."""
    return (A @ B.T,)


def design_from_chunks(endog: Any, exog: Any) -> ChunkedDesign:
    """
    Design of responses (N x P) and covariates (N x K; None for an intercept alone) in chunks.

    One of them may be in memory. Units are numbered in the order of the rows.
    """
    da = import_module("dask.array")
    Y = _Rows.of(endog, "endog", "y")
    A = None if exog is None else _Rows.of(exog, "exog", "x")
    if A is not None:
        check_same_units(Y.array, A.array)
    rows = (Y if A is None or is_chunked(endog) else A).array.chunks[0]
    n_units = sum(rows)
    units = pd.RangeIndex(n_units)
    data = [Y.in_chunks(rows)]
    if A is None:
        data.append(da.ones((1, n_units), chunks=(1, rows)))
        covariates = pd.Index(["Intercept"])
    else:
        data.append(A.in_chunks(rows))
        covariates = A.columns
    labels = []
    if A is not None and Y.index is not None and A.index is not None:
        labels = [_in_chunks(index, rows) for index in (Y.index, A.index)]
    check_unique(Y.columns, "response")
    check_unique(covariates, "covariate")
    (totals,) = _total(totals_of, *data, *labels)
    if A is not None and not A.labelled:
        covariates = exog_names(totals.all_one)
    check_totals(totals, Y.columns, covariates, units)
    return ChunkedDesign(
        Y=data[0],
        A=data[1],
        responses=Y.columns,
        units=units,
        covariates=covariates,
        totals=totals,
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Numbers with two axes, units in rows, in memory or not, and their labels."""

    array: Any
    columns: pd.Index
    index: Any  # of the rows, or None
    labelled: bool

    @classmethod
    def of(cls, values: Any, name: str, prefix: str) -> _Rows:
        """From what a user passes as ``name``; columns without labels get the prefix."""
        if not is_chunked(values):
            has_index, values = has_row_labels(values), table(values)
            labelled = isinstance(values, pd.DataFrame | pd.Series)
            array, columns, index = labelled_matrix(values, name, prefix)
            if not isinstance(array, np.ndarray):
                raise ShapeError(reason=f"{name} is sparse: make the other a NumPy array.")
            one_chunk = import_module("dask.array").from_array(array, chunks=(-1, -1))
            return cls(one_chunk, columns, index.to_numpy() if has_index else None, labelled)
        with _named_errors():
            array, labels, index = _parts_of(values, name)
        if array.dtype.kind not in "buif":
            raise NonNumericError(name=name, dtype=array.dtype, remedy="convert it to numbers.")
        array, columns = two_axes(array, name, prefix)
        return cls(
            array.astype(float), columns if labels is None else labels, index, labels is not None
        )

    def in_chunks(self, rows: tuple[int, ...]) -> Any:
        """The array with units in columns, in these chunks of units."""
        return self.array.rechunk((rows, -1)).T


def _parts_of(values: Any, name: str) -> tuple[Any, pd.Index | None, Any]:
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
    raise ShapeError(
        reason=f"{name} is a {type(values).__name__} of dask: pass a dask array or DataFrame, "
        "units in rows."
    )


def _in_chunks(index: Any, rows: tuple[int, ...]) -> Any:
    return import_module("dask.array").asarray(index).rechunk((rows,))


def _total(function: Callable[..., tuple[Any, ...]], *data: Any) -> tuple[Any, ...]:
    """Sum over chunks of what ``function`` returns for the first unit and the data of each."""
    dask = import_module("dask")
    one_chunk, add = dask.delayed(_one_chunk), dask.delayed(_added)
    function = dask.delayed(function)
    # Unoptimised, so that arrays made of the same chunks read each chunk once.
    pieces = [part.to_delayed(optimize_graph=False).ravel() for part in data]
    edges = pairwise(accumulate(data[0].chunks[-1], initial=0))
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
    function: Callable[..., tuple[Any, ...]], start: int, stop: int, *parts: Any
) -> tuple[Any, ...]:
    for part in parts:
        if not isinstance(part, np.ndarray) or isinstance(part, np.ma.MaskedArray):
            raise ShapeError(
                reason=f"chunks of dask arrays are {type(part).__name__}: make them NumPy arrays."
            )
        if part.shape[-1] != stop - start:
            raise ChunkLengthError(first=start, last=stop - 1, found=part.shape[-1])
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
    except NMFREError:
        raise
    except Exception as error:
        raise ChunkError(cause=f"{type(error).__name__}: {error}") from error
