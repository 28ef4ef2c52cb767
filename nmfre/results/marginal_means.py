"""Marginal means and average slopes of component scores, responses and shares of components."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_choice, check_label
from nmfre.core.findings import listed
from nmfre.core.typing import FloatArray
from nmfre.data.grid import Cell, Grid, Values, Variables
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.inference import estimands
from nmfre.results.coefficients import covariance_name, unlike_summary
from nmfre.results.fit import Fit
from nmfre.results.marginal_table import MarginalMeans

Quantity = Literal["components", "responses", "shares"]
Of = Sequence[Hashable] | Mapping[str, Sequence[Hashable]]
VARIABLE = "variable"
WHAT = {"components": "component scores", "responses": "responses", "shares": "shares"}
ONE_COMPONENT = "the rank is 1, and the share of a single component is always 1."


def marginal_means(
    self: Fit,
    variables: Hashable | Sequence[Hashable] = (),
    *,
    over: Hashable | Sequence[Hashable] = (),
    at: Mapping[Hashable, object] | None = None,
    which: Quantity = "components",
    of: Of | None = None,
    grid: Grid = "balanced",
) -> MarginalMeans:
    """
    Expected scores, responses or shares of components by levels of variables.

    As in the R package emmeans, variables that are not named are averaged over. Text, categories
    and bools have levels, as do numbers with at most two different values or in C(). Other numbers
    are held at their mean.

    Standard errors are by the delta method, from the joint covariance of the parameters. With
    uncertainty="marginal", the default of ml, those of responses account for the uncertainty of the
    basis; df-cap treats the basis as known. Random effects are zero in all of these means.

    Parameters
    ----------
    variables : str or list of str, optional
        Variables whose levels are compared: of the formula or, without a formula, covariates.
        Default: a single overall mean.
    over : str or list of str, optional
        Variables within whose levels the others are compared.
    at : dict, optional
        Values of variables to use instead of all levels or the mean, such as ``{"age": [8, 10]}``.
    which : {"components", "responses", "shares"}
        "components": expected scores Theta a. "responses": expected responses X Theta a. "shares":
        share of each component in the sum of the expected scores, averaged over the grid. If an
        expected score is negative, as it can be with ``signed=True``, shares mean nothing, and a
        note says so.
    of : list or dict, optional
        Components or responses to show, or sums of them, such as ``{"verbal": ["comp1",
        "comp3"]}``. Default: each.
    grid : {"balanced", "data"}
        What is averaged over. "balanced": all combinations of levels, with equal weights. "data":
        the units of the data, which keep their values of all other variables.

    Returns
    -------
    MarginalMeans
        ``print`` it, or use its ``frame``; `differences` and `ratios` compare levels.

    Raises
    ------
    InvalidArgumentError
        A variable, component or response does not exist; or the data were removed, and ``at`` does
        not give a value for each number.
    NotComputedError
        Shares of a single component; or a term of the formula depends on all rows.
    FormulaNotRestoredError
        The formula of a loaded result cannot be evaluated.
    DataRemovedError
        ``grid="data"`` without the data.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> res = model.fit("ml")
    >>> res.marginal_means("sex").frame.round(2)
                      estimate  std err  2.5 %  97.5 %
    component sex
    comp1     Female     90.31     2.68  84.90   95.83
              Male      100.05     1.88  96.81  104.17
    >>> res.marginal_means("sex", which="responses").differences().frame.round(2).iloc[:, :3]
                     estimate  std err     z
    age contrast
    8   Male-Female      2.25     0.76  2.98
    10  Male-Female      2.35     0.79  2.97
    12  Male-Female      2.50     0.84  2.97
    14  Male-Female      2.65     0.89  2.98
    """
    known = Variables(self.model.design)
    compared, within = known.names("variables", variables), known.names("over", over)
    _check_apart(compared, within)
    chosen = {} if at is None else known.values_at(at)
    check_choice("grid", grid, Grid)
    focal = [*within, *compared]
    found = list(known.means(focal, chosen, grid))
    cells = _index([values for values, _ in found], focal)
    notes = _averaged(self, known, focal, chosen, grid)
    return _estimated(self, [cell for _, cell in found], cells, compared, which, of, notes)


def average_slopes(
    self: Fit,
    variables: Hashable | Sequence[Hashable],
    *,
    over: Hashable | Sequence[Hashable] = (),
    at: Mapping[Hashable, object] | None = None,
    which: Quantity = "components",
    of: Of | None = None,
    grid: Grid = "data",
) -> MarginalMeans:
    """
    Average slopes of numeric variables: mean derivatives of expected scores, responses or shares.

    Splines, interactions, logarithms and other terms of the formula are included: derivatives are
    central differences of the covariates.

    Parameters
    ----------
    variables : str or list of str
        Numeric variables whose slopes are shown.
    over : str or list of str, optional
        Variables at whose levels slopes are shown; `differences` compares them.
    at, which, of
        As in `marginal_means`.
    grid : {"data", "balanced"}
        What is averaged over, as in `marginal_means`. With "balanced", the numeric variable itself
        is at its mean.

    Returns
    -------
    MarginalMeans
        With two-sided tests of zero slopes.

    Raises
    ------
    InvalidArgumentError
        A variable is not numeric, and as in `marginal_means`.
    NotComputedError, FormulaNotRestoredError, DataRemovedError
        As in `marginal_means`.

    Examples
    --------
    >>> import nmfre
    >>> pupils = nmfre.datasets.load_holzinger_swineford().dropna()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "~ bs(ageyr, df=3)", pupils, rank=1, endog=["x7", "x8", "x9"]
    ... )
    >>> res = model.fit("ml", signed=True)
    >>> res.average_slopes("ageyr").frame.round(2).iloc[:, :3]
                        estimate  std err     z
    component variable
    comp1     ageyr         0.58     0.15  3.88
    """
    known = Variables(self.model.design)
    numbers, focal = known.names("variables", variables), known.names("over", over)
    _check_apart(numbers, focal)
    for name in numbers:
        if not known.is_number(name):
            raise InvalidArgumentError(
                "variables", name, "numeric variables; for levels, use marginal_means()"
            )
    if not numbers:
        raise InvalidArgumentError("variables", variables, "at least one numeric variable")
    chosen = {} if at is None else known.values_at(at)
    check_choice("grid", grid, Grid)
    found = [
        ((*values, name), cell)
        for name in numbers
        for values, cell in known.slopes(name, focal, chosen, grid)
    ]
    cells = _index([values for values, _ in found], [*focal, VARIABLE])
    notes = _averaged(self, known, focal, chosen, grid, numbers)
    of_cells = [cell for _, cell in found]
    return _estimated(self, of_cells, cells, focal, which, of, notes, slopes=True)


def _estimated(
    fit: Fit,
    cells: list[Cell],
    index: pd.MultiIndex,
    compared: Sequence[Hashable],
    which: Quantity,
    of: Of | None,
    notes: list[str],
    *,
    slopes: bool = False,
) -> MarginalMeans:
    """The table of these cells."""
    check_choice("which", which, Quantity)
    X, Theta, inference = fit.estimate.X, fit.estimate.Theta, fit.inference
    if which == "shares" and len(Theta) == 1:
        raise NotComputedError(name="The share", reason=ONE_COMPONENT)
    responses = which == "responses"
    names = fit.model.design.responses if responses else fit.model.components
    labels, rows = _labelled(names, of, "response" if responses else "component")
    C = estimands.combined(cells)
    known, n_negative = np.zeros((len(labels), 1), dtype=bool), 0
    if responses:
        estimates = rows @ X @ Theta @ C
        covariance = inference.covariance_of_means(X, rows, C)
    elif which == "components":
        estimates = rows @ Theta @ C
        covariance = inference.covariance_of_effects(estimands.of_scores(rows, C))
    else:
        estimates = rows @ estimands.shares(Theta, cells)
        covariance = inference.covariance_of_effects(estimands.of_shares(Theta, cells, rows))
        n_negative = sum(int((Theta @ cell.A < 0.0).any(axis=0).sum()) for cell in cells)
        if n_negative:
            total = sum(cell.A.shape[1] for cell in cells)
            notes.append(
                f"In {n_negative} of {total} rows of the grid an expected score is negative. "
                "Shares there are below 0, above 1 or missing, and mean nothing: see the scores "
                "themselves, which='components'."
            )
    if not responses:
        known = inference.unknown(rows)[:, None]
    variances = np.diagonal(covariance, axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):
        bse = np.sqrt(np.where(known | ~(variances > 0.0), np.nan, variances))
    positive = not (fit.estimate.signed or slopes) and all((cell.A >= 0.0).all() for cell in cells)
    floor = 0.0 if positive or (responses and not slopes) else -np.inf
    return MarginalMeans(
        estimates=estimates,
        bse=bse,
        covariance=covariance,
        replicates=None if responses else _replicates(fit, which, cells, C, rows, bse),
        labels=labels,
        cells=index,
        bounds=(floor, 1.0 if positive and which == "shares" else np.inf),
        title=f"{'Average slopes' if slopes else 'Marginal means'} of {WHAT[which]}",
        notes=(*notes, f"Std err: delta method, {covariance_name(fit)}, {inference.scope}"),
        unlike=tuple(unlike_summary(fit, interval=False)),
        compared=tuple(map(str, compared)),
        slopes=slopes,
        n_negative=n_negative,
    )


def _replicates(
    fit: Fit,
    which: Quantity,
    cells: list[Cell],
    C: FloatArray,
    rows: FloatArray,
    bse: FloatArray,
) -> FloatArray | None:
    """Bootstrap replicates (B, L, J) of what has a standard error; None where some have none."""
    bootstrap = fit.inference.bootstrap
    if bootstrap is None:
        return None
    draws = bootstrap.replicates
    held = np.ones(draws.shape[1], dtype=bool)
    held[fit.inference.not_held(np.arange(draws.shape[1]))] = False
    draws[:, held] = fit.inference.estimate[held]
    if which == "components":
        values = estimands.replicates_of_scores(draws, rows, C)
    else:
        values = estimands.replicates_of_shares(draws, rows.shape[1], cells, rows)
    return None if np.isnan(values[:, ~np.isnan(bse)]).any() else values


def _labelled(names: pd.Index, of: Of | None, what: str) -> tuple[pd.Index, FloatArray]:
    """Labels of what is shown, and which components or responses each of them sums, (L, n)."""
    name = what if names.name is None else names.name
    identity = np.eye(len(names))
    if of is None:
        return names.rename(name), identity
    sums = of if isinstance(of, Mapping) else None
    if not pd.api.types.is_list_like(of) or not len(of):
        allowed = f"a list of {what}s, or a dict of lists of them, which are summed"
        raise InvalidArgumentError("of", of, allowed)
    parts = [[each] for each in of] if sums is None else list(sums.values())
    rows = np.zeros((len(parts), len(names)))
    for row, members in zip(rows, parts, strict=True):
        if not pd.api.types.is_list_like(members) or not len(members):
            raise InvalidArgumentError("of", of, f"a list of {what}s under each name")
        for member in members:
            check_label("of", member, names)
            row += identity[names.get_loc(member)]
    if (rows > 1.0).any():
        raise InvalidArgumentError("of", of, f"sums in which no {what} appears twice")
    return pd.Index(list(of), name=name, tupleize_cols=False), rows


def _check_apart(variables: list[Hashable], over: list[Hashable]) -> None:
    """No variable may be named twice."""
    for name in over:
        if name in variables:
            raise InvalidArgumentError("over", name, "variables that are not among ``variables``")


def _index(values: list[tuple[Hashable, ...]], names: Sequence[Hashable]) -> pd.MultiIndex:
    """Rows of one label: the values of the variables, or one row for all."""
    if not names:
        return pd.MultiIndex.from_arrays([["all"]], names=["mean"])
    columns = [pd.Index(column, tupleize_cols=False) for column in zip(*values, strict=True)]
    return pd.MultiIndex.from_arrays(columns, names=[str(name) for name in names])


def _averaged(
    fit: Fit,
    known: Variables,
    focal: Sequence[Hashable],
    at: Mapping[Hashable, Values],
    grid: Grid,
    moved: Sequence[Hashable] = (),
) -> list[str]:
    """Sentences that say what was averaged over."""
    if grid == "data":
        others = {name: values for name, values in at.items() if name not in focal}
        held = "".join(f"; {name}: {_values(values)}" for name, values in others.items())
        design = fit.model.design
        weighted = "" if design.weights is None else ", with their weights"
        return [f"Averaged over the {len(design.units)} units of the data{weighted}{held}."]
    averaged: list[str] = []
    fixed: list[str] = []
    for name in known.levels:
        if name in focal:
            continue
        values = known.mean(name) if name in moved and name not in at else known.values(name, at)
        (averaged if len(values) > 1 else fixed).append(f"{name}: {_values(values)}")
    notes = []
    if averaged:
        notes.append(f"Averaged, with equal weights, over {'; '.join(averaged)}.")
    if fixed:
        notes.append(f"Held at the mean, or at the value given: {'; '.join(fixed)}.")
    return notes


def _values(values: Values) -> str:
    return listed(f"{x:.5g}" if isinstance(x, float) else str(x) for x in values)
