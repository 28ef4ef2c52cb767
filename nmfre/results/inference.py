"""Standard errors, tests and intervals of params."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from patsy import DesignInfo
from scipy import stats
from statsmodels.base.model import LikelihoodModelResults
from statsmodels.stats.contrast import WaldTestResults

from nmfre.arguments import check_alpha, check_choice, known_arguments
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.inference.bootstrap import WildBootstrap
from nmfre.inference.chibar import LARGEST, chi_bar_sf
from nmfre.inference.marginal import MarginalInference
from nmfre.results.base import BaseResults
from nmfre.typing import FloatArray

IntervalMethod = Literal["percentile", "basic", "normal", "studentized", "wald"]
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
        if isinstance(self.inference, MarginalInference):
            return pd.Series(self.inference.at_bound, index=self.params.index, name="at_bound")
        at_bound = (theta <= BOUND * theta.max()) & (not self.estimate.signed)
        return pd.Series(at_bound, index=self.params.index, name="at_bound")

    @property
    def llf(self) -> float:
        """Maximised marginal log-likelihood (ml)."""
        return self._marginal("llf").llf

    @property
    def df_model(self) -> int:
        """
        Free parameters of ml: P Q - Q of the basis, Q K effects, 2 variances.

        Less the rotations that leave the likelihood as it is, and less one where the cap binds.
        """
        return self._marginal("df_model").n_parameters

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 llf + 2 df_model (ml)."""
        return -2.0 * self.llf + 2.0 * self.df_model

    @property
    def bic(self) -> float:
        """Schwarz's criterion, -2 llf + log(N) df_model: units are the observations (ml)."""
        return -2.0 * self.llf + float(np.log(self.n_units)) * self.df_model

    @known_arguments
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
        if method is None:
            method = "wald" if bootstrap is None else "percentile"
        check_choice("method", method, IntervalMethod)
        if method == "wald":
            limits = self.inference.wald_interval(alpha)
        elif bootstrap is None:
            raise NotComputedError(
                name=f"the {method} interval", reason="the fit had n_boot=0; use method='wald'."
            )
        elif method == "studentized":
            limits = self._studentized.studentized_interval(alpha, self.inference.bse)
        else:
            limits = getattr(bootstrap, f"{method}_interval")(alpha)
        return pd.DataFrame(limits, index=self.params.index, columns=self._limit_names(alpha))

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
        self._check_tested(r_matrix)
        return self._unlabelled.t_test(r_matrix, cov_p=cov_p, use_t=use_t)

    def wald_test(self, r_matrix: Any, *args: Any, **kwargs: Any) -> Any:
        """
        Joint test of linear hypotheses with the full covariance.

        See `statsmodels.base.model.LikelihoodModelResults.wald_test`.
        """
        self._check_tested(r_matrix)
        return self._unlabelled.wald_test(r_matrix, *args, **kwargs)

    def _check_tested(self, r_matrix: Any) -> None:
        """Refuse hypotheses about params without a standard error."""
        unknown = self.bse.isna().to_numpy()
        if unknown.any():
            constraint = DesignInfo(self.model.data.param_names).linear_constraint(r_matrix)
            if constraint.coefs[:, unknown].any():
                raise NotComputedError(
                    name="this test",
                    reason="it is about effects without a standard error, which rotations of the "
                    "components change or which are held at their bound; see wald_test_terms.",
                )

    def wald_test_terms(self) -> WaldTestResults:
        """
        Joint Wald test of every covariate over all components.

        A factor is one covariate, with all of its columns. The tests use the full covariance, and
        do not depend on a rotation of the components. P-values are chi-squared; for effects bounded
        below by 0 with uncertainty="marginal" they are chi-bar-squared, the mixture that the bound
        makes of it, up to ten effects at a time.

        Returns
        -------
        statsmodels.stats.contrast.WaldTestResults
            ``table`` has a row a covariate: statistic, pvalue, df_constraint.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> model.fit(df_cap=0.21).wald_test_terms().table.round(4)
                   statistic  pvalue  df_constraint
        Intercept  1340.8036   0.000              1
        sex           9.5177   0.002              1
        """
        n_covariates, rank = len(self.model.design.covariates), len(self.model.components)
        rows = {}
        for name, columns in self.model.design.terms.items():
            members = np.arange(n_covariates * rank).reshape(n_covariates, rank)[columns].ravel()
            effects, covariance = self._effects(members, columns)
            statistic = float(effects @ np.linalg.pinv(covariance, hermitian=True) @ effects)
            rows[name] = [statistic, self._joint_pvalue(statistic, covariance), len(members)]
        table = pd.DataFrame.from_dict(
            rows, orient="index", columns=["statistic", "pvalue", "df_constraint"]
        )
        return WaldTestResults(None, "chi2", None, table=table)

    @known_arguments
    def compare_lr_test(self, restricted: InferenceResults) -> tuple[float, float, int]:
        """
        Likelihood-ratio test against a restricted ml fit of the same responses.

        Parameters
        ----------
        restricted : NMFREResults
            A fit with fewer covariates or a smaller rank, nested in this one.

        Returns
        -------
        lr_stat, p_value, df_diff : float, float, int
            Twice the difference of the log-likelihoods, its chi-squared p-value, and the difference
            of ``df_model``. With Theta >= 0 the restriction is at the boundary, which makes the
            p-value conservative; with another rank chi-squared is only a rough guide.

        Raises
        ------
        NotComputedError
            If one of the fits is by df-cap.
        InvalidArgumentError
            If the responses, the sign of Theta or the cap differ, or the other fit is not smaller.
        """
        own, other = self._marginal("compare_lr_test"), restricted._marginal("compare_lr_test")
        same = self.model.design.same_responses(restricted.model.design)
        df = self.df_model - restricted.df_model
        if not same or own.signed != other.signed or own.cap_binds != other.cap_binds or df <= 0:
            raise InvalidArgumentError(
                name="restricted",
                value=restricted.model.formula or "a fit",
                allowed="an ml fit of the same responses, with the same sign of Theta and state "
                "of the cap, and with fewer parameters",
            )
        statistic = float(2.0 * (self.llf - restricted.llf))
        return statistic, float(stats.chi2.sf(statistic, df)), df

    @cached_property
    def _studentized(self) -> WildBootstrap:
        """The replicates of the fit, each with its standard error, which takes another pass."""
        kind = self.inference.options.cov_type
        if kind not in ("sandwich", "cr3"):
            raise NotComputedError(
                name="the studentized interval",
                reason=f"standard errors of replicates are sandwiches, those of the fit {kind!r}; "
                "fit with cov_type='sandwich'.",
            )
        bootstrap = self._infer_again(studentize=True).bootstrap
        assert bootstrap is not None
        return bootstrap

    def _effects(self, members: Any, columns: list[int]) -> tuple[FloatArray, FloatArray]:
        """
        Effects of some covariates and their covariance.

        Where they have none, because components can be rotated, (X'X)^-1 X' times the profiles
        X Theta takes their place, its first factor fixed: it is zero where Theta is, and the test
        is invariant.
        """
        effects = self.inference.estimate[members]
        covariance = self.inference.covariance[np.ix_(members, members)]
        if not np.isnan(covariance).any():
            return effects, covariance
        if not isinstance(self.inference, MarginalInference):
            raise NotComputedError(name="the joint test", reason="effects have no covariance.")
        X = self.estimate.X
        project = np.kron(np.eye(len(columns)), np.linalg.solve(X.T @ X, X.T))
        covariance = project @ self.inference.profile_covariance(columns) @ project.T
        return effects, covariance

    def _joint_pvalue(self, statistic: float, covariance: FloatArray) -> float:
        size = len(covariance)
        bounded = self.uncertainty == "marginal" and not self.estimate.signed
        if (
            bounded
            and size <= LARGEST
            and np.linalg.matrix_rank(covariance, hermitian=True) == size
        ):
            return chi_bar_sf(statistic, covariance)
        return float(stats.chi2.sf(statistic, size))

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
