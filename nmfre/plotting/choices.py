"""Plots of a choice of the rank and of a scan of caps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmfre.plotting import _shared as draw
from nmfre.selection.cap import CapScan
from nmfre.selection.result import RankSelection

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_rank_selection(selection: RankSelection, *, ax: Axes | None = None) -> Axes:
    """
    Plot the criterion by rank, with a circle around the lowest.

    For cross-validation, bars are one standard error, and the dotted line is one standard error
    above the lowest value.

    Parameters
    ----------
    selection : RankSelection
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> selection = nmfre.select_rank(model, [1, 2], criterion="bic", progress=False)
    >>> ax = selection.plot()
    >>> ax.get_title()
    'Lowest: rank 1.'
    """
    draw.check_plot("selection", selection, RankSelection)
    ax = draw.axes(ax, 6.0, 4.0)
    table, values, best = selection.table, selection.table[selection.criterion], selection.best
    folds = selection.scores is not None
    bars, shade = table["std err"] if folds else None, draw.colour(0)
    ax.errorbar(table.index, values, bars, marker="o", capsize=3, color=shade)
    ax.plot([best], values[[best]], "o", markersize=12, markerfacecolor="none", color=draw.ink())
    if folds:
        ax.axhline(selection._limit, linestyle=":", color=draw.GREY)
    ax.set_xticks(table.index)
    what = "mean squared prediction error" if folds else selection.criterion.upper()
    ax.set(xlabel="rank", ylabel=what)
    ax.set_title(selection._conclusion, fontsize="medium")
    return ax


def plot_cap_scan(scan: CapScan, *, ax: Axes | None = None) -> Axes:
    """
    Plot effective degrees of freedom and caps by rate, with tau2 on the right axis.

    Filled points are fits whose cap bound.

    Parameters
    ----------
    scan : CapScan
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure. tau2 is drawn on twin axes.

    Returns
    -------
    matplotlib.axes.Axes
        Those of the degrees of freedom.

    Raises
    ------
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> ax = nmfre.scan_cap(model).plot()
    >>> ax.get_ylabel()
    'effective degrees of freedom'
    """
    draw.check_plot("scan", scan, CapScan)
    table, shade = scan.table, draw.colour(0)
    ax = draw.axes(ax, 6.5, 3.8)
    (cap,) = ax.plot(table.index, table["cap"], ":", color=draw.ink(), label="cap")
    (df,) = ax.plot(table.index, table["df_random"], color=shade, linewidth=2)
    df.set_label("effective df (filled: the cap bound)")
    for bound, inside in ((True, shade), (False, draw.paper(ax))):
        values = table["df_random"][table["binds"] == bound]
        ax.plot(values.index, values, "o", color=shade, markerfacecolor=inside)
    ax.set(xlabel="rate of the cap", ylabel="effective degrees of freedom", ylim=(0.0, None))
    right = draw.twin(ax, table.index, table["tau2"], "tau2", [df, cap])
    right.set_ylim(0.0, None)
    return ax
