"""The printed summary: from a result to a statsmodels Summary (text, HTML, LaTeX)."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from statsmodels.iolib.summary import Summary
from statsmodels.iolib.tableformatting import fmt_2cols, fmt_params

from nmfre.errors import InvalidArgumentError
from nmfre.estimation.cap import AUTO
from nmfre.estimation.estimate import AlternatingEstimate, MarginalEstimate, StopReason
from nmfre.inference.marginal import MarginalInference
from nmfre.report.tables import LATEX, Table, TableSummary
from nmfre.report.tables import fixed as _fixed
from nmfre.report.tables import number as _number

if TYPE_CHECKING:
    import pandas as pd

    from nmfre.results import NMFREResults

WIDTH = 78
FORMULA_WIDTH = 22
FEW_UNITS = 50
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
        *_quality(results),
        *_variances(results),
        ("Ridge:", _number(results.ridge)),
        *_icc(results),
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
    if results.uncertainty == "marginal":
        table, bound = results.variance_components(), results.estimate.tau2_at_bound
        return [
            ("sigma2 (std err):", _with_error(table, "sigma2", False)),
            ("tau2 (std err):", _with_error(table, "tau2", bound)),
        ]
    return [
        (
            "sigma2:",
            _number(results.sigma2) + ("" if results.sigma2_estimated else " (start value)"),
        ),
        ("tau2:", f"{_number(results.tau2)} ({_tau2_origin(results)})"),
    ]


def _icc(results: NMFREResults) -> list[tuple[str, str]]:
    if results.uncertainty == "marginal":
        table, bound = results.variance_components(), results.estimate.tau2_at_bound
        return [("ICC (std err):", _with_error(table, "icc", bound))]
    return [("ICC:", f"{results.icc:.3f}")]


def _quality(results: NMFREResults) -> list[tuple[str, str]]:
    """How good the estimates are as solutions of their equations."""
    if isinstance(results.estimate, AlternatingEstimate):
        distance = results.fixed_point_distance
        return [("To fixed point:", "far" if np.isinf(distance) else f"{distance:.1e}")]
    return [
        ("Gradient norm:", f"{results.gradient_norm:.1e}"),
        ("Starts agreeing:", f"{results.n_agree} of {results.n_starts}"),
    ]


def _likelihood(results: NMFREResults) -> list[tuple[str, str]]:
    if isinstance(results.estimate, AlternatingEstimate):
        return []
    return [
        ("Log-likelihood:", f"{results.llf:.3f}"),
        ("AIC, BIC:", f"{results.aic:.2f}, {results.bic:.2f}"),
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
    if options.uncertainty == "marginal":
        notes.append(
            f"Std err: {options.cov_type}; P-values are {sided}. Both are for all parameters "
            "together: they carry the uncertainty of the basis and the variances."
        )
        if results.n_units <= FEW_UNITS and options.cov_type == "sandwich":
            notes.append(
                f"{results.n_units} units are few: intervals tend to be somewhat short; "
                "cov_type='cr3' corrects for the leverages of the units."
            )
        if results.at_bound.any():
            notes.append(
                f"{AT_BOUND.strip()}: at the bound 0; z and P are those of a one-sided score test."
            )
        inference = results.inference
        assert isinstance(inference, MarginalInference)
        if inference.undetermined and not results.estimate.degenerate:
            notes.append(
                "NOT DETERMINED: the data leave the likelihood flat in some direction: there are "
                "too few responses for this rank, or responses that are never observed together. "
                "No standard errors."
            )
        elif inference.held.any():
            notes.append(
                "Effects (b) without a standard error are held at their bound: the data would have "
                "them far below it, or it is what tells components apart."
            )
    else:
        notes.append(
            f"Std err: {options.cov_type}; P-values are {sided}. Both are conditional on the "
            "estimated basis, random effects and variances."
        )
        if results.theta.shape[0] > 1:
            notes.append(
                "For rank 2 and above that leaves out the uncertainty of the basis: intervals, "
                "above all of intercepts, are too short."
            )
        if results.at_bound.any():
            notes.append(
                f"{AT_BOUND.strip()}: at the bound 0; the standard error, z and interval of such "
                "a coefficient are only formal."
            )
    if results.model.design.n_missing:
        notes.append(
            "The likelihood is that of the observed responses: it takes the others to be missing "
            "at random."
        )
    estimate = results.estimate
    if isinstance(estimate, AlternatingEstimate):
        notes += _notes_on_alternating(results, estimate)
    if isinstance(estimate, MarginalEstimate):
        notes += _notes_on_likelihood(results, estimate)
    return notes


def _notes_on_likelihood(results: NMFREResults, estimate: MarginalEstimate) -> list[str]:
    notes = []
    if not results.converged:
        notes.append(
            f"NOT CONVERGED: the gradient norm is {results.gradient_norm:.1e}; the iteration "
            f"stopped for {results.stop_reason}."
        )
    if estimate.degenerate:
        notes.append(
            "COMPONENTS MERGE: columns of the basis are nearly collinear, and their effects are "
            f"not determined. {estimate.remedy_of_degenerate}"
        )
    if estimate.tau2_at_bound:
        notes.append("tau2 is at its bound 0: the data show no random effects.")
    if any(results.identification.mixing):
        notes.append(_not_identified(results, estimate))
    if results.llf_uncapped is not None:
        notes.append(
            f"The cap binds: without it the log-likelihood is {results.llf_uncapped:.3f}, higher "
            f"by {results.llf_uncapped - results.llf:.3f}."
        )
    return notes


def _not_identified(results: NMFREResults, estimate: MarginalEstimate) -> str:
    found = results.identification
    mixing = ", ".join(map(str, results.model.components[np.array(found.mixing)]))
    if estimate.tau2_at_bound:
        cause = (
            f"without random effects only X Theta enters the likelihood, so {mixing} can be mixed "
            "without changing the fit. The basis shown has its components as far apart as their "
            "bounds allow; its effects"
        )
    else:
        cause = (
            f"rotations of {mixing} in {found.n_free} direction(s) fit as well. Printed is the one "
            "with the sparsest basis; its effects"
        )
    what = "mixture" if estimate.tau2_at_bound else "rotation"
    return (
        f"NOT IDENTIFIED: {cause} have no standard errors of their own. Valid whatever the {what}: "
        "X Theta (profiles), fitted values, and the joint test of a covariate (wald_test_terms)."
    )


def _notes_on_alternating(results: NMFREResults, estimate: AlternatingEstimate) -> list[str]:
    notes = []
    if estimate.stop_reason is StopReason.MAXITER:
        notes.append(
            f"NOT CONVERGED: the iteration ended at its limit of {results.n_iter} iterations."
        )
    elif estimate.far_from_fixed_point:
        notes.append(
            "STOPPED EARLY: the tolerance was reached, but X and Theta are "
            f"{estimate.distance_in_words} from the fixed point of the updates."
        )
    if results.estimator_options.df_cap == AUTO:
        notes.append(
            f"Cap: chosen as the smallest of the rates 0.01, 0.02, ... ({results.df_cap_rate:.2f}) "
            "that stays at least 2 % above the effective df of U in every iteration."
        )
    if not results.tau2_estimated:
        notes.append(f"tau2 was not estimated: {_tau2_reason(results)}.")
    mean_square = results.mean_squared_residual
    if estimate.variance_fault is not None:
        notes.append(f"VARIANCES NOT CONVERGED: {estimate.variance_fault}")
    elif abs(mean_square / results.sigma2 - 1.0) > 0.01:
        notes.append(
            f"sigma2 has not settled: it lags behind the mean squared residual, "
            f"{_number(mean_square)}, because the paper's updates of it are damped."
        )
    return notes


def _tau2_origin(results: NMFREResults) -> str:
    if results.tau2_estimated:
        return "estimated"
    return "set by the cap" if results.cap_binds else "start value"


def _tau2_reason(results: NMFREResults) -> str:
    if results.df_cap is None:
        return "update_tau2 was off, so that it kept its start value"
    if results.cap_hits:
        return (
            "with a cap it keeps its start value until the cap lowers it. The cap bound in "
            f"{results.cap_hits} of {results.n_iter} iterations, first in iteration "
            f"{results.first_cap_hit}"
        )
    return "with a cap it keeps its start value, and the cap did not bind"


def _cap(results: NMFREResults) -> str:
    if results.df_cap is None:
        return "off"
    return f"{results.df_cap:.2f}, {'bound' if results.cap_binds else 'did not bind'}"


def _with_error(table: pd.DataFrame, name: str, at_bound: bool) -> str:
    if at_bound:
        return "0.000 (at its bound)"
    value, error, *_ = table.loc[name].to_numpy()
    return _number(float(value)) + ("" if np.isnan(error) else f" ({_number(float(error))})")
