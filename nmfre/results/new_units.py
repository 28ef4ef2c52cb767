"""Scores of new units, and their standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from nmfre.core.arguments import check_alpha
from nmfre.core.typing import FloatArray
from nmfre.data.checks import require_memory
from nmfre.data.labelled import unit_labels
from nmfre.report.numbers import side_by_side
from nmfre.report.readable import headed_html
from nmfre.results.fit import Fit
from nmfre.results.prediction import scores_given, units_with


@dataclass(eq=False, repr=False)
class Scores:
    """
    Scores of units with standard errors; made by `nmfre.NMFREResults.get_scores`.

    Attributes
    ----------
    scores : DataFrame, (M, Q)
        Theta a + u.
    se : DataFrame, (M, Q)
        Standard errors; NaN for components that are not identified.
    """

    scores: pd.DataFrame
    se: pd.DataFrame

    def __repr__(self) -> str:
        n_units, rank = self.scores.shape
        return f"<Scores: {n_units} units, {rank} component{'s' * (rank > 1)}>"

    def _repr_html_(self) -> str:
        """What it is and its table, for notebooks."""
        return headed_html(repr(self).strip("<>"), self.summary_frame())

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """
        Normal intervals. Like scores, they are not cut off at 0.

        Parameters
        ----------
        alpha : float
            1 minus the level.

        Returns
        -------
        DataFrame, (M, 2Q)
            Columns (component, limit).

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> model.fit("ml", n_boot=0).get_scores().conf_int().round(1).head(2)
        component  comp1
                   2.5 % 97.5 %
        subject
        M01        104.3  115.0
        M02         89.6  100.2
        """
        return side_by_side(*self._limits(alpha), alpha)

    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """
        One row per unit and component.

        Parameters
        ----------
        alpha : float
            1 minus the level of the intervals.

        Returns
        -------
        DataFrame, (M Q, 4)
            Columns score, se, ci_lower, ci_upper.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> model.fit("ml", n_boot=0).get_scores().summary_frame().round(1).head(2)
                           score   se  ci_lower  ci_upper
        subject component
        M01     comp1      109.6  2.7     104.3     115.0
        M02     comp1       94.9  2.7      89.6     100.2
        """
        parts = (self.scores, self.se, *self._limits(alpha))
        values = np.column_stack([part.to_numpy().ravel() for part in parts])
        index = pd.MultiIndex.from_product([self.scores.index, self.scores.columns])
        return pd.DataFrame(values, index, ["score", "se", "ci_lower", "ci_upper"])

    def _limits(self, alpha: float) -> tuple[pd.DataFrame, pd.DataFrame]:
        check_alpha(alpha)
        half_width = stats.norm.isf(alpha / 2.0) * self.se
        return self.scores - half_width, self.scores + half_width


def transform(
    self: Fit,
    endog: pd.DataFrame | ArrayLike | None = None,
    exog: pd.DataFrame | ArrayLike | None = None,
) -> pd.DataFrame:
    """
    Scores Theta a + u of new units: best linear unbiased predictions.

    For units of the data they equal those of `scores`. With df-cap they differ slightly, because
    df-cap centres the random effects over the units of the data.

    Parameters
    ----------
    endog : DataFrame, mapping, Series, array_like or SciPy sparse matrix, (M, P), optional
        Responses of the new units, NaN where not observed. Named columns are matched by name and
        may be a subset of the responses. Without ``endog``, scores are the means Theta a.
    exog : DataFrame, mapping, Series or array_like, (M, K), optional
        Covariates of the new units, as in `predict`; not needed if the model has only an intercept.
        Default without ``endog``: the units of the data.

    Returns
    -------
    DataFrame, (M, Q)

    Raises
    ------
    MissingColumnError, UnseenLevelError, DuplicateCellError, NonFiniteError, ShapeError
        The new data do not match those of the model, or ``exog`` is missing although the model has
        covariates.

    See Also
    --------
    get_scores : with standard errors.
    nmfre.sklearn.NMFRETransformer : for pipelines of scikit-learn.

    Examples
    --------
    >>> import nmfre
    >>> import pandas as pd
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> res = model.fit("ml", n_boot=0)
    >>> girl = pd.DataFrame({"sex": ["Female"]}, index=["a girl"])
    >>> seen = pd.DataFrame({8: [24.0], 10: [25.5]}, index=["a girl"])
    >>> res.transform(seen, girl).round(1)
    component  comp1
    a girl     101.1
    """
    A, Y, units = _new_units(self, endog, exog)
    design = self.model.design
    scores: FloatArray = self.estimate.Theta @ A
    if units is None:
        scores = scores + self.estimate.U
    elif Y is not None:
        scores = scores_given(self, A, Y)
    frame: pd.DataFrame = design.frame(scores, self.model.components, units)
    return frame


def get_scores(
    self: Fit,
    endog: pd.DataFrame | ArrayLike | None = None,
    exog: pd.DataFrame | ArrayLike | None = None,
) -> Scores:
    """
    Scores as by `transform`, with standard errors and intervals.

    The variance of a score has two parts: the variance of u given the observed responses, and the
    uncertainty of the estimates by the delta method, of all parameters with uncertainty="marginal",
    of Theta with "conditional".

    Parameters
    ----------
    endog, exog
        As in `transform`.

    Returns
    -------
    Scores

    Raises
    ------
    MissingColumnError, UnseenLevelError, DuplicateCellError, NonFiniteError, ShapeError
        As in `transform`.
    NotComputedError
        The units are in chunks.

    Examples
    --------
    >>> import nmfre
    >>> import pandas as pd
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> res = model.fit("ml", n_boot=0)
    >>> girls = pd.DataFrame({"sex": ["Female"] * 2}, index=["seen twice", "not seen"])
    >>> seen = pd.DataFrame({8: [24.0, None], 10: [25.5, None]}, index=girls.index)
    >>> res.get_scores(seen, girls).summary_frame().round(1)
                          score   se  ci_lower  ci_upper
               component
    seen twice comp1      101.1  4.0      93.3     109.0
    not seen   comp1       90.3  7.4      75.8     104.8
    """
    A, Y, units = _new_units(self, endog, exog)
    design = self.model.design
    if units is None:
        design.require("get_scores")
        Y = None
    elif Y is None:
        Y = np.full((len(design.responses), A.shape[1]), np.nan)
    require_memory(A, "get_scores", "pass some units in memory")
    frame = transform(self, endog, exog)
    known = units_with(self, A, Y)
    variances = known.posterior_variances() + self.inference.score_variances(known)
    return Scores(frame, pd.DataFrame(np.sqrt(variances).T, frame.index, frame.columns))


def _new_units(
    fit: Fit, endog: object, exog: object
) -> tuple[FloatArray, FloatArray | None, pd.Index | None]:
    """Covariates (K, M), responses (P, M) or None, and labels; None for the units of the data."""
    design = fit.model.design
    if endog is None and exog is None:
        return design.A, None, None
    if exog is None:
        units = unit_labels(endog, design.responses)
        A = design.intercepts(units)
    else:
        A, units = design.covariates_of(exog)
    return A, None if endog is None else design.responses_of(endog, units), units
