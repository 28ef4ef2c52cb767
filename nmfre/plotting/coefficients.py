"""Coefficients and intervals, of one fit or of several side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_alpha, check_label
from nmfre.errors import InvalidArgumentError
from nmfre.plotting._shared import axes, check_class, colour, label_ticks, legend, text, zero_line
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^vP"


def plot_coefficients(
    results: NMFREResults | Iterable[NMFREResults] | Mapping[str, NMFREResults],
    *,
    alpha: float = 0.05,
    covariates: Sequence[Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Effects of covariates on components, with intervals.

    Open points have no interval: effects at their bound, or that rotations of the components
    change.

    Parameters
    ----------
    results : NMFREResults, or a list or dict of them
        The fits to compare; the keys of a dict name them.
    alpha : float
        1 minus the level of the intervals, which are those of ``conf_int``.
    covariates : sequence, optional
        Covariates to show, or terms of the formula, which stand for all of their covariates.
        Default: all.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
        A covariate that no fit has, or no fit.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> fits = {method: model.fit(method) for method in ("df-cap", "ml")}
    >>> ax = nmfre.plotting.plot_coefficients(fits, covariates=["sex"])
    >>> ax.get_xlabel()
    'coefficient, 95 % interval'
    """
    check_alpha(alpha)
    fits = _named(results)
    rows = _rows(list(fits.values()), covariates)
    components = list(dict.fromkeys(component for component, _ in rows))
    lines: list[Any] = []  # a heading a component, below it a line a covariate
    for component in components:
        lines += [component, *(row for row in rows if row[0] == component)]
    position = {line: i for i, line in enumerate(lines)}
    each = 0.22 + 0.11 * (len(fits) - 1)
    ax = axes(ax, 6.5, np.clip(1.0 + each * len(lines), 2.2, 24.0))
    for i, (fit, result) in enumerate(fits.items()):
        offset = 0.0 if len(fits) == 1 else 0.6 * (i / (len(fits) - 1) - 0.5)
        shown = [row for row in rows if row in result.params.index]
        y = np.array([position[row] for row in shown]) + offset
        _points(ax, result.params[shown], result.conf_int(alpha).loc[shown], y, i, fit)
    ax.locator_params("x", nbins=7)
    zero_line(ax, "x")
    ax.set_ylim(len(lines) - 0.5, -0.5)
    label_ticks(ax, "y", [line[1] if isinstance(line, tuple) else line for line in lines])
    for tick, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True):
        if not isinstance(lines[int(tick)], tuple):
            label.set_fontweight("bold")
    ax.set_xlabel(f"coefficient, {100 * (1 - alpha):g} % interval")
    if len(fits) > 1:
        legend(ax)
    return ax


def _points(ax: Axes, params: pd.Series, limits: pd.DataFrame, y: Any, i: int, label: str) -> None:
    """Points and intervals of one fit; points without an interval are open."""
    low, high = limits.to_numpy().T
    known = np.isfinite(low) & np.isfinite(high)
    ax.hlines(y[known], low[known], high[known], color=colour(i), linewidth=1.8)
    marker = MARKERS[i % len(MARKERS)]
    style: dict[str, Any] = {"marker": marker, "color": colour(i), "markersize": 6}
    ax.plot(params[known], y[known], linestyle="none", label=text(label), **style)
    ax.plot(params[~known], y[~known], linestyle="none", markerfacecolor="white", **style)


def _named(results: Any) -> dict[str, NMFREResults]:
    """The fits and their names."""
    if isinstance(results, Mapping):
        fits = {str(key): fit for key, fit in results.items()}
    elif pd.api.types.is_list_like(results):
        fits = {f"fit {i + 1}": fit for i, fit in enumerate(results)}
    else:
        fits = {"fit": results}
    for fit in fits.values():
        check_class("results", fit, NMFREResults)
    if not fits:
        raise InvalidArgumentError("results", results, "at least one fit")
    return fits


def _rows(fits: list[NMFREResults], covariates: Sequence[Any] | None) -> list[tuple[Any, Any]]:
    """(Component, covariate) pairs of all fits, component by component."""
    terms: dict[Any, list[Any]] = {}
    for fit in fits:
        design = fit.model.design
        for covariate in design.covariates:
            terms.setdefault(covariate, [covariate])
        for term, columns in design.terms.items():
            terms.setdefault(term, list(design.covariates[columns]))
    order = [covariate for fit in fits for covariate in fit.model.design.covariates]
    if covariates is not None:
        if not (pd.api.types.is_list_like(covariates) and len(covariates)):
            example = list(terms)[-1:]
            raise InvalidArgumentError("covariates", covariates, f"a list, such as {example}")
        for covariate in covariates:
            check_label("covariates", covariate, terms)
        order = [column for covariate in covariates for column in terms[covariate]]
    components = max((fit.model.components for fit in fits), key=len)
    return [(q, k) for q in components for k in dict.fromkeys(order)]
