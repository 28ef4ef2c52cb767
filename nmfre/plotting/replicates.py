"""The bootstrap distribution of a coefficient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmfre.core.arguments import check_label
from nmfre.errors import NotComputedError
from nmfre.plotting._shared import INK, axes, colour, plot_of, text
from nmfre.results import NMFREResults
from nmfre.results.bootstrap import Bootstrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BINS = 60


@plot_of(NMFREResults)
def plot_bootstrap(
    results: NMFREResults,
    parameter: tuple[str, str] | str,
    *,
    alpha: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """
    Histogram of the bootstrap replicates of a coefficient, with its estimate and interval.

    Parameters
    ----------
    results : NMFREResults
    parameter : tuple or str
        Component and covariate, as in the index of ``params``, or in one word as in tests:
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
        No such parameter.
    NotComputedError
        A fit without a bootstrap, or a coefficient that has no replicates.
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
    '9.429, 95 % interval 3.56 to 15.31'
    """
    names = results.model.data.param_names
    pairs = list(results.params.index)
    known = {pair: i for i, pair in enumerate(pairs)} | {name: i for i, name in enumerate(names)}
    check_label("parameter", parameter, known)
    bootstrap = results.inference.bootstrap
    if bootstrap is None:
        raise NotComputedError(name="The bootstrap", reason="the fit had n_boot=0.")
    position = known[parameter]
    draws = bootstrap.replicates[:, position]
    if np.isnan(draws).any():
        raise NotComputedError(
            name=f"The bootstrap of {names[position]}",
            reason="the effect is held at its bound, or rotations of the components change it.",
        )
    estimate = results.params.iloc[position]
    low, high = bootstrap.percentile_interval(alpha)[position]
    ax = axes(ax, 5.5, 3.6)
    bins = int(np.clip(np.sqrt(len(draws)), 5, MOST_BINS))
    ax.hist(draws, bins=bins, color=colour(0), alpha=0.6, edgecolor="white", linewidth=0.4)
    ax.axvspan(low, high, color=INK, alpha=0.08, linewidth=0, zorder=0)
    ax.axvline(estimate, color=INK, linewidth=2)
    ax.set(xlabel=text(names[position]), ylabel="bootstrap replicates")
    ax.set_title(
        f"{estimate:.4g}, {100 * (1 - alpha):g} % interval {low:.4g} to {high:.4g}",
        fontsize="medium",
    )
    return ax


def plot_of_bootstrap(
    bootstrap: Bootstrap[NMFREResults],
    parameter: tuple[str, str] | str,
    *,
    alpha: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """
    Histogram of the replicates of a coefficient; see `nmfre.plotting.plot_bootstrap`.

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
