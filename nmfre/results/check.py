"""Plain advice on a fit: what to look at before trusting it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
from scipy import stats

from nmfre.core.cells import filled
from nmfre.core.findings import Finding, Severity, listed
from nmfre.data.design import Design, independent
from nmfre.data.labelled_model import LabelledModel
from nmfre.errors import NotComputedError
from nmfre.inference.equality import EQUAL_RESID, RARE
from nmfre.report.tables import WIDTH
from nmfre.results.boundary import negative_effects
from nmfre.results.fit import Fit, infer_again

MOST_UNITS = 5_000
"""Units up to which the deletion of each is looked at."""
INFLUENTIAL = 0.5
"""Standard errors by which the deletion of a unit may move an effect: a quarter of its variance."""
UNEQUAL = 4.0
"""Ratio of residual variances of responses from which they are called unequal."""
GROWS = 0.25
"""Rank correlation of size of residual and fitted value from which residuals are said to grow."""
HEAVY = 3.0
"""Excess kurtosis of residuals from which their tails are called heavy."""
SIGNIFICANT = 0.001
ROUNDING = 1e-8
"""Share of the largest fitted value up to which a negative one is rounding."""


def dfbetas(fit: Fit) -> pd.DataFrame:
    """
    Change in params when a unit is deleted, in standard errors; (N, QK), one step.

    As in statsmodels, a positive value means that the unit raises the param. Computed from the unit
    scores, as a replicate of the one-step bootstrap in which the multiplier is -1 for this unit and
    0 for the others. Limited to 5,000 units.
    """
    design = fit.model.design
    design.require("dfbetas")
    design = design if independent(design) is None else replace(design, groups=None)
    return _deletions(fit, design, "dfbetas", design.units)


def dfbetas_by_group(fit: Fit) -> pd.DataFrame:
    """
    Change in params when a group is deleted, in standard errors; (G, QK), one step.

    As `dfbetas`, for whole groups. Limited to 5,000 groups.
    """
    design = fit.model.design
    if design.groups is None:
        raise NotComputedError(
            name="dfbetas_by_group", reason="the model has no groups; see dfbetas."
        )
    design.require("dfbetas_by_group")
    return _deletions(fit, design, "dfbetas_by_group", design.groups.labels)


def _deletions(fit: Fit, design: Design, name: str, labels: pd.Index) -> pd.DataFrame:
    """What leaving out each unit, or group, of a design changes, in standard errors of the fit."""
    n = len(labels)
    if n > MOST_UNITS:
        raise NotComputedError(
            name=name, reason=f"there are more than {MOST_UNITS} units or groups ({n})."
        )
    options = replace(fit.inference.options, n_boot=n, multipliers=-np.eye(n))
    deleted = infer_again(fit, options, design).bootstrap
    assert deleted is not None
    with np.errstate(divide="ignore", invalid="ignore"):  # of an exact fit they are zero
        changes = -deleted.deviations / fit.inference.bse
    return pd.DataFrame(changes, index=labels, columns=fit.params.index)


def check(self: Fit) -> Check:
    """
    Advice on the fit, with a severity for each item.

    It covers convergence, identification, boundaries, saturation, the cap, starts, units of
    measurement, variances and tails of residuals, and influential units.

    Returns
    -------
    Check
        ``print`` it, or use ``frame``, the same as a table.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> print(model.fit("ml").check())
    CAUTION, heavy tails: the excess kurtosis of residuals is 4.2 (0 under
        normality). See plot_residuals(kind='qq'); the bootstrap does not need
        normality.
    CAUTION, influential units: deleting F10 (0.6), F11 (0.6) changes an effect by
        more than half a standard error (in brackets). See dfbetas.
    """
    found = self.estimate.findings() + self.inference.findings(self.estimate)
    named = with_names(found, self.model)
    return Check([*negative_effects(self), *named, *_on_residuals(self), *_on_units(self)])


def _on_residuals(fit: Fit) -> Iterator[Finding]:
    if not fit.model.design.in_memory:
        yield Finding("note", "residuals", None, "not checked: the data are in chunks.")
    elif fit.model.design.weights is not None:
        yield Finding("note", "residuals", None, "not checked: units have weights.")
    else:
        v = fit.estimate.v
        untested = not np.ptp(v) and EQUAL_RESID not in fit.inference.equality
        standardised = fit.resid.div(np.sqrt(v), axis=1)
        yield from on_residuals(standardised, fit.fittedvalues, one_sigma2=untested)


def _on_units(fit: Fit) -> Iterator[Finding]:
    if not fit.model.design.in_memory or len(fit.model.design.units) > MOST_UNITS:
        yield Finding(
            "note",
            "influence",
            None,
            f"not checked: there are more than {MOST_UNITS} units, or the data are in chunks.",
        )
    else:
        yield from _influential(fit, dfbetas(fit), "units", "dfbetas")
        if independent(fit.model.design) is not None:
            yield from _influential(fit, dfbetas_by_group(fit), "groups", "dfbetas_by_group")


def _influential(fit: Fit, changes: pd.DataFrame, what: str, name: str) -> Iterator[Finding]:
    off_bounds = np.isfinite(changes) & ~fit.inference.at_bound
    largest = changes.abs().where(off_bounds, 0.0).max(axis=1)
    influential = largest[largest > INFLUENTIAL].sort_values(ascending=False)
    if len(influential):
        shown = [f"{label} ({change:.1f})" for label, change in influential.items()]
        yield Finding(
            "caution",
            f"influential {what}",
            None,
            f"deleting {listed(shown)} changes an effect by more than half a standard error (in "
            f"brackets). See {name}.",
        )


class Check:
    """
    Advice on a fit, the most serious first; made by `nmfre.NMFREResults.check`.

    Attributes
    ----------
    advice : list of Finding
        Items with severity, topic and text.
    """

    def __init__(self, findings: list[Finding]) -> None:
        order = get_args(Severity)
        self.advice = sorted(findings, key=lambda found: order.index(found.severity))

    @property
    def frame(self) -> pd.DataFrame:
        """One row per piece of advice: severity, topic, text."""
        rows = [(item.severity, item.topic, item.text) for item in self.advice]
        return pd.DataFrame(rows, columns=["severity", "topic", "text"])

    def __str__(self) -> str:
        if not self.advice:
            return "No issues found."
        return "\n".join(
            filled(f"{item.severity.upper()}, {item.topic}: {item.text}", WIDTH, indent="    ")
            for item in self.advice
        )

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><b>{item.severity}</b>, {html.escape(item.topic)}: {html.escape(item.text)}</li>"
            for item in self.advice
        )
        return f"<ul>{items}</ul>" if items else "<p>No issues found.</p>"


def with_names(found: Iterable[Finding], model: LabelledModel) -> Iterator[Finding]:
    """Findings of an estimate or an inference, with the names of what they are about."""
    design = model.design
    of_data = model.data.param_names, list(design.responses), list(design.covariates)
    return (each.named(list(model.components), *of_data) for each in found)


def on_residuals(
    resid: pd.DataFrame, fittedvalues: pd.DataFrame, *, one_sigma2: bool = True
) -> Iterator[Finding]:
    """
    What residuals of the BLUP fit show, and the fit itself.

    Parameters
    ----------
    resid : DataFrame, (N, P)
        Over the roots of the relative variances of their responses; NaN where missing.
    fittedvalues : DataFrame, (N, P)
    one_sigma2 : bool
        Whether to compare their variances, which are one in the model, and which no test has
        compared.
    """
    yield from _on_signs(fittedvalues)
    counts = resid.notna().sum().to_numpy()
    # Few units are fitted almost exactly, or exactly: their residuals have no variance to compare.
    least = min(RARE, counts.max())
    rare = counts < least
    if rare.any():
        yield Finding(
            "note",
            "rarely observed",
            None,
            f"fewer than {least} units have {listed(resid.columns[rare])}: their part of the "
            f"basis depends on these few units, and the checks of residuals leave them out. Drop "
            "them, or pool occasions.",
        )
    errors, fitted = resid.to_numpy()[:, ~rare], fittedvalues.to_numpy()[:, ~rare]
    variances, responses = np.nanvar(errors, axis=0), resid.columns[~rare]
    smallest, largest = variances.min(), variances.max()
    if one_sigma2 and largest > UNEQUAL * smallest:
        ratio = f"by a factor of {largest / smallest:.3g} " if smallest > 0 else ""
        yield Finding(
            "caution",
            "unequal variances",
            None,
            f"residual variances of responses differ {ratio}(largest: "
            f"{responses[variances.argmax()]}; smallest: {responses[variances.argmin()]}); the "
            "model has one sigma2. Fit ml with cov_resid='diagonal': a wrong covariance biases X "
            "and Theta, and standard errors do not show it. Only X Theta, fitted values and joint "
            "tests remain valid.",
        )
    seen = np.isfinite(errors)
    sizes, values = np.abs(errors[seen]), fitted[seen]
    growth = stats.spearmanr(sizes, values) if np.ptp(values) and np.ptp(sizes) else None
    if growth is not None and growth.statistic > GROWS and growth.pvalue < SIGNIFICANT:
        yield Finding(
            "caution",
            "heteroscedastic residuals",
            None,
            f"they grow with the fitted value (rank correlation {growth.statistic:.2f}). A "
            "square root or log(1 + y) of the responses may help.",
        )
    varies = variances > 0
    standard = (errors[:, varies] / np.sqrt(variances[varies]))[seen[:, varies]]
    if len(standard) >= 20 and np.ptp(standard):
        kurtosis, test = float(stats.kurtosis(standard)), stats.kurtosistest(standard)
        if kurtosis > HEAVY and test.pvalue < SIGNIFICANT:
            yield Finding(
                "caution",
                "heavy tails",
                None,
                f"the excess kurtosis of residuals is {kurtosis:.1f} (0 under normality). See "
                f"plot_residuals(kind='qq'); the bootstrap does not need normality.",
            )


def _on_signs(fittedvalues: pd.DataFrame) -> Iterator[Finding]:
    fitted = fittedvalues.to_numpy()
    negative = int(np.count_nonzero(fitted < -ROUNDING * fitted.max()))
    if negative:
        unit, response = np.unravel_index(fitted.argmin(), fitted.shape)
        yield Finding(
            "note",
            "negative fits",
            None,
            f"{negative} of {fitted.size} fitted values (BLUPs) are below 0, although responses "
            f"cannot be (lowest: {fitted.min():.3g}, {fittedvalues.columns[int(response)]} of unit "
            f"{fittedvalues.index[int(unit)]}): random effects are not bounded. Treat these fitted "
            "values as 0.",
        )
