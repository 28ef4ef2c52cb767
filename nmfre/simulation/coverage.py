"""
Monte Carlo studies of the inference: coverage of intervals, size and power of joint tests.

The designs have overlapping triangular bumps as a basis, an intercept and two groups.
"""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from nmfre.core.arguments import (
    check_choice,
    check_n_boot,
)
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError, NMFREError, NMFREWarning, NotComputedError
from nmfre.estimation.covariance_forms import CovResid
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.random_forms import CovRe
from nmfre.estimators.base import Method
from nmfre.inference.covariance import CovType
from nmfre.inference.multipliers import Multiplier
from nmfre.inference.options import Uncertainty
from nmfre.model import NMFRE
from nmfre.results import NMFREResults
from nmfre.results.coefficients import IntervalMethod
from nmfre.simulation.bump_design import BumpDesign
from nmfre.simulation.paper_designs import rate_error
from nmfre.simulation.replicates import check_study, replicated

INTERVALS: tuple[IntervalMethod, ...] = ("wald", "percentile", "studentized")
KINDS: tuple[Uncertainty, ...] = ("marginal", "conditional")
Replicate: TypeAlias = dict[Uncertainty, dict[str, FloatArray]]


def coverage_study(
    design: BumpDesign,
    n_replicates: int = 1000,
    *,
    method: Method = "ml",
    alpha: float = 0.05,
    cov_resid: CovResid | None = None,
    cov_re: CovRe | None = None,
    cov_type: CovType | None = None,
    n_boot: int = 500,
    multiplier: Multiplier = "exponential",
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """
    Coverage of intervals of Theta and rejections of the joint test of the group.

    Parameters
    ----------
    design : BumpDesign
    n_replicates : int
        Data sets to draw and fit.
    method : {"ml", "df-cap"}
        Estimator of the fits. "df-cap" has no signed effects and uses its default cap.
    alpha : float
        1 minus the level of the intervals, and the level of the test.
    cov_resid : {"identity", "mean", "diagonal"}, optional
    cov_re : {"identity", "diagonal", "full"}, optional
        Covariance forms of fits by ml, as in `nmfre.NMFRE.fit`; they may differ from those of the
        design. With "full", the zeros of its basis are treated as known (``basis_pattern``).
    cov_type : {"cr3", "sandwich", "naive", "max"}, optional
        As in `nmfre.NMFRE.fit`.
    n_boot : int
        Number of bootstrap replicates of each fit; 0 for Wald intervals only.
    multiplier : {"exponential", "rademacher", "mammen", "normal"}
        Distribution of the multipliers.
    seed : int
        Seed of data, starts and multipliers. The table does not depend on the number of workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per uncertainty ("marginal", "conditional"; df-cap has only the second) and
        quantity. For intercepts and effects: coverage of Wald, percentile and studentized intervals
        (average, lowest and highest over the components), bias, mean standard error over the
        standard deviation of the estimates, and the share of data sets in which there is a standard
        error, to which the other rows refer. Also: coverage of the Wald intervals of X Theta
        (marginal) and rejections of the joint test. Each has its Monte Carlo standard error.
        ``attrs`` hold the number of replicates used and the seconds taken.

    Raises
    ------
    InvalidArgumentError
        An invalid argument.
    NotComputedError
        No fit reached its tolerance.

    Examples
    --------
    >>> from nmfre.simulation import BumpDesign, coverage_study
    >>> study = coverage_study(
    ...     BumpDesign(n_responses=4, rank=1, n_units=27), 20, n_boot=50, progress=False
    ... )
    >>> study.loc["marginal"].columns.to_list()
    ['value', 'std err', 'lowest', 'highest']
    """
    check_study(design, BumpDesign, alpha, seed, n_replicates=n_replicates)
    check_n_boot(n_boot, least=0)
    for name, value, choices in (("cov_resid", cov_resid, CovResid), ("cov_re", cov_re, CovRe)):
        if value is not None:
            check_choice(name, value, choices)
    check_choice("multiplier", multiplier, Multiplier)
    check_choice("method", method, Method)
    if cov_type is not None:
        check_choice("cov_type", cov_type, CovType)
    options: dict[str, Any] = {"n_boot": n_boot, "multiplier": multiplier, "cov_type": cov_type}
    if method == "ml":
        options |= {"cov_resid": cov_resid, "cov_re": cov_re, "n_starts": 2}
        options["signed"] = design.signed
    elif design.signed or (cov_resid, cov_re) != (None, None):
        raise InvalidArgumentError(
            "method", method, "'ml' if effects are signed or covariances are chosen"
        )
    kinds = KINDS if method == "ml" else KINDS[1:]
    start = time.perf_counter()
    replicates = replicated(
        partial(_replicate, design, alpha, method, options, kinds),
        n_replicates,
        seed=seed,
        n_jobs=n_jobs,
        progress=progress,
    )
    if not replicates:
        raise NotComputedError(name="coverage_study", reason="no fit reached its tolerance.")
    tables = {
        kind: _tabulate([replicate[kind] for replicate in replicates], design, alpha)
        for kind in kinds
    }
    table = pd.concat(tables, names=["uncertainty", "quantity"])
    seconds = time.perf_counter() - start
    table.attrs = {"n_replicates": len(replicates), "seconds": seconds, "design": design}
    return table


def _replicate(
    design: BumpDesign,
    alpha: float,
    method: Method,
    options: dict[str, Any],
    kinds: tuple[Uncertainty, ...],
    seed: np.random.SeedSequence,
) -> Replicate | None:
    """What a data set says; None if its fit failed or did not reach the tolerance."""
    intervals = INTERVALS if options["n_boot"] else INTERVALS[:1]
    pattern = design.basis > 0.0 if options.get("cov_re") == "full" else None
    data, fit = seed.spawn(2)
    endog, exog = design.draw(np.random.default_rng(data))
    model = NMFRE(endog, exog, rank=design.rank, basis_pattern=pattern)
    with warnings.catch_warnings(), suppress(NMFREError):
        warnings.simplefilter("ignore", NMFREWarning)
        res = model.fit(method, seed=int(fit.generate_state(1)[0]), **options)
        if res.stop_reason == StopReason.TOLERANCE:
            return {kind: _inference(res, kind, alpha, intervals) for kind in kinds}
    return None


def _inference(
    res: NMFREResults, kind: Uncertainty, alpha: float, methods: tuple[IntervalMethod, ...]
) -> dict[str, FloatArray]:
    """What one kind of inference says."""
    one = res if kind == res.uncertainty else res.with_uncertainty(kind)
    intervals: dict[str, FloatArray] = {
        name: one.conf_int(alpha, name).to_numpy() for name in methods
    }
    if kind == "marginal":
        limits = one.profiles_conf_int(alpha).to_numpy()
        intervals["profiles"] = limits.reshape(-1, 2)
    return intervals | {
        "theta": res.params.to_numpy(),
        "bse": one.bse.to_numpy(),
        "pvalue": one.wald_test_terms().table["pvalue"].to_numpy()[1:2],
    }


def _tabulate(
    replicates: list[dict[str, FloatArray]], design: BumpDesign, alpha: float
) -> pd.DataFrame:
    """The table of one kind of inference."""
    found = {name: np.array([one[name] for one in replicates]) for name in replicates[0]}
    theta = design.theta.ravel(order="F")
    profiles = np.asarray(design.basis @ design.theta).ravel()
    parts = {"intercepts": slice(0, design.rank), "effects": slice(design.rank, None)}
    rows = {}
    for method in [name for name in INTERVALS if name in found]:
        for name, which in parts.items():
            row = _coverage(found[method][:, which], theta[which])
            rows[f"coverage, {method}, {name}"] = row
    if "profiles" in found:
        rows["coverage, wald, profiles"] = _coverage(found["profiles"], profiles)
    unknown = ~np.isfinite(found["bse"])
    estimates = np.ma.masked_where(unknown, found["theta"] - theta)
    bias = estimates.mean(axis=0).filled(np.nan)
    sd = estimates.std(axis=0, ddof=1).filled(np.nan)
    ratio = np.ma.masked_where(unknown, found["bse"]).mean(axis=0).filled(np.nan) / sd
    known, n = 1.0 - unknown.mean(axis=0), len(replicates)
    for name, which in parts.items():
        counted = np.maximum(n * known[which].mean(), 1.0)
        rows[f"bias, {name}"] = _row(bias[which], sd[which].mean() / np.sqrt(counted))
        rows[f"mean se / sd, {name}"] = _row(
            ratio[which], ratio[which].mean() / np.sqrt(2.0 * counted)
        )
        rows[f"with std err, {name}"] = _row(known[which], rate_error(known[which].mean(), n))
    rejected = (found["pvalue"] < alpha).mean(axis=0)
    rows["joint test, rejections"] = _row(rejected, rate_error(rejected.mean(), n))
    columns = ["value", "std err", "lowest", "highest"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _coverage(limits: FloatArray, truth: FloatArray) -> list[float]:
    """Of intervals (replicates, n, 2) that there are, for each of n truths."""
    low, high = np.moveaxis(limits, 2, 0)
    known = np.isfinite(low) & np.isfinite(high)
    inside = np.ma.masked_where(~known, (low <= truth + 1e-9) & (truth - 1e-9 <= high))
    shares = inside.mean(axis=1)  # of one data set: its intervals are dependent
    error = shares.std(ddof=1) / np.sqrt(shares.count()) if shares.count() > 1 else np.nan
    return _row(inside.mean(axis=0).filled(np.nan), error)


def _row(values: FloatArray, error: float) -> list[float]:
    """Mean, its Monte Carlo standard error, the lowest and the highest; NaN where there is none."""
    there = np.ma.compressed(np.ma.masked_invalid(values))
    if not len(there):
        return [np.nan] * 4
    return [there.mean(), float(error), there.min(), there.max()]
