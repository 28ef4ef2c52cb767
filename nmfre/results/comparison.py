"""Several fits side by side: their coefficients and measures in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_alpha, check_bool, check_choice
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.report.comparison import AGAINST_SATURATED, Comparison, Stat
from nmfre.results.results import NMFREResults


def compare(
    fits: Sequence[NMFREResults] | Mapping[str, NMFREResults],
    *,
    stat: Stat = "std err",
    alpha: float = 0.05,
    fit_measures: bool = False,
) -> Comparison:
    """
    Compare several fits side by side: ranks, caps, methods, signed effects, covariates.

    Coefficients are aligned by their labels.

    Parameters
    ----------
    fits : sequence or mapping of NMFREResults
        The fits; keys of a mapping name them. Default names: (1), (2), ...
    stat : {"std err", "conf_int", "pvalue"}
        What is printed in parentheses below each estimate.
    alpha : float
        1 minus the level of the intervals.
    fit_measures : bool
        Whether to add chi-squared against the saturated model, CFI, RMSEA and SRMR; empty for fits
        for which `nmfre.NMFREResults.fit_measures` is not available.

    Returns
    -------
    Comparison
        ``print`` it, or use its ``frame``, ``measures``, ``as_html()`` and ``as_latex()``.

    Raises
    ------
    InvalidArgumentError
        There are no fits, one is not a result, or two have the same name.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> fits = {"df-cap": model.fit(df_cap=0.21), "ml": model.fit("ml")}
    >>> print(nmfre.compare(fits))
              Comparison of fits
    ======================================
                         df-cap         ml
    --------------------------------------
    comp1
      Intercept       90.501***  90.310***
                      (2.472)    (2.680)
      sex[T.Male]      9.429**    9.744**
                      (3.056)    (3.273)
    ======================================
    Method               df-cap         ml
    Rank                      1          1
    Cap                    5.67        off
    Signed                   no         no
    cov_resid          identity   diagonal
    cov_re             identity   diagonal
    Basis pattern            no         no
    Units                    27         27
    Responses                 4          4
    sigma2                2.947      1.938
    tau2                  1.000     47.482
    tau2 estimated           no        yes
    ICC                   0.021      0.606
    df of U                2.12      23.50
    Saturation            0.078      0.871
    Log-likelihood                -214.757
    AIC                             449.51
    BIC                             462.47
    Parameters                          10
    Not at a bound                      10
    Uncertainty     conditional   marginal
    Converged               yes        yes
    ======================================
    <BLANKLINE>
    Notes:
    In parentheses: standard errors. * p < 0.05, ** p < 0.01, *** p < 0.001, each
    by the tests of its own fit.
    sigma2 and tau2 are means where responses or components have their own.
    """
    check_choice("stat", stat, Stat)
    check_alpha(alpha)
    check_bool("fit_measures", fit_measures)
    named = _named(fits)
    tables = {name: _table(fit, stat, alpha) for name, fit in named.items()}
    keys = [key for table in tables.values() for key in table.index]
    components, covariates = (dict.fromkeys(labels) for labels in zip(*keys, strict=True))
    every = pd.MultiIndex.from_product([components, covariates], names=["component", "covariate"])
    frame = pd.concat(tables, axis=1, names=["fit"]).reindex(every[every.isin(keys)])
    columns = {
        name: _measures(fit) | (_against_saturated(fit) if fit_measures else {})
        for name, fit in named.items()
    }
    measures = pd.DataFrame(columns, dtype=object)
    return Comparison(frame, measures, stat, alpha)


def _named(fits: object) -> dict[str, NMFREResults]:
    allowed = "a list of results, or a dictionary of results by name; names must differ"
    if not isinstance(fits, Mapping | Sequence) or not len(fits):
        shown = fits if isinstance(fits, Mapping | Sequence) else type(fits).__name__
        raise InvalidArgumentError("fits", shown, allowed)
    if not isinstance(fits, Mapping):
        fits = {f"({i})": fit for i, fit in enumerate(fits, start=1)}
    named = {str(name): fit for name, fit in fits.items()}
    if len(named) < len(fits):
        raise InvalidArgumentError("fits", list(map(str, fits)), allowed)
    for name, fit in named.items():
        if not isinstance(fit, NMFREResults):
            raise InvalidArgumentError(
                f"fits[{name!r}]", type(fit).__name__, "a result of NMFRE.fit"
            )
    return named


def _table(fit: NMFREResults, stat: Stat, alpha: float) -> pd.DataFrame:
    """Estimates, what goes below them, and p-values."""
    frame = fit.summary_frame(alpha).rename(columns={"coef": "estimate"})
    below = {"std err": ["std err"], "conf_int": list(frame.columns[-2:]), "pvalue": []}[stat]
    return frame[["estimate", *below, "p"]]


def _measures(fit: NMFREResults) -> dict[str, object]:
    estimate, criteria = fit.estimate, fit.estimate.criteria
    resid, random = estimate.covariances
    return {
        "Method": fit.method,
        "Rank": fit.model.rank,
        "Cap": fit.df_cap,
        "Signed": estimate.signed,
        "cov_resid": resid,
        "cov_re": random,
        "Basis pattern": fit.model.basis_pattern is not None,
        "Units": estimate.U.shape[1],
        "Responses": len(estimate.X),
        "sigma2": fit.sigma2,
        # As the summary has it: rounding is none.
        "tau2": 0.0 if estimate.tau2_at_bound else fit.tau2,
        "tau2 estimated": fit.tau2_estimated,
        "ICC": fit.icc,
        "df of U": fit.df_random,
        "Saturation": fit.saturation,
        "Log-likelihood": criteria.get("llf"),
        "AIC": criteria.get("aic"),
        "BIC": criteria.get("bic"),
        "Parameters": criteria.get("df_model"),
        "Not at a bound": criteria.get("n_free"),
        "Uncertainty": fit.uncertainty,
        "Converged": fit.converged,
    }


def _against_saturated(fit: NMFREResults) -> dict[str, object]:
    """Measures that compare with the saturated model; None where there are none."""
    try:
        found = fit.fit_measures()
    except NotComputedError:
        return dict.fromkeys(AGAINST_SATURATED)
    values = {shown: found[name] for shown, name in AGAINST_SATURATED.items()}
    return {shown: None if np.isnan(value) else value for shown, value in values.items()}
