"""The paper's benchmark of Orthodont: a linear mixed model (Section 4.1)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.tools.numdiff import approx_hess

from nmfre.core.typing import FloatArray
from nmfre.datasets import load_orthodont

FEMALE = "C(sex, Treatment('Male'))"
NAMES = {
    "Intercept": "Intercept",
    f"{FEMALE}[T.Female]": "female",
    "age": "age",
    f"age:{FEMALE}[T.Female]": "age x female",
}
IN_ORDER = ["Intercept", "age", "female", "age x female"]
"""Of the paper's formula."""
COMPARED = {
    "age x sex; intercept, slope": ("age * sex", "~ age"),
    "age x sex; intercept": ("age * sex", "~ 1"),
    "age + sex; intercept, slope": ("age + sex", "~ age"),
    "age; intercept, slope": ("age", "~ age"),
}
"""Fixed effects; random effects by child. The first is the paper's, the others are within it."""


def linear_mixed_model() -> tuple[str, pd.DataFrame]:
    """
    Fixed effects of the paper's linear mixed model of Orthodont (Section 4.1).

    distance ~ age x sex with age centred, random intercept and slope by child, REML.

    Returns
    -------
    title, table : str, DataFrame

    Examples
    --------
    >>> from nmfre import paper
    >>> _, table = paper.linear_mixed_model()
    >>> table["coef"].round(3).to_list()
    [24.969, -2.321, 0.784, -0.305]
    """
    mixed = _paper_model()
    table = pd.DataFrame(
        {
            "coef": mixed.fe_params,
            "std err": mixed.bse_fe,
            "z": mixed.tvalues[mixed.fe_params.index],
            "P>|z|": mixed.pvalues[mixed.fe_params.index],
        }
    )
    n_params = mixed.df_modelwc + 1
    aic = 2.0 * (n_params - mixed.llf)
    bic = n_params * np.log(mixed.df_resid) - 2.0 * mixed.llf
    title = (
        f"Linear mixed model (statsmodels MixedLM, REML: log-likelihood {mixed.llf:.2f}, "
        f"AIC {aic:.2f}, BIC {bic:.2f})"
    )
    return title, table.loc[list(NAMES)].rename(NAMES)


def mixed_model_variances() -> tuple[str, pd.DataFrame]:
    """
    Standard deviations and the correlation of the random effects, with 95 % intervals.

    The intervals are those of ``intervals()`` in nlme, which the paper's script calls: Wald
    intervals, from the Hessian of the restricted likelihood, of the logarithms of the standard
    deviations and of log((1 + r) / (1 - r)) for the correlation r.

    Returns
    -------
    title, table : str, DataFrame

    Examples
    --------
    >>> from nmfre import paper
    >>> _, table = paper.mixed_model_variances()
    >>> table.loc["sd of intercepts"].round(2).to_list()
    [1.83, 1.34, 2.5]
    """
    mixed = _paper_model()
    sd = np.sqrt(np.diag(mixed.cov_re))
    r = mixed.cov_re.to_numpy()[0, 1] / sd.prod()
    at = np.array([*np.log(sd), np.log((1.0 + r) / (1.0 - r)), 0.5 * np.log(mixed.scale)])
    data = mixed.model
    Y, X, Z = (np.stack(parts) for parts in (data.endog_li, data.exog_li, data.exog_re_li))
    hessian = approx_hess(at, lambda params: _restricted_likelihood(params, Y, X, Z[0]))
    half_width = stats.norm.isf(0.025) * np.sqrt(np.diag(np.linalg.inv(-hessian)))
    limits = np.array([at, at - half_width, at + half_width]).T
    values = np.exp(limits)
    values[2] = np.tanh(limits[2] / 2.0)
    table = pd.DataFrame(
        values,
        ["sd of intercepts", "sd of slopes", "correlation", "sd of residuals"],
        ["estimate", "lower", "upper"],
    )
    title = "Random effects of the mixed model (REML, 95 % Wald intervals as in nlme)"
    return title, table


def mixed_model_tests() -> tuple[str, pd.DataFrame]:
    """
    F tests of the fixed effects, one after the other: those of ``anova()`` in nlme.

    Each term is tested given those before it. The denominators are nlme's: terms that vary within
    children have the degrees of freedom within children, sex those between.

    Returns
    -------
    title, table : str, DataFrame

    Examples
    --------
    >>> from nmfre import paper
    >>> _, table = paper.mixed_model_tests()
    >>> table.loc["age x female"].round(3).to_list()
    [1.0, 79.0, 5.119, 0.026]
    """
    mixed = _paper_model()
    effects = mixed.fe_params.rename(NAMES)[IN_ORDER]
    covariance = mixed.cov_params().rename(index=NAMES, columns=NAMES).loc[IN_ORDER, IN_ORDER]
    # L'b are independent, and entry i of it is free of the effects before i.
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    n_units, n_cells = mixed.model.n_groups, len(mixed.model.endog)
    within, between = n_cells - n_units - 2, n_units - 2
    table = pd.DataFrame(
        {
            "df": 1,
            "df of residuals": [within, within, between, within],
            "F": (root.T @ effects.to_numpy()) ** 2,
        },
        index=IN_ORDER,
    )
    table["P"] = stats.f.sf(table["F"], table["df"], table["df of residuals"])
    return (
        "Fixed effects of the mixed model, each given those before it (F tests, as in nlme)",
        table,
    )


def mixed_model_comparison() -> tuple[str, pd.DataFrame]:
    """
    The mixed model and models within it: log-likelihood, AIC, BIC and likelihood-ratio tests.

    By maximum likelihood, so that models with other fixed effects can be compared. Without random
    slopes their variance is on the boundary: P is the mean of those of chi-squared with 1 and 2
    degrees of freedom.

    Returns
    -------
    title, table : str, DataFrame

    Examples
    --------
    >>> from nmfre import paper
    >>> _, table = paper.mixed_model_comparison()
    >>> table["AIC"].round(2).to_list()
    [443.81, 440.64, 446.84, 451.21]
    """
    rows = {}
    for name, formulas in COMPARED.items():
        fit = _fitted(*formulas, reml=False)
        rows[name] = [fit.llf, fit.df_modelwc + 1, fit.aic, fit.bic]
    columns = ["log-lik.", "params", "AIC", "BIC"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    whole, others = table.iloc[0], table.index[1:]
    table["LR"] = 2.0 * (whole["log-lik."] - table["log-lik."])[others]
    table["P"] = stats.chi2.sf(table["LR"], whole["params"] - table["params"])
    without = [name for name, (_, random) in COMPARED.items() if random == "~ 1"]
    table.loc[without, "P"] = [np.mean(stats.chi2.sf(LR, [1, 2])) for LR in table["LR"][without]]
    return "The mixed model and models within it (maximum likelihood)", table


@cache
def _paper_model() -> Any:
    return _fitted("age * sex", "~ age", reml=True)


def _fitted(fixed: str, random: str, *, reml: bool) -> Any:
    data = load_orthodont()
    data["age"] = data["age"] - data["age"].mean()
    formula = f"distance ~ {fixed.replace('sex', FEMALE)}"
    return smf.mixedlm(formula, data, groups="subject", re_formula=random).fit(reml=reml)


def _restricted_likelihood(
    params: FloatArray, Y: FloatArray, X: FloatArray, Z: FloatArray
) -> float:
    """
    Of log standard deviations of the random effects, their correlation's logit, log sigma.

    Children have responses Y, (N, P), fixed effects X, (N, P, K), and the same Z, (P, 2).
    """
    sd, r = np.exp(params[:2]), np.tanh(params[2] / 2.0)
    scaled = Z * sd
    V = scaled @ np.array([[1.0, r], [r, 1.0]]) @ scaled.T + np.exp(2.0 * params[3]) * np.eye(
        len(Z)
    )
    root = np.linalg.cholesky(V)
    white_X = np.linalg.solve(root, X).reshape(-1, X.shape[-1])
    white_y = np.linalg.solve(root, Y[..., None]).ravel()
    effects = np.linalg.lstsq(white_X, white_y)[0]
    rss = np.sum((white_y - white_X @ effects) ** 2)
    log_dets = len(Y) * np.linalg.slogdet(V)[1] + np.linalg.slogdet(white_X.T @ white_X)[1]
    n = white_X.shape[0] - white_X.shape[1]
    return float(-0.5 * (log_dets + rss + n * np.log(2.0 * np.pi)))
