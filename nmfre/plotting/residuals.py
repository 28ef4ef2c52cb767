"""Residuals of the BLUP fit, in four ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from nmfre.core.arguments import check_choice
from nmfre.plotting._shared import (
    GREY,
    INK,
    axes,
    colour,
    heatmap,
    label_ticks,
    name,
    occasions,
    plot_of,
    zero_line,
)
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["fitted", "response", "qq", "heatmap"]
MANY = 5000
"""Points from which a vector graphic holds a picture of them."""


@plot_of(NMFREResults)
def plot_residuals(results: NMFREResults, kind: Kind = "fitted", *, ax: Axes | None = None) -> Axes:
    """
    Residuals of the BLUP fit, of the responses that are observed.

    Parameters
    ----------
    results : NMFREResults
    kind : {"fitted", "response", "qq", "heatmap"}
        Against fitted values; a box for each response, at its time where responses are numbers or
        times; against normal quantiles; or units x responses
        coloured by residual, grey where missing.
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
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> ax = model.fit(df_cap=0.21).plot_residuals("qq")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('normal quantile', 'residual')
    """
    check_choice("kind", kind, Kind)
    results.model.design.require("plot_residuals")
    return {"fitted": _fitted, "response": _response, "qq": _qq, "heatmap": _heatmap}[kind](
        results, ax
    )


def _fitted(results: NMFREResults, ax: Axes | None) -> Axes:
    ax = axes(ax, 5.5, 4.0)
    _cloud(ax, results.fittedvalues.to_numpy().ravel(), results.resid.to_numpy().ravel())
    zero_line(ax, "y")
    ax.set(xlabel="fitted value", ylabel="residual")
    return ax


def _response(results: NMFREResults, ax: Axes | None) -> Axes:
    resid = results.resid
    n_responses = len(resid.columns)
    observed = [column[~np.isnan(column)] for column in resid.to_numpy().T]
    ax = axes(ax, np.clip(2.0 + 0.25 * n_responses, 4.5, 12.0), 4.0)
    zero_line(ax, "y")
    position, order = occasions(ax, resid.columns)
    gaps = np.diff(position[order])
    gap = max(gaps.min(initial=np.inf), 0.02 * gaps.sum()) if n_responses > 1 else 1.0
    boxes = ax.boxplot(
        observed,
        positions=position,
        widths=0.6 * gap,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": colour(0), "alpha": 0.6, "edgecolor": INK},
        medianprops={"color": INK, "linewidth": 1.5},
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": GREY},
    )
    for fliers in boxes["fliers"]:
        fliers.set_rasterized(resid.size > MANY)
    ax.set_xlim(position.min() - 0.6 * gap, position.max() + 0.6 * gap)
    ax.set_ylabel("residual")
    return ax


def _qq(results: NMFREResults, ax: Axes | None) -> Axes:
    resid = results.resid.to_numpy()
    observed = resid[~np.isnan(resid)]
    (quantiles, ordered), (slope, intercept, _) = stats.probplot(observed)
    ax = axes(ax, 4.5, 4.2)
    _cloud(ax, quantiles, ordered)
    ends = quantiles[[0, -1]]
    ax.plot(ends, intercept + slope * ends, color=INK, linewidth=1.2)
    ax.set(xlabel="normal quantile", ylabel="residual")
    return ax


def _heatmap(results: NMFREResults, ax: Axes | None) -> Axes:
    resid = results.resid
    n_units, n_responses = resid.shape
    width, height = 2.8 + 0.18 * n_responses, 1.2 + 0.16 * n_units
    ax = axes(ax, np.clip(width, 4.0, 12.0), np.clip(height, 3.0, 10.0))
    heatmap(ax, resid.to_numpy(), "residual", diverging=True)
    label_ticks(ax, "y", resid.index)
    label_ticks(ax, "x", resid.columns)
    ax.set(xlabel=name(resid.columns, "response"), ylabel=name(resid.index, "unit"))
    return ax


def _cloud(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Points, smaller and fainter where they are many."""
    ax.plot(
        x,
        y,
        linestyle="none",
        marker="o",
        markersize=float(np.clip(100.0 / np.sqrt(x.size), 1.5, 4.5)),
        markeredgewidth=0,
        alpha=float(np.clip(60.0 / np.sqrt(x.size), 0.15, 0.6)),
        color=colour(0),
        rasterized=x.size > MANY,
    )
