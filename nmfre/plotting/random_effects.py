"""Random effects of the units, sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from nmfre.arguments import check_alpha, known_arguments
from nmfre.checks import require_memory
from nmfre.plotting._shared import GREY, axes, check_component, colour, label_ticks, name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nmfre.results import NMFREResults


@known_arguments
def plot_random_effects(
    results: NMFREResults,
    component: str | None = None,
    *,
    alpha: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """
    Random effects of the units on a component, sorted, with intervals: a caterpillar plot.

    The intervals are u -+ z s, where s is ``random_effects_se``: given the data, at the estimated
    basis, effects and variances. A unit with missing responses has a longer one.

    Parameters
    ----------
    results : NMFREResults
    component : str, optional
        Such as "comp1". It may be left out where there is only one.
    alpha : float
        1 minus the level of the intervals.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
        No such component, or none given where there are several.
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
    check_alpha(alpha)
    q = check_component(results, component)
    U, units = results.estimate.U, results.model.design.units
    require_memory(U, "plot_random_effects")
    order = np.argsort(U[q], kind="stable")
    effects = U[q, order]
    half_width = stats.norm.isf(alpha / 2.0) * results.random_effects_se.iloc[order, q].to_numpy()
    n_units = len(effects)
    y = np.arange(n_units)
    ax = axes(ax, 5.5, np.clip(0.9 + 0.16 * n_units, 2.5, 10.0))
    room = 500.0 / n_units  # thinner where the units are many
    ax.hlines(
        y,
        effects - half_width,
        effects + half_width,
        color=colour(0),
        alpha=0.45,
        linewidth=np.clip(room / 2, 0.4, 1.8),
    )
    ax.plot(effects, y, "o", color=colour(0), markersize=np.clip(room / 2, 1.0, 4.5))
    ax.axvline(0.0, color=GREY, linewidth=1, zorder=0)
    ax.locator_params("x", nbins=6)
    ax.set_ylim(-0.8, n_units - 0.2)
    label_ticks(ax, "y", units[order])
    ax.set_ylabel(name(units, "unit"))
    ax.set_xlabel(
        f"random effect on {results.model.components[q]}, {100 * (1 - alpha):g} % interval"
    )
    return ax
