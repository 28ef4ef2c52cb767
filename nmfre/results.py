"""Results of a fit: labelled estimates, inference, diagnostics, prediction."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from statsmodels.base.model import LikelihoodModelResults
from statsmodels.iolib.summary import Summary

from nmfre.arguments import check_choice, known_arguments
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.estimation.estimate import AlternatingEstimate, StopReason
from nmfre.inference.inference import Inference
from nmfre.summary import summarize
from nmfre.typing import FloatArray

if TYPE_CHECKING:
    from nmfre.model import NMFRE

IntervalMethod = Literal["percentile", "wald"]
Which = Literal["fixed", "blup"]
BOUND = 1e-6
"""Size, relative to the largest coefficient, up to which one is called zero."""


class NMFREResults(LikelihoodModelResults):
    """
    Results of `nmfre.NMFRE.fit`; everything is labelled as the data were.

    Attributes
    ----------
    params : Series of length QK
        Theta as a vector; MultiIndex (component, covariate), components running fastest.
    model : NMFRE
        The model, with its data.
    estimate : AlternatingEstimate
        The estimates as plain arrays in the paper's orientation.
    inference : Inference
        Covariance and replicates as plain arrays, and the options they were made with.
    method : str
        Estimator.
    seed : int
        Seed of the start and the multipliers.
    scale : float
        The residual variance that standard errors use; same as ``dispersion``.
    """

    def __init__(
        self,
        model: NMFRE,
        estimate: AlternatingEstimate,
        inference: Inference,
        *,
        method: str,
        seed: Any,
    ) -> None:
        super().__init__(
            model,
            pd.Series(inference.estimate, index=model.params_index, name="params"),
            normalized_cov_params=inference.covariance / inference.dispersion,
            scale=inference.dispersion,
        )
        self.estimate = estimate
        self.inference = inference
        self.method = method
        self.seed = seed

    # Estimates

    @cached_property
    def theta(self) -> pd.DataFrame:
        """Effects Theta of covariates on scores, (Q, K)."""
        covariates = self.model.design.covariates.rename("covariate")
        return pd.DataFrame(self.estimate.Theta, index=self.model.components, columns=covariates)

    @cached_property
    def basis(self) -> pd.DataFrame:
        """Basis X, (P, Q); its columns sum to one."""
        return pd.DataFrame(
            self.estimate.X, index=self.model.design.responses, columns=self.model.components
        )

    @cached_property
    def random_effects(self) -> pd.DataFrame:
        """Random effects U, (N, Q): deviations of the units' scores from Theta a_n."""
        return pd.DataFrame(
            self.estimate.U.T, index=self.model.design.units, columns=self.model.components
        )

    @property
    def sigma2(self) -> float:
        """Residual variance, in squared units of Y."""
        return self.estimate.sigma2

    @property
    def tau2(self) -> float:
        """Variance of the random effects, in squared units of the scores."""
        return self.estimate.tau2

    @property
    def tau2_estimated(self) -> bool:
        """Whether tau2 was estimated; if not, it is its start value or what the cap made of it."""
        return self.estimate.tau2_estimated

    @property
    def ridge(self) -> float:
        """Lambda = sigma2 / tau2."""
        return self.estimate.ridge

    @property
    def dispersion(self) -> float:
        """Residual variance of the standard errors: residual sum of squares over its divisor."""
        return self.inference.dispersion

    @cached_property
    def icc(self) -> float:
        """Share of the random effects in the variance: tau2 tr(X'X) / (tau2 tr(X'X) + P sigma2)."""
        between = self.tau2 * float(np.sum(self.estimate.X**2))
        return between / (between + len(self.estimate.X) * self.sigma2)

    # Diagnostics

    @property
    def nobs(self) -> int:
        """Observed cells, P N."""
        return int(self.model.endog.size)

    @property
    def n_units(self) -> int:
        """Independent units N."""
        return len(self.model.endog)

    @property
    def df_random(self) -> float:
        """Effective degrees of freedom of U: N sum_q d_q / (d_q + ridge), d = eig(X'X)."""
        return self.estimate.df_random

    @property
    def df_cap(self) -> float | None:
        """Cap on df_random, in degrees of freedom; None where there is none."""
        return None if np.isinf(self.estimate.cap) else self.estimate.cap

    @property
    def saturation(self) -> float:
        """df_random / (N Q), between 0 and 1."""
        return self.df_random / self.estimate.U.size

    @property
    def df_resid(self) -> float:
        """P N - df_random - Q K."""
        return self.nobs - self.df_random - len(self.params)

    @property
    def cap_hits(self) -> int:
        """Number of iterations in which the cap bound."""
        return self.estimate.cap_hits

    @property
    def first_cap_hit(self) -> int | None:
        """First iteration in which the cap bound; None where it never did."""
        return self.estimate.first_cap_hit or None

    @property
    def n_iter(self) -> int:
        """Number of iterations."""
        return self.estimate.n_iter

    @property
    def objective(self) -> float:
        """|Y - X(Theta A + U)|^2 + ridge |U|^2 at the end."""
        return float(self.estimate.objective_path[-1])

    @property
    def objective_path(self) -> FloatArray:
        """The objective after each iteration, (n_iter,)."""
        return self.estimate.objective_path

    @property
    def stop_reason(self) -> str:
        """Why the iteration ended: "tolerance" or "maxiter"."""
        return str(self.estimate.stop_reason)

    @property
    def converged(self) -> bool:
        """Whether the iteration ended at its tolerance; see also `fixed_point_distance`."""
        return self.estimate.stop_reason is StopReason.TOLERANCE

    @property
    def fixed_point_residual(self) -> float:
        """Relative change of X or Theta, the larger, in one more iteration at fixed variances."""
        return self.estimate.fixed_point_residual

    @property
    def fixed_point_distance(self) -> float:
        """
        Relative distance of X and Theta to the fixed point of the updates, at least.

        Extrapolated from two more iterations at the rate at which their changes shrink.
        """
        return self.estimate.fixed_point_distance

    @property
    def mean_squared_residual(self) -> float:
        """Mean of the squared residuals of the BLUP fit; where sigma2 would settle in the end."""
        return self.estimate.rss / self.nobs

    @cached_property
    def rsquared(self) -> pd.DataFrame:
        """
        Three R2 (rows) of the BLUP and the fixed-effect fit (columns).

        "correlation": squared correlation of all cells with their fits; "uncentered":
        1 - SSE / |Y|^2; "row-centered": 1 - SSE / (sum of squares around each response's mean).
        NaN where the denominator is zero.
        """
        Y = self.model.design.Y
        uncentered = float(np.sum(Y**2))
        centered = float(np.sum((Y - Y.mean(axis=1, keepdims=True)) ** 2))
        columns = {}
        for which, fit in (("blup", self.fittedvalues), ("fixed", self.predict())):
            F = fit.to_numpy().T
            sse = float(np.sum((Y - F) ** 2))
            columns[which] = [
                _squared_correlation(Y, F),
                1.0 - sse / uncentered,
                1.0 - sse / centered if centered > 0 else np.nan,
            ]
        return pd.DataFrame(columns, index=["correlation", "uncentered", "row-centered"])

    # Inference

    @property
    def alternative(self) -> str:
        """Alternative of the p-values: "larger" or "two-sided"."""
        return self.inference.options.alternative

    @cached_property
    def bse(self) -> pd.Series:
        """Standard errors of params."""
        return self._series(self.inference.bse, "bse")

    @cached_property
    def bse_boot(self) -> pd.Series:
        """Standard deviations of the bootstrap replicates of params."""
        if self.inference.bootstrap is None:
            raise NotComputedError(name="bse_boot", reason="the fit had n_boot=0.")
        return self._series(self.inference.bootstrap.bse, "bse_boot")

    @cached_property
    def tvalues(self) -> pd.Series:
        """Z statistics params / bse."""
        return self._series(self.inference.zvalues, "tvalues")

    @cached_property
    def pvalues(self) -> pd.Series:
        """P-values of params = 0, from z, against `alternative`."""
        return self._series(self.inference.pvalues(), "pvalues")

    @cached_property
    def at_bound(self) -> pd.Series:
        """Which params are at their bound 0."""
        theta = self.inference.estimate
        return pd.Series(theta <= BOUND * theta.max(), index=self.params.index, name="at_bound")

    @property
    def llf(self) -> float:
        """Not defined: df-cap maximises no likelihood."""
        raise NotComputedError(name="llf", reason="df-cap minimises a penalised sum of squares.")

    @known_arguments
    def conf_int(self, alpha: float = 0.05, method: IntervalMethod | None = None) -> pd.DataFrame:
        """
        Confidence intervals of params.

        Parameters
        ----------
        alpha : float
            1 minus the level, in (0, 1).
        method : {"percentile", "wald"}, optional
            Quantiles of the bootstrap replicates, or estimate -+ z se cut off at 0. Default:
            percentile where there are replicates, else Wald.

        Returns
        -------
        DataFrame, (QK, 2)
            Its columns carry the level, such as "2.5 %" and "97.5 %".

        Raises
        ------
        InvalidArgumentError, NotComputedError

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
        """
        if not (isinstance(alpha, float) and 0.0 < alpha < 1.0):
            raise InvalidArgumentError(name="alpha", value=alpha, allowed="a number in (0, 1)")
        bootstrap = self.inference.bootstrap
        if method is None:
            method = "wald" if bootstrap is None else "percentile"
        check_choice("method", method, IntervalMethod)
        if method == "wald":
            limits = self.inference.wald_interval(alpha)
        elif bootstrap is None:
            raise NotComputedError(
                name="the percentile interval", reason="the fit had n_boot=0; use method='wald'."
            )
        else:
            limits = bootstrap.percentile_interval(alpha)
        columns = [f"{100 * level:g} %" for level in (alpha / 2, 1 - alpha / 2)]
        return pd.DataFrame(limits, index=self.params.index, columns=columns)

    def cov_params(self, *args: Any, **kwargs: Any) -> pd.DataFrame | FloatArray:
        """
        Covariance of params, (QK, QK), labelled; with arguments as in statsmodels, an array.

        See `statsmodels.base.model.LikelihoodModelResults.cov_params` for the arguments.
        """
        covariance = self._unlabelled.cov_params(*args, **kwargs)
        if args or kwargs:
            return np.asarray(covariance)
        return pd.DataFrame(covariance, index=self.params.index, columns=self.params.index)

    def t_test(self, r_matrix: Any, cov_p: Any = None, use_t: bool | None = None) -> Any:
        """
        z-tests of linear hypotheses, such as ``"comp1[age] = 0"``; two-sided, Wald.

        See `statsmodels.base.model.LikelihoodModelResults.t_test`. Parameters are called
        ``component[covariate]``.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> test = model.fit(df_cap=0.21).t_test("comp1[sex[T.Male]] = 0")
        >>> round(float(test.pvalue), 4)
        0.002
        """
        return self._unlabelled.t_test(r_matrix, cov_p=cov_p, use_t=use_t)

    def wald_test(self, r_matrix: Any, *args: Any, **kwargs: Any) -> Any:
        """
        Joint test of linear hypotheses with the full covariance.

        See `statsmodels.base.model.LikelihoodModelResults.wald_test`.
        """
        return self._unlabelled.wald_test(r_matrix, *args, **kwargs)

    def wald_test_terms(self, *args: Any, **kwargs: Any) -> Any:
        """Not available yet: the inherited method would test other parameters than it names."""
        raise NotComputedError(name="wald_test_terms", reason="use wald_test with a string.")

    def t_test_pairwise(self, *args: Any, **kwargs: Any) -> Any:
        """Not available yet: the inherited method would test other parameters than it names."""
        raise NotComputedError(name="t_test_pairwise", reason="use t_test with a string.")

    @cached_property
    def _unlabelled(self) -> LikelihoodModelResults:
        """The same results with params as an array, which is what statsmodels computes with."""
        plain = LikelihoodModelResults(
            self.model,
            self.inference.estimate,
            normalized_cov_params=self.normalized_cov_params,
            scale=self.scale,
        )
        plain.df_resid = self.df_resid
        return plain

    # Fit and prediction

    @cached_property
    def fittedvalues(self) -> pd.DataFrame:
        """BLUP fit X(Theta A + U), (N, P); the fixed-effect mean is ``predict()``."""
        return self._responses(self.estimate.Theta @ self.model.design.A + self.estimate.U)

    @cached_property
    def resid(self) -> pd.DataFrame:
        """Residuals of the BLUP fit, (N, P)."""
        return self._responses(None) - self.fittedvalues

    @known_arguments
    def predict(
        self, exog: pd.DataFrame | ArrayLike | None = None, *, which: Which = "fixed"
    ) -> pd.DataFrame:
        """
        Fixed-effect means X Theta a, or the BLUP fit of the units of the data.

        Parameters
        ----------
        exog : DataFrame or array_like, (M, K), optional
            Covariates of new units. With a formula: a DataFrame with the variables of the
            formula. Without: columns are matched by name in a DataFrame, by position in an array.
            Default: the units of the data.
        which : {"fixed", "blup"}
            "blup" adds the random effects, which only the units of the data have.

        Returns
        -------
        DataFrame, (M, P)

        Raises
        ------
        MissingColumnError, UnseenLevelError, NonFiniteError, ShapeError, InvalidArgumentError

        Examples
        --------
        >>> import nmfre
        >>> import pandas as pd
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> model.fit(df_cap=0.21).predict(pd.DataFrame({"sex": ["Female", "Male"]})).round(2)
        age     8      10     12     14
        0    20.87  21.81  23.17  24.63
        1    23.05  24.08  25.59  27.21
        """
        check_choice("which", which, Which)
        if which == "blup":
            if exog is not None:
                raise InvalidArgumentError(
                    name="which", value=which, allowed="'fixed' where new covariates are given"
                )
            return self.fittedvalues
        if exog is None:
            A, units = self.model.design.A, self.model.design.units
        else:
            A, units = self.model.design.covariates_of(exog)
        return self._responses(self.estimate.Theta @ A, units)

    @known_arguments
    def summary(self, alpha: float = 0.05, title: str | None = None) -> Summary:
        """
        Header, table of params with standard errors and intervals, and notes.

        Parameters
        ----------
        alpha : float
            1 minus the level of the intervals.
        title : str, optional
            Title of the table.

        Returns
        -------
        statsmodels.iolib.summary.Summary
            ``print`` it, or call ``as_text()``, ``as_html()``, ``as_latex()``, ``as_csv()``.
        """
        return summarize(self, alpha, title)

    @known_arguments
    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """
        The coefficient table of the summary as a data frame, (QK, ...).

        Parameters
        ----------
        alpha : float
            1 minus the level of the intervals.

        Returns
        -------
        DataFrame
            Columns coef, std err, bootstrap std err (where there is a bootstrap), z, p, and the
            limits, whose names carry the level; rows as `params`.
        """
        columns = {"coef": self.params, "std err": self.bse}
        if self.inference.bootstrap is not None:
            columns["bootstrap std err"] = self.bse_boot
        columns |= {"z": self.tvalues, "p": self.pvalues}
        return pd.DataFrame(columns).join(self.conf_int(alpha))

    def _series(self, values: FloatArray, name: str) -> pd.Series:
        return pd.Series(values, index=self.params.index, name=name)

    def _responses(self, scores: FloatArray | None, units: pd.Index | None = None) -> pd.DataFrame:
        """X scores (or, for None, Y) as units x responses."""
        design = self.model.design
        values = design.Y if scores is None else self.estimate.X @ scores
        index = design.units if units is None else units
        return pd.DataFrame(values.T, index=index, columns=design.responses)


def _squared_correlation(a: FloatArray, b: FloatArray) -> float:
    a, b = a - a.mean(), b - b.mean()
    product = float(np.sum(a**2) * np.sum(b**2))
    return float(np.sum(a * b)) ** 2 / product if product > 0 else np.nan
