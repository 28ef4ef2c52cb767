"""The basis X: lines, bars, heatmap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmfre.core.arguments import check_alpha
from nmfre.data.checks import on_a_scale
from nmfre.plotting import _shared as draw
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 60
"""Bars that can be told apart; more become a heatmap."""


def plot_basis(results: NMFREResults, *, alpha: float = 0.05, ax: Axes | None = None) -> Axes:
    """
    Plot the basis by response.

    Responses that are numbers or times, such as ages, give lines; labels give bars or, if there are
    more than 60 bars, a heatmap as by `plot_basis_heatmap`. With uncertainty="marginal" there are
    intervals, except for entries without a standard error, such as those held at zero (see
    `nmfre.NMFREResults.basis_bse`).

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
    draw.check_plot("results", results, NMFREResults)
    check_alpha(alpha)
    basis = results.basis
    as_lines = on_a_scale(basis.index)
    n_responses, rank = basis.shape
    if not as_lines and basis.size > MOST_BARS:
        return plot_basis_heatmap(results, ax=ax)
    wide = 6.0 if as_lines else np.clip(2.2 + 0.22 * basis.size, 3.4, 11.0)
    ax = draw.axes(ax, wide, 3.8)
    position, order = draw.occasions(ax, basis.index)
    limits = basis.to_numpy()[..., None]
    marginal = results.uncertainty == "marginal"
    if marginal:
        limits = results.basis_conf_int(alpha).to_numpy().reshape(n_responses, rank, 2)
    width = 0.8 / max(rank, 2)
    for q, component in enumerate(basis.columns):
        shade, loading = draw.colour(q), basis[component].to_numpy()
        if as_lines:
            x, y = position[order], loading[order]
            (line,) = ax.plot(x, y, draw.line(q), color=shade, label=component)
            line.set(marker=draw.marker(q), markersize=4)
            if marginal:
                ax.fill_between(x, *limits[order, q].T, color=shade, alpha=0.15, linewidth=0)
        else:
            x = position + (q - (rank - 1) / 2) * width
            for bar in ax.bar(x, loading, 0.92 * width, color=shade, label=component):
                draw.fill(ax, bar, q)
            if marginal:
                ax.vlines(x, *limits[:, q].T, color=draw.ink(), linewidth=1)
    largest = float(np.nanmax(limits, initial=basis.to_numpy().max()))
    known = marginal and bool(np.isfinite(limits).any())
    ax.set(ylabel="loading" + f", {draw.percent(alpha)}" * known, ylim=(0.0, 1.05 * largest))
    if rank > 1:
        draw.legend(ax)
    return ax


def plot_basis_heatmap(
    results: NMFREResults, *, order: draw.Order | None = None, ax: Axes | None = None
) -> Axes:
    """
    Plot the basis as a heatmap: one row per response, one column per component.

    Parameters
    ----------
    results : NMFREResults
    order : {"cluster"}, optional
        "cluster" sorts responses by the component on which they load most, the largest loading
        first. Default: as in the data.
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
    draw.check_plot("results", results, NMFREResults)
    basis = results.basis
    n_responses, rank = basis.shape
    wide = draw.text_width(max(map(draw.text, basis.index), key=len), draw.FONT) / 72.0
    width = np.clip(2.6 + 0.6 * rank, 3.5, 10.0) + max(wide - 0.6, 0.0)
    rows = draw.ordered(basis.to_numpy(), order)
    ax = draw.axes(ax, width, np.clip(1.0 + 0.19 * n_responses, 2.5, 14.0))
    draw.heatmap(ax, basis.iloc[rows], "loading")
    ax.set_ylabel(draw.name(basis.index, "response"))
    return ax
