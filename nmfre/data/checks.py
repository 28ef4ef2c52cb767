"""Checks of responses, covariates and labels: each raises an error that names the place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, issparse

from nmfre.core.typing import AnyArray, BoolArray, FloatArray, IntArray
from nmfre.errors import (
    CollinearCovariatesError,
    DuplicateCellError,
    InvalidArgumentError,
    NegativeResponseError,
    NonFiniteError,
    NonNumericError,
    NotComputedError,
    ScaleError,
    ShapeError,
    TooFewUnitsError,
    UnobservedResponseError,
    UnobservedUnitError,
    VaryingCovariateError,
    ZeroCovariateError,
    ZeroResponseError,
)

NUMBERS = {"boolean", "integer", "floating", "mixed-integer-float", "decimal"}
SPANS = {"timedelta64", "timedelta", "time"}
DATES = {"datetime64", "datetime", "date", "period"}
"""Kinds of labels, as pandas infers them, that lie on a scale."""
REPEATED_UNIT = (
    "data with several rows per unit need NMFRE.from_formula(..., unit=, occasion=). Otherwise "
    "keep one row per unit, or, if the index does not name the units, pass "
    "data.reset_index(drop=True)."
)
SCALE_LIMITS = (1e-75, 1e75)
"""Sizes of responses and covariates whose fourth powers are floating-point numbers."""
COLLINEAR = 1e-10
"""Relative size of what a covariate adds to those before it, below which it adds nothing."""


def check_responses(Y: Any, responses: pd.Index, units: pd.Index) -> int:
    """
    Number of missing cells of responses Y (P, N).

    They must be labelled once, finite where they are not missing (NaN), not negative, and not all
    zero. Of every unit and of every response some cell must be observed. Sparse responses have no
    missing cells.
    """
    check_unique(responses, "response")
    check_unique(units, "unit")
    values, rows, columns = Y, None, None
    if issparse(Y):
        stored = coo_array(cast("Any", Y))
        values, (rows, columns) = stored.data, stored.coords
    # Minimum and sum see NaN and infinite values in two passes without a mask.
    smallest = values.min(initial=0.0)
    n_missing = 0
    with np.errstate(over="ignore"):
        finite = bool(np.isfinite(values.sum()))
    if not (smallest >= 0 and finite):
        _raise_for_response(values, rows, columns, responses, units)
        n_missing = int(np.isnan(values).sum())
    if n_missing:
        _raise_for_unobserved(~np.isnan(Y), responses, units)
    with np.errstate(over="ignore"):
        sums = np.asarray(np.nansum(Y, axis=1) if n_missing else Y.sum(axis=1)).ravel()
    check_response_sums(sums, responses, len(units))
    return n_missing


def check_response_sums(sums: FloatArray, responses: pd.Index, n_units: int) -> None:
    """Sums (P,) of responses over the units must not be zero, nor out of scale."""
    zero = sums == 0.0
    if zero.any():
        raise ZeroResponseError(response=responses[int(zero.argmax())])
    _check_scale("Response", sums / n_units, responses)


def _check_scale(role: str, sizes: FloatArray, names: pd.Index) -> None:
    """Sizes must be far enough from what overflows and underflows when it is squared."""
    outside = ~((sizes > SCALE_LIMITS[0]) & (sizes < SCALE_LIMITS[1]))
    if outside.any():
        first = int(outside.argmax())
        raise ScaleError(
            reason=f"{role} {python_value(names[first])!r} has values of about "
            f"{sizes[first]:.1g}: their squares are too large or too small for floating-point "
            f"numbers. Change its units so that values are closer to 1."
        )


def check_observed(Y: FloatArray, responses: pd.Index, units: pd.Index) -> None:
    """Responses Y (P, M) must be finite and not negative where they are not NaN."""
    filled = np.where(np.isnan(Y), 0.0, Y)
    if not (filled.min(initial=0.0) >= 0 and np.isfinite(filled.sum())):
        _raise_for_response(filled, None, None, responses, units)


def _raise_for_response(
    values: FloatArray,
    rows: AnyArray | None,
    columns: AnyArray | None,
    responses: pd.Index,
    units: pd.Index,
) -> None:
    """Name the first response that is infinite or negative; ``rows`` and so on where sparse."""
    infinite = np.isinf(values) if rows is None else ~np.isfinite(values)
    bad = infinite if infinite.any() else values < 0
    if not bad.any():
        return  # missing cells, or finite values whose sum is not
    first = tuple(np.argwhere(bad)[0])
    row, column = first if rows is None or columns is None else (rows[first], columns[first])
    if infinite.any():
        raise NonFiniteError(
            role="Response",
            name=responses[row],
            value=values[first],
            unit=units[column],
            count=int(bad.sum()),
        )
    raise NegativeResponseError(
        count=int(bad.sum()), unit=units[column], response=responses[row], value=values[first]
    )


def _raise_for_unobserved(observed: BoolArray, responses: pd.Index, units: pd.Index) -> None:
    """Name the first unit or response of which nothing is observed."""
    no_response, no_unit = ~observed.any(axis=1), ~observed.any(axis=0)
    if no_response.any():
        raise UnobservedResponseError(
            response=python_value(responses[int(no_response.argmax())]),
            count=int(no_response.sum()),
        )
    if no_unit.any():
        raise UnobservedUnitError(
            unit=python_value(units[int(no_unit.argmax())]), count=int(no_unit.sum())
        )


def check_covariates(A: FloatArray, covariates: pd.Index, units: pd.Index) -> None:
    """Covariates A (K, N) must be finite, linearly independent, and fewer than the units."""
    check_unique(covariates, "covariate")
    check_finite(A, "Covariate", covariates, units)
    n_covariates, n_units = A.shape
    zero = ~A.any(axis=1)
    if zero.any():
        raise ZeroCovariateError(
            covariate=covariates[int(zero.argmax())], remedy="drop it from the formula"
        )
    if n_units <= n_covariates:
        raise TooFewUnitsError(
            units=n_units,
            covariates=n_covariates,
            needed=n_covariates + 1,
            remedy="Add units, or drop covariates (the intercept is one).",
        )
    check_independent(np.asarray(np.linalg.qr(A.T, mode="r")), covariates, n_units)


def check_independent(R: FloatArray, covariates: pd.Index, n_units: int) -> None:
    """Covariates A with A' = QR must be in scale and linearly independent."""
    _check_scale("Covariate", np.abs(R).max(axis=0) / np.sqrt(n_units), covariates)
    dependent = np.abs(np.diag(R)) <= COLLINEAR * np.linalg.norm(R, axis=0)
    if dependent.any():
        j = int(dependent.argmax())
        coefs = np.linalg.solve(R[:j, :j], R[:j, j])
        raise CollinearCovariatesError(
            dependence=_combination(covariates[j], coefs, covariates[:j])
        )


def _combination(name: Any, coefs: FloatArray, names: pd.Index) -> str:
    """Spell out name = c1 names1 + c2 names2 ..., leaving out what is zero."""
    terms = []
    for coef, other in zip(coefs, names, strict=True):
        if abs(coef) > np.sqrt(COLLINEAR):
            size = "" if np.isclose(abs(coef), 1.0) else f"{abs(coef):.4g} "
            terms.append(f"{'-' if coef < 0 else '+'} {size}{other}")
    text = " ".join(terms)
    return f"{name} = {text.removeprefix('+ ')}"


def on_a_scale(labels: pd.Index | pd.Series) -> bool:
    """Whether labels are numbers or times: they have an order and distances."""
    kinds = NUMBERS | SPANS | DATES
    return pd.api.types.infer_dtype(labels) in kinds and not labels.isna().any()


def check_unique(labels: pd.Index, what: str) -> None:
    """Labels must not repeat."""
    repeated = labels.duplicated(keep=False)
    if repeated.any():
        first = int(repeated.argmax())
        rows = np.flatnonzero(labels.isin(labels[[first]]))  # NaN, too
        raise DuplicateCellError(
            cell=f"{what} {python_value(labels[first])!r}",
            count=len(rows),
            rows=f" (rows {listed(pd.Index(rows))})" if what == "unit" else "",
            remedy=REPEATED_UNIT if what == "unit" else "rename or drop all but one.",
        )


def check_finite(values: FloatArray, role: str, names: pd.Index, units: pd.Index) -> None:
    """No NaN and no infinite value in ``values`` (len(names), len(units))."""
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise NonFiniteError(
            role=role,
            name=names[row],
            value=values[row, column],
            unit=units[column],
            count=int(bad.sum()),
        )


def check_complete(column: pd.Series, role: str) -> None:
    """No missing value in a column whose index are the units."""
    missing = column.isna().to_numpy()
    if missing.any():
        raise NonFiniteError(
            role=role,
            name=column.name,
            value="missing",
            unit=column.index[int(missing.argmax())],
            count=int(missing.sum()),
        )


def check_constant(
    column: pd.Series, codes: IntArray, units: pd.Index, first: IntArray, remedy: str
) -> None:
    """A column of long data must have one value a unit: that of the unit's first row."""
    values = pd.factorize(column)[0]
    differs = values != values[first[codes]]
    if differs.any():
        row = int(differs.argmax())
        raise VaryingCovariateError(
            covariate=column.name,
            unit=units[codes[row]],
            first=column.index[first[codes[row]]],
            second=column.index[row],
            remedy=remedy,
        )


def numeric(values: Any, name: str, *, copy: bool = False) -> FloatArray:
    """Values as an array of floats, NaN where masked; theirs where they are one, unless copied."""
    if isinstance(values, pd.DataFrame):
        return numeric_frame(values).to_numpy(dtype=float, copy=copy, na_value=np.nan)
    if issparse(values):
        raise InvalidArgumentError(name, values, f"a dense array here: pass {name}.toarray()")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(
            reason=f"{name} cannot be made an array: pass rows that are all of one length."
        ) from error
    if array.dtype.kind not in "buif":
        raise NonNumericError(
            name=name, dtype=array.dtype, remedy="convert it to numbers, or use a formula."
        )
    masked = isinstance(values, np.ma.MaskedArray)
    floats = array.astype(float, order="F", copy=copy or masked)  # as frames are
    if masked:
        floats[np.ma.getmaskarray(values)] = np.nan
    return floats


def numeric_frame(block: pd.DataFrame) -> pd.DataFrame:
    """The data frame itself where all its columns are real numbers."""
    for name, dtype in zip(block.columns, block.dtypes, strict=True):
        if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_complex_dtype(dtype):
            raise NonNumericError(
                name=f"column {name!r}",
                dtype=dtype,
                remedy="convert it to numbers (pd.to_numeric), or move it right of ~.",
            )
    return block


def listed(columns: pd.Index, spelled: Callable[[Any], str] = str) -> str:
    """Names for a message, the first twenty."""
    shown = [spelled(column) for column in columns[:20]]
    more = [f"... ({len(columns)} in all)"] * (len(columns) > len(shown))
    return ", ".join(shown + more) or "none"


def python_value(label: Any) -> Any:
    """A label without its NumPy type, for messages."""
    return label.item() if isinstance(label, np.generic) else label


def is_chunked(*values: Any) -> bool:
    """Whether any of these is a collection of dask."""
    dask: Any = sys.modules.get("dask")  # not imported: nothing is of it
    return dask is not None and any(dask.is_dask_collection(value) for value in values)


def require_memory(
    values: Any, name: str, instead: str = "fit a sample of the units in memory"
) -> None:
    """
    Refuse what needs all units at once where their values are in chunks.

    Raises
    ------
    NotComputedError
        With what to do instead.
    """
    if is_chunked(values):
        raise NotComputedError(name=name, reason=f"the data are in chunks; {instead}.")
