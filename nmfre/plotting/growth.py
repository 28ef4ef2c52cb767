"""Curves of units and mean curves of groups over the occasions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_choice
from nmfre.core.typing import IntArray
from nmfre.errors import InvalidArgumentError
from nmfre.plotting._shared import GREY, axes, colour, legend, line, occasions, plot_of, text
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nmfre.data.design import Design
Which = Literal["observed", "blup"]
MOST_GROUPS = 8


@plot_of(NMFREResults)
def plot_growth_curves(
    results: NMFREResults,
    *,
    by: str | pd.Series | None = None,
    which: Which = "observed",
    ax: Axes | None = None,
) -> Axes:
    """
    Curves of the units, thin, and fixed-effect mean curves of groups, thick, over the responses.

    Parameters
    ----------
    results : NMFREResults
    by : str or Series, optional
        A term of the formula or a covariate, or a group a unit; at most eight groups. Default: a
        group for each combination of covariates, where there are at most eight of them, else one
        group of all units.
    which : {"observed", "blup"}
        Thin curves: the responses as they are, or their BLUP fit.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
        No such term, too many groups, or a unit without a group.
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
    check_choice("which", which, Which)
    design = results.model.design
    design.require("plot_growth_curves")
    group, labels, title = _groups(design, by)
    curves = results.fittedvalues.to_numpy() if which == "blup" else design.response_values.T
    means = results.predict().to_numpy()
    ax = axes(ax, float(np.clip(0.3 * len(design.responses), 6.0, 12.0)), 4.2)

    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import Normal, Stroke

    position, order = occasions(ax, design.responses)
    faint = float(np.clip(20.0 / len(group), 0.02, 0.35))
    shades = [colour(g) for g in range(len(labels))] if len(labels) > 1 else [GREY]
    for g, shade in enumerate(shades):
        members = curves[group == g][:, order]
        paths = np.stack([np.broadcast_to(position[order], members.shape), members], axis=-1)
        ax.add_collection(LineCollection(list(paths), colors=shade, alpha=faint, linewidth=1))
    for g, label in enumerate(labels):
        mean = means[group == g].mean(axis=0)
        ax.plot(
            position[order],
            mean[order],
            line(g),
            color=colour(g),
            linewidth=3,
            label=text(label),
            path_effects=[Stroke(linewidth=5, foreground="white"), Normal()],
        )
    ax.autoscale_view()
    ax.set_ylabel(_response_name(design))
    if len(labels) > 1:
        legend(ax, title)
    return ax


def _response_name(design: Design) -> str:
    """What is measured: for long data the left-hand side of the formula."""
    left = (design.formula or "").split("~")[0].strip()
    return left if left and design.responses.name is not None else "response"


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
    if by is not None:
        _check_number(len(distinct), by)
    elif len(distinct) > MOST_GROUPS:
        return np.zeros(len(group), dtype=int), ["mean"], None
    rows = pd.DataFrame(distinct[:, ::-1], columns=columns)
    terms = {term: ks for term, ks in terms.items() if np.ptp(rows[ks], axis=0).any()}
    title = next(iter(terms)) if len(terms) == 1 else by
    return group, _labels(design, terms, rows), title


def _given(design: Design, by: pd.Series) -> tuple[IntArray, Sequence[object], str | None]:
    """Groups that a Series gives, matched by the labels of the units."""
    if not by.index.equals(design.units):
        if not by.index.is_unique or not design.units.isin(by.index).all():
            raise InvalidArgumentError(
                "by",
                "Series",
                "a Series whose index has every unit, and none twice",
            )
        by = by.loc[design.units]
    if by.isna().any():
        raise InvalidArgumentError("by", "Series", "a group for every unit")
    group, labels = pd.factorize(by, sort=isinstance(by.dtype, pd.CategoricalDtype))
    _check_number(len(labels), "Series")
    return group, list(labels), None if by.name is None else text(by.name)


def _check_number(n_groups: int, by: str) -> None:
    if n_groups > MOST_GROUPS:
        raise InvalidArgumentError(
            "by",
            by,
            f"what makes at most {MOST_GROUPS} groups (this makes {n_groups})",
        )


def _labels(design: Design, terms: dict[str, list[int]], rows: pd.DataFrame) -> list[str]:
    """
    Labels of groups from the columns of ``rows``, their covariates, term by term.

    Levels of a factor by name; the names of the indicators that are 1, where there are several;
    else "covariate = value".
    """
    if not terms:
        return ["mean"]
    used = rows[[k for term in terms.values() for k in term]].to_numpy()
    indicators = design.design_info is None and np.isin(used, [0.0, 1.0]).all()
    if indicators and (used.sum(axis=1) == 1.0).all():
        return [list(terms)[k] for k in used.argmax(axis=1)]
    parts = {term: _levels(design, term, rows[ks]) for term, ks in terms.items()}
    main = [levels for term, levels in parts.items() if ":" not in term]
    labels = [", ".join(levels) for levels in zip(*main, strict=True)]
    if len(set(labels)) < len(rows):  # interactions tell what main effects do not
        labels = [", ".join(levels) for levels in zip(*parts.values(), strict=True)]
    return labels


def _levels(design: Design, term: str, rows: pd.DataFrame) -> list[str]:
    """Labels of the values that one term takes."""
    info = design.design_info
    if info is not None and term in info.term_names:
        (coding, *others) = info.term_codings[info.terms[info.term_names.index(term)]]
        if not others and len(coding.factors) == 1 and coding.contrast_matrices:
            (factor,) = coding.factors
            matrix = coding.contrast_matrices[factor].matrix
            level = np.abs(matrix[None] - rows.to_numpy()[:, None]).sum(axis=2).argmin(axis=1)
            return [text(info.factor_infos[factor].categories[i]) for i in level]
    names = [text(name) for name in design.covariates[rows.columns.to_numpy()]]
    values = rows.to_numpy()
    if len(names) > 1 and np.isin(values, [0.0, 1.0]).all():
        ones = [", ".join(compress(names, row)) for row in values]
        return [label or f"{term} = 0" for label in ones]
    return [
        ", ".join(f"{name} = {value:g}" for name, value in zip(names, row, strict=True))
        for row in values
    ]
