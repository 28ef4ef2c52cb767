"""What the paper compares its examples with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from nmfre.datasets import load_holzinger_swineford, load_orthodont
from nmfre.errors import MissingDependencyError

TESTS = [f"x{j}" for j in range(1, 10)]


def linear_mixed_model() -> tuple[str, pd.DataFrame]:
    """
    The paper's benchmark of Orthodont: a linear mixed model (Section 4.1).

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
    data = load_orthodont()
    data["age"] = data["age"] - data["age"].mean()
    mixed = smf.mixedlm(
        "distance ~ age * C(sex, Treatment('Male'))", data, groups="subject", re_formula="~ age"
    ).fit()
    names = {
        "Intercept": "Intercept",
        "C(sex, Treatment('Male'))[T.Female]": "female",
        "age": "age",
        "age:C(sex, Treatment('Male'))[T.Female]": "age x female",
    }
    table = pd.DataFrame(
        {
            "coef": mixed.fe_params,
            "std err": mixed.bse_fe,
            "z": mixed.tvalues[mixed.fe_params.index],
            "P>|z|": mixed.pvalues[mixed.fe_params.index],
        }
    )
    return "Linear mixed model (statsmodels MixedLM, REML)", table.loc[list(names)].rename(names)


def mimic_model() -> tuple[str, pd.DataFrame]:
    """
    The paper's benchmark of Holzinger-Swineford: a MIMIC model (Table 6).

    Visual (x1 to x3), textual (x4 to x6) and speed (x7 to x9) on age, reversed, female and
    Grant-White, all in their own units. Effects are per standard deviation of what the covariates
    leave of a factor. Standard errors are those of maximum likelihood (the paper's are robust).

    Returns
    -------
    title, table : str, DataFrame

    Raises
    ------
    MissingDependencyError
        semopy is not installed.

    Examples
    --------
    >>> from nmfre import paper
    >>> _, table = paper.mimic_model()
    >>> table.loc[("textual", "grant_white")].round(2).to_list()
    [0.52, 4.02, 0.0]
    """
    try:
        import semopy
    except ImportError as error:
        raise MissingDependencyError(
            purpose="the MIMIC model", package="semopy", extra="paper"
        ) from error
    factors = {"visual": TESTS[:3], "textual": TESTS[3:6], "speed": TESTS[6:]}
    covariates = ["age_reversed", "female", "grant_white"]
    lines = [f"{factor} =~ {' + '.join(tests)}" for factor, tests in factors.items()]
    lines += [f"{factor} ~ {' + '.join(covariates)}" for factor in factors]
    lines += ["visual ~~ textual", "visual ~~ speed", "textual ~~ speed"]
    sem = semopy.Model("\n".join(lines))
    sem.fit(holzinger_swineford_data())
    estimates = sem.inspect()
    residual = estimates[(estimates["op"] == "~~") & (estimates["lval"] == estimates["rval"])]
    sd = np.sqrt(residual.set_index("lval")["Estimate"].astype(float))
    effects = estimates[(estimates["op"] == "~") & estimates["rval"].isin(covariates)]
    table = pd.DataFrame(
        {
            "coef": effects["Estimate"].astype(float) / sd[effects["lval"]].to_numpy(),
            "z": effects["z-value"].astype(float),
            "P>|z|": effects["p-value"].astype(float),
        }
    )
    table.index = pd.MultiIndex.from_frame(effects[["lval", "rval"]], names=["factor", "covariate"])
    return "MIMIC model (semopy, maximum likelihood)", table


def holzinger_swineford_data() -> pd.DataFrame:
    """Tests and covariates of the pupils with complete records, in their own units."""
    pupils = load_holzinger_swineford().dropna()
    return pupils[TESTS].assign(
        age_reversed=-(pupils["ageyr"] + pupils["agemo"] / 12),
        female=(pupils["sex"] == 2).astype(float),
        grant_white=(pupils["school"] == "Grant-White").astype(float),
    )
