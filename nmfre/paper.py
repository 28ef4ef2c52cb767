"""
The examples of the paper: data, model and fits with its settings, and its comparisons.

``python -m nmfre paper [example] [--figures DIR]`` prints them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from nmfre.datasets import (
    load_holzinger_swineford,
    load_inaugural,
    load_od_flow,
    load_orthodont,
)
from nmfre.errors import MissingDependencyError, NMFREWarning
from nmfre.estimation.initial import nndsvd
from nmfre.model import NMFRE
from nmfre.results import NMFREResults
from nmfre.typing import FloatArray

SEED = 1
"""Of the author's start."""
HUBS = ("Tokyo", "Aichi", "Osaka", "Fukuoka")
TESTS = [f"x{j}" for j in range(1, 10)]
LAST_YEARS = {"to 1865": 1865, "1866-1945": 1945, "since 1946": 9999}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """
    An example of the paper.

    Attributes
    ----------
    title : str
        What it is, and where in the paper.
    data : DataFrame
        The data as the model takes them.
    model : NMFRE
    results : NMFREResults
        The paper's estimator with the paper's settings.
    ml : NMFREResults
        Maximum likelihood of the same model, effects bounded below by 0 as well.
    difference : str
        Where the two differ, and why.
    comparison : callable or None
        Makes what the paper compares with: a title and a table.
    """

    title: str
    data: pd.DataFrame
    model: NMFRE
    results: NMFREResults
    ml: NMFREResults
    difference: str
    comparison: Callable[[], tuple[str, pd.DataFrame]] | None = None


def orthodont() -> Example:
    """
    Growth of 27 children (paper, Tables 4 and 5, Figure 1): rank 1, cap 0.21.

    Returns
    -------
    Example

    Examples
    --------
    >>> from nmfre import paper
    >>> paper.orthodont().results.theta.round(3)
    covariate  Intercept  sex[T.Male]
    component
    comp1         90.501        9.429
    """
    data = load_orthodont()
    model = NMFRE.from_formula("distance ~ sex", data, rank=1, unit="subject", occasion="age")
    results, ml = _fits(model, df_cap=0.21)
    effect = ("comp1", "sex[T.Male]")
    return Example(
        title="Orthodont: growth of 27 children (paper, Tables 4 and 5, Figure 1)",
        data=data,
        model=model,
        results=results,
        ml=ml,
        difference=(
            f"The effect of sex is the same ({results.params[effect]:.2f}; "
            f"{ml.params[effect]:.2f}), but not tau2: df-cap keeps it at its start value, "
            f"{results.tau2:.0f}, because the cap does not bind, whereas its likelihood is highest "
            f"at {ml.tau2:.1f}, so that the children differ far more than the paper's fit tells "
            f"(ICC {results.icc:.2f}; {ml.icc:.2f})."
        ),
        comparison=linear_mixed_model,
    )


def holzinger_swineford() -> Example:
    """
    Nine tests of 300 pupils (paper, Tables 7 and 8, Figure 2): rank 3, cap 0.96, no intercept.

    Covariates are age, reversed, female and the school Grant-White; all variables are scaled to
    [0, 1].

    Returns
    -------
    Example

    Examples
    --------
    >>> from nmfre import paper
    >>> paper.holzinger_swineford().results.theta.round(3)
    covariate  age_reversed  female  grant_white
    component
    comp1             1.733   0.000        0.000
    comp2             2.420   0.215        0.381
    comp3             2.050   0.314        0.005
    """
    data = _holzinger_swineford_data()
    data = (data - data.min()) / (data.max() - data.min())
    model = NMFRE.from_formula(
        "~ 0 + age_reversed + female + grant_white", data, rank=3, endog=TESTS
    )
    results, ml = _fits(model, df_cap=0.96)
    effect = ("comp2", "age_reversed")
    return Example(
        title="Holzinger-Swineford: nine tests of 300 pupils (paper, Tables 7 and 8, Figure 2)",
        data=data,
        model=model,
        results=results,
        ml=ml,
        difference=(
            f"Effects differ in size (age on comp2: {results.params[effect]:.2f}; "
            f"{ml.params[effect]:.2f}) and standard errors in kind: df-cap keeps tau2 at "
            f"{results.tau2:.0f} (likelihood: {ml.tau2:.2f}), stops while Theta still moves, and "
            "takes the basis for known, which ml does not."
        ),
        comparison=mimic_model,
    )


def od_flow(path: Any = None) -> Example:
    """
    Flows between prefectures (paper, Figure 3): rank 4, cap 0.02, four hubs as covariates.

    The units are the 47 destinations; responses are the flows from the 43 origins that are no hubs,
    covariates those from Tokyo, Aichi, Osaka and Fukuoka; no intercept.

    Parameters
    ----------
    path : str or path, optional
        As in `nmfre.datasets.load_od_flow`.

    Returns
    -------
    Example

    Examples
    --------
    >>> from nmfre import paper
    >>> example = paper.od_flow("od.xlsx")  # doctest: +SKIP
    """
    data = load_od_flow(path).T
    others = [name for name in data.columns if name not in HUBS]
    model = NMFRE.from_formula("~ 0 + " + " + ".join(HUBS), data, rank=4, endog=others)
    results, ml = _fits(model, df_cap=0.02)
    return Example(
        title="OD flow: migration between prefectures of Japan (paper, Figure 3)",
        data=data,
        model=model,
        results=results,
        ml=ml,
        difference=(
            "The cap of 0.02 all but forbids random effects (df-cap uses "
            f"{results.df_random:.1f} of {results.random_effects.size} degrees of freedom, ml "
            f"{ml.df_random:.0f}), so that there every component has to follow its hub, whereas ml "
            f"lets destinations differ (ridge {results.ridge:.1f}; {ml.ridge:.3f}) and shapes "
            "components by what the hubs leave unexplained."
        ),
    )


def inaugural(path: Any = None) -> Example:
    """
    Words of inaugural addresses (paper, Table 9, Figure 4): rank 3, cap 0.02, three eras.

    Parameters
    ----------
    path : str or path, optional
        As in `nmfre.datasets.load_inaugural`.

    Returns
    -------
    Example

    Examples
    --------
    >>> from nmfre import paper
    >>> example = paper.inaugural("counts.csv")  # doctest: +SKIP
    """
    data = load_inaugural(path)
    terms = list(data.columns.drop("year"))
    era = pd.cut(data["year"], [0, *LAST_YEARS.values()], labels=list(LAST_YEARS))
    data = data.assign(era=era)
    model = NMFRE.from_formula("~ 0 + era", data, rank=3, endog=terms)
    results, ml = _fits(model, df_cap=0.02)
    return Example(
        title="Inaugural addresses: 67 words in 59 addresses (paper, Table 9, Figure 4)",
        data=data,
        model=model,
        results=results,
        ml=ml,
        difference=(
            "The topics are alike, the random effects are not: the cap of 0.02 leaves df-cap "
            f"{results.df_random:.1f} of {results.random_effects.size} degrees of freedom for "
            f"differences between addresses of an era, ml takes {ml.df_random:.0f}; its standard "
            "errors are larger because they carry the uncertainty of topics that share words."
        ),
    )


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
        "distance ~ age * C(sex, Treatment('Male'))",
        data,
        groups="subject",
        re_formula="~ age",
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
    sem.fit(_holzinger_swineford_data())
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


EXAMPLES: dict[str, Callable[[], Example]] = {
    "orthodont": orthodont,
    "holzinger-swineford": holzinger_swineford,
    "od-flow": od_flow,
    "inaugural": inaugural,
}


def report(example: Example) -> str:
    """
    The tables of an example: the paper's method, what the paper compares it with, and ml.

    Parameters
    ----------
    example : Example

    Returns
    -------
    str

    Examples
    --------
    >>> from nmfre import paper
    >>> print(paper.report(paper.orthodont()).splitlines()[0])
    Orthodont: growth of 27 children (paper, Tables 4 and 5, Figure 1)
    """
    parts = [
        f"{example.title}\n{'=' * len(example.title)}",
        "The paper's method and settings:",
        str(example.results.summary()),
    ]
    if example.comparison is not None:
        try:
            title, table = example.comparison()
            parts += [f"{title}:", table.round(3).to_string()]
        except MissingDependencyError as error:
            parts.append(f"Left out: {error}")
    parts += [
        "The same model by maximum likelihood:",
        str(example.ml.summary()),
        f"df-cap and ml: {example.difference}",
    ]
    return "\n\n".join(parts)


def _holzinger_swineford_data() -> pd.DataFrame:
    """Tests and covariates of the pupils with complete records, in their own units."""
    pupils = load_holzinger_swineford().dropna()
    return pupils[TESTS].assign(
        age_reversed=-(pupils["ageyr"] + pupils["agemo"] / 12),
        female=(pupils["sex"] == 2).astype(float),
        grant_white=(pupils["school"] == "Grant-White").astype(float),
    )


def _fits(model: NMFRE, df_cap: float) -> tuple[NMFREResults, NMFREResults]:
    """The paper's estimator from the paper's start, and ml; what they warn of, summaries say."""
    start = nndsvd(model.design.Y, model.rank, _RUniform(SEED))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NMFREWarning)
        return model.fit(df_cap=df_cap, start_basis=start), model.fit("ml")


class _RUniform:
    """The uniform draws of R after ``set.seed``, with which the author's start fills zeros."""

    def __init__(self, seed: int) -> None:
        states = [seed]
        for _ in range(50 + 625):
            states.append((69069 * states[-1] + 1) % 2**32)
        self._bits = np.random.MT19937()
        key = np.array(states[-624:], dtype=np.uint32)
        self._bits.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": 624}}

    def random(self, size: int) -> FloatArray:
        """Draws in (0, 1), 32 bits each."""
        return np.asarray(self._bits.random_raw(size) / 2.0**32)
