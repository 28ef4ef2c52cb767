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
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from nmfre.core.layout import aligned, laid_out
from nmfre.core.threads import one_thread
from nmfre.core.typing import FloatArray
from nmfre.data.checks import check_unique, is_chunked, numeric_frame, require_memory
from nmfre.data.design import NO_REPLICATES, REFIT, Design
from nmfre.data.faults import Faults, check_faults, covariate_faults
from nmfre.data.labelled import INTERCEPT, Rows, check_same_units, exog_names, two_axes
from nmfre.data.rsquared import FitSums
from nmfre.data.sums import Totals, totals_of
from nmfre.errors import (
    ChunkedResponsesError,
    ChunkError,
    ChunkLengthError,
    InvalidArgumentError,
    NMFREError,
    NonNumericError,
    NotComputedError,
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
    totals: Totals

    def refusals(self) -> dict[str, NMFREError]:
        """As in `Design`."""
        return {
            "df-cap": ChunkedResponsesError(),
            REFIT: NotComputedError(name=REFIT, reason=NO_REPLICATES),
            "multipliers": InvalidArgumentError(
                "multipliers", "array", "None where data are in chunks"
            ),
            "criterion='cv'": InvalidArgumentError(
                "criterion", "cv", "'bic' or 'aic' where data are in chunks"
            ),
        }

    def require(self, what: str, instead: str = "fit a sample of the units in memory") -> None:
        """As in `Design`; values of all units are never at hand."""
        Design.require(self, what)
        require_memory(self.A, what, instead)

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
        array = _rows(exog, "exog", "x").array
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
    Y = _rows(endog, "endog", "y")
    if exog is None:
        A = Rows(da.ones((len(Y.array), 1), chunks=(Y.array.chunks[0], 1)), INTERCEPT)
    else:
        A = _rows(exog, "exog", "x")
    check_same_units(Y.array, A.array)
    rows = (Y if is_chunked(endog) else A).array.chunks[0]
    data = [part.array.rechunk((rows, -1)).T for part in (Y, A)]
    labels = [part.index for part in (Y, A) if part.index is not None]
    if len(labels) == 2:
        data += [da.asarray(index).rechunk((rows,)) for index in labels]
    check_unique(Y.columns, "response")
    check_unique(A.columns, "covariate")
    (totals,) = _total(totals_of, *data)
    return ChunkedDesign(
        Y=data[0],
        A=data[1],
        responses=Y.columns,
        units=pd.RangeIndex(sum(rows)),
        covariates=A.columns if A.named else exog_names(totals.all_one),
        totals=totals,
    )


def _rows(values: Any, name: str, prefix: str) -> Rows:
    """As `Rows.of`, with a dask array, in one chunk where ``values`` are in memory."""
    if not is_chunked(values):
        rows = Rows.of(values, name, prefix)
        if not isinstance(rows.array, np.ndarray):
            raise ShapeError(reason=f"{name} is sparse: make the other a NumPy array.")
        array = import_module("dask.array").from_array(rows.array, chunks=(-1, -1))
        return replace(
            rows, array=array, index=None if rows.index is None else rows.index.to_numpy()
        )
    with _named_errors():
        array, labels, index = _parts_of(values, name)
    if array.dtype.kind not in "buif":
        raise NonNumericError(name=name, dtype=array.dtype, remedy="convert it to numbers.")
    array, columns = two_axes(array, name, prefix)
    array = array.astype(float)
    return Rows(array, columns, None, False) if labels is None else Rows(array, labels, index)


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
