"""Residuals of the BLUP fit, in four ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from nmfre.core.arguments import check_choice
from nmfre.core.typing import FloatArray
from nmfre.data.weights import require_no_weights
from nmfre.plotting import _shared as draw
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["fitted", "response", "qq", "heatmap"]
MANY = 5000
"""Points from which a vector graphic holds a picture of them."""


def plot_residuals(results: NMFREResults, kind: Kind = "fitted", *, ax: Axes | None = None) -> Axes:
    """
    Plot residuals of the BLUP fit, for the observed responses.

    Parameters
    ----------
    results : NMFREResults
    kind : {"fitted", "response", "qq", "heatmap"}
        "fitted": against fitted values. "response": one box per response; numbers and times are
        placed on their scale. "qq": against normal quantiles, with residuals divided by the root of
        the relative residual variance of their response. "heatmap": units x responses coloured by
        residual, grey where missing.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
    NotComputedError
        kind="response" or "qq" if units have weights, or any kind if data are in chunks.
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
    draw.check_plot("results", results, NMFREResults)
    check_choice("kind", kind, Kind)
    results.model.design.require("plot_residuals")
    if kind in ("response", "qq"):
        told = "its quantiles ignore them. See kind='fitted' and 'heatmap'"
        require_no_weights(results.model.design.weights, f"plot_residuals({kind!r})", told)
    kinds = {"fitted": _fitted, "response": _response, "qq": _qq, "heatmap": _heatmap}
    return kinds[kind](results, ax)


def _fitted(results: NMFREResults, ax: Axes | None) -> Axes:
    ax = draw.axes(ax, 5.5, 4.0)
    _cloud(ax, results.fittedvalues.to_numpy().ravel(), results.resid.to_numpy().ravel())
    draw.zero_line(ax, "y")
    ax.set_xlabel("fitted value")
    return ax


def _response(results: NMFREResults, ax: Axes | None) -> Axes:
    resid = results.resid
    n_responses = len(resid.columns)
    observed = [resid[response].dropna() for response in resid]
    ax = draw.axes(ax, np.clip(2.0 + 0.25 * n_responses, 4.5, 12.0), 4.0)
    draw.zero_line(ax, "y")
    position, order = draw.occasions(ax, resid.columns)
    gaps = np.diff(position[order])
    gap = max(gaps.min(initial=np.inf), 0.02 * gaps.sum()) if n_responses > 1 else 1.0
    boxes = ax.boxplot(
        observed,
        positions=position,
        widths=0.6 * gap,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": draw.colour(0), "alpha": 0.6, "edgecolor": draw.ink()},
        medianprops={"color": draw.ink(), "linewidth": 1.5},
        whiskerprops={"color": draw.ink()},
        capprops={"color": draw.ink()},
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": draw.GREY},
    )
    for fliers in boxes["fliers"]:
        fliers.set_rasterized(resid.size > MANY)
    ax.set_xlim(position.min() - 0.6 * gap, position.max() + 0.6 * gap)
    ax.set_ylabel("residual")
    return ax


def _qq(results: NMFREResults, ax: Axes | None) -> Axes:
    resid = results.resid.div(np.sqrt(results.estimate.v), axis=1).to_numpy()
    (quantiles, ordered), (slope, intercept, _) = stats.probplot(resid[~np.isnan(resid)])
    ax = draw.axes(ax, 4.5, 4.2)
    _cloud(ax, quantiles, ordered)
    ends = quantiles[[0, -1]]
    ax.plot(ends, intercept + slope * ends, color=draw.ink(), linewidth=1.2, zorder=1)
    ax.set_xlabel("normal quantile")
    return ax


def _heatmap(results: NMFREResults, ax: Axes | None) -> Axes:
    resid = results.resid
    n_units, n_responses = resid.shape
    width, height = 2.8 + 0.18 * n_responses, 1.2 + 0.16 * n_units
    ax = draw.axes(ax, np.clip(width, 4.0, 12.0), np.clip(height, 3.0, 10.0))
    draw.heatmap(ax, resid, "residual", diverging=True)
    ax.set(xlabel=draw.name(resid.columns, "response"), ylabel=draw.name(resid.index, "unit"))
    return ax


def _cloud(ax: Axes, x: FloatArray, residuals: FloatArray) -> None:
    """Points, smaller and fainter where they are many."""
    root = np.sqrt(x.size)
    (points,) = ax.plot(x, residuals, "o", color=draw.colour(0), markeredgewidth=0)
    points.set(markersize=np.clip(100.0 / root, 1.5, 4.5), alpha=np.clip(60.0 / root, 0.15, 0.6))
    points.set_rasterized(x.size > MANY)
    ax.set_ylabel("residual")
