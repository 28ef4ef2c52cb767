"""Prediction for the units of the data and for new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from nmfre.core.arguments import check_alpha, check_bool, check_choice
from nmfre.core.typing import FloatArray
from nmfre.data.checks import require_memory
from nmfre.errors import InvalidArgumentError
from nmfre.estimation.patterns import conditional_blup
from nmfre.inference.prediction import fixed_variances
from nmfre.inference.scores import Units
from nmfre.report.numbers import side_by_side
from nmfre.report.readable import headed_html
from nmfre.results.fit import Fit, predicted

Which = Literal["fixed", "blup"]


@dataclass(eq=False, repr=False)
class Prediction:
    """
    Predicted responses, with standard errors of means and of new observations.

    Made by `nmfre.NMFREResults.get_prediction`.

    Attributes
    ----------
    predicted_mean : DataFrame, (M, P)
        Fixed-effect means or BLUPs.
    se_mean : DataFrame, (M, P)
        Standard errors of these.
    se_obs : DataFrame, (M, P)
        Standard errors for new observations.
    which : str
        "fixed" or "blup".
    """

    predicted_mean: pd.DataFrame
    se_mean: pd.DataFrame
    se_obs: pd.DataFrame
    which: str

    def __repr__(self) -> str:
        n_units, n_responses = self.predicted_mean.shape
        return f"<Prediction: {self.which}, {n_units} units, {n_responses} responses>"

    def _repr_html_(self) -> str:
        """What it is and its table, for notebooks."""
        return headed_html(repr(self).strip("<>"), self.summary_frame())

    def conf_int(self, alpha: float = 0.05, *, obs: bool = False) -> pd.DataFrame:
        """
        Normal intervals, cut off at 0 because responses are not negative.

        Parameters
        ----------
        alpha : float
            1 minus the level.
        obs : bool
            Whether the intervals are for new observations instead of means. For responses that were
            given, too, they are for a replicate and not for the observed value.

        Returns
        -------
        DataFrame, (M, 2P)
            Columns (response, limit).

        Examples
        --------
        >>> import nmfre
        >>> import pandas as pd
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> girl = pd.DataFrame({"sex": ["Female"]}, index=["a girl"])
        >>> prediction = model.fit("ml").get_prediction(girl)
        >>> prediction.conf_int(obs=True)[14].round(1)
                2.5 %  97.5 %
        a girl   20.0    29.1
        """
        check_bool("obs", obs)
        return side_by_side(*self._limits(alpha, obs), alpha)

    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """
        Means, standard errors and both intervals, one row per unit and response, with the names of
        statsmodels.

        Parameters
        ----------
        alpha : float
            1 minus the level of the intervals.

        Returns
        -------
        DataFrame, (M P, 6)
            Columns mean, mean_se, mean_ci_lower, mean_ci_upper, obs_ci_lower, obs_ci_upper.

        Examples
        --------
        >>> import nmfre
        >>> import pandas as pd
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> girl = pd.DataFrame({"sex": ["Female"]}, index=["a girl"])
        >>> frame = model.fit("ml").get_prediction(girl).summary_frame()
        >>> frame.loc[("a girl", 8), ["mean", "obs_ci_lower", "obs_ci_upper"]].round(1).to_list()
        [20.8, 16.2, 25.5]
        """
        limits = (*self._limits(alpha, obs=False), *self._limits(alpha, obs=True))
        of_means = ["mean", "mean_se", "mean_ci_lower", "mean_ci_upper"]
        parts = (self.predicted_mean, self.se_mean, *limits)
        values = np.column_stack([part.to_numpy().ravel() for part in parts])
        index = pd.MultiIndex.from_product([self.predicted_mean.index, self.predicted_mean.columns])
        return pd.DataFrame(values, index, [*of_means, "obs_ci_lower", "obs_ci_upper"])

    def _limits(self, alpha: float, obs: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        check_alpha(alpha)
        half_width = stats.norm.isf(alpha / 2.0) * (self.se_obs if obs else self.se_mean)
        low, high = self.predicted_mean - half_width, self.predicted_mean + half_width
        return low.clip(lower=0.0), high


def predict(
    self: Fit,
    exog: pd.DataFrame | ArrayLike | None = None,
    *,
    endog: pd.DataFrame | ArrayLike | None = None,
    which: Which | None = None,
) -> pd.DataFrame:
    """
    Fixed-effect means X Theta a, or BLUPs X(Theta a + u).

    Parameters
    ----------
    exog : DataFrame, mapping, Series or array_like, (M, K), optional
        Covariates of new units. With a formula: a DataFrame or mapping with the variables of the
        formula or, for one unit, a Series with them in its index; levels of categorical variables
        are matched by value. Without a formula: named columns are matched by name, arrays by
        position. A one-dimensional array holds M units if there is one covariate, otherwise all
        covariates of one unit. Default: the units of the data.
    endog : DataFrame, mapping, Series, array_like or SciPy sparse matrix, (M, P), optional
        Observed responses of the new units, NaN where not observed; BLUPs are conditional on them.
        Named columns are matched by name and may be a subset of the responses.
    which : {"fixed", "blup"}, optional
        "fixed": means X Theta a. "blup": X(Theta a + u), for units of the data or new units with
        ``endog``. Default: "blup" if ``endog`` is given, otherwise "fixed".

    Returns
    -------
    DataFrame, (M, P)
        A lazy dask DataFrame for units in chunks.

    Raises
    ------
    MissingColumnError, UnseenLevelError, DuplicateCellError, NonFiniteError, ShapeError
        The new data do not match those of the model.
    InvalidArgumentError
        ``which`` does not go with ``exog`` and ``endog``.

    Examples
    --------
    >>> import nmfre
    >>> import pandas as pd
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> res = model.fit("ml")
    >>> res.predict(pd.DataFrame({"sex": ["Female", "Male"]})).round(2)
    age     8      10     12     14
    0    20.84  21.75  23.18  24.54
    1    23.09  24.10  25.68  27.19

    A girl who has 24 at the age of 8 is above average, and will be:

    >>> res.predict(pd.DataFrame({"sex": ["Female"]}), endog=pd.DataFrame({8: [24.0]})).round(2)
    age     8      10    12     14
    0    22.38  23.36  24.9  26.36
    """
    A, Y, units, which = _request(self, exog, endog, which)
    if which == "fixed":
        return predicted(self, self.estimate.Theta @ A, units)
    if Y is None:
        return self.fittedvalues
    return predicted(self, scores_given(self, A, Y), units)


def get_prediction(
    self: Fit,
    exog: pd.DataFrame | ArrayLike | None = None,
    *,
    endog: pd.DataFrame | ArrayLike | None = None,
    which: Which | None = None,
) -> Prediction:
    """
    Predictions as by ``predict``, with standard errors and intervals.

    The variance of a fixed-effect mean is due to the uncertainty of Theta and, with
    uncertainty="marginal", of the basis; X Phi X' + Psi is added for a new observation. The
    variance of a BLUP is the posterior variance of u plus the uncertainty of the fixed effects or,
    with uncertainty="marginal", of all parameters (Kackar and Harville 1984); Psi is added for a
    new observation. A new observation is always a replicate, also of a response that is in the data
    or in ``endog``.

    Parameters
    ----------
    exog, endog, which
        As in ``predict``.

    Returns
    -------
    Prediction

    Examples
    --------
    >>> import nmfre
    >>> import pandas as pd
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> res = model.fit("ml")
    >>> res.get_prediction(pd.DataFrame({"sex": ["Female", "Male"]})).se_mean.round(2)
    age    8     10    12    14
    0    0.69  0.66  0.73  0.76
    1    0.54  0.50  0.60  0.52
    """
    A, Y, _, which = _request(self, exog, endog, which)
    require_memory(A, "get_prediction", "pass the covariates of some units in memory")
    mean = predict(self, exog, endog=endog, which=which)
    estimate, X = self.estimate, self.estimate.X
    psi = estimate.psi[:, None]
    if which == "fixed":
        profiles = self.inference.profile_covariance(X, list(range(len(A))))
        variances = fixed_variances(profiles, A)
        around = np.sum(X @ estimate.Phi * X, axis=1)[:, None] + psi
    else:
        variances = self.inference.blup_variances(units_with(self, A, Y))
        around = psi
    se_mean, se_obs = (
        pd.DataFrame(np.sqrt(values).T, index=mean.index, columns=mean.columns)
        for values in (variances, variances + around)
    )
    return Prediction(mean, se_mean, se_obs, which)


def units_with(fit: Fit, A: FloatArray, Y: FloatArray | None = None) -> Units:
    """Units with covariates A (K, M) and responses Y (P, M); those of the data where None."""
    estimate = fit.estimate
    if Y is None:
        scores = estimate.Theta @ A + estimate.U
        return Units(estimate, A, fit.model.design.response_values, scores)
    return Units(estimate, A, Y, scores_given(fit, A, Y))


def scores_given(fit: Fit, A: FloatArray, Y: FloatArray) -> FloatArray:
    """Theta a + u, (Q, M), of units with covariates A (K, M) and responses Y (P, M)."""
    estimate = fit.estimate
    fixed = estimate.Theta @ A
    return fixed + conditional_blup(estimate.X, estimate.relative, Y - estimate.X @ fixed)


def _request(
    fit: Fit, exog: object, endog: object, which: Which | None
) -> tuple[FloatArray, FloatArray | None, pd.Index, Which]:
    """Covariates (K, M), new responses (P, M) or None, labels, and what to predict."""
    if which is None:
        which = "fixed" if endog is None else "blup"
    check_choice("which", which, Which)
    design = fit.model.design
    if exog is None:
        if endog is not None:
            raise InvalidArgumentError(
                "endog", "given", "None without exog, because the data have their own"
            )
        return design.A, None, design.units, which
    A, units = design.covariates_of(exog)
    if endog is None:
        if which == "blup":
            raise InvalidArgumentError("which", which, "'fixed' for new units without endog")
        return A, None, units, which
    if which == "fixed":
        raise InvalidArgumentError("which", which, "'blup' where endog is given")
    return A, design.responses_of(endog, units), units, which
