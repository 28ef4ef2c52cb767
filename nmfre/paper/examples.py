"""The examples of the paper: data, model and fits with its settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nmfre import plotting
from nmfre.core.cells import filled
from nmfre.core.typing import FloatArray
from nmfre.datasets import load_inaugural, load_od_flow, load_orthodont
from nmfre.errors import InvalidArgumentError, NMFREWarning
from nmfre.estimation.initial import nndsvd
from nmfre.model import NMFRE
from nmfre.paper.benchmarks import TESTS, holzinger_swineford_data, mimic_model
from nmfre.paper.mixed_model import (
    linear_mixed_model,
    mixed_model_comparison,
    mixed_model_tests,
    mixed_model_variances,
)
from nmfre.paper.start import RUniform
from nmfre.report.numbers import pvalue
from nmfre.report.tables import WIDTH
from nmfre.results import NMFREResults
from nmfre.selection.cap import scan_cap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEED = 1
"""Of the author's start."""
HUBS = ("Tokyo", "Aichi", "Osaka", "Fukuoka")
TENTHS = tuple(i / 10 for i in range(1, 11))
HUNDREDTHS = tuple(i / 100 for i in range(1, 11))
"""Rates at which the paper's script scans caps."""
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
    plot : callable
        Draws the paper's figure and returns its axes.
    tables : tuple of callables
        Each makes a title and a table of what else the paper's scripts compute: the scan of caps,
        and what the example is compared with or read by.
    """

    title: str
    data: pd.DataFrame
    model: NMFRE
    results: NMFREResults
    ml: NMFREResults
    difference: str
    plot: Callable[[], Axes]
    tables: tuple[Callable[[], tuple[str, pd.DataFrame]], ...]


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
            f"{ml.params[effect]:.2f}), but not tau2: df-cap keeps it at its starting value, "
            f"{results.tau2:.0f}, because the cap does not bind, whereas its likelihood is highest "
            f"at {ml.tau2:.1f}, so that the children differ far more than the paper's fit tells "
            f"(ICC {results.icc:.2f}; {ml.icc:.2f})."
        ),
        plot=partial(plotting.plot_growth_curves, results, which="blup"),
        tables=(
            partial(_scan, model, TENTHS),
            linear_mixed_model,
            mixed_model_variances,
            mixed_model_tests,
            mixed_model_comparison,
        ),
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
    data = holzinger_swineford_data()
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
            "treats the basis as known, which ml does not."
        ),
        plot=partial(plotting.plot_path_diagram, results),
        tables=(partial(_scan, model, TENTHS[7:]), mimic_model),
    )


def od_flow(path: str | PathLike[str] | None = None) -> Example:
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
        plot=partial(plotting.plot_basis_heatmap, results),
        tables=(partial(_scan, model, HUNDREDTHS),),
    )


def inaugural(path: str | PathLike[str] | None = None) -> Example:
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
            "errors are larger because they account for the uncertainty of topics that share words."
        ),
        plot=partial(plotting.plot_scores, results),
        tables=(
            partial(_scan, model, HUNDREDTHS),
            partial(_largest, results),
            partial(_mostly, results),
        ),
    )


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
    if not isinstance(example, Example):
        raise InvalidArgumentError("example", example, "an example, such as paper.orthodont()")
    parts = [
        f"{example.title}\n{'=' * len(example.title)}",
        "The paper's method and settings:",
        str(example.results.summary()),
    ]
    for make in example.tables:
        title, table = make()
        P = {str(name): pvalue for name in table if str(name).startswith("P")}
        shown = table.to_string(na_rep="", float_format="%.3f", formatters=P, line_width=WIDTH)
        parts += [filled(f"{title}:", WIDTH), shown]
    parts += [
        "The same model by maximum likelihood:",
        str(example.ml.summary()),
        filled(f"df-cap and ml: {example.difference}", WIDTH),
    ]
    return "\n\n".join(parts)


def _fits(model: NMFRE, df_cap: float) -> tuple[NMFREResults, NMFREResults]:
    """The paper's estimator from the paper's start, and ml; what they warn of, summaries say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NMFREWarning)
        ml = model.fit("ml", cov_resid="identity", cov_re="identity")
        return model.fit(df_cap=df_cap, start_basis=_start(model)), ml


def _start(model: NMFRE) -> FloatArray:
    return nndsvd(model.design.Y, model.rank, RUniform(SEED))


def _scan(model: NMFRE, rates: Sequence[float]) -> tuple[str, pd.DataFrame]:
    """Fits under caps of several rates, from the paper's start."""
    scan = scan_cap(model, rates, start_basis=_start(model)).table
    columns = {
        "cap": "cap",
        "df_random": "df_U",
        "tau2": "tau2",
        "sigma2": "sigma2",
        "n_iter": "iterations",
        "status": "verdict",
    }
    return "Scan of caps", scan[list(columns)].rename(columns=columns)


def _largest(results: NMFREResults) -> tuple[str, pd.DataFrame]:
    """Words of the eight largest loadings on each component."""
    words = {name: loadings.nlargest(8).index for name, loadings in results.basis.items()}
    return "Words of largest loading", pd.DataFrame(words, index=np.arange(1, 9))


def _mostly(results: NMFREResults) -> tuple[str, pd.DataFrame]:
    """Words of each component that has half of their loadings, and that share."""
    words = {
        name: [f"{word} ({100 * share:.0f} %)" for word, share in shares[shares >= 0.5].items()]
        for name, shares in results.response_membership.items()
    }
    n = max(map(len, words.values()))
    table = pd.DataFrame({name: found + [""] * (n - len(found)) for name, found in words.items()})
    return "Words with half or more of their loadings on one component", table.set_axis(
        np.arange(1, n + 1)
    )
