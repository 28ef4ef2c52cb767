"""A scan of caps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmfre.plotting._shared import INK, axes, colour, legend_above, plot_of, twin
from nmfre.selection.cap import CapScan

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(CapScan)
def plot_cap_scan(scan: CapScan, *, ax: Axes | None = None) -> Axes:
    """
    Effective degrees of freedom and caps, and tau2 on the right, by rate.

    Filled points are fits in which the cap bound.

    Parameters
    ----------
    scan : CapScan
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure. tau2 gets a twin of them.

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
    'effective df of U'
    """
    table = scan.table
    ax = axes(ax, 6.5, 3.8)
    right = twin(ax, "tau2")
    (cap,) = ax.plot(table.index, table["cap"], ":", color=INK)
    (df,) = ax.plot(table.index, table["df_random"], color=colour(0), linewidth=2)
    (tau2,) = right.plot(table.index, table["tau2"], "--", color=colour(2))
    bound = table[table["binds"]]
    free = table[~table["binds"]]
    ax.plot(bound.index, bound["df_random"], "o", color=colour(0))
    ax.plot(free.index, free["df_random"], "o", color=colour(0), markerfacecolor="white")
    ax.set(xlabel="rate of the cap", ylabel="effective df of U", ylim=(0.0, None))
    right.set_ylim(0.0, None)
    labels = ["effective df (filled: the cap bound)", "cap", "tau2 (right)"]
    legend_above(ax, [df, cap, tau2], labels)
    return ax
