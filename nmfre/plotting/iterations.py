"""Plots of the iteration: objective, effective degrees of freedom, ridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmfre.estimation.alternating_estimate import AlternatingEstimate
from nmfre.plotting import _shared as draw
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_convergence(results: NMFREResults, *, ax: Axes | None = None) -> Axes:
    """
    Plot the objective minus its final value by iteration, on a logarithmic scale.

    The objective is the negative marginal log-likelihood for ml, and the penalised sum of squares
    for df-cap. Because the ridge of df-cap changes, its objective can be below the final value for
    a while; the line is dashed there.

    Parameters
    ----------
    results : NMFREResults
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
    >>> ax = model.fit(df_cap=0.21).plot_convergence()
    >>> ax.get_xlabel(), ax.get_yscale()
    ('iteration', 'log')
    """
    draw.check_plot("results", results, NMFREResults)
    path = results.objective_path
    excess = path - path[-1]
    iteration = np.arange(1, len(path) + 1)
    marker = "o" if len(path) <= 50 else ""
    ax = draw.axes(ax, 6.0, 3.6)
    if not excess.any():  # the first iteration was the last: zero is all there is to draw
        ax.plot(iteration, excess, marker=marker, color=draw.colour(0))
    for sign, where, style, position in ((1.0, "above", "-", 0), (-1.0, "below", "--", 2)):
        if (sign * excess > 0.0).any():
            ax.set_yscale("log")
            shown = np.where(sign * excess > 0.0, sign * excess, np.nan)
            shade, label = draw.colour(position), f"{where} the final value"
            ax.plot(iteration, shown, style, marker=marker, markersize=3, color=shade, label=label)
    if (excess < 0.0).any():
        draw.legend(ax)
    what = "negative log-likelihood" if results.method == "ml" else "objective"
    ax.set(xlabel="iteration", ylabel=f"{what}\nminus its final value, {draw.number(path[-1])}")
    ax.locator_params("x", integer=True)
    return ax


def plot_effective_df(results: NMFREResults, *, ax: Axes | None = None) -> Axes:
    """
    Plot effective degrees of freedom, their cap and the ridge by iteration (df-cap).

    Parameters
    ----------
    results : NMFREResults
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure. The ridge is drawn on twin axes.

    Returns
    -------
    matplotlib.axes.Axes
        Those of the degrees of freedom.

    Raises
    ------
    NotComputedError
        The fit is by ml, which has no such path.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> ax = model.fit(df_cap=0.21).plot_effective_df()
    >>> ax.get_ylabel()
    'effective degrees of freedom'
    """
    draw.check_plot("results", results, NMFREResults)
    estimate = results.estimate.of_kind(
        AlternatingEstimate,
        "The path of the effective degrees of freedom",
        "ml maximises over the ridge and the basis together; see df_random for its end.",
    )
    cap = results.df_cap
    path, iteration = estimate.df_random_path, np.arange(1, estimate.n_iter + 1)
    ax = draw.axes(ax, 6.5, 3.6)
    marker = "o" if estimate.n_iter == 1 else ""
    lines = ax.plot(iteration, path, marker=marker, color=draw.colour(0), linewidth=2)
    lines[0].set_label("effective df")
    if cap is not None:
        lines.append(
            ax.axhline(cap, color=draw.ink(), linestyle=":", label=f"cap, {draw.number(cap)}")
        )
    draw.twin(ax, iteration, estimate.ridge_path, "ridge", lines, marker)
    top = 1.06 * max(path.max(), cap or 0.0)
    ax.set(xlabel="iteration", ylabel="effective degrees of freedom", ylim=(0.0, top))
    ax.locator_params("x", integer=True)
    return ax
