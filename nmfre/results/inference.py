"""Standard errors, tests and intervals of params."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from statsmodels.base.model import LikelihoodModelResults

from nmfre.arguments import check_choice, known_arguments
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.results.base import BaseResults
from nmfre.typing import FloatArray

IntervalMethod = Literal["percentile", "wald"]
BOUND = 1e-6
"""Size, relative to the largest coefficient, up to which one is called zero."""


class InferenceResults(BaseResults):
    """Inference on single params and on linear hypotheses."""

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
        plain = LikelihoodModelResults(self.model, self.inference.estimate, scale=self.scale)
        plain.cov_params_default = self.inference.covariance
        plain.df_resid = self.df_resid
        return plain
