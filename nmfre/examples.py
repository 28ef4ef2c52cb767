"""
Examples on data that ship with the package: data, models, fits and what they find.

``nmfre examples [example] [--figures DIR]`` prints them. The paper's own are in
`nmfre.paper`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nmfre import plotting
from nmfre.core.cells import filled
from nmfre.datasets import load_state_of_the_union, load_us_airports, load_us_flights
from nmfre.errors import InvalidArgumentError
from nmfre.model import NMFRE
from nmfre.report.tables import WIDTH
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EXAMPLES", "Example", "report", "state_of_the_union", "us_flights"]

ERAS = {"to 1860": 1860, "1861-1912": 1912, "1913-1945": 1945, "since 1946": 9999}
"""The last years of eras, which the Civil War, the return to speech and 1945 separate."""

HUBS = ("ATL", "ORD", "DFW", "LAX")
"""Atlanta, Chicago O'Hare, Dallas-Fort Worth, Los Angeles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """
    An example on data that ship with the package.

    Attributes
    ----------
    title : str
    data : DataFrame
        The data as the model takes them.
    model : NMFRE
    fits : mapping of str to NMFREResults
        By what they are, the main one first.
    finding : str
        What the fits say, beside what is known.
    plot : callable
        Draws the main fit and returns the axes.
    """

    title: str
    data: pd.DataFrame
    model: NMFRE
    fits: Mapping[str, NMFREResults]
    finding: str
    plot: Callable[[], Axes]


def state_of_the_union() -> Example:
    """
    Words of the annual messages of US presidents: four topics, by era and delivery.

    Responses are occurrences of 100 terms in 1,000 words; effects are signed, and standard errors
    account for the dependence between messages of one president.

    Returns
    -------
    Example

    Examples
    --------
    >>> from nmfre import examples
    >>> fit = examples.state_of_the_union().fits["ml, signed"]  # doctest: +SKIP
    >>> fit.profiles.loc["america", "spoken"]  # more in 1,000 words, if spoken  # doctest: +SKIP
    """
    messages = load_state_of_the_union()
    terms = list(messages.columns[5:])
    covariates = pd.DataFrame(
        {
            "era": pd.cut(messages["year"], [0, *ERAS.values()], labels=[*ERAS]),
            "spoken": (messages["delivery"] == "spoken").astype(float),
            "president": messages["president"],
        }
    )
    data = (1000 * messages[terms].div(messages["words"], axis=0)).join(covariates)
    model = NMFRE.from_formula("~ 0 + era + spoken", data, rank=4, endog=terms, groups="president")
    fit = model.fit("ml", signed=True, n_starts=2, cov_type="cr3")
    effect = fit.profiles["spoken"].sort_values()
    fewer, more = (
        ", ".join(f"{term} ({value:+.1f})" for term, value in ends.items())
        for ends in (effect.head(5), effect.tail(5)[::-1])
    )
    test = fit.wald_test_terms().table.loc["spoken"]
    return Example(
        title="State of the Union: 100 terms in the annual messages of presidents, 1790 to 2026",
        data=data,
        model=model,
        fits={"ml, signed": fit},
        finding=(
            "Washington and Adams spoke to Congress, their successors wrote until 1912, and since "
            "1913 Congress mostly hears the message. In 1,000 words, spoken messages have more of "
            f"{more}, and fewer of {fewer}, than written ones of the same era. Few presidents tell "
            "the two apart: over all topics the difference is not significant (Wald test of "
            f"{test['df_constraint']:.0f} effects, p = {test['pvalue']:.3f}), in the topic of "
            f"federal legislation it is (p = {fit.pvalues['comp2', 'spoken']:.4f})."
        ),
        plot=partial(plotting.plot_coefficients, fit, covariates=["spoken"]),
    )


def us_flights() -> Example:
    """
    Flights among airports: how those from four hubs explain those from other origins.

    As in the paper's example of flows between prefectures, units are destinations, responses
    log(1 + flights) from the other origins, there is no intercept, and the cap is 0.02. For ml
    an airport's flights to itself are missing, and hubs are no destinations.

    Returns
    -------
    Example

    Examples
    --------
    >>> from nmfre import examples
    >>> fit = examples.us_flights().fits["df-cap, as in the paper"]  # doctest: +SKIP
    >>> fit.theta.idxmax(axis=1)  # one hub for each component  # doctest: +SKIP
    """
    flights = load_us_flights()
    longitude = load_us_airports()["longitude"]
    others = [airport for airport in flights.index if airport not in HUBS]
    formula = "~ 0 + " + " + ".join(HUBS)
    data = flights.T.transform(np.log1p)
    model = NMFRE.from_formula(formula, data, rank=4, endog=others)
    capped = model.fit(df_cap=0.02, tol=1e-12)
    spokes = data.loc[others].copy()
    for airport in others:
        spokes.loc[airport, airport] = np.nan
    ml = NMFRE.from_formula(formula, spokes, rank=4, endog=others).fit("ml", n_starts=3)
    place = (capped.basis.T @ longitude[others]).set_axis(capped.theta.idxmax(axis=1))
    west_to_east = ", ".join(f"{hub} {place[hub]:.0f}" for hub in place.sort_values().index)
    hubs = ", ".join(
        f"{hub} {longitude[hub]:.0f}" for hub in longitude[[*HUBS]].sort_values().index
    )
    pvalues = ml.wald_test_terms().table["pvalue"]
    return Example(
        title="US flights: from 60 airports to 60 airports in 2008",
        data=data,
        model=model,
        fits={"df-cap, as in the paper": capped, "ml": ml},
        finding=(
            "Under the paper's cap each component goes with one hub, and the mean longitudes of "
            f"its origins ({west_to_east}) are in the order of the hubs' ({hubs}), which the model "
            "does not know. With ml, destinations differ "
            f"({ml.df_random:.0f} effective degrees of freedom instead of {capped.df_random:.1f}), "
            f"and the hub with the clearest effect is {pvalues.idxmin()} (p = {pvalues.min():.3f})."
        ),
        plot=partial(plotting.plot_basis_heatmap, capped, order="cluster"),
    )


EXAMPLES: dict[str, Callable[[], Example]] = {
    "state-of-the-union": state_of_the_union,
    "us-flights": us_flights,
}


def report(example: Example) -> str:
    """
    The tables of an example, and what they say.

    Parameters
    ----------
    example : Example

    Returns
    -------
    str

    Raises
    ------
    InvalidArgumentError
        It is something else.

    Examples
    --------
    >>> from nmfre import examples
    >>> print(examples.report(examples.us_flights()))  # doctest: +SKIP
    """
    if not isinstance(example, Example):
        raise InvalidArgumentError("example", example, "an example, such as examples.us_flights()")
    parts = [f"{example.title}\n{'=' * len(example.title)}"]
    for name, fit in example.fits.items():
        parts += [f"{name}:", str(fit.summary())]
    return "\n\n".join([*parts, filled(example.finding, WIDTH)])
