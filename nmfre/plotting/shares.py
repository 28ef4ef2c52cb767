"""Shares of the components in expected scores, by levels of a variable or along a number."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_alpha
from nmfre.core.typing import FloatArray
from nmfre.data.grid import Grid, Variables
from nmfre.errors import InvalidArgumentError
from nmfre.plotting import _shared as draw
from nmfre.results import NMFREResults
from nmfre.results.marginal_means import Of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 41
"""Values of a number that a curve is drawn through."""
MARKED = 8
"""Of these, from one marker to the next."""
MOST_LINES = 20
UNIDENTIFIED = "without an interval: components that are not identified"
NEGATIVE = "some expected scores are negative: shares mean nothing there"


def plot_shares(
    results: NMFREResults,
    variable: Hashable,
    *,
    over: Hashable | None = None,
    at: Mapping[Hashable, object] | None = None,
    of: Of | None = None,
    grid: Grid = "balanced",
    alpha: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """
    Plot expected shares of the components by a variable, such as the prevalence of topics.

    Numeric variables give curves with bands, levels give points with intervals. Shares are those of
    `nmfre.NMFREResults.marginal_means`. Components without an interval are not identified. Where an
    expected score is negative, as it can be with ``signed=True``, shares mean nothing, and a title
    says so.

    Parameters
    ----------
    results : NMFREResults
        Of at least two components.
    variable : str
        A variable of the formula or, without a formula, a covariate. A number with more than two
        different values gives a curve over the range of the data, or over the values of ``at``.
    over : str, optional
        Another variable, with separate curves or points for each of its levels.
    at, of, grid
        As in `nmfre.NMFREResults.marginal_means`.
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
        As in `nmfre.NMFREResults.marginal_means`, or there are more than twenty curves.
    NotComputedError
        There is only one component, whose share is always 1.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import nmfre
    >>> rng = np.random.default_rng(0)
    >>> year = np.linspace(0, 1, 60)
    >>> scores = np.column_stack([3 - 2 * year, 1 + 2 * year]) * rng.gamma(9, 1 / 9, (60, 2))
    >>> words = pd.DataFrame(scores @ [[4, 3, 0, 1], [0, 1, 5, 1]] + rng.uniform(size=(60, 4)))
    >>> model = nmfre.NMFRE.from_formula(
    ...     "~ year", words.assign(year=year), rank=2, endog=list(words)
    ... )
    >>> ax = model.fit("ml", signed=True).plot_shares("year")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('year', 'expected share, 95 % interval')
    """
    draw.check_plot("results", results, NMFREResults)
    check_alpha(alpha)
    known = Variables(results.model.design)
    name = known.name("variable", variable)
    chosen = {} if at is None else known.values_at(at)
    curve = known.levels[name] is None
    if curve and name not in chosen:
        chosen[name] = tuple(np.linspace(*known.span(name), POINTS).tolist())
    within = () if over is None else [known.name("over", over)]
    shares = results.marginal_means(
        [name], over=within, at=chosen, which="shares", of=of, grid=grid
    )
    table = shares.frame[["estimate"]].join(shares.conf_int(alpha))
    levels = list(dict.fromkeys(shares.cells.get_level_values(str(name))))
    lines = [
        (label, group, rows.to_numpy())
        for label in shares.labels
        for group, rows in _groups(table.loc[[label]], len(within))
    ]
    if len(lines) > MOST_LINES:
        told = f"at most {MOST_LINES} curves (these are {len(lines)}): name components by ``of``"
        raise InvalidArgumentError("of", of, told)
    ax = draw.axes(ax, 6.5, 4.0)
    x = np.array(levels, dtype=float) if curve else np.arange(len(levels), dtype=float)
    _draw(ax, x, lines, list(shares.labels), curve=curve)
    ax.set(xlabel=draw.text(name), ylabel=f"expected share, {draw.percent(alpha)}")
    if not curve:
        ax.set_xlim(-0.5, len(levels) - 0.5)
        draw.label_ticks(ax, "x", levels)
    draw.legend(ax, None if over is None else draw.text(over))
    notes = []
    if np.isnan(shares.bse).any():
        notes.append(UNIDENTIFIED)
    if shares.n_negative:
        notes.append(NEGATIVE)
        for end in (0.0, 1.0):
            ax.axhline(end, color=draw.GREY, linewidth=1, zorder=0)
    ax.set_title("\n".join(notes), fontsize="medium")
    return ax


def _groups(table: pd.DataFrame, n_over: int) -> list[tuple[object, pd.DataFrame]]:
    """Rows of one label by the level of the other variable; of none, all of them."""
    if not n_over:
        return [(None, table)]
    return list(table.groupby(level=1, sort=False, observed=True))


def _draw(
    ax: Axes,
    x: FloatArray,
    lines: Sequence[tuple[object, object, FloatArray]],
    labels: Sequence[object],
    *,
    curve: bool,
) -> None:
    """Curves or points: colours tell components, lines and markers groups, or components too."""
    groups = list(dict.fromkeys(group for _, group, _ in lines))
    for i, (label, group, values) in enumerate(lines):
        position = labels.index(label)
        style = position if len(groups) == 1 else groups.index(group)
        shade, marker = draw.colour(position), draw.marker(style)
        name = draw.text(label) if group is None else f"{draw.text(label)}, {draw.text(group)}"
        estimate, low, high = values.T
        if curve:
            first = (i * MARKED) // max(len(lines), 1)  # markers of two curves do not meet
            ax.fill_between(x, low, high, color=shade, alpha=0.15, linewidth=0)
            (drawn,) = ax.plot(x, estimate, draw.line(style), color=shade, label=name)
            drawn.set(marker=marker, markersize=5, linewidth=1.8)
            drawn.set_markevery((min(first, len(x) - 1), MARKED))
            continue
        aside = x + (0.6 * (i / (len(lines) - 1) - 0.5) if len(lines) > 1 else 0.0)
        ax.vlines(aside, low, high, color=shade, linewidth=1.8)
        ax.plot(aside, estimate, marker, color=shade, markersize=6, label=name)
