"""The basis X: lines, bars, heatmap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmfre.data.checks import on_a_scale
from nmfre.plotting._shared import (
    INK,
    Order,
    axes,
    colour,
    heatmap,
    label_ticks,
    labels_width,
    legend,
    line,
    name,
    occasions,
    ordered,
    plot_of,
)
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 60
"""Bars that can be told apart; more become a heatmap."""


@plot_of(NMFREResults)
def plot_basis(results: NMFREResults, *, alpha: float = 0.05, ax: Axes | None = None) -> Axes:
    """
    The basis by response.

    Lines where the responses are numbers or times, such as ages; bars where they are labels; a
    heatmap, as by `plot_basis_heatmap`, where there are more than 60 bars. Where inference is on
    all parameters together (``method="ml"``), lines and bars have intervals, except for entries
    without a standard error, such as those held at zero (see `nmfre.NMFREResults.basis_bse`).

    Parameters
    ----------
    results : NMFREResults
    alpha : float
        1 minus the level of the intervals.
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
    >>> ax = model.fit(df_cap=0.21).plot_basis()
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('age', 'loading')
    """
    basis = results.basis
    as_lines = on_a_scale(basis.index)
    n_responses, rank = basis.shape
    if not as_lines and basis.size > MOST_BARS:
        return plot_basis_heatmap(results, ax=ax)
    ax = axes(ax, 6.0 if as_lines else np.clip(2.2 + 0.22 * basis.size, 3.4, 11.0), 3.8)
    position, order = occasions(ax, basis.index)
    limits = None
    if results.uncertainty == "marginal":
        limits = results.basis_conf_int(alpha).to_numpy().reshape(n_responses, rank, 2)
    width = 0.8 / max(rank, 2)
    for q, component in enumerate(basis.columns):
        loading = basis.iloc[:, q].to_numpy()
        if as_lines:
            ax.plot(
                position[order],
                loading[order],
                line(q),
                marker="o",
                markersize=4,
                color=colour(q),
                label=component,
            )
            if limits is not None:
                ax.fill_between(
                    position[order],
                    *limits[order, q].T,
                    color=colour(q),
                    alpha=0.15,
                    linewidth=0,
                )
        else:
            where = position + (q - (rank - 1) / 2) * width
            ax.bar(where, loading, 0.92 * width, color=colour(q), label=component)
            if limits is not None:
                ax.vlines(where, *limits[:, q].T, color=INK, linewidth=1)
    largest = float(np.nanmax(basis if limits is None else limits, initial=basis.to_numpy().max()))
    ax.set(ylabel="loading", ylim=(0.0, 1.05 * largest))
    if rank > 1:
        legend(ax)
    return ax


@plot_of(NMFREResults)
def plot_basis_heatmap(
    results: NMFREResults, *, order: Order | None = None, ax: Axes | None = None
) -> Axes:
    """
    The basis as a heatmap: a row a response, a column a component.

    Parameters
    ----------
    results : NMFREResults
    order : {"cluster"}, optional
        "cluster": responses by the component that they load on most, the largest loading first.
        Default: as in the data.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure, taller for more responses.

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
    >>> ax = model.fit(df_cap=0.21).plot_basis_heatmap()
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['8', '10', '12', '14']
    """
    X = results.estimate.X
    responses, rank = results.basis.index, X.shape[1]
    rows = ordered(X, order)
    width = np.clip(2.6 + 0.6 * rank, 3.5, 10.0) + max(labels_width(responses) - 0.6, 0.0)
    ax = axes(ax, width, np.clip(1.0 + 0.19 * len(X), 2.5, 14.0))
    heatmap(ax, X[rows], "loading")
    label_ticks(ax, "y", responses[rows])
    label_ticks(ax, "x", results.basis.columns)
    ax.set_ylabel(name(responses, "response"))
    return ax
