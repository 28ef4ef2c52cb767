"""
One labelled pair of matrices (Y, A), checked, whatever the data came as.

The transposition between statsmodels (units in rows) and the paper (units in columns) happens
where a Design is made, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
from patsy import DesignInfo
from scipy.sparse import csr_array, issparse

from nmfre.core.layout import laid_out
from nmfre.core.typing import BoolArray, FloatArray
from nmfre.data.checks import (
    check_covariates,
    check_finite,
    check_observed,
    check_responses,
    check_unique,
    listed,
    numeric,
)
from nmfre.data.covariates import covariates_of_new_data
from nmfre.data.interchange import frame_of_series, has_row_labels, table
from nmfre.data.naming import known_columns
from nmfre.data.placeholder import Removed
from nmfre.data.right_hand_side import RightHandSide
from nmfre.errors import MissingColumnError, NonNumericError, ShapeError, TransposedError
from nmfre.estimation.complete import moments_of, squares
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.moments import Moments
from nmfre.estimation.orthonormal import Orthonormal, orthonormal
from nmfre.inference.wild_bootstrap import whole


@dataclass(frozen=True, slots=True)
class Design:
    """
    Checked and labelled data.

    Attributes
    ----------
    Y : (P, N)
        Responses, not negative, NaN where missing; an array or a SciPy sparse matrix.
    A : (K, N)
        Covariates, finite and linearly independent.
    responses, units, covariates : pandas.Index of length P, N and K
        Labels.
    formula : str or None
        Where A comes from.
    right_hand_side : RightHandSide or None
        How A is made of a data frame.
    n_missing : int
        Number of missing responses.
    """

    Y: Any
    A: FloatArray
    responses: pd.Index
    units: pd.Index
    covariates: pd.Index
    formula: str | None = None
    right_hand_side: RightHandSide | None = None
    n_missing: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        shapes = (len(self.responses), len(self.units)), (len(self.covariates), len(self.units))
        if (self.Y.shape, self.A.shape) != shapes:
            raise ShapeError(reason=f"{self.Y.shape}, {self.A.shape} are not labelled {shapes}.")
        if isinstance(self.Y, Removed):
            return
        if not self.sparse:
            object.__setattr__(self, "Y", laid_out(self.Y))
        object.__setattr__(self, "A", laid_out(self.A))
        n_missing = check_responses(self.Y, self.responses, self.units)
        object.__setattr__(self, "n_missing", n_missing)
        check_covariates(self.A, self.covariates, self.units)

    @property
    def sparse(self) -> bool:
        """Whether the responses are sparse."""
        return issparse(self.Y)

    @property
    def n_cells(self) -> int:
        """Number of observed responses."""
        return len(self.responses) * len(self.units) - self.n_missing

    @property
    def observed(self) -> BoolArray:
        """Which responses are observed, (P, N)."""
        if self.n_missing:
            return np.asarray(~np.isnan(self.Y))
        return np.ones(self.Y.shape, dtype=bool)

    @property
    def terms(self) -> dict[str, list[int]]:
        """The rows of A that belong to each term of the formula, or each row by itself."""
        if self.right_hand_side is None:
            return {str(name): [k] for k, name in enumerate(self.covariates)}
        return self.right_hand_side.terms

    @property
    def design_info(self) -> DesignInfo | None:
        """What patsy makes A of a data frame with; None without a formula."""
        return None if self.right_hand_side is None else self.right_hand_side.design_info

    @property
    def for_statsmodels(self) -> tuple[Any, Any]:
        """Endog and exog for `statsmodels.base.model.Model`; stand-ins where it cannot take Y."""
        if isinstance(self.Y, Removed):
            return np.zeros(1), np.ones((1, len(self.covariates)))
        return self.A.T[:, 0] if self.sparse else self.Y.T, self.A.T

    def without_data(self) -> Design:
        """The labels alone: responses and covariates keep their shape, units their number."""
        design = Design(
            Y=Removed("The responses", self.Y.shape),
            A=cast("Any", Removed("The covariates", self.A.shape)),
            responses=self.responses,
            units=pd.RangeIndex(len(self.units), name=self.units.name),
            covariates=self.covariates,
            formula=self.formula,
            right_hand_side=self.right_hand_side,
        )
        object.__setattr__(design, "n_missing", self.n_missing)
        return design

    def moments(self) -> Moments:
        """Moments of Y and A."""
        return moments_of(self.Y, self.A)

    def orthonormal(self) -> Orthonormal:
        """How A is made orthonormal."""
        return orthonormal(self.A)[0]

    def total(self, function: Callable[..., tuple[Any, ...]], *data: Any) -> tuple[Any, ...]:
        """What ``function`` returns for the number of the first unit, 0, and data of all units."""
        return whole(function, *data)

    def frame(self, values: Any, columns: pd.Index, units: pd.Index | None = None) -> Any:
        """Values (J, N), of new units or of these, as units x columns."""
        return pd.DataFrame(values.T, index=self.units if units is None else units, columns=columns)

    def same_responses(self, other: Design) -> bool:
        """Whether another design has these responses."""
        Y, other_Y = self.Y, other.Y
        if Y is other_Y or Y.shape != other_Y.shape:
            return Y is other_Y
        if isinstance(Y, np.ndarray) and isinstance(other_Y, np.ndarray):
            return np.array_equal(Y, other_Y, equal_nan=True)
        return not (other_Y != Y).sum()

    def response_sums(self) -> tuple[float, FloatArray]:
        """|Y|^2, and the sum of each response, (P,)."""
        return squares(self.Y), np.asarray(self.Y.sum(axis=1)).ravel()

    def score_sums(
        self, estimate: Estimate, *, blup: bool
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Y s', s s' and the sum of scores s = Theta A (+ U for the BLUP), all without X s."""
        scores = estimate.Theta @ self.A
        if blup:
            scores = scores + estimate.U
        return np.asarray(self.Y @ scores.T), scores @ scores.T, scores.sum(axis=1)

    def covariates_of(self, exog: Any) -> tuple[FloatArray, pd.Index]:
        """
        A (K, M) and the labels of M units of new data.

        Without a formula that can be evaluated, columns of a data frame are matched by name, those
        of an array by position.

        Raises
        ------
        ShapeError, MissingColumnError, DuplicateCellError, UnseenLevelError, NonFiniteError
            Where the new data do not fit those of the model.
        FormulaNotRestoredError
            Where the formula is needed, and was loaded without something that it uses.
        """
        right = self.right_hand_side
        exog = table(exog, blocks=right is not None)
        if isinstance(exog, pd.Series):
            names = [*self.covariates, *(right.variables if right is not None else ())]
            exog = frame_of_series(exog, pd.Index(names, tupleize_cols=False), "exog")
        raw = isinstance(exog, pd.DataFrame) and not set(self.covariates) <= set(exog.columns)
        if right is not None and (raw or right.restored):
            for name in right.variables if isinstance(exog, pd.DataFrame) else ():
                # An array beside the data of the fit has the units of the fit.
                if name not in exog.columns and name not in map(str, exog.columns):
                    known = known_columns(exog, name)
                    raise MissingColumnError(role="predict", name=name, known=known)
            A, units = covariates_of_new_data(right.design_info, exog)
        elif isinstance(exog, pd.DataFrame):
            A, units = numeric(self.columns_of(exog), "exog").T, exog.index
        else:
            A = in_rows(numeric(exog, "exog"), "exog", len(self.covariates)).T
            units = pd.RangeIndex(A.shape[-1])
            self.check_columns(A.T)
        A = laid_out(A)
        check_finite(A, "Covariate", self.covariates, units)
        return A, units

    def columns_of(self, frame: Any) -> Any:
        """The columns of a data frame, in memory or of dask, that are the covariates."""
        for name in self.covariates:
            if name not in frame.columns:
                raise MissingColumnError(
                    role="predict", name=name, known=known_columns(frame, name)
                )
        known = set(self.covariates)
        check_unique(pd.Index([name for name in frame.columns if name in known]), "covariate")
        return frame[list(self.covariates)]

    def check_columns(self, exog: Any) -> None:
        """An array, in memory or of dask, must have two axes and a column a covariate."""
        if exog.ndim != 2 or exog.shape[1] != len(self.covariates):
            raise ShapeError(
                reason=f"exog has {exog.shape[-1]} columns, the model {len(self.covariates)} "
                f"covariates ({listed(self.covariates)}): pass units in rows and every "
                "covariate, the intercept included."
            )

    def responses_of(self, endog: Any, units: pd.Index) -> FloatArray:
        """
        Responses (P, M) observed of M new units; NaN where they are not.

        Columns of a data frame are matched by name, and may be some of the responses; those of an
        array are all of them, in order.

        Raises
        ------
        ShapeError, DuplicateCellError, NonNumericError, NonFiniteError, NegativeResponseError
            Where they do not fit the model.
        """
        n_responses = len(self.responses)
        labelled = has_row_labels(endog)
        endog = cast("Any", endog).toarray() if issparse(endog) else table(endog)
        if isinstance(endog, pd.Series):
            endog = frame_of_series(endog, self.responses, "endog", units)
        if isinstance(endog, pd.DataFrame):
            check_unique(endog.columns, "response")
            other = endog.columns.difference(self.responses, sort=False)
            if len(other):
                raise ShapeError(
                    reason=f"endog has columns that are no responses ({listed(other)}); the "
                    f"responses are {listed(self.responses)}."
                )
            if labelled and len(endog) == len(units) and not endog.index.equals(units):
                raise ShapeError(reason="the indices of endog and exog differ: align them.")
            values = numeric(endog.reindex(columns=self.responses), "endog")
        else:
            values = in_rows(numeric(endog, "endog"), "endog", n_responses)
        if values.shape != (len(units), n_responses):
            raise ShapeError(
                reason=f"endog has shape {values.shape}: pass a row for each of the {len(units)} "
                f"units of exog and a column for each of the {n_responses} responses, NaN where "
                "one is not observed."
            )
        check_observed(values.T, self.responses, units)
        return laid_out(values.T)


def design_from_arrays(endog: Any, exog: Any) -> Design:
    """Design of responses (N x P) and covariates (N x K; None for an intercept alone)."""
    labelled = [has_row_labels(part) for part in (endog, exog)]
    endog, exog = table(endog), table(exog)
    Y, responses, units = labelled_matrix(endog, "endog", "y")
    n_units = Y.shape[0]
    A: FloatArray = np.ones((n_units, 1))
    covariates = pd.Index(["Intercept"])
    if exog is not None:
        A, covariates, exog_units = labelled_matrix(exog, "exog", "x")
        check_same_units(Y, A)
        if all(labelled) and not units.equals(exog_units):
            raise ShapeError(
                reason="the indices of endog and exog differ: align them, or pass arrays."
            )
        if labelled == [False, True]:
            units = exog_units
        if not isinstance(exog, pd.DataFrame | pd.Series):
            covariates = exog_names(np.all(A == 1.0, axis=0))
    return Design(Y=Y.T, A=A.T, responses=responses, units=units, covariates=covariates)


def check_same_units(Y: Any, A: Any) -> None:
    """Responses (N, P) and covariates (N, K) must have one number of rows."""
    rows, units = Y.shape[0], A.shape[0]
    if rows != units:
        if Y.shape[1] == units:
            raise TransposedError(rows=rows, units=units)
        raise ShapeError(reason=f"endog has {rows} rows and exog {units}: one row a unit in both.")


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
        raise NonNumericError(
            name="endog", dtype=values.dtype, remedy="convert it to real numbers."
        )
    array = csr_array(values, dtype=float)
    if not array.has_canonical_format:
        array = array.copy()
        array.sum_duplicates()
    return array


def labelled_matrix(values: Any, name: str, prefix: str) -> tuple[Any, pd.Index, pd.Index]:
    """Numbers with two axes, copied unless sparse, and the labels of their columns and rows."""
    sparse = issparse(values) and name == "endog"
    array = sparse_responses(values) if sparse else numeric(values, name, copy=True)
    array, columns = two_axes(array, name, prefix)
    rows: pd.Index = pd.RangeIndex(array.shape[0])
    if isinstance(values, pd.DataFrame):
        columns, rows = values.columns, values.index
    elif isinstance(values, pd.Series):
        columns, rows = pd.Index([name if values.name is None else values.name]), values.index
    return array, columns, rows


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


def exog_names(all_one: BoolArray) -> pd.Index:
    """Names as statsmodels gives them: const for a column of ones, x1, x2, ... for the others."""
    names: list[str] = []
    for is_const in all_one:
        names.append("const" if is_const else f"x{len(names) - names.count('const') + 1}")
    return pd.Index(names)
