"""
What every kind of data is to a model: one labelled pair of matrices (Y, A), checked.

The transposition between statsmodels (units in rows) and the paper (units in columns) happens
where a Design is made, and nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd
from patsy import DesignInfo
from scipy.sparse import issparse

from nmfre.core.layout import LaidOut, laid_out
from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.data.checks import check_unique, listed, numeric
from nmfre.data.covariates import covariates_of_new_data
from nmfre.data.faults import (
    Faults,
    check_faults,
    check_sums,
    covariate_faults,
    response_faults,
)
from nmfre.data.interchange import frame_of_series, has_row_labels, table
from nmfre.data.labelled import in_rows
from nmfre.data.naming import known_columns
from nmfre.data.right_hand_side import RightHandSide
from nmfre.data.rsquared import FitSums
from nmfre.errors import MissingColumnError, NMFREError, ShapeError
from nmfre.estimation.complete import moments_of
from nmfre.estimation.moments import Moments
from nmfre.estimation.orthonormal import Orthonormal, orthonormal

REFIT = "bootstrap(refit=True)"
NO_REPLICATES = "responses are sparse or in chunks, their replicates would not be."


@dataclass(frozen=True, slots=True, kw_only=True)
class Design(LaidOut, ABC):
    """
    Checked and labelled data; a subclass a kind of responses.

    What is written here is right for data in memory, which are one chunk.

    Attributes
    ----------
    Y : (P, N)
        Responses, not negative.
    A : (K, N)
        Covariates, finite and linearly independent.
    responses, units, covariates : pandas.Index of length P, N and K
        Labels.
    formula : str or None
        Where A comes from.
    right_hand_side : RightHandSide or None
        How A is made of a data frame.
    """

    in_memory: ClassVar[bool] = True
    """Whether values of all units can be looked at, and not only be summed."""

    Y: Any
    A: FloatArray
    responses: pd.Index
    units: pd.Index
    covariates: pd.Index
    formula: str | None = None
    right_hand_side: RightHandSide | None = None

    def __post_init__(self) -> None:
        LaidOut.__post_init__(self)
        shapes = (len(self.responses), len(self.units)), (len(self.covariates), len(self.units))
        if (self.Y.shape, self.A.shape) != shapes:
            raise ShapeError(reason=f"{self.Y.shape}, {self.A.shape} are not labelled {shapes}.")
        self.check()

    def check(self) -> None:
        """Name what is wrong with the data."""
        labels = {"response": self.responses, "unit": self.units, "covariate": self.covariates}
        for what, index in labels.items():
            check_unique(index, what)
        self.check_entries()
        with np.errstate(over="ignore"):
            Y1 = self.response_sums()
        n_units, drop = len(self.units), "drop it from the formula" if self.in_memory else "drop it"
        check_sums(Y1, self.covariate_root(), self.responses, self.covariates, n_units, drop)

    def check_entries(self) -> None:
        """Each entry must be allowed."""
        check_faults(self.faults(), self.responses, self.covariates, self.units)

    def faults(self) -> Faults:
        """Entries that are not allowed."""
        return response_faults(self.Y) | covariate_faults(self.A)

    def response_sums(self) -> FloatArray:
        """Sum of the observed values of each response, (P,)."""
        return np.asarray(self.Y.sum(axis=1))

    def covariate_root(self) -> FloatArray:
        """Triangular factor R of A' = QR, (at most K, K)."""
        return np.asarray(np.linalg.qr(self.A.T, mode="r"))

    def parts(self) -> dict[str, Any]:
        """The attributes that designs of all kinds have."""
        return {field.name: getattr(self, field.name) for field in fields(Design)}

    def refusals(self) -> dict[str, NMFREError]:
        """The errors of what cannot be done with these data, by its name."""
        return {}

    def require(self, what: str, instead: str = "") -> None:
        """
        Refuse what cannot be done with these data.

        Parameters
        ----------
        what : str
            The name of the public method, attribute or choice.
        instead : str
            What to do instead, where values of all units are asked for.

        Raises
        ------
        NMFREError
            The subclass that names what the data lack.
        """
        refusal = self.refusals().get(what)
        if refusal is not None:
            raise refusal

    @property
    def n_missing(self) -> int:
        """Number of missing responses."""
        return 0

    @property
    def n_cells(self) -> int:
        """Number of observed responses."""
        return len(self.responses) * len(self.units) - self.n_missing

    @property
    def observed(self) -> BoolArray:
        """Which responses are observed, (P, N)."""
        return np.ones(self.Y.shape, dtype=bool)

    @property
    def response_values(self) -> Any:
        """Responses as an array, (P, N), NaN where missing."""
        return self.Y

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
        return self.Y.T, self.A.T

    def moments(self) -> Moments:
        """Moments of Y and A."""
        return moments_of(self.Y, self.A)

    def orthonormal(self) -> Orthonormal:
        """How A is made orthonormal."""
        return orthonormal(self.A)[0]

    def total(self, function: Callable[..., tuple[Any, ...]], *data: Any) -> tuple[Any, ...]:
        """What ``function`` returns for the number of the first unit, 0, and data of all units."""
        return function(0, *data)

    def covariate_products(self, other: Design) -> FloatArray:
        """A B' of these covariates and those of another design of these units, (K, L)."""
        return self.A @ np.asarray(other.A).T

    def same_responses(self, other: Design) -> bool:
        """Whether another design has these responses."""
        Y, other_Y = self.Y, other.Y
        if Y is other_Y or Y.shape != other_Y.shape:
            return Y is other_Y
        if isinstance(Y, np.ndarray) and isinstance(other_Y, np.ndarray):
            return np.array_equal(Y, other_Y, equal_nan=True)
        return not (other_Y != Y).sum()

    @abstractmethod
    def fit_sums(
        self, X: FloatArray, Theta: FloatArray, ridge: float, U: FloatArray | None
    ) -> FitSums:
        """
        Sums that R2 is made of.

        Parameters
        ----------
        X, Theta, ridge
            The estimates.
        U : array, (Q, N), optional
            For BLUPs X(Theta A + U); without them fits are X Theta A.
        """

    def scores(self, Theta: FloatArray, U: FloatArray | None) -> FloatArray:
        """Theta A, or Theta A + U; (Q, N)."""
        fixed = Theta @ self.A
        return fixed if U is None else fixed + U

    def squared_error(self, X: FloatArray, scores: FloatArray, which: IntArray) -> float:
        """Mean square of Y - X s over the observed responses of some units, scores s (Q, n)."""
        return float(np.nanmean((self.Y[:, which] - X @ scores) ** 2))

    def frame(self, values: Any, columns: pd.Index, units: pd.Index | None = None) -> Any:
        """Values (J, N), of new units or of these, as units x columns."""
        return pd.DataFrame(values.T, index=self.units if units is None else units, columns=columns)

    def map_rows(self, function: Callable[[Any], pd.Series], frame: Any, name: str) -> Any:
        """Labels that ``function`` gives to the rows of a frame, a Series of this name."""
        return function(frame)

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
        check_faults(covariate_faults(A), self.responses, self.covariates, units)
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
        Y = laid_out(values.T)
        check_faults(response_faults(Y, missing=True), self.responses, self.covariates, units)
        return Y
