"""Random effects of the units, sorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from nmfre.errors import InvalidArgumentError
from nmfre.plotting._shared import (
    axes,
    check_component,
    colour,
    label_ticks,
    name,
    plot_of,
    require_matplotlib,
    zero_line,
)
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_COLUMNS = 4


@plot_of(NMFREResults)
def plot_random_effects(
    results: NMFREResults,
    component: str | None = None,
    *,
    alpha: float = 0.05,
    ax: Axes | Sequence[Axes] | None = None,
) -> Any:
    """
    Random effects of the units, sorted, with intervals: a caterpillar plot for each component.

    The intervals are u -+ z s, where s is ``random_effects_se``: given the data, at the estimated
    basis, effects and variances. A unit with missing responses has a longer one.

    Parameters
    ----------
    results : NMFREResults
    component : str, optional
        Such as "comp1". Default: all of them, a panel each.
    alpha : float
        1 minus the level of the intervals.
    ax : matplotlib.axes.Axes, or sequence of them, optional
        Where to draw: as many as there are panels. Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes, or array of them
        One where there is one panel.

    Raises
    ------
    InvalidArgumentError
        No such component, or another number of axes than of panels.
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
    rank = len(results.model.components)
    shown = range(rank) if component is None else [check_component(results, component)]
    results.model.design.require("plot_random_effects")
    if len(shown) == 1:
        return _panel(results, shown[0], alpha, ax)
    panels: Any = _panels(rank, len(results.model.design.units)) if ax is None else ax
    panels = np.ravel(np.asarray(panels, dtype=object))
    if len(panels) != rank:
        raise InvalidArgumentError(
            "ax",
            f"{len(panels)} axes",
            f"{rank} axes, one for each component; or name one component",
        )
    for q in shown:
        _panel(results, q, alpha, panels[q])
    return panels


def _height(n_units: int) -> float:
    """Of a panel, in inches."""
    return float(np.clip(0.9 + 0.16 * n_units, 2.5, 10.0))


def _panels(n_panels: int, n_units: int) -> Any:
    """Axes of a new figure, up to four side by side."""
    require_matplotlib()
    import matplotlib.pyplot as plt

    n_columns = min(n_panels, MOST_COLUMNS)
    n_rows = -(-n_panels // n_columns)
    figsize = (4.2 * n_columns, _height(n_units) * n_rows)
    figure = plt.figure(figsize=figsize, layout="constrained")
    return np.array([figure.add_subplot(n_rows, n_columns, i + 1) for i in range(n_panels)])


def _panel(results: NMFREResults, q: int, alpha: float, ax: Any) -> Any:
    """Random effects on one component; the axes."""
    U, units = results.estimate.U, results.model.design.units
    order = np.argsort(U[q], kind="stable")
    effects = U[q, order]
    half_width = stats.norm.isf(alpha / 2.0) * results.random_effects_se.iloc[order, q].to_numpy()
    n_units = len(effects)
    y = np.arange(n_units)
    ax = axes(ax, 5.5, _height(n_units))
    room = 500.0 / n_units  # thinner where the units are many
    ax.hlines(
        y,
        effects - half_width,
        effects + half_width,
        color=colour(q),
        alpha=0.45,
        linewidth=np.clip(room / 2, 0.4, 1.8),
    )
    ax.plot(effects, y, "o", color=colour(q), markersize=np.clip(room / 2, 1.0, 4.5))
    zero_line(ax, "x")
    ax.locator_params("x", nbins=6)
    ax.set_ylim(-0.8, n_units - 0.2)
    label_ticks(ax, "y", units[order])
    ax.set_ylabel(name(units, "unit"))
    ax.set_xlabel(
        f"random effect on {results.model.components[q]}, {100 * (1 - alpha):g} % interval"
    )
    return ax
