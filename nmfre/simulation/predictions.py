"""Monte Carlo study of intervals of variances and predictions in small samples."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from nmfre.core.arguments import check_choice
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError, NMFREError, NMFREWarning, NotComputedError
from nmfre.estimation.covariance_forms import CovResid
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.random_forms import CovRe
from nmfre.model import NMFRE
from nmfre.results import NMFREResults
from nmfre.simulation.bump_design import BumpDesign
from nmfre.simulation.replicates import check_study, replicated

CORRECTED = ", df correction"
KNOWN = ", parameters known"


def prediction_study(
    design: BumpDesign,
    n_replicates: int = 200,
    *,
    alpha: float = 0.05,
    cov_resid: CovResid | None = None,
    cov_re: CovRe | None = None,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """
    Coverage of the intervals of variances, random effects and predictions.

    Parameters
    ----------
    design : BumpDesign
    n_replicates : int
        Data sets to draw and fit.
    alpha : float
        1 minus the level of the intervals.
    cov_resid : {"identity", "mean", "diagonal"}, optional
    cov_re : {"identity", "diagonal"}, optional
        Covariance forms of the fits, as in `nmfre.NMFRE.fit`.
    seed : int
        Seed of data and starts. The table does not depend on the number of workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        Rows: residual variances and variances of random effects, with and without the correction of
        `nmfre.NMFREResults.variance_components`; random effects and BLUPs X(Theta a + u), with the
        uncertainty of the parameters (uncertainty="marginal") and with parameters treated as known
        ("conditional"); means X Theta a. Columns: coverage, its Monte Carlo standard error and, for
        variances, the mean ratio of estimate and truth. ``attrs`` hold the number of replicates
        used and the seconds taken.

    Raises
    ------
    InvalidArgumentError
        An invalid argument.
    NotComputedError
        No fit reached its tolerance.

    Examples
    --------
    >>> from nmfre.simulation import BumpDesign, prediction_study
    >>> design = BumpDesign(n_responses=6, rank=1, n_units=27)
    >>> study = prediction_study(design, 10, progress=False)
    >>> study.index[:2].to_list()
    ['residual variances', 'variances of random effects']
    """
    if not isinstance(design, BumpDesign) or design.errors == "poisson":
        raise InvalidArgumentError("design", design, "a BumpDesign with residual variances")
    check_study(design, BumpDesign, alpha, seed, n_replicates=n_replicates)
    for name, value, choices in (("cov_resid", cov_resid, CovResid), ("cov_re", cov_re, CovRe)):
        if value is not None:
            check_choice(name, value, choices)
    start = time.perf_counter()
    found = replicated(
        partial(_replicate, design, alpha, cov_resid, cov_re),
        n_replicates,
        seed=seed,
        n_jobs=n_jobs,
        progress=progress,
    )
    if not found:
        raise NotComputedError(name="prediction_study", reason="no fit reached its tolerance.")
    covered = pd.DataFrame([inside for inside, _ in found])
    table = pd.DataFrame({"coverage": covered.mean(), "std err": covered.sem()})
    table["estimate / truth"] = pd.DataFrame([ratios for _, ratios in found]).mean()
    table.attrs = {"n_replicates": len(found), "seconds": time.perf_counter() - start}
    return table


def _replicate(
    design: BumpDesign,
    alpha: float,
    cov_resid: CovResid | None,
    cov_re: CovRe | None,
    seed: np.random.SeedSequence,
) -> tuple[dict[str, float], dict[str, float]] | None:
    """What a data set says; None if its fit failed or did not reach the tolerance."""
    data, fit = seed.spawn(2)
    endog, exog, U = design.draw_with_effects(np.random.default_rng(data))
    with warnings.catch_warnings(), suppress(NMFREError):
        warnings.simplefilter("ignore", NMFREWarning)
        res = NMFRE(endog, exog, rank=design.rank).fit(
            "ml",
            signed=design.signed,
            cov_resid=cov_resid,
            cov_re=cov_re,
            n_starts=2,
            n_boot=0,
            seed=int(fit.generate_state(1)[0]),
        )
        if res.stop_reason == StopReason.TOLERANCE:
            return _told(res, design, exog, U, alpha)
    return None


def _told(
    res: NMFREResults, design: BumpDesign, exog: FloatArray, U: FloatArray, alpha: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Shares of the truths in their intervals, and estimates of variances over the true ones."""
    inside: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for corrected in (False, True):
        table = res.variance_components(alpha, df_correction=corrected)
        for name, start, truth in (
            ("residual variances", "sigma2", design.resid_variances),
            ("variances of random effects", "tau2", np.diag(design.cov_re)),
        ):
            label = name + CORRECTED * corrected
            rows = table[table.index.str.startswith(start)].to_numpy()
            inside[label] = _share(rows[:, 2], rows[:, 3], truth[: len(rows)])
            ratios[label] = float(np.mean(rows[:, 0] / truth[: len(rows)]))
    mean = exog @ design.theta.T @ design.basis.T
    z = stats.norm.isf(alpha / 2.0)
    for one, said in ((res.with_uncertainty("conditional"), KNOWN), (res, "")):
        u, half = res.random_effects.to_numpy(), z * one.random_effects_se.to_numpy()
        inside["random effects" + said] = _share(u - half, u + half, U)
        limits = one.get_prediction(which="blup").conf_int(alpha).to_numpy()
        inside["BLUPs" + said] = _share(limits[:, ::2], limits[:, 1::2], mean + U @ design.basis.T)
    limits = res.get_prediction().conf_int(alpha).to_numpy()
    inside["means"] = _share(limits[:, ::2], limits[:, 1::2], mean)
    return inside, ratios


def _share(low: FloatArray, high: FloatArray, truth: FloatArray) -> float:
    return float(np.mean((low <= truth) & (truth <= high)))
