"""Standard errors, z, p-values and intervals of params."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from statsmodels.base.model import LikelihoodModelResults
from statsmodels.stats.multitest import multipletests

from nmfre.core.arguments import (
    array_argument,
    check_alpha,
    check_bool,
    check_choice,
    check_jobs,
    check_label,
    check_whole,
    start_array,
)
from nmfre.core.typing import BoolArray, FloatArray
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.report.numbers import limit_names
from nmfre.results.fit import Fit, series
from nmfre.results.identified_set import set_limits
from nmfre.results.profile_intervals import profile_intervals

T = TypeVar("T")
IntervalMethod = Literal["percentile", "basic", "normal", "studentized", "wald", "set", "profile"]


class _Unlabelled(LikelihoodModelResults):
    """What statsmodels computes tests with."""

    df_resid: float


def uncertainty(fit: Fit) -> str:
    """Kind of inference: "marginal" (all parameters) or "conditional" (on the basis)."""
    return fit.inference.options.uncertainty


def alternative(fit: Fit) -> str:
    """Alternative of the p-values: "larger" or "two-sided"."""
    return fit.inference.options.alternative


def bse(fit: Fit) -> pd.Series:
    """
    Standard errors of params.

    In ml, NaN for components that can be rotated or are not determined, and for effects held at
    their boundary; ``summary()`` says which.
    """
    return series(fit, fit.inference.bse, "bse")


def bse_boot(fit: Fit) -> pd.Series:
    """Standard deviations of the bootstrap replicates of params."""
    if fit.inference.bootstrap is None:
        raise NotComputedError(name="bse_boot", reason="the fit was made with n_boot=0.")
    return series(fit, fit.inference.bootstrap.bse, "bse_boot")


def tvalues(fit: Fit) -> pd.Series:
    """Z statistics params / bse."""
    return series(fit, fit.inference.zvalues, "tvalues")


def pvalues(fit: Fit) -> pd.Series:
    """P-values of params = 0, from z, against ``alternative``."""
    return series(fit, fit.inference.pvalues(), "pvalues")


def at_bound(fit: Fit) -> pd.Series:
    """Whether each param is at its boundary 0."""
    return pd.Series(fit.inference.at_bound, index=fit.params.index, name="at_bound")


def default_interval(fit: Fit) -> IntervalMethod:
    """Method of the intervals where none is named."""
    return "wald" if fit.inference.bootstrap is None else "percentile"


def covariance_name(fit: Fit) -> str:
    """Name of the covariance estimator, and of the groups that it is of."""
    options, groups = fit.inference.options, fit.model.design.groups
    if groups is None or not options.estimator.sums_scores:
        return options.cov_type
    return f"{options.cov_type}, by group ({groups.labels.name})"


def unlike_summary(fit: Fit, *, interval: bool = True) -> list[str]:
    """
    Sentences on what the summary has in the place of a two-sided Wald test.

    Parameters
    ----------
    fit : Fit
    interval : bool
        Whether Wald intervals are shown beside the test, too.
    """
    told = []
    if alternative(fit) == "larger":
        told.append("Those of the summary are one-sided (alternative='larger').")
    if uncertainty(fit) == "marginal" and fit.inference.at_bound.any():
        told.append("For effects at the boundary 0 the summary has one-sided score tests.")
    if interval and fit.inference.bootstrap is not None:
        told.append("Intervals are Wald; those of the summary are percentile intervals.")
    elif interval and not fit.estimate.signed:
        told.append("Intervals of the summary are cut off at 0.")
    return told


def conf_int(
    self: Fit,
    alpha: float = 0.05,
    method: IntervalMethod | None = None,
    *,
    which: Iterable[tuple[Hashable, Hashable]] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """
    Confidence intervals of params.

    Parameters
    ----------
    alpha : float
        1 minus the level, in (0, 1).
    method : {"percentile", "basic", "normal", "studentized", "wald", "set", "profile"}, optional
        "percentile": quantiles of the bootstrap replicates. "basic": these quantiles reflected at
        the estimate. "normal": estimate -+ z times the standard deviation of the replicates.
        "studentized": quantiles of the replicates in units of their own standard errors. "wald":
        estimate -+ z ``bse``. "set": for effects that are identified only up to a set, see
        `identified_set`; the interval covers the true effect wherever it lies in the set, and is
        the Wald interval where the set is a point. "profile" (ml): values that a likelihood-ratio
        test does not reject; each limit needs about eight further fits. It need not be symmetric,
        also covers effects at 0, and is NaN where components are not identified; unlike the
        sandwich, it assumes that the normal model is correct. All intervals are cut off at 0 where
        effects are bounded. Default: "percentile" if there are replicates, otherwise "wald".
    which : list of (component, covariate), optional
        Effects to return. Default: all.
    n_jobs : int, optional
        Processes for profile intervals, as in joblib. The limits do not depend on it.
    progress : bool
        Whether to show a progress bar for profile intervals.

    Returns
    -------
    DataFrame, (QK, 2)
        The columns are named by the level, such as "2.5 %" and "97.5 %".

    Raises
    ------
    InvalidArgumentError
    NotComputedError
        Profile intervals: if the fit is by df-cap, the cap binds, or the basis has more than 600
        entries.
    DataRemovedError
        Profile intervals of a result without data.

    Warns
    -----
    ConvergenceWarning
        A fit failed on the way to a limit of a profile; the interval is NaN.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> model.fit(df_cap=0.21).conf_int(alpha=0.1, method="wald").round(2)
                             5 %   95 %
    component covariate
    comp1     Intercept    86.44  94.57
              sex[T.Male]   4.40  14.46
    >>> res = model.fit("ml", n_boot=0)
    >>> res.conf_int(method="profile", which=[("comp1", "sex[T.Male]")]).round(2)
                           2.5 %  97.5 %
    component covariate
    comp1     sex[T.Male]   3.76   15.74
    """
    check_alpha(alpha)
    check_jobs(n_jobs, progress)
    rows = _rows(self, which)
    bootstrap = self.inference.bootstrap
    method = default_interval(self) if method is None else method
    check_choice("method", method, IntervalMethod)
    if method == "wald":
        limits = self.inference.wald_interval(alpha)
    elif method == "set":
        limits = set_limits(self, alpha)
    elif method == "profile":
        limits = profile_intervals(self, alpha, rows, n_jobs=n_jobs, progress=progress)
    elif bootstrap is None:
        raise NotComputedError(
            name=f"the {method} interval",
            reason="the fit was made with n_boot=0; use method='wald'.",
        )
    elif method == "studentized":
        limits = self._studentized.studentized_interval(alpha, self.inference.bse)
    else:
        limits = getattr(bootstrap, f"{method}_interval")(alpha)
    return pd.DataFrame(limits, index=self.params.index, columns=limit_names(alpha)).iloc[rows]


def _rows(fit: Fit, which: object) -> list[int]:
    """Positions of params by their labels; of all where none are named."""
    labels = list(fit.params.index)
    if which is None:
        return list(range(len(labels)))
    wanted = list(which) if isinstance(which, Iterable) else []
    if not wanted:
        raise InvalidArgumentError("which", which, "a list of (component, covariate)")
    for label in wanted:
        check_label("which", label, labels)
    return [labels.index(label) for label in wanted]


def cov_params(
    self: Fit,
    r_matrix: ArrayLike | None = None,
    column: ArrayLike | None = None,
    scale: None = None,
    cov_p: ArrayLike | None = None,
    other: ArrayLike | None = None,
) -> pd.DataFrame | FloatArray:
    """
    Covariance of params, (QK, QK), as a labelled frame; with arguments, an array as in statsmodels.

    Parameters
    ----------
    r_matrix, column : array_like, optional
        As in `statsmodels.base.model.LikelihoodModelResults.cov_params`.
    scale : None
        Must be None: the covariance is not a multiple of another one.
    cov_p, other : array_like, optional
        As in statsmodels.

    Returns
    -------
    DataFrame or ndarray

    Raises
    ------
    InvalidArgumentError

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> model.fit(df_cap=0.21).cov_params().to_numpy().round(2)
    array([[ 6.11, -6.11],
           [-6.11,  9.34]])
    """
    if scale is not None:
        raise InvalidArgumentError("scale", scale, "None")
    given = {"r_matrix": r_matrix, "column": column, "cov_p": cov_p, "other": other}
    if all(value is None for value in given.values()):
        index = self.params.index
        return pd.DataFrame(self.inference.covariance, index=index, columns=index)
    plain = with_covariance(self, self.inference.covariance)
    return np.asarray(ask_statsmodels(plain.cov_params, len(self.params), **given))


def with_covariance(fit: Fit, covariance: FloatArray) -> LikelihoodModelResults:
    """Params as an array, which is what statsmodels computes with, and a covariance."""
    plain = _Unlabelled(fit.model, fit.inference.estimate, scale=fit.dispersion)
    plain.cov_params_default = covariance
    plain.df_resid = fit.df_resid
    return plain


def ask_statsmodels(method: Callable[..., T], n_params: int, **given: object) -> T:
    """
    What a method of statsmodels returns.

    Parameters
    ----------
    method : callable
    n_params : int
    **given
        Its arguments, as the user gave them.

    Raises
    ------
    InvalidArgumentError
        If an argument is no such thing, or statsmodels fails on it.
    """
    for name, value in given.items():
        if value is None and name != "scalar":
            continue
        if name in ("scalar", "use_t", "use_f"):
            check_bool(name, value)
        elif name == "df_constraints":
            check_whole(name, value, least=1)
        elif name in ("cov_p", "invcov", "other"):
            shape = array_argument(name, value, "an array").shape or (1, 1)
            start_array(
                name, value, (n_params, n_params) if name == "cov_p" else shape, signed=True
            )
        elif name == "column" and array_argument(name, value, "an array").dtype.kind not in "iu":
            raise InvalidArgumentError(name, value, "positions of params")
    try:
        return method(**given)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InvalidArgumentError(
            ", ".join(name for name, value in given.items() if value is not None),
            list(given.values()),
            f"valid for {method.__name__} of statsmodels ({error})",
        ) from error


def adjust(pvalues: ArrayLike, method: str, alpha: float) -> tuple[BoolArray, FloatArray]:
    """Which are at most ``alpha`` once adjusted for multiple tests, and the adjusted p-values."""
    values = np.asarray(pvalues, dtype=float)
    try:  # of nothing, statsmodels 0.14 divides by zero
        reject, adjusted, *_ = multipletests(values if values.size else [1.0], alpha, method)
    except (AttributeError, ValueError) as error:  # the first of what is no string
        raise InvalidArgumentError(
            "method",
            method,
            "a method of statsmodels.stats.multitest.multipletests, such as 'holm'",
        ) from error
    return reject[: values.size], adjusted[: values.size]
