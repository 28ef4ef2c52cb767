"""The printed summary: header, coefficients and notes of a result."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from statsmodels.iolib.summary import Summary

from nmfre.core.arguments import check_whole
from nmfre.core.cells import cells, shortened
from nmfre.core.findings import Finding
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError
from nmfre.estimation.cap import AUTO
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.report.numbers import fixed, number, pvalue
from nmfre.report.tables import WIDTH, Lines, by_component, headed_summary
from nmfre.results.boundary import negative_effects
from nmfre.results.check import with_names
from nmfre.results.coefficients import covariance_name
from nmfre.results.fit import Fit
from nmfre.results.frames import coefficient_table

FORMULA_WIDTH = 22
LEAST_WIDTH = 60
"""Of the text: numbers, with little room for names."""
LONGEST_NAME = 11
"""Of a component, in the header."""
MOST_VARIANCES = 5
"""Variances of random effects in the header."""
PAPER_FORMS = ("identity", "identity")
AT_BOUND = " (b)"
LEVEL = ".10g"
"""How levels are printed: as they are given, without what 1 - alpha adds in the last digits."""


def summary(
    self: Fit,
    alpha: float = 0.05,
    title: str | None = None,
    *,
    multipletests: str | None = None,
    width: int = WIDTH,
) -> Summary:
    """
    Summary of the fit: header, table of params with standard errors and intervals, and notes.

    Parameters
    ----------
    alpha : float
        1 minus the level of the intervals.
    title : str, optional
        Title of the table.
    multipletests : str, optional
        Adjustment of the p-values for multiple tests, as in `adjusted_pvalues`.
    width : int
        Width of the text in columns of a terminal, at least 60. Names that are too long for their
        column get a line of their own.

    Returns
    -------
    statsmodels.iolib.summary.Summary
        ``print`` it, or call ``as_text()``, ``as_html()``, ``as_latex()``, ``as_csv()``.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> summary = model.fit(df_cap=0.21).summary(title="Growth")
    >>> summary.as_text().splitlines()[0].strip()
    'Growth'
    """
    if not (title is None or isinstance(title, str)):
        raise InvalidArgumentError("title", title, "a string, or None")
    check_whole("width", width, least=LEAST_WIDTH)
    if title is None:
        title = f"Non-negative matrix factorization with random effects: {self.method}"
    frame = coefficient_table(self, alpha, multipletests)
    if multipletests is not None:
        frame = frame.drop(columns="p")  # the adjusted one is printed instead
    least = {
        "coef": 9,
        "std err": 8,
        **({"(boot)": 8} if "bootstrap std err" in frame else {}),
        "z": 7,
        "P>z" if self.inference.options.alternative == "larger" else "P>|z|": 6,
        f"[{alpha / 2:{LEVEL}}": 9,
        f"{1 - alpha / 2:{LEVEL}}]": 9,
    }
    forms = {"z": fixed, "P": pvalue}
    write = [forms.get(name[0], number) for name in least]
    lines: Lines = {}
    for key, held, row in zip(frame.index, self.inference.at_bound, frame.to_numpy(), strict=True):
        shown = [form(value) for form, value in zip(write, row, strict=True)]
        lines[key] = [(f"{key[1]}{AT_BOUND if held else ''}", shown)]
    header, notes = (_estimation(self), _sizes(self)), _notes(self, alpha, multipletests)
    return headed_summary(title, *header, least, by_component(lines), notes, width)


def _estimation(fit: Fit) -> list[tuple[str, str]]:
    estimate, formula = fit.estimate, fit.model.formula or "none (arrays)"
    return [
        ("Formula:", formula if cells(formula) <= FORMULA_WIDTH else "see notes"),
        ("Method:", fit.method + (", signed" if estimate.signed else "")),
        ("Stopped:", f"{estimate.stop_reason}, {estimate.n_iter} iter."),
        *((f"{name}:", value) for name, value in estimate.certificate.items()),
        *([("Covariances:", ", ".join(estimate.covariances))] if estimate.criteria else []),
        *_variances(fit),
    ]


def _sizes(fit: Fit) -> list[tuple[str, str]]:
    estimate, design = fit.estimate, fit.model.design
    n_cells = len(design.responses) * len(design.units)
    criteria = estimate.criteria
    cap = f"{estimate.cap:.2f}, {'bound' if estimate.cap_binds else 'did not bind'}"
    r2 = fit._rsquared.loc[["correlation"], ["blup", "fixed"]].to_numpy()[0]
    rows = {
        "Units (N)": f"{estimate.U.shape[1]}",
        "Groups": design.groups.described if design.groups is not None else "",
        "Responses (P)": f"{len(estimate.X)}",
        "Missing cells": f"{design.n_missing} of {n_cells}" if design.n_missing else "",
        "Rank (Q)": f"{len(estimate.Theta)}",
        "Covariates (K)": f"{estimate.Theta.shape[1]}",
        "Log-likelihood": f"{criteria['llf']:.3f}" if criteria else "",
        "AIC, BIC": f"{criteria['aic']:.2f}, {criteria['bic']:.2f}" if criteria else "",
        "Effective df of U": f"{estimate.df_random:.2f} of {estimate.largest_df:.10g}",
        "Cap": "off" if np.isinf(estimate.cap) else cap,
        "Saturation": f"{estimate.saturation:.3f}",
        "R2 BLUP, fixed": ", ".join(fixed(value) or "n/a" for value in r2),
    }
    return [(f"{name}:", value) for name, value in rows.items() if value]


def _variances(fit: Fit) -> list[tuple[str, str]]:
    """Variances, by component where they differ (of many the range), and the ratio of two."""
    estimate, errors = fit.estimate, fit.inference.variance_bse(fit.estimate)
    said = " (std err)" if errors else ""
    resid, random = estimate.covariances
    sigma2, tau2, icc = [], [], ("ICC:", f"{fit.icc:.3f}")
    if errors:
        icc = ("ICC (std err):", _with_error(fit.icc, errors["icc"][0], estimate.tau2_at_bound))
    if resid == "diagonal":
        held = estimate.of_kind(MarginalEstimate, "resid_at_bound").resid_at_bound
        sigma2.append(("sigma2:", _range(np.where(held, 0.0, estimate.psi))))
    else:
        error = estimate.sigma2 * errors["log_sigma2"][0] if errors else np.nan
        start = "" if estimate.sigma2_estimated else " (starting value)"
        sigma2.append((f"sigma2{said}:", _with_error(estimate.sigma2, error, False) + start))
    if random == "identity":
        error = estimate.tau2 * errors["log_tau2"][0] if errors else np.nan
        origin = "" if errors else f" ({estimate.tau2_origin})"
        value = _with_error(estimate.tau2, error, bool(errors) and estimate.tau2_at_bound)
        tau2.append((f"tau2{said}:", value + origin))
    else:
        variances = np.diag(estimate.Phi)
        se = variances * errors["log_tau2"] if errors else np.full(len(variances), np.nan)
        held = estimate.of_kind(MarginalEstimate, "re_at_bound").re_at_bound
        names = [shortened(str(label), LONGEST_NAME) for label in fit.model.components]
        if len(set(names)) < len(names):
            names = [f"component {q}" for q in range(1, len(names) + 1)]
        rows = zip(names, variances, se, held, strict=True)
        tau2 = [(f"tau2 {name}:", _with_error(*row)) for name, *row in rows]
        if len(tau2) > MOST_VARIANCES:
            tau2 = [("tau2:", _range(np.where(held, 0.0, variances)))]
    ridge = [("Ridge:", number(estimate.ridge))] if (resid, random) == PAPER_FORMS else []
    return [*sigma2, *tau2, *ridge, icc]


def _range(variances: FloatArray) -> str:
    return f"{number(variances.min())} to {number(variances.max())}"


def _with_error(value: float, error: float, at_bound: bool) -> str:
    if at_bound:
        return "0.000 (at its boundary)"
    return number(value) + ("" if np.isnan(error) else f" ({number(error)})")


def _notes(fit: Fit, alpha: float, multipletests: str | None) -> Iterator[str]:
    """How the numbers were made, and what was found of them."""
    estimate, options = fit.estimate, fit.inference.options
    boot, formula = fit.inference.bootstrap, fit.model.formula
    level = f"{1 - alpha:{LEVEL}}"
    yield from (str(found.short) for found in negative_effects(fit))
    if formula and cells(formula) > FORMULA_WIDTH:
        yield f"Formula: {formula}"
    if boot is not None:
        source = "given multipliers"
        if options.multipliers is None:
            seed = fit.seed if options.seed is None else options.seed
            source = f"{options.multiplier} multipliers, seed {seed}"
        kind = f"{boot.kind} wild-bootstrap"
        if boot.parametric:
            kind, source = "parametric bootstrap", f"seed {options.seed}"
        yield (
            f"Intervals: percentile, level {level}, from {len(boot.replicates)} "
            f"{kind} replicates ({source})."
        )
    else:
        bound = "" if estimate.signed else ", cut off at 0"
        yield f"Intervals: Wald, level {level}{bound}; no bootstrap was requested."
    sided = "two-sided"
    if options.alternative == "larger":
        sided = "one-sided" + ("" if estimate.signed else " (effects are bounded below by 0)")
    if multipletests is not None:
        sided += f", adjusted for multiple tests ({multipletests})"
    yield f"Std err: {covariance_name(fit)}; P-values are {sided}. Both are {fit.inference.scope}"
    if fit.inference.equality:
        tests = "; ".join(f"{name}: {test}" for name, test in fit.inference.equality.items())
        yield f"Score tests of {tests}."
    if fit.model.design.weights is not None:
        yield (
            f"Weights: {fit.model.design.weights.described}. Their sum replaces N in the "
            "likelihood, AIC, BIC and the effective df of U."
        )
    yield from _short(fit.inference.findings(estimate), fit)
    if fit.model.design.n_missing:
        yield (
            "The likelihood is that of the observed responses and assumes that the others are "
            "missing at random."
        )
    if fit.estimator.df_cap == AUTO:
        yield (
            "Cap: the smallest of the rates 0.01, 0.02, ... "
            f"({estimate.cap / estimate.largest_df:.2f}) that stays at least 2 % above the "
            "effective df of U in every iteration."
        )
    yield from _short(estimate.findings(), fit)


def _short(found: list[Finding], fit: Fit) -> Iterator[str]:
    return (each.short for each in with_names(found, fit.model) if each.short is not None)
