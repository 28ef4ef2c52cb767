"""
What every kind of data is to a model: one labelled pair of matrices (Y, A), checked.

The transposition between statsmodels (units in rows) and the paper (units in columns) happens
where a Design is made, and nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd
from patsy import DesignInfo
from scipy.sparse import issparse

from nmfre.core.layout import LaidOut, laid_out
from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.data.checks import check_unique, listed, numeric, require_memory
from nmfre.data.covariates import covariates_of_new_data
from nmfre.data.faults import Faults, check_faults, check_sums, covariate_faults, response_faults
from nmfre.data.groups import Groups
from nmfre.data.interchange import frame_of_series, has_row_labels, table
from nmfre.data.labelled import INTERCEPT, in_rows
from nmfre.data.naming import known_columns
from nmfre.data.right_hand_side import RightHandSide
from nmfre.data.rsquared import FitSums
from nmfre.data.weights import Weights, by_unit
from nmfre.errors import MissingColumnError, NMFREError, ShapeError
from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.moments import Moments
from nmfre.estimation.orthonormal import Orthonormal, orthonormal

REFIT = "bootstrap(refit=True)"
NO_REPLICATES = "responses are sparse or in chunks, and replicates of them would be dense."


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
    groups : Groups or None
        Groups of units that may depend on each other.
    weights : Weights or None
        How often each unit counts.
    """

    in_memory: ClassVar[bool] = True
    """Whether values of all units can be looked at, and not only be summed."""
    rounding: ClassVar[float] = 0.0
    """By how much, relatively, what equal responses are compared by may differ."""

    Y: Any
    A: FloatArray
    responses: pd.Index
    units: pd.Index
    covariates: pd.Index
    formula: str | None = None
    right_hand_side: RightHandSide | None = None
    groups: Groups | None = None
    weights: Weights | None = None

    def __post_init__(self) -> None:
        LaidOut.__post_init__(self)
        shapes = (len(self.responses), len(self.units)), (len(self.covariates), len(self.units))
        if (self.Y.shape, self.A.shape) != shapes:
            raise ShapeError(reason=f"{self.Y.shape}, {self.A.shape} are not labelled {shapes}.")
        self.check()

    def check(self) -> None:
        """Name what is wrong with the data."""
        for what, index in self.labels.items():
            check_unique(index, what)
        if self.groups is not None:
            self.groups.check(len(self.units))
        if self.weights is not None:
            self.weights.check(len(self.units))
        self.check_entries()
        with np.errstate(over="ignore"):
            Y1 = self.response_sums()
        drop = "drop it from the formula" if self.in_memory else "drop it"
        check_sums(Y1, self.covariate_root(), self.labels, drop)

    def check_entries(self) -> None:
        """Each entry must be allowed."""
        check_faults(self.faults(), self.labels)

    def faults(self) -> Faults:
        """Entries that are not allowed."""
        return response_faults(self.Y) | covariate_faults(self.A)

    def response_sums(self) -> FloatArray:
        """Sum of the observed values of each response, times the weights of units; (P,)."""
        Y = self.Y if self.weights is None else self.Y * self.weights.by_unit
        return np.asarray(Y.sum(axis=1))

    def covariate_root(self) -> FloatArray:
        """Triangular factor R of A' = QR, (at most K, K)."""
        return np.asarray(np.linalg.qr(self.A.T, mode="r"))

    def parts(self) -> dict[str, Any]:
        """The attributes that designs of all kinds have."""
        return {field.name: getattr(self, field.name) for field in fields(Design)}

    def refusals(self) -> dict[str, NMFREError]:
        """The errors of what cannot be done with these data, by its name."""
        return {}

    def require(self, what: str, instead: str = "fit a sample of the units in memory") -> None:
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
        require_memory(self.A, what, instead)

    @property
    def labels(self) -> dict[str, pd.Index]:
        """Labels of each response, unit and covariate."""
        return {"response": self.responses, "unit": self.units, "covariate": self.covariates}

    @property
    def n_missing(self) -> int:
        """Number of missing responses."""
        return 0

    @property
    def n_cells(self) -> float:
        """Number of observed responses; with weights, each of the weight of its unit."""
        if self.weights is None:
            return len(self.responses) * len(self.units) - self.n_missing
        return float(self.observed.sum(axis=0) @ self.weights.by_unit)

    @property
    def observed(self) -> BoolArray:
        """Which responses are observed, (P, N)."""
        return np.ones(self.Y.shape, dtype=bool)

    @property
    def response_values(self) -> FloatArray:
        """Responses as an array, (P, N), NaN where missing."""
        values: FloatArray = self.Y
        return values

    @property
    def compared(self) -> Any:
        """What tells responses from others: themselves, or second moments of what is summed."""
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
    def for_statsmodels(self) -> FloatArray:
        """Covariates for `statsmodels.base.model.Model`; a stand-in where it cannot look at A."""
        return self.A.T

    def moments(self) -> Moments:
        """Moments of Y and A."""
        return moments_of(self.Y, self.A, by_unit(self.weights), total_weight(self))

    def orthonormal(self) -> Orthonormal:
        """How A is made orthonormal."""
        return orthonormal(self.A, by_unit(self.weights), total_weight(self))[0]

    def total(self, function: Callable[..., tuple[Any, ...]], *data: Any) -> tuple[Any, ...]:
        """
        Sum of what ``function`` returns for the number of the first unit, and data of the units.

        In memory all units are one chunk.
        """
        return function(0, *data)

    def covariate_products(self, other: Design) -> FloatArray:
        """A B' of these covariates and those of another design of these units, (K, L)."""
        (products,) = self.total(_products, self.A, other.A)
        return np.asarray(products)

    def same_responses(self, other: Design) -> bool:
        """Whether another design has these responses, as far as what they are compared by tells."""
        if self.in_memory != other.in_memory or self.Y.shape != other.Y.shape:
            return False
        one, two = self.compared, other.compared
        if one is two:
            return True
        if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
            return np.allclose(one, two, rtol=self.rounding, atol=0.0, equal_nan=True)
        return not (two != one).sum()

    @abstractmethod
    def fit_sums(
        self, X: FloatArray, Theta: FloatArray, relative: Relative, U: FloatArray | None
    ) -> FitSums:
        """
        Sums that R2 is made of.

        Parameters
        ----------
        X, Theta, relative
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
        squares = (self.Y[:, which] - X @ scores) ** 2
        if self.weights is None:
            return float(np.nanmean(squares))
        w = np.where(np.isnan(squares), 0.0, self.weights.by_unit[which])
        return float(np.nansum(w * squares) / w.sum())

    def frame(self, values: FloatArray, columns: pd.Index, units: pd.Index | None = None) -> Any:
        """Values (J, N), of new units or of these, as units x columns."""
        return pd.DataFrame(values.T, index=self.units if units is None else units, columns=columns)

    def map_rows(self, function: Callable[..., pd.Series], frame: Any, name: str) -> Any:
        """Labels that ``function`` gives to the rows of a frame, a Series of this name."""
        return function(frame)

    def covariates_of(self, exog: object) -> tuple[FloatArray, pd.Index]:
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
            if isinstance(
                exog, pd.DataFrame
            ):  # an array beside the data of the fit has the units of the fit
                _check_columns(exog, sorted({*right.variables} - {*map(str, exog.columns)}))
            A, units = covariates_of_new_data(right.design_info, exog)
        elif isinstance(exog, pd.DataFrame):
            A, units = numeric(self._columns_of(exog), "exog").T, exog.index
        else:
            A = in_rows(numeric(exog, "exog"), "exog", len(self.covariates)).T
            units = pd.RangeIndex(A.shape[-1])
            self._check_axes(A)
        A = laid_out(A)
        check_faults(covariate_faults(A), self.labels | {"unit": units})
        return A, units

    def intercepts(self, units: pd.Index) -> FloatArray:
        """
        A (1, M) of M units that have an intercept alone.

        Raises
        ------
        ShapeError
            Where the model has covariates; those of the units must be given.
        """
        if not self.covariates.equals(INTERCEPT):
            raise ShapeError(
                reason=f"the model has covariates ({listed(self.covariates)}): pass exog, with "
                "one row per unit."
            )
        return np.ones((1, len(units)))

    def _columns_of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns of a data frame, in memory or of dask, that are the covariates."""
        _check_columns(frame, self.covariates)
        chosen = frame[list(self.covariates)]
        check_unique(pd.Index(chosen.columns), "covariate")
        return chosen

    def _check_axes(self, A: FloatArray) -> None:
        """An array, in memory or of dask, must have two axes and one column per covariate."""
        if A.ndim != 2 or len(A) != len(self.covariates):
            raise ShapeError(
                reason=f"exog has {len(A)} columns, the model {len(self.covariates)} "
                f"covariates ({listed(self.covariates)}): pass units in rows and every "
                "covariate, the intercept included."
            )

    def responses_of(self, endog: object, units: pd.Index) -> FloatArray:
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
                    reason=f"endog has columns that are not responses ({listed(other)}); the "
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
        check_faults(response_faults(Y, missing=True), self.labels | {"unit": units})
        return Y


def independent(design: Design) -> IntArray | None:
    """Codes of the groups, (N,); None where units are independent."""
    return None if design.groups is None else design.groups.independent


def total_weight(design: Design) -> float:
    """N, or the sum of the weights of the units."""
    return len(design.units) if design.weights is None else design.weights.total


def n_independent(design: Design) -> int:
    """Number of groups, or of units where there are none."""
    return len(design.units if design.groups is None else design.groups.labels)


def _products(start: int, A: FloatArray, B: FloatArray) -> tuple[FloatArray]:
    """A B' of some units."""
    return (A @ B.T,)


def _check_columns(frame: pd.DataFrame, names: Iterable[Hashable]) -> None:
    for name in names:
        if name not in frame.columns:
            raise MissingColumnError(role="predict", name=name, known=known_columns(frame, name))
