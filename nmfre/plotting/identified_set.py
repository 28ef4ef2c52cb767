"""Plots of effects that are identified up to a set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nmfre.core.arguments import check_alpha
from nmfre.plotting import _shared as draw
from nmfre.plotting.coefficients import shown_covariates
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_identified_set(
    results: NMFREResults,
    *,
    alpha: float = 0.05,
    covariates: Sequence[object] | None = None,
    intercept: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """
    Plot effects with bands for the values that they can take at the same likelihood.

    Bands are those of ``identified_set()``, with variances of components that may differ. Lines are
    ``conf_int(method="set")``, which adds the sampling error; they need uncertainty="marginal".
    Filled points are estimates whose sign is the same over the band.

    Parameters
    ----------
    results : NMFREResults
    alpha : float
        1 minus the level of the intervals.
    covariates : sequence, optional
    intercept : bool
        As in `plot_coefficients`.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
    NotComputedError
        As in `nmfre.NMFREResults.identified_set`.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> ax = nmfre.plotting.plot_identified_set(model.fit("ml", n_boot=0))
    >>> ax.get_xlabel()
    'coefficient, identified set, 95 % interval'
    """
    draw.check_plot("results", results, NMFREResults)
    check_alpha(alpha)
    shown = shown_covariates({"fit": results}, covariates, intercept=intercept)
    lines = draw.lines(results.model.components, shown)
    pairs = [pair for pair in lines if pair[1] is not draw.HEADING]
    y = np.array([lines.index(pair) for pair in pairs])
    table = results.identified_set().theta.loc[pairs]
    ax = draw.axes(ax, 6.5, np.clip(1.0 + 0.24 * len(lines), 2.2, 24.0))
    shade = draw.colour(0)
    ax.hlines(y, table["lower"], table["upper"], color=shade, alpha=0.4, linewidth=8)
    what = "coefficient, identified set"
    if results.uncertainty == "marginal":
        low, high = results.conf_int(alpha, method="set").loc[pairs].to_numpy().T
        known = np.isfinite(low) & np.isfinite(high)
        ax.hlines(y[known], low[known], high[known], color=shade, linewidth=1.5)
        what += f", {draw.percent(alpha)}"
    for same, face in ((True, draw.ink()), (False, draw.paper(ax))):
        points = table["same sign"].to_numpy() == same
        (drawn,) = ax.plot(
            table["estimate"][points], y[points], "o", color=draw.ink(), markersize=6
        )
        drawn.set_markerfacecolor(face)
    draw.label_lines(ax, lines)
    ax.set_xlabel(
        what + "\nopen: the sign is not the same over the set" * (not table["same sign"].all())
    )
    return ax
