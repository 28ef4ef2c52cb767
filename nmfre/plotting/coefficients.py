"""Coefficients: intervals, of one fit or of several side by side; bootstrap distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_alpha, check_bool, check_label
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.plotting import _shared as draw
from nmfre.results import NMFREResults
from nmfre.results.bootstrap import Bootstrap
from nmfre.results.small_samples import slopes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BINS = 60


def plot_coefficients(
    results: NMFREResults | Iterable[NMFREResults] | Mapping[str, NMFREResults],
    *,
    alpha: float = 0.05,
    covariates: Sequence[object] | None = None,
    intercept: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """
    Plot effects of covariates on components, with intervals.

    Open points have no interval: the effect is at its boundary 0, or not identified.

    Parameters
    ----------
    results : NMFREResults, or a list or dict of them
        The fits to compare; the keys of a dict name them.
    alpha : float
        1 minus the level of the intervals, which are those of ``conf_int``.
    covariates : sequence, optional
        Covariates to show, or terms of the formula, which stand for all of their covariates.
        Default: all but the intercept.
    intercept : bool
        Whether the default includes the intercept. It is often so far from zero that the effects
        can hardly be seen beside it. A model without other covariates always shows it.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
        There are no fits, or none has this covariate.
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
    shown = shown_covariates(fits, covariates, intercept=intercept)
    components = max((fit.model.components for fit in fits.values()), key=len)
    lines = draw.lines(components, shown)
    ax = draw.axes(ax, 6.5, np.clip(1.0 + (0.11 + 0.11 * len(fits)) * len(lines), 2.2, 24.0))
    without = False
    for i, (name, fit) in enumerate(fits.items()):
        position = {pair: row for row, pair in enumerate(fit.params.index)}
        rows = [(y, position[pair]) for y, pair in enumerate(lines) if pair in position]
        at, row = np.array(rows, dtype=int).reshape(-1, 2).T
        y = at + (0.6 * (i / (len(fits) - 1) - 0.5) if len(fits) > 1 else 0.0)
        params, (low, high) = fit.params.to_numpy()[row], fit.conf_int(alpha).to_numpy()[row].T
        known = np.isfinite(low) & np.isfinite(high)
        marker, shade = draw.marker(i), draw.colour(i)
        ax.hlines(y[known], low[known], high[known], color=shade, linewidth=1.8)
        ax.plot(params[known], y[known], marker, color=shade, markersize=6, label=draw.text(name))
        without |= not known.all()
        (open_points,) = ax.plot(params[~known], y[~known], marker, color=shade, markersize=6)
        open_points.set_markerfacecolor(draw.paper(ax))
    draw.label_lines(ax, lines)
    label = f"coefficient, {draw.percent(alpha)}"
    ax.set_xlabel(label + "\nopen: no interval (at 0, or not identified)" * without)
    if len(fits) > 1:
        draw.legend(ax)
    return ax


def _named(results: object) -> dict[str, NMFREResults]:
    """The fits and their names."""
    if isinstance(results, Mapping):
        fits = {str(key): fit for key, fit in results.items()}
    elif isinstance(results, Iterable) and pd.api.types.is_list_like(results):
        fits = {f"fit {i + 1}": fit for i, fit in enumerate(results)}
    else:
        fits = {"fit": results}
    for fit in fits.values():
        draw.check_plot("results", fit, NMFREResults)
    if not fits:
        raise InvalidArgumentError("results", results, "at least one fit")
    return fits


def shown_covariates(
    fits: Mapping[str, NMFREResults], covariates: Sequence[object] | None, *, intercept: bool
) -> list[object]:
    """Covariates to show, each once: those of all fits, or those that terms stand for."""
    check_bool("intercept", intercept)
    terms: dict[object, list[object]] = {}
    every: dict[object, None] = {}
    for fit in fits.values():
        design = fit.model.design
        default = list(range(len(design.covariates))) if intercept else slopes(design)
        every |= dict.fromkeys(design.covariates[default])
        for covariate in design.covariates:
            terms.setdefault(covariate, [covariate])
        for term, columns in design.terms.items():
            terms.setdefault(term, list(design.covariates[columns]))
    if covariates is None:
        return list(every)
    if not (pd.api.types.is_list_like(covariates) and len(covariates)):
        raise InvalidArgumentError("covariates", covariates, f"a list, such as {list(terms)[-1:]}")
    for covariate in covariates:
        check_label("covariates", covariate, terms)
    return list(dict.fromkeys(column for covariate in covariates for column in terms[covariate]))


def plot_bootstrap(
    results: NMFREResults,
    parameter: tuple[str, str] | str,
    *,
    alpha: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """
    Plot a histogram of the bootstrap replicates of a coefficient, with estimate and interval.

    Parameters
    ----------
    results : NMFREResults
    parameter : tuple or str
        Component and covariate, as in the index of ``params``, or written as in tests:
        ``"comp1[age]"``.
    alpha : float
        1 minus the level of the percentile interval.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
        The parameter does not exist.
    NotComputedError
        The fit has no bootstrap, or the coefficient has no replicates.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> ax = model.fit(df_cap=0.21).plot_bootstrap(("comp1", "sex[T.Male]"))
    >>> ax.get_title()
    '9.43, 95 % interval 3.56 to 15.3'
    """
    draw.check_plot("results", results, NMFREResults)
    check_alpha(alpha)
    names = results.model.data.param_names
    known = {pair: i for i, pair in enumerate(results.params.index)}
    known |= {name: i for i, name in enumerate(names)}
    check_label("parameter", parameter, known)
    bootstrap = results.inference.bootstrap
    if bootstrap is None:
        raise NotComputedError(name="The bootstrap", reason="the fit was made with n_boot=0.")
    position = known[parameter]
    draws, estimate = bootstrap.replicates[:, position], results.params.iloc[position]
    if np.isnan(draws).any():
        raise NotComputedError(
            name=f"The bootstrap of {names[position]}",
            reason="the effect is held at its bound, or rotations of the components change it.",
        )
    low, high = bootstrap.percentile_interval(alpha)[position]
    ax = draw.axes(ax, 5.5, 3.6)
    bins = int(np.clip(np.sqrt(len(draws)), 5, MOST_BINS))
    ax.hist(draws, bins, color=draw.colour(0), alpha=0.6, edgecolor=draw.paper(ax), linewidth=0.4)
    ax.axvspan(low, high, color=draw.ink(), alpha=0.12, linewidth=0, zorder=0)
    ax.axvline(estimate, color=draw.ink(), linewidth=2)
    ax.set(xlabel=draw.text(names[position]), ylabel="bootstrap replicates")
    title = (
        f"{draw.number(estimate)}, {draw.percent(alpha)} {draw.number(low)} to {draw.number(high)}"
    )
    ax.set_title(title, fontsize="medium")
    return ax


def plot_of_bootstrap(
    bootstrap: Bootstrap[NMFREResults],
    parameter: tuple[str, str] | str,
    *,
    alpha: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """
    Plot a histogram of the replicates of a coefficient; see `nmfre.plotting.plot_bootstrap`.

    Parameters
    ----------
    bootstrap : Bootstrap
    parameter : tuple or str
        Such as ``("comp1", "age")`` or ``"comp1[age]"``.
    alpha : float
        1 minus the level of the percentile interval.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> ax = model.fit(df_cap=0.21).bootstrap(99).plot("comp1[sex[T.Male]]")
    >>> ax.get_ylabel()
    'bootstrap replicates'
    """
    return plot_bootstrap(bootstrap.results, parameter, alpha=alpha, ax=ax)
