"""The printed summary: from a result to a statsmodels Summary (text, HTML, LaTeX)."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from statsmodels.iolib.summary import Summary
from statsmodels.iolib.tableformatting import fmt_2cols, fmt_params

from nmfre.errors import InvalidArgumentError
from nmfre.estimation.cap import AUTO
from nmfre.report.tables import LATEX, Table, TableSummary
from nmfre.report.tables import fixed as _fixed
from nmfre.report.tables import number as _number

if TYPE_CHECKING:
    from nmfre.results import NMFREResults

WIDTH = 78
FORMULA_WIDTH = 22
AT_BOUND = " (b)"
LEVEL = ".10g"
"""How levels are printed: as they are given, without what 1 - alpha adds in the last digits."""


def summarize(
    results: NMFREResults, alpha: float, title: str | None, multipletests: str | None
) -> Summary:
    """
    Header, coefficient table by component, and notes in plain words.

    Parameters
    ----------
    results : NMFREResults
    alpha : float
        1 minus the level of the intervals.
    title : str or None
        Default: the model and the method.
    multipletests : str or None
        Adjustment of the p-values for multiple tests.
    """
    if not (title is None or isinstance(title, str)):
        raise InvalidArgumentError("title", title, "a string, or None")
    header = _header(results)
    headers, stubs, rows = _coefficients(results, alpha, multipletests)
    columns = [max(len(row[j]) for row in header) for j in range(4)]
    stub, cells = max(map(len, stubs)), _column_widths(headers)
    width = max(WIDTH, sum(columns) + 3, stub + sum(cells) + len(cells))
    columns[1] = max(columns[1], (width - 3) // 2 - columns[0])
    columns[3] = width - 3 - sum(columns[:3])
    if title is None:
        title = f"Non-negative matrix factorization with random effects: {results.method}"
    summary = TableSummary()
    summary.tables = [
        Table(
            header,
            title=title,
            txt_fmt={
                **fmt_2cols,
                "data_fmts": ["%s"] * 4,
                "data_aligns": "lrlr",
                "colwidths": columns,
            },
            ltx_fmt=LATEX,
        ),
        Table(
            rows,
            headers,
            stubs,
            txt_fmt={
                **fmt_params,
                "data_fmts": ["%s"] * len(headers),
                "colwidths": [width - sum(cells) - len(cells), *cells],
            },
            ltx_fmt=LATEX,
        ),
    ]
    summary.add_extra_txt(
        [textwrap.fill(note, width) for note in _notes(results, alpha, multipletests)]
    )
    return summary


def _header(results: NMFREResults) -> list[tuple[str, str, str, str]]:
    formula = results.model.formula or "none (arrays)"
    n_units, n_responses = results.model.endog.shape
    rank, n_covariates = results.theta.shape
    r2, *_ = results.rsquared_table()[["blup", "fixed"]].to_numpy()  # the row "correlation"
    left = [
        ("Formula:", formula if len(formula) <= FORMULA_WIDTH else "see notes"),
        ("Method:", results.method + (", signed" if results.estimate.signed else "")),
        ("Stopped:", f"{results.stop_reason}, {results.n_iter} iter."),
        *((f"{name}:", value) for name, value in results.estimate.certificate.items()),
        *_variances(results),
    ]
    right = [
        ("Units (N):", f"{n_units}"),
        ("Responses (P):", f"{n_responses}"),
        *_missing(results),
        ("Rank (Q):", f"{rank}"),
        ("Covariates (K):", f"{n_covariates}"),
        *_likelihood(results),
        ("Effective df of U:", f"{results.df_random:.2f} of {n_units * rank}"),
        ("Cap:", _cap(results)),
        ("Saturation:", f"{results.saturation:.3f}"),
        ("R2 BLUP, fixed:", ", ".join(_fixed(value) or "n/a" for value in r2)),
    ]
    left += [("", "")] * (len(right) - len(left))
    return [(*a, f"  {b}", c) for a, (b, c) in zip(left, right, strict=True)]


def _missing(results: NMFREResults) -> list[tuple[str, str]]:
    design = results.model.design
    if not design.n_missing:
        return []
    return [("Missing cells:", f"{design.n_missing} of {design.n_missing + design.n_cells}")]


def _variances(results: NMFREResults) -> list[tuple[str, str]]:
    estimate, errors = results.estimate, results.inference.variance_bse(results.ridge)
    if not errors:
        start = "" if results.sigma2_estimated else " (start value)"
        return [
            ("sigma2:", _number(results.sigma2) + start),
            ("tau2:", f"{_number(results.tau2)} ({estimate.tau2_origin})"),
            ("Ridge:", _number(results.ridge)),
            ("ICC:", f"{results.icc:.3f}"),
        ]
    at_bound, sigma2, tau2 = estimate.tau2_at_bound, estimate.sigma2, estimate.tau2
    return [
        ("sigma2 (std err):", _with_error(sigma2, sigma2 * errors["log_sigma2"], False)),
        ("tau2 (std err):", _with_error(tau2, tau2 * errors["log_tau2"], at_bound)),
        ("Ridge:", _number(results.ridge)),
        ("ICC (std err):", _with_error(results.icc, errors["icc"], at_bound)),
    ]


def _likelihood(results: NMFREResults) -> list[tuple[str, str]]:
    criteria = results.estimate.criteria
    if not criteria:
        return []
    return [
        ("Log-likelihood:", f"{criteria['llf']:.3f}"),
        ("AIC, BIC:", f"{criteria['aic']:.2f}, {criteria['bic']:.2f}"),
    ]


def _column_widths(headers: list[str]) -> list[int]:
    least = [{"coef": 9, "z": 7, "P>z": 6, "P>|z|": 6}.get(name, 8) for name in headers[:-2]]
    return [*least, *(max(9, len(limit) + 1) for limit in headers[-2:])]


def _coefficients(
    results: NMFREResults, alpha: float, multipletests: str | None
) -> tuple[list[str], list[str], list[list[str]]]:
    """Headers, labels of the rows, and rows."""
    limits = results.conf_int(alpha)
    pvalues = results.pvalues
    if multipletests is not None:
        pvalues = results.adjusted_pvalues(multipletests)
    bootstrapped = results.inference.bootstrap is not None
    headers = [
        "coef",
        "std err",
        *(["(boot)"] if bootstrapped else []),
        "z",
        "P>z" if results.alternative == "larger" else "P>|z|",
        f"[{alpha / 2:{LEVEL}}",
        f"{1 - alpha / 2:{LEVEL}}]",
    ]
    rows: list[list[str]] = []
    stubs: list[str] = []
    for component in results.model.components:
        stubs.append(str(component))
        rows.append([""] * len(headers))
        for covariate in results.model.design.covariates:
            key = (component, covariate)
            stubs.append(f"  {covariate}{AT_BOUND if results.at_bound[key] else ''}")
            rows.append(
                [
                    _number(results.params[key]),
                    _number(results.bse[key]),
                    *([_number(results.bse_boot[key])] if bootstrapped else []),
                    _fixed(results.tvalues[key]),
                    _fixed(pvalues[key]),
                    *(_number(limit) for limit in limits.loc[key]),
                ]
            )
    return headers, stubs, rows


def _notes(results: NMFREResults, alpha: float, multipletests: str | None) -> list[str]:
    """How the numbers were made, then what was found of them."""
    options = results.inference.options
    boot = results.inference.bootstrap
    level = f"{1 - alpha:{LEVEL}}"
    notes = ["Notes:"]
    if results.model.formula and len(results.model.formula) > FORMULA_WIDTH:
        notes.append(f"Formula: {results.model.formula}")
    if boot is not None:
        seed = results.seed if options.seed is None else options.seed
        source = (
            "given multipliers"
            if options.multipliers is not None
            else f"{options.multiplier} multipliers, seed {seed}"
        )
        notes.append(
            f"Intervals: percentile, level {level}, from {len(boot.replicates)} "
            f"{'refit' if boot.refit else 'one-step'} wild-bootstrap replicates ({source})."
        )
    else:
        bound = "" if results.estimate.signed else ", cut off at 0"
        notes.append(f"Intervals: Wald, level {level}{bound}; no bootstrap was asked for.")
    sided = "two-sided"
    if options.alternative == "larger":
        sided = "one-sided" + (
            "" if results.estimate.signed else " (effects are bounded below by 0)"
        )
    if multipletests is not None:
        sided += f", adjusted for multiple tests ({multipletests})"
    notes.append(
        f"Std err: {options.cov_type}; P-values are {sided}. Both are {results.inference.scope}"
    )
    if results.model.design.n_missing:
        notes.append(
            "The likelihood is that of the observed responses: it takes the others to be missing "
            "at random."
        )
    if results.estimator.df_cap == AUTO:
        notes.append(
            f"Cap: chosen as the smallest of the rates 0.01, 0.02, ... ({results.df_cap_rate:.2f}) "
            "that stays at least 2 % above the effective df of U in every iteration."
        )
    return notes + [found.short for found in results._findings if found.short is not None]


def _cap(results: NMFREResults) -> str:
    if results.df_cap is None:
        return "off"
    return f"{results.df_cap:.2f}, {'bound' if results.cap_binds else 'did not bind'}"


def _with_error(value: float, error: float, at_bound: bool) -> str:
    if at_bound:
        return "0.000 (at its bound)"
    return _number(value) + ("" if np.isnan(error) else f" ({_number(error)})")
