"""Plots of units: shares of component scores, and sorted random effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nmfre.core.arguments import check_alpha, check_choice, check_label
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.plotting import _shared as draw
from nmfre.results import NMFREResults
from nmfre.results.marginal_means import ONE_COMPONENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Which = Literal["fixed", "blup"]
MOST_COLUMNS = 4


def plot_scores(
    results: NMFREResults,
    *,
    which: Which = "blup",
    order: draw.Order | None = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Plot the shares of the components in the scores of each unit, stacked.

    Scores are max(Theta a + u, 0), divided by their sum over the components of a unit. A component
    with a negative score therefore has share 0, however negative the score. A unit without a
    positive score stays blank.

    Parameters
    ----------
    results : NMFREResults
    which : {"blup", "fixed"}
        "blup": with random effects. "fixed": without.
    order : {"cluster"}, optional
        "cluster" sorts units by the component with their largest share, the largest share first.
        Default: as in the data.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
    NotComputedError
        The rank is 1, and the share of the only component is always 1.
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
    draw.check_plot("results", results, NMFREResults)
    check_choice("which", which, Which)
    if len(results.model.components) == 1:
        raise NotComputedError(name="The share", reason=ONE_COMPONENT)
    results.model.design.require("plot_scores")
    membership = results.unit_membership(which).fillna(0.0)
    shares = membership.iloc[draw.ordered(membership.to_numpy(), order)]
    n_units = len(shares)
    ax = draw.axes(ax, np.clip(2.5 + 0.16 * n_units, 5.0, 12.0), 4.0)
    edges = np.arange(n_units + 1) - 0.5
    tops = np.cumsum(shares.to_numpy(), axis=1)
    for q, (component, share) in enumerate(shares.items()):
        top = tops[:, q]
        bottom = top - share.to_numpy()
        area = ax.stairs(top, edges, baseline=bottom, fill=True, label=str(component))
        draw.fill(ax, area, q)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0.0, 1.0), ylabel="share of the scores")
    draw.label_ticks(ax, "x", shares.index)
    ax.set_xlabel(draw.name(shares.index, "unit"))
    draw.legend(ax)
    return ax


def plot_random_effects(
    results: NMFREResults,
    component: str | None = None,
    *,
    alpha: float = 0.05,
    ax: Axes | Sequence[Axes] | None = None,
) -> Axes | NDArray[np.object_]:
    """
    Plot sorted random effects of the units with intervals: a caterpillar plot per component.

    The intervals are u -+ z s, where s is ``random_effects_se``.

    Parameters
    ----------
    results : NMFREResults
    component : str, optional
        A component, such as "comp1". Default: all, one panel each.
    alpha : float
        1 minus the level of the intervals.
    ax : matplotlib.axes.Axes, or sequence of them, optional
        One per panel. Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes, or array of them
        A single one if there is one panel.

    Raises
    ------
    InvalidArgumentError
        The component does not exist, or the numbers of axes and panels differ.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> ax = model.fit("ml").plot_random_effects()
    >>> ax.get_yticklabels()[-1].get_text()  # the largest
    'M10'
    """
    draw.check_plot("results", results, NMFREResults)
    check_alpha(alpha)
    components = list(results.model.components)
    if component is not None:
        check_label("component", component, components)
        components = [component]
    results.model.design.require("plot_random_effects")
    n_panels = len(components)
    if n_panels == 1:
        return _panel(results, components[0], alpha, ax)
    panels = np.ravel(np.asarray(_panels(results) if ax is None else ax, dtype=object))
    if len(panels) != n_panels:
        allowed = f"{n_panels} axes, one for each component; or name one component"
        raise InvalidArgumentError("ax", f"{len(panels)} axes", allowed)
    for name, panel in zip(components, panels, strict=True):
        _panel(results, name, alpha, panel)
    return panels


def _height(results: NMFREResults) -> float:
    """Of a panel, in inches."""
    return float(np.clip(0.9 + 0.16 * results.n_units, 2.5, 10.0))


def _panels(results: NMFREResults) -> list[Axes]:
    """Axes of a new figure, up to four side by side."""
    import matplotlib.pyplot as plt

    n_panels = len(results.model.components)
    n_columns = min(n_panels, MOST_COLUMNS)
    n_rows = -(-n_panels // n_columns)
    figsize = (4.2 * n_columns, _height(results) * n_rows)
    figure = plt.figure(figsize=figsize, layout="constrained")
    return [figure.add_subplot(n_rows, n_columns, i + 1) for i in range(n_panels)]


def _panel(results: NMFREResults, component: str, alpha: float, ax: object) -> Axes:
    """Random effects on one component; the axes."""
    effects = results.random_effects[component].sort_values(kind="stable")
    se = results.random_effects_se[component].loc[effects.index]
    half_width = stats.norm.isf(alpha / 2.0) * se
    shade = draw.colour(list(results.model.components).index(component))
    n_units = len(effects)
    ax = draw.axes(ax, 5.5, _height(results))
    y, room = np.arange(n_units), 500.0 / n_units  # thinner where the units are many
    width = np.clip(room / 2, 0.4, 1.8)
    low, high = effects - half_width, effects + half_width
    ax.hlines(y, low, high, color=shade, alpha=0.45, linewidth=width)
    ax.plot(effects, y, "o", color=shade, markersize=np.clip(room / 2, 1.0, 4.5))
    draw.zero_line(ax, "x")
    ax.locator_params("x", nbins=6)
    ax.set_ylim(-0.8, n_units - 0.2)
    draw.label_ticks(ax, "y", effects.index)
    ax.set_ylabel(draw.name(effects.index, "unit"))
    ax.set_xlabel(f"random effect on {component}, {draw.percent(alpha)}")
    return ax
