"""The course of the iteration: objective, effective degrees of freedom, ridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nmfre.estimation.alternating_estimate import AlternatingEstimate
from nmfre.plotting._shared import INK, axes, colour, legend, legend_above, plot_of, twin
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@plot_of(NMFREResults)
def plot_convergence(results: NMFREResults, *, ax: Axes | None = None) -> Axes:
    """
    What was minimised, less its value at the end, by iteration, on a logarithmic scale.

    For ml that is the negative marginal log-likelihood, for df-cap the penalised sum of squares.
    The ridge of the latter moves, so that it may lie below its end for a while; how far is dashed.

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
    path = results.objective_path
    excess = path - path[-1]
    iteration = np.arange(1, len(path) + 1)
    ax = axes(ax, 6.0, 3.6)
    style: dict[str, Any] = {"color": colour(0), "marker": "o" if len(path) <= 50 else ""}
    if excess.any():
        ax.set_yscale("log")
        shown = np.where(excess > 0.0, excess, np.nan)
        ax.plot(iteration, shown, label="above its end", markersize=3, **style)
    else:  # the first iteration was the last: zero is all there is to draw
        ax.plot(iteration, excess, **style)
    if (excess < 0.0).any():
        shown = np.where(excess < 0.0, -excess, np.nan)
        style["color"] = colour(2)
        ax.plot(iteration, shown, "--", label="below its end", markersize=3, **style)
        legend(ax)
    what = "negative log-likelihood" if results.method == "ml" else "objective"
    ax.set(xlabel="iteration", ylabel=f"{what}\nless its end, {path[-1]:.6g}")
    ax.locator_params("x", integer=True)
    return ax


@plot_of(NMFREResults)
def plot_effective_df(results: NMFREResults, *, ax: Axes | None = None) -> Axes:
    """
    Effective degrees of freedom of U, their cap, and the ridge on the right, by iteration (df-cap).

    Parameters
    ----------
    results : NMFREResults
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure. The ridge gets a twin of them.

    Returns
    -------
    matplotlib.axes.Axes
        Those of the degrees of freedom.

    Raises
    ------
    NotComputedError
        For a fit by ml, which has no such path.
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
    'effective df of U'
    """
    estimate = results.estimate.of_kind(
        AlternatingEstimate,
        "The path of the effective degrees of freedom",
        "ml maximises over the ridge and the basis together; see df_random for its end.",
    )
    iteration = np.arange(1, estimate.n_iter + 1)
    ax = axes(ax, 6.5, 3.6)
    right = twin(ax, "ridge")
    marker = "o" if estimate.n_iter == 1 else ""
    (df,) = ax.plot(iteration, estimate.df_random_path, marker=marker, color=colour(0), linewidth=2)
    (ridge,) = right.plot(iteration, estimate.ridge_path, "--", marker=marker, color=colour(2))
    handles, labels = [df, ridge], ["effective df", "ridge (right)"]
    if results.df_cap is not None:
        handles.insert(1, ax.axhline(results.df_cap, color=INK, linestyle=":"))
        labels.insert(1, f"cap, {results.df_cap:.4g}")
    top = 1.06 * max(estimate.df_random_path.max(), results.df_cap or 0.0)
    ax.set(xlabel="iteration", ylabel="effective df of U", ylim=(0.0, top))
    ax.locator_params("x", integer=True)
    legend_above(ax, handles, labels)
    return ax
