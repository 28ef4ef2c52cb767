"""
One labelled pair of matrices (Y, A), checked, whatever the data came as.

The transposition between statsmodels (units in rows) and the paper (units in columns) happens
where a Design is made, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
from patsy import DesignInfo
from scipy.sparse import csr_array, issparse

from nmfre.checks import (
    check_covariates,
    check_finite,
    check_observed,
    check_responses,
    listed,
    numeric,
)
from nmfre.covariates import covariates_of_new_data
from nmfre.errors import MissingColumnError, ShapeError, TransposedError
from nmfre.removed import Removed
from nmfre.right_hand_side import RightHandSide
from nmfre.typing import FloatArray


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
        if isinstance(self.Y, Removed):
            return
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

    def covariates_of(self, exog: Any) -> tuple[FloatArray, pd.Index]:
        """
        A (K, M) and the labels of M units of new data.

        Without a formula that can be evaluated, columns of a data frame are matched by name, those
        of an array by position.

        Raises
        ------
        ShapeError, MissingColumnError, UnseenLevelError, NonFiniteError
            Where the new data do not fit those of the model.
        FormulaNotRestoredError
            Where the formula is needed, and was loaded without something that it uses.
        """
        right = self.right_hand_side
        raw = isinstance(exog, pd.DataFrame) and not self.covariates.isin(exog.columns).all()
        if right is not None and (raw or right.restored):
            A, units = covariates_of_new_data(right.design_info, exog)
        elif isinstance(exog, pd.DataFrame):
            for name in self.covariates:
                if name not in exog.columns:
                    raise MissingColumnError(role="predict", name=name, known=listed(exog.columns))
            A, units = numeric(exog[list(self.covariates)], "exog").T, exog.index
        else:
            A = np.atleast_2d(numeric(exog, "exog")).T
            units = pd.RangeIndex(A.shape[-1])
            if A.ndim != 2 or len(A) != len(self.covariates):
                raise ShapeError(
                    reason=f"exog has {len(A)} columns, the model {len(self.covariates)} "
                    f"covariates ({listed(self.covariates)}): pass units in rows and every "
                    "covariate, the intercept included."
                )
        check_finite(A, "Covariate", self.covariates, units)
        return A, units

    def responses_of(self, endog: Any, units: pd.Index) -> FloatArray:
        """
        Responses (P, M) observed of M new units; NaN where they are not.

        Columns of a data frame are matched by name, and may be some of the responses; those of an
        array are all of them, in order.

        Raises
        ------
        ShapeError, NonNumericError, NonFiniteError, NegativeResponseError
            Where they do not fit the model.
        """
        n_responses = len(self.responses)
        if isinstance(endog, pd.DataFrame):
            other = endog.columns.difference(self.responses, sort=False)
            if len(other):
                raise ShapeError(
                    reason=f"endog has columns that are no responses ({listed(other)}); the "
                    f"responses are {listed(self.responses)}."
                )
            if len(endog) == len(units) and not endog.index.equals(units):
                raise ShapeError(reason="the indices of endog and exog differ: align them.")
            values = numeric(endog.reindex(columns=self.responses), "endog")
        else:
            values = np.atleast_2d(numeric(endog, "endog"))
        if values.shape != (len(units), n_responses):
            raise ShapeError(
                reason=f"endog has shape {values.shape}: pass a row for each of the {len(units)} "
                f"units of exog and a column for each of the {n_responses} responses, NaN where "
                "one is not observed."
            )
        check_observed(values.T, self.responses, units)
        return np.ascontiguousarray(values.T)


def design_from_arrays(endog: Any, exog: Any) -> Design:
    """Design of responses (N x P) and covariates (N x K; None for an intercept alone)."""
    Y, responses, units = _matrix(endog, "endog", "y")
    n_units = Y.shape[0]
    A: FloatArray = np.ones((n_units, 1))
    covariates = pd.Index(["Intercept"])
    if exog is not None:
        A, covariates, exog_units = _matrix(exog, "exog", "x")
        if n_units != len(A):
            if Y.shape[1] == len(A):
                raise TransposedError(rows=n_units, units=len(A))
            raise ShapeError(
                reason=f"endog has {n_units} rows and exog {len(A)}: one row a unit in both."
            )
        labelled = [isinstance(part, pd.DataFrame | pd.Series) for part in (endog, exog)]
        if all(labelled) and not units.equals(exog_units):
            raise ShapeError(
                reason="the indices of endog and exog differ: align them, or pass arrays."
            )
        if labelled == [False, True]:
            units = exog_units
        if not labelled[1]:
            covariates = _exog_names(A)
    return Design(Y=Y.T, A=A.T, responses=responses, units=units, covariates=covariates)


def sparse_responses(values: Any) -> Any:
    """Sparse responses (N x P) in rows that lie together, as floats."""
    return csr_array(values, dtype=float)


def _matrix(values: Any, name: str, prefix: str) -> tuple[Any, pd.Index, pd.Index]:
    """Numbers with two axes, and the labels of their columns and rows."""
    sparse = issparse(values) and name == "endog"
    array = sparse_responses(values) if sparse else numeric(values, name)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or 0 in array.shape:
        raise ShapeError(
            reason=f"{name} has shape {array.shape}: pass an array with two axes, units in rows."
        )
    columns = pd.Index([f"{prefix}{j + 1}" for j in range(array.shape[1])])
    rows: pd.Index = pd.RangeIndex(array.shape[0])
    if isinstance(values, pd.DataFrame):
        columns, rows = values.columns, values.index
    elif isinstance(values, pd.Series):
        columns, rows = pd.Index([name if values.name is None else values.name]), values.index
    return array, columns, rows


def _exog_names(A: FloatArray) -> pd.Index:
    """Names as statsmodels gives them: const for a column of ones, x1, x2, ... for the others."""
    names: list[str] = []
    for is_const in np.all(A == 1.0, axis=0):
        names.append("const" if is_const else f"x{len(names) - names.count('const') + 1}")
    return pd.Index(names)
