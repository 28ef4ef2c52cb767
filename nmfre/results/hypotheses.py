"""Tests of linear hypotheses about params, and of nested models."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from patsy import DesignInfo, PatsyError
from scipy import stats
from statsmodels.base.model import LikelihoodModelResults
from statsmodels.stats.contrast import ContrastResults, WaldTestResults

from nmfre.core.arguments import check_alpha, check_choice, check_label
from nmfre.data.checks import listed
from nmfre.data.covariates import categorical_coding
from nmfre.data.weights import RATIOS, require_no_weights
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.inference.small_samples import Reference
from nmfre.report.numbers import limit_names
from nmfre.results.coefficients import (
    adjust,
    ask_statsmodels,
    pvalues,
    unlike_summary,
    with_covariance,
)
from nmfre.results.fit import Fit
from nmfre.results.joint_tests import bounded, covariates_test, joint_test, not_held
from nmfre.results.nesting import nested
from nmfre.results.noted import NotedContrast, NotedTests
from nmfre.results.small_samples import slopes


def t_test(
    self: Fit, r_matrix: object, cov_p: ArrayLike | None = None, use_t: bool | None = None
) -> ContrastResults:
    """
    Two-sided Wald z-tests of linear hypotheses, such as ``"comp1[age] = 0"``.

    See `statsmodels.base.model.LikelihoodModelResults.t_test`. Parameters are called
    ``component[covariate]``. If the summary shows another p-value or interval for the same effect,
    for example because it tests one-sided, a note below the table says so.

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
    method = _tested(self, r_matrix).t_test
    n_params = len(self.params)
    test = ask_statsmodels(method, n_params, r_matrix=r_matrix, cov_p=cov_p, use_t=use_t)
    return NotedContrast(test, _two_sided(self, interval=True))


def wald_test(
    self: Fit,
    r_matrix: object,
    cov_p: ArrayLike | None = None,
    invcov: ArrayLike | None = None,
    use_f: bool | None = None,
    df_constraints: int | None = None,
    scalar: bool = True,
) -> ContrastResults:
    """
    Joint chi-squared test of linear hypotheses, with the full covariance.

    See `statsmodels.base.model.LikelihoodModelResults.wald_test`.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> res = model.fit(df_cap=0.21)
    >>> test = res.wald_test("comp1[Intercept] = 90, comp1[sex[T.Male]] = 10")
    >>> round(float(test.pvalue), 3)
    0.979
    """
    test = ask_statsmodels(
        _tested(self, r_matrix).wald_test,
        len(self.params),
        r_matrix=r_matrix,
        cov_p=cov_p,
        invcov=invcov,
        use_f=use_f,
        df_constraints=df_constraints,
        scalar=scalar,
    )
    return NotedContrast(test, _two_sided(self, interval=False))


def f_test(
    self: Fit, r_matrix: object, cov_p: ArrayLike | None = None, invcov: ArrayLike | None = None
) -> ContrastResults:
    """
    As ``wald_test``, but with an F distribution on ``df_resid`` degrees of freedom.

    See `statsmodels.base.model.LikelihoodModelResults.f_test`.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> round(float(model.fit(df_cap=0.21).f_test("comp1[sex[T.Male]] = 0").pvalue), 4)
    0.0026
    """
    return wald_test(self, r_matrix, cov_p=cov_p, invcov=invcov, use_f=True)


def _two_sided(fit: Fit, *, interval: bool) -> list[str]:
    """That a test is two-sided, where the summary has another one for the same hypothesis."""
    told = unlike_summary(fit, interval=interval)
    return ["P-values here are two-sided Wald tests.", *told] if told else []


def _tested(fit: Fit, r_matrix: object) -> LikelihoodModelResults:
    """What statsmodels tests: no hypotheses about params that are none, or have no error."""
    names = fit.model.data.param_names
    try:
        constraint = DesignInfo(names).linear_constraint(r_matrix)
    except (ArithmeticError, LookupError, PatsyError, TypeError, ValueError) as error:
        raise InvalidArgumentError(
            "r_matrix",
            f"array of shape {r_matrix.shape}" if isinstance(r_matrix, np.ndarray) else r_matrix,
            f"hypotheses such as '{names[0]} = 0' about {listed(pd.Index(names))}; or "
            f"an array with a column for each of the {len(names)} params",
        ) from error
    unknown = np.isnan(fit.inference.bse)
    if constraint.coefs[:, unknown].any():
        raise NotComputedError(
            name="this test",
            reason="it involves effects without a standard error, because rotations of the "
            "components change them or they are held at their boundary; see wald_test_terms.",
        )
    known = np.where(np.isnan(fit.inference.covariance), 0.0, fit.inference.covariance)
    return with_covariance(fit, known)


def wald_test_terms(
    self: Fit, by: Literal["covariate", "component"] = "covariate"
) -> WaldTestResults:
    """
    Joint Wald tests: of each covariate over all components, or of each component.

    All columns of a factor are tested together. The tests use the full covariance; tests of
    covariates do not depend on the rotation of components. P-values are chi-squared, with two
    exceptions. With cov_type="cr3" and effects that depend on at most 100 units or groups, they are
    from a multiple of F that approximates the null distribution for normal units with these
    covariates. For effects bounded below by 0 with uncertainty="marginal", they are from the
    chi-bar-squared mixture that the bound implies, if the components are identified and at most ten
    effects are tested.

    Parameters
    ----------
    by : {"covariate", "component"}
        "covariate": one test per covariate, over all components. "component": one test per
        component, of all covariates except the intercept (of the intercept if there is no other);
        NaN where components are not identified.

    Returns
    -------
    statsmodels.stats.contrast.WaldTestResults
        ``table`` has one row per test: statistic, pvalue, df_constraint.

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
    check_choice("by", by, Literal["covariate", "component"])
    rank, terms = len(self.model.components), self.model.design.terms
    *nulls, of_component = [Reference(*map(float, row)) for row in self._references]
    rows: dict[str, tuple[float, float, int]] = {}
    if by == "covariate":
        for (name, columns), null in zip(terms.items(), nulls, strict=True):
            members = (np.array(columns)[:, None] * rank + np.arange(rank)).ravel()
            rows[name] = covariates_test(self, members, columns, null)
    else:
        covariates = np.array(slopes(self.model.design))
        for q, name in enumerate(self.model.components):
            members = covariates * rank + q
            effects = not_held(self, members)
            rows[name] = *joint_test(self, *effects, of_component), len(members)
    table = pd.DataFrame.from_dict(
        rows, orient="index", columns=["statistic", "pvalue", "df_constraint"]
    )
    tests = WaldTestResults(None, "chi2", None, table=table)
    told = unlike_summary(self, interval=False)
    if bounded(self):
        told = ["P-values account for effects being non-negative (chi-bar-squared)."]
    elif told:
        told = ["P-values are chi-squared and ignore that effects are non-negative.", *told]
    if np.isfinite(self._references[:, 1]).any():
        told.append("F distributions account for effects that depend on few units (cr3).")
    return NotedTests(tests, told)


def adjusted_pvalues(self: Fit, method: str) -> pd.Series:
    """
    P-values of params, adjusted for testing all of them.

    Parameters
    ----------
    method : str
        "bonferroni", "holm", "fdr_bh" and so on, as in `statsmodels.stats.multitest.multipletests`.
        Params without a p-value are left out.

    Returns
    -------
    Series

    Raises
    ------
    InvalidArgumentError
        statsmodels does not know the method.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> model.fit(df_cap=0.21).adjusted_pvalues("bonferroni").round(4).to_list()
    [0.0, 0.002]
    """
    adjusted = pvalues(self).rename("adjusted_pvalues")
    known = adjusted.notna()
    adjusted[known] = adjust(adjusted[known], method, 0.05)[1]
    return adjusted


def t_test_pairwise(
    self: Fit, term: str, component: str, *, method: str = "holm", alpha: float = 0.05
) -> pd.DataFrame:
    """
    Differences between all pairs of levels of a categorical covariate, within a component.

    `marginal_means` does this for all components at once, and also with interactions.

    Parameters
    ----------
    term : str
        A term of the formula that is one categorical covariate, such as ``"group"``.
    component : str
        Such as ``"comp1"``.
    method : str
        Adjustment for multiple tests, as in `statsmodels.stats.multitest.multipletests`.
    alpha : float
        Significance level of ``reject``, and 1 minus the level of the intervals, which are not
        adjusted.

    Returns
    -------
    DataFrame
        One row per pair: difference, standard error, z, two-sided p-value, Wald limits, adjusted
        p-value, and whether it is at most ``alpha``. The summary may show one-sided p-values and
        percentile intervals instead; see ``attrs``.

    Raises
    ------
    InvalidArgumentError
        The model has no such term or component, or the term is not one categorical covariate.
    NotComputedError
        Effects have no standard error.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> model.fit(df_cap=0.21).t_test_pairwise("sex", "comp1").round(3).iloc[:, :4]
                 coef  std err      z  P>|z|
    Male-Female  9.429    3.056  3.085  0.002
    """
    check_alpha(alpha)
    levels, coding, columns = categorical_coding(self.model.design.design_info, term)
    check_label("component", component, self.model.components)
    pairs = list(combinations(range(len(levels)), 2))
    contrasts = np.zeros((len(pairs), len(self.params)))
    q, rank = self.model.components.get_loc(component), len(self.model.components)
    differences = np.array([coding[j] - coding[i] for i, j in pairs])
    contrasts[:, np.array(columns) * rank + q] = differences
    test = _tested(self, contrasts).t_test(contrasts)
    names = [f"{levels[j]}-{levels[i]}" for i, j in pairs]
    frame = test.summary_frame(names, alpha)
    frame.columns = pd.Index(["coef", "std err", "z", "P>|z|", *limit_names(alpha)])
    reject, adjusted = adjust(test.pvalue, method, alpha)
    frame = frame.assign(**{f"P>|z| ({method})": adjusted, "reject": reject})
    frame.attrs = {"level": 1.0 - alpha, "interval": "wald", "alternative": "two-sided"}
    return frame


def compare_lr_test(self: Fit, restricted: Fit) -> tuple[float, float, int]:
    """
    Likelihood-ratio test against a restricted ml fit of the same responses.

    Parameters
    ----------
    restricted : NMFREResults
        A nested fit with fewer covariates, a smaller rank, fewer variances or more zeros in its
        ``basis_pattern``. Its covariates must be linear combinations of the covariates here, and
        its covariance forms special cases of those here: "identity" and "mean" of "diagonal" and,
        for random effects, "diagonal" of "full". If the cap binds, its rate must be the same.

    Returns
    -------
    lr_stat, p_value, df_diff : float, float, int
        Twice the difference of the log-likelihoods, its chi-squared p-value, and the difference of
        ``df_model``. With Theta >= 0 the p-value is conservative, because the restriction is at the
        boundary; if the ranks differ, it is only a rough guide.

    Raises
    ------
    NotComputedError
        One of the fits is by df-cap, or its units have weights.
    InvalidArgumentError
        The responses, ``signed`` or the cap differ, or the other fit is not smaller or not nested.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> long = dict(data=orthodont, unit="subject", occasion="age", rank=1)
    >>> res = nmfre.NMFRE.from_formula("distance ~ sex", **long).fit("ml", signed=True)
    >>> restricted = nmfre.NMFRE.from_formula("distance ~ 1", **long).fit("ml", signed=True)
    >>> statistic, p_value, df = res.compare_lr_test(restricted)
    >>> round(statistic, 2), round(p_value, 4), df
    (9.25, 0.0024, 1)
    """
    if not isinstance(restricted, Fit):
        raise InvalidArgumentError("restricted", restricted, "results, such as model.fit('ml')")
    own, other = (
        each.estimate.of_kind(MarginalEstimate, "compare_lr_test") for each in (self, restricted)
    )
    for each in (self, restricted):
        require_no_weights(each.model.design.weights, "compare_lr_test", RATIOS)
    if not nested(self.model.design, own, restricted.model.design, other):
        raise InvalidArgumentError(
            "restricted",
            restricted.model.formula or "a fit",
            "an ml fit of the same responses that is nested in this one. It needs the same "
            "option signed and cap rate, fewer parameters, a rank that is not larger, covariates "
            "that are linear combinations of the covariates here, covariance forms that are "
            "special cases of those here, and zeros of the basis wherever this fit has them",
        )
    df = own.n_parameters - other.n_parameters
    statistic = float(2.0 * (own.llf - other.llf))
    return statistic, float(stats.chi2.sf(statistic, df)), df
