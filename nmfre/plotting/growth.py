"""Curves of units and mean curves of groups over the occasions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_choice
from nmfre.core.typing import IntArray
from nmfre.data.design import Design
from nmfre.data.weights import by_unit
from nmfre.errors import InvalidArgumentError
from nmfre.plotting import _shared as draw
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Which = Literal["observed", "blup"]
MOST_GROUPS = 8
ABREAST = 0.7
"""Width that the points of all groups share at a response, of the distance to the next."""


def plot_growth_curves(
    results: NMFREResults,
    *,
    by: str | pd.Series | None = None,
    which: Which = "observed",
    ax: Axes | None = None,
) -> Axes:
    """
    Plot curves of units (thin) and fixed-effect mean curves of groups (thick).

    Lines join only responses that have an order: numbers, times and ordered categories. Others,
    such as the items of a questionnaire, are shown as points, with groups side by side.

    Parameters
    ----------
    results : NMFREResults
    by : str or Series, optional
        A term of the formula, a covariate, or the group of each unit; at most eight groups.
        Default: one group per combination of covariates if there are at most eight, otherwise a
        single group.
    which : {"observed", "blup"}
        Thin curves: the observed responses, or their BLUP fit.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
        The term does not exist, there are too many groups, or a unit has no group.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> ax = model.fit("ml").plot_growth_curves(which="blup")
    >>> [group.get_text() for group in ax.get_legend().get_texts()]
    ['Female', 'Male']
    """
    draw.check_plot("results", results, NMFREResults)
    check_choice("which", which, Which)
    design = results.model.design
    design.require("plot_growth_curves")

    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import Normal, Stroke

    group, labels, title = _groups(design, by)
    if len(labels) > MOST_GROUPS:
        found = "Series" if isinstance(by, pd.Series) else by
        allowed = f"a choice that makes at most {MOST_GROUPS} groups (this makes {len(labels)})"
        raise InvalidArgumentError("by", found, allowed)
    curves = results.fittedvalues.to_numpy() if which == "blup" else design.response_values.T
    means, weights = results.predict().to_numpy(), by_unit(design.weights)
    ax = draw.axes(ax, np.clip(0.3 * len(design.responses), 6.0, 12.0), 4.2)
    position, order = draw.occasions(ax, design.responses)
    joined = draw.are_ordered(design.responses)
    x, faint = position[order], np.clip(20.0 / len(group), 0.02 if joined else 0.1, 0.35)
    room = ABREAST * draw.size(ax)[0] / (len(design.responses) * len(labels))
    marked = np.clip(1.6 * room, 5.0, 9.0)  # diameter of means; of units it is below half
    outline = [Stroke(linewidth=5, foreground=draw.paper(ax)), Normal()]
    for g, label in enumerate(labels):
        shade = draw.colour(g) if len(labels) > 1 else draw.GREY
        own = None if weights is None else weights[group == g]
        units = curves[group == g][:, order]
        mean = np.average(means[group == g], axis=0, weights=own)[order]
        if joined:
            paths = [np.column_stack([x, curve]) for curve in units]
            thin = LineCollection(paths, colors=shade, alpha=faint, linewidth=1, zorder=1.9)
            ax.add_collection(thin)
            (line,) = ax.plot(x, mean, draw.line(g), color=draw.colour(g), linewidth=3)
            line.set_path_effects(outline)
        else:
            aside = x + ABREAST * ((g + 0.5) / len(labels) - 0.5)
            at = np.broadcast_to(aside, units.shape)
            ax.scatter(at, units, (0.4 * marked) ** 2, shade, alpha=faint, linewidth=0, zorder=1.9)
            (line,) = ax.plot(aside, mean, draw.marker(g), color=draw.colour(g))
            line.set(markersize=marked, markeredgecolor=draw.paper(ax), markeredgewidth=0.8)
        line.set_label(draw.text(label))
    ax.autoscale_view()
    left = (design.formula or "").split("~")[0].strip()  # of long data it says what is measured
    ax.set_ylabel("response" if design.responses.name is None else left or "response")
    if len(labels) > 1:
        draw.legend(ax, title)
    return ax


def _groups(
    design: Design, by: str | pd.Series | None
) -> tuple[IntArray, Sequence[object], str | None]:
    """Group of each unit, labels of the groups, and what the groups are about."""
    if isinstance(by, pd.Series):
        return _given(design, by)
    terms = design.terms
    if by is not None:
        terms = {str(name): [k] for k, name in enumerate(design.covariates)} | terms
        if not (isinstance(by, str) and by in terms):
            raise InvalidArgumentError("by", by, f"a Series, or {' or '.join(map(repr, terms))}")
        terms = {by: terms[by]}
    columns = [k for term in terms.values() for k in term]
    # Sorted by the last column first: levels of a factor, and indicators, keep their order.
    distinct, group = np.unique(design.A[columns[::-1]].T, axis=0, return_inverse=True)
    group = group.ravel()  # NumPy 2.0 gives it two axes
    if by is None and len(distinct) > MOST_GROUPS:
        return np.zeros(len(group), dtype=int), ["mean"], None
    rows = pd.DataFrame(distinct[:, ::-1], columns=columns)
    terms = {term: ks for term, ks in terms.items() if np.ptp(rows[ks], axis=0).any()}
    title = next(iter(terms)) if len(terms) == 1 else by
    return group, _labels(design, terms, rows), title


def _given(design: Design, by: pd.Series) -> tuple[IntArray, Sequence[object], str | None]:
    """Groups that a Series gives, matched by the labels of the units."""
    if not (by.index.is_unique and design.units.isin(by.index).all()):
        allowed = "a Series whose index has every unit, and none twice"
        raise InvalidArgumentError("by", "Series", allowed)
    by = by.loc[design.units]
    if by.isna().any():
        raise InvalidArgumentError("by", "Series", "a group for every unit")
    group, labels = pd.factorize(by, sort=isinstance(by.dtype, pd.CategoricalDtype))
    return group, list(labels), None if by.name is None else draw.text(by.name)


def _labels(design: Design, terms: dict[str, list[int]], rows: pd.DataFrame) -> list[str]:
    """
    Labels of groups from the columns of ``rows``, their covariates, term by term.

    Levels of a factor by name; the names of the indicators that are 1, where there are several;
    else "covariate = value".
    """
    if not terms:
        return ["mean"]
    every = [k for term in terms.values() for k in term]
    if (
        design.design_info is None
        and (np.sort(rows[every], axis=1) == np.eye(len(every))[-1]).all()
    ):
        return _levels(design, "", rows[every])  # the indicators of one factor
    parts = {term: _levels(design, term, rows[ks]) for term, ks in terms.items()}
    main = [levels for term, levels in parts.items() if ":" not in term]
    labels = [", ".join(levels) for levels in zip(*main, strict=True)]
    if len(set(labels)) < len(rows):  # interactions tell what main effects do not
        labels = [", ".join(levels) for levels in zip(*parts.values(), strict=True)]
    return labels


def _levels(design: Design, term: str, rows: pd.DataFrame) -> list[str]:
    """Labels of the values that one term takes."""
    info, values = design.design_info, rows.to_numpy()
    if info is not None and term in info.term_names:
        (coding, *others) = info.term_codings[info.terms[info.term_names.index(term)]]
        if not others and len(coding.factors) == 1 and coding.contrast_matrices:
            (factor,) = coding.factors
            matrix = coding.contrast_matrices[factor].matrix
            level = np.abs(matrix - values[:, None]).sum(axis=2).argmin(axis=1)
            return [draw.text(info.factor_infos[factor].categories[i]) for i in level]
    names = [draw.text(name) for name in design.covariates[rows.columns]]
    if len(names) > 1 and np.isin(values, [0.0, 1.0]).all():
        return [", ".join(compress(names, row)) or f"{term} = 0" for row in values]
    texts = [[f"{name} = {x:g}" for name, x in zip(names, row, strict=True)] for row in values]
    return list(map(", ".join, texts))
