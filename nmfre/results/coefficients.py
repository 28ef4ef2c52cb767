"""Standard errors, z, p-values and intervals of params."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from statsmodels.base.model import LikelihoodModelResults

from nmfre.core.arguments import check_alpha, check_choice
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.inference.wild_bootstrap import WildBootstrap
from nmfre.report.tables import limit_names
from nmfre.results.fit import Part
from nmfre.results.inherited import ask_statsmodels

IntervalMethod = Literal["percentile", "basic", "normal", "studentized", "wald"]


class _Unlabelled(LikelihoodModelResults):
    """What statsmodels computes tests with."""

    df_resid: float


class Coefficients(Part):
    """Inference on single params."""

    kept = frozenset({"studentized"})

    @property
    def uncertainty(self) -> str:
        """Kind of inference: "marginal" (all parameters) or "conditional" (on the basis)."""
        return self.inference.options.uncertainty

    @property
    def alternative(self) -> str:
        """Alternative of the p-values: "larger" or "two-sided"."""
        return self.inference.options.alternative

    @cached_property
    def bse(self) -> pd.Series:
        """
        Standard errors of params.

        NaN where ml does not have them: components that can be rotated, or are not determined, and
        effects that are held at their bound (``summary()`` says which).
        """
        return self.fit.series(self.inference.bse, "bse")

    @cached_property
    def bse_boot(self) -> pd.Series:
        """Standard deviations of the bootstrap replicates of params."""
        if self.inference.bootstrap is None:
            raise NotComputedError(name="bse_boot", reason="the fit had n_boot=0.")
        return self.fit.series(self.inference.bootstrap.bse, "bse_boot")

    @cached_property
    def tvalues(self) -> pd.Series:
        """Z statistics params / bse."""
        return self.fit.series(self.inference.zvalues, "tvalues")

    @cached_property
    def pvalues(self) -> pd.Series:
        """P-values of params = 0, from z, against ``alternative``."""
        return self.fit.series(self.inference.pvalues(), "pvalues")

    @cached_property
    def at_bound(self) -> pd.Series:
        """Which params are at their bound 0."""
        return pd.Series(self.inference.at_bound, index=self.fit.params.index, name="at_bound")

    @property
    def default_interval(self) -> IntervalMethod:
        """Method of the intervals where none is named."""
        return "wald" if self.inference.bootstrap is None else "percentile"

    def conf_int(self, alpha: float = 0.05, method: IntervalMethod | None = None) -> pd.DataFrame:
        """
        Confidence intervals of params.

        Parameters
        ----------
        alpha : float
            1 minus the level, in (0, 1).
        method : {"percentile", "basic", "normal", "studentized", "wald"}, optional
            From the bootstrap replicates: their quantiles; these reflected at the estimate;
            estimate -+ z times their standard deviation; estimate less the quantiles of their
            deviations over their own standard errors, times ``bse``. Or, without them, estimate
            -+ z ``bse``. All are cut off at 0 where effects are bounded. Default: percentile where
            there are replicates, else Wald.

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
        check_alpha(alpha)
        bootstrap = self.inference.bootstrap
        method = self.default_interval if method is None else method
        check_choice("method", method, IntervalMethod)
        if method == "wald":
            limits = self.inference.wald_interval(alpha)
        elif bootstrap is None:
            raise NotComputedError(
                name=f"the {method} interval", reason="the fit had n_boot=0; use method='wald'."
            )
        elif method == "studentized":
            limits = self.studentized.studentized_interval(alpha, self.inference.bse)
        else:
            limits = getattr(bootstrap, f"{method}_interval")(alpha)
        return pd.DataFrame(limits, index=self.fit.params.index, columns=limit_names(alpha))

    def cov_params(
        self,
        r_matrix: Any = None,
        column: Any = None,
        scale: None = None,
        cov_p: Any = None,
        other: Any = None,
    ) -> pd.DataFrame | FloatArray:
        """
        Covariance of params, (QK, QK), labelled; with arguments as in statsmodels, an array.

        Parameters
        ----------
        r_matrix, column : array_like, optional
            As in `statsmodels.base.model.LikelihoodModelResults.cov_params`.
        scale : None
            There is none: the covariance is not a multiple of another one.
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
            index = self.fit.params.index
            return pd.DataFrame(self.inference.covariance, index=index, columns=index)
        plain = self.with_covariance(self.inference.covariance)
        return np.asarray(ask_statsmodels(plain, "cov_params", **given))

    @cached_property
    def studentized(self) -> WildBootstrap:
        """The replicates of the fit, each with its standard error, which takes another pass."""
        bootstrap = self.inference.bootstrap
        if bootstrap is not None and bootstrap.refit:
            raise NotComputedError(
                name="the studentized interval", reason="refits have no standard errors."
            )
        options = self.inference.options
        if not options.estimator.has_replicates:
            raise NotComputedError(
                name="the studentized interval",
                reason="standard errors of replicates are sandwiches, those of the fit "
                f"{options.cov_type!r}; fit with cov_type='sandwich'.",
            )
        if bootstrap is None or bootstrap.deviations_bse is None:
            bootstrap = self.fit.infer_again(studentize=True).bootstrap
        assert bootstrap is not None
        return bootstrap

    def with_covariance(self, covariance: FloatArray) -> LikelihoodModelResults:
        """Params as an array, which is what statsmodels computes with, and a covariance."""
        plain = _Unlabelled(self.fit.model, self.inference.estimate, scale=self.fit.dispersion)
        plain.cov_params_default = covariance
        plain.df_resid = self.fit.df_resid
        return plain
