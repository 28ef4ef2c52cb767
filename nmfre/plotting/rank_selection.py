"""A comparison of ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmfre.plotting._shared import GREY, INK, axes, colour, plot_of
from nmfre.selection.result import RankSelection

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(RankSelection)
def plot_rank_selection(selection: RankSelection, *, ax: Axes | None = None) -> Axes:
    """
    The criterion by rank, the lowest in a circle.

    Cross-validation has bars of one standard error, and a line one of them above the lowest.

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
    ax = axes(ax, 6.0, 4.0)
    criterion, table, best = selection.criterion, selection.table, selection.best
    folds = selection.scores is not None
    bars = table["std err"] if folds else None
    ax.errorbar(table.index, table[criterion], bars, marker="o", capsize=3, color=colour(0))
    ax.plot([best], [table[criterion][best]], "o", markersize=12, markerfacecolor="none", color=INK)
    if folds:
        ax.axhline(selection._limit, linestyle=":", color=GREY)
    ax.set_xticks(table.index)
    ylabel = "mean squared prediction error" if folds else criterion.upper()
    ax.set(xlabel="rank", ylabel=ylabel)
    ax.set_title(selection._conclusion, fontsize="medium")
    return ax
