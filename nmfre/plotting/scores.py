"""Component scores of the units, as shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from nmfre.core.arguments import check_choice
from nmfre.plotting._shared import (
    Order,
    axes,
    colour,
    label_ticks,
    legend,
    name,
    ordered,
    plot_of,
)
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Which = Literal["fixed", "blup"]


@plot_of(NMFREResults)
def plot_scores(
    results: NMFREResults,
    *,
    which: Which = "blup",
    order: Order | None = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Shares of the components in the scores of each unit, stacked.

    The scores are max(Theta a + U, 0); those of a unit are divided by their sum. A component with a
    negative score, as signed fits have them, thus has no share, however far below zero it is. A
    unit whose scores are all zero stays blank.

    Parameters
    ----------
    results : NMFREResults
    which : {"blup", "fixed"}
        With the random effects, or without.
    order : {"cluster"}, optional
        "cluster": units by their component with the largest share, the largest share first.
        Default: as in the data.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=2
    ... )
    >>> ax = model.fit("ml").plot_scores(order="cluster")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('subject', 'share of the scores')
    """
    check_choice("which", which, Which)
    results.model.design.require("plot_scores")
    shares = results.unit_membership(which).fillna(0.0).to_numpy()
    n_units = len(shares)
    rows = ordered(shares, order)
    ax = axes(ax, np.clip(2.5 + 0.16 * n_units, 5.0, 12.0), 4.0)
    edges = np.arange(n_units + 1) - 0.5
    top = np.cumsum(shares[rows], axis=1)
    bottom = top - shares[rows]
    for q, component in enumerate(results.model.components):
        ax.stairs(
            top[:, q],
            edges,
            baseline=bottom[:, q],
            fill=True,
            color=colour(q),
            linewidth=0,
            label=component,
        )
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0.0, 1.0), ylabel="share of the scores")
    units = results.model.design.units
    label_ticks(ax, "x", units[rows])
    ax.set_xlabel(name(units, "unit"))
    legend(ax)
    return ax
