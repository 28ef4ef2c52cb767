"""The paper's simulations; all replicates of a chunk are fitted together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from nmfre.core.arguments import MOST_REPLICATES, check_n_boot, check_seed, check_whole
from nmfre.core.parallel import run_tasks
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.alternating_estimate import AlternatingEstimate
from nmfre.estimation.cap import resolve_cap
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.fixed_effects import fit_fixed_effects
from nmfre.estimation.initial import nndsvd
from nmfre.inference.conditional import conditional_inference
from nmfre.inference.multipliers import exponential
from nmfre.inference.options import InferenceOptions
from nmfre.inference.wild_bootstrap import WildBootstrap
from nmfre.simulation.paper_designs import PaperDesign, rate_error

CHUNK = 250
"""Replicates of a stack."""
ALPHA = 0.05
RATES = [
    "rejection",
    "rejection, bootstrap se",
    "coverage, wald",
    "coverage, bootstrap se",
    "coverage, percentile",
    "cap hit",
    "not converged",
]
MEANS = {
    "mean se": "se",
    "mean bootstrap se": "bootstrap se",
    "mean naive se": "naive se",
    "df_U / NQ": "df_U / NQ",
    "mean ridge": "ridge",
    "mean sigma2": "sigma2",
    "mean tau2": "tau2",
    "mean dispersion": "dispersion",
}
REFIT_RATES = ["rejection, refit se", "coverage, refit se", "coverage, refit percentile"]
REFIT_MEANS = {"mean refit se": "refit se", "refits not converged": "refits not converged"}


def paper_study(
    designs: Sequence[PaperDesign],
    n_replicates: int = 1000,
    *,
    n_boot: int = 1000,
    n_refits: int = 0,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
    resume: Mapping[int, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """
    Performance of df-cap and of its inference on the effect of the group on the first component.

    Each fit starts from a fit without random effects by multiplicative updates.

    Parameters
    ----------
    designs : sequence of PaperDesign
        Settings, such as those of `baseline_designs` or `stress_designs`.
    n_replicates : int
        Data sets per setting.
    n_boot : int
        Wild-bootstrap replicates of each data set.
    n_refits : int
        Replicates of the refit bootstrap of each data set, started from the estimate; 0 for none.
        As in the paper's code, they use residuals around the fitted values with random effects, and
        responses are raised by their minimum if that is negative; `nmfre.NMFREResults.bootstrap`
        uses residuals around the fixed effects. 200 refits take about a hundred times as long as
        everything else.
    seed : int
        Seed of the study. The table does not depend on the number of workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.
    resume : mapping, optional
        The attribute ``finished`` of the error of an interrupted or failed call with the same
        arguments; finished work is not repeated.

    Returns
    -------
    DataFrame
        One row per setting. Columns, with the names of the paper's code in parentheses:

        - "bias", "sd" and "rmse" of the estimate;
        - "mean se", "mean bootstrap se", "mean naive se": from the sandwich (MeanSE), the one-step
          bootstrap (MeanBSE), and the information alone, which diverges as the ridge vanishes;
        - "df_U / NQ" (dfU), its quantiles over data sets, "q90 of df_U / NQ" and "q99 of df_U / NQ"
          (dfU_q90, dfU_q99), and "mean ridge" (MeanLambda);
        - "mean sigma2", "mean tau2", "mean dispersion" (MeanSigma2Hat, MeanTau2Hat,
          MeanSigma2Used): variances of the algorithm, and the residual variance of the inference;
        - "median iterations";
        - "rejection" and "rejection, bootstrap se" (RejectSE, RejectBSE): shares of data sets in
          which the z-test rejects at 0.05, one-sided if the effect is 0, otherwise two-sided;
        - "coverage, wald", "coverage, bootstrap se" and "coverage, percentile" (CoverSE, CoverBSE,
          PctCover): of the 95 % intervals estimate -+ 1.96 standard errors, and of the percentiles
          of the bootstrap;
        - "cap hit" and "not converged": shares of fits in which the cap bound (CapHitRate), and of
          fits that reached the maximum number of iterations before the tolerance;
        - with ``n_refits``: "mean refit se", "rejection, refit se", "coverage, refit se",
          "coverage, refit percentile" (MeanFBSE, RejectFBSE, CoverFBSE, PctCoverFull), and "refits
          not converged", a share of the refits. If the effect is 0, the coverage of percentiles of
          refits is 0, because multiplicative updates stop above 0.

        The bias and all rates but the last have their Monte Carlo standard error in a column of the
        same name with "(se)". ``attrs`` hold the number of replicates and the seconds taken.

    Raises
    ------
    InvalidArgumentError
        An invalid argument.
    UnfinishedTasksError, InterruptedTasksError
        A worker died, or the user interrupted; see ``resume``.

    Examples
    --------
    >>> from nmfre.simulation import PaperDesign, paper_study
    >>> design = PaperDesign(study="baseline", n_units=27, effect=9.4285)
    >>> table = paper_study([design], 20, n_boot=50, progress=False)
    >>> float(table["rejection"].iloc[0])
    1.0
    """
    designs = list(designs) if pd.api.types.is_list_like(designs) else []
    if not designs or not all(isinstance(design, PaperDesign) for design in designs):
        raise InvalidArgumentError("designs", designs, "a list of PaperDesign")
    if not (resume is None or isinstance(resume, Mapping)):
        raise InvalidArgumentError("resume", resume, ".finished of an error")
    check_whole("n_replicates", n_replicates, least=2, most=MOST_REPLICATES)
    check_n_boot(n_boot, least=2)
    check_whole("n_refits", n_refits, least=0, most=MOST_REPLICATES)
    if n_refits == 1:
        raise InvalidArgumentError("n_refits", n_refits, "0 (no refits), or at least 2")
    check_seed(seed)
    start = time.perf_counter()
    tasks = []
    for i, by_design in enumerate(np.random.SeedSequence(seed).spawn(len(designs))):
        for_covariates, *seeds = by_design.spawn(1 + n_replicates)
        exog = designs[i].covariates(np.random.default_rng(for_covariates))
        tasks += [
            (i, designs[i], exog, seeds[first : first + CHUNK], n_boot, n_refits)
            for first in range(0, n_replicates, CHUNK)
        ]
    parts = run_tasks(
        _chunk,
        tasks,
        n_jobs=n_jobs,
        progress=progress,
        description="settings in parts",
        finished=resume,
    )
    replicates = pd.concat(parts, keys=[number for number, *_ in tasks])
    settings = zip((part for _, part in replicates.groupby(level=0)), designs, strict=True)
    rows = [_summarize(part, design) for part, design in settings]
    table = pd.DataFrame(rows, index=pd.MultiIndex.from_frame(pd.DataFrame(designs)))
    table.attrs = {"n_replicates": n_replicates, "seconds": time.perf_counter() - start}
    return table


def _chunk(
    task: tuple[int, PaperDesign, FloatArray, list[np.random.SeedSequence], int, int],
) -> pd.DataFrame:
    """Replicates of one setting: a row each."""
    _, design, exog, seeds, n_boot, n_refits = task
    spawned = zip(*(seed.spawn(4) for seed in seeds), strict=True)
    of_data, of_starts, of_multipliers, of_refits = spawned
    Y = np.stack([design.responses(exog, rng) for rng in map(np.random.default_rng, of_data)]).mT
    A, rank = exog.T[None], design.basis.shape[1]
    with one_thread_if_small(Y.shape[1] ** 2 * rank):
        starts = zip(Y, map(np.random.default_rng, of_starts), strict=True)
        X = np.stack([nndsvd(y, rank, rng) for y, rng in starts])
        X, Theta = fit_fixed_effects(Y, A, X, np.ones((len(Y), rank, A.shape[1])))
        estimates = fit_alternating(
            Y,
            A,
            X,
            Theta,
            cap=resolve_cap(design.df_cap, design.n_units, rank),
            tau2=design.start_tau2,
            update_tau2=False,
        )
        rows = [
            _replicate(y, A[0], estimate, design, n_boot, seed)
            for y, estimate, seed in zip(Y, estimates, of_multipliers, strict=True)
        ]
        if n_refits:
            for row, y, estimate, seed in zip(rows, Y, estimates, of_refits, strict=True):
                row |= _refitted(y, A, estimate, design, n_refits, seed)
    return pd.DataFrame(rows)


def _replicate(
    Y: FloatArray,
    A: FloatArray,
    estimate: AlternatingEstimate,
    design: PaperDesign,
    n_boot: int,
    seed: np.random.SeedSequence,
) -> dict[str, float]:
    """The estimate of the effect of the group on the first component, and inference on it."""
    options = InferenceOptions(
        uncertainty="conditional",
        n_boot=n_boot,
        alternative="larger" if design.effect == 0.0 else "two-sided",
    )
    inference = conditional_inference(Y, A, estimate, options, seed)
    plain = replace(options, cov_type="naive", n_boot=0)
    naive = conditional_inference(Y, A, estimate, plain, seed)
    assert inference.bootstrap is not None
    q = estimate.Theta.shape[0]  # vec(Theta) stacks columns: the first effect after Q intercepts
    return {
        "effect": float(inference.estimate[q]),
        "se": float(inference.bse[q]),
        "naive se": float(naive.bse[q]),
        "rejection": float(inference.pvalues()[q] < ALPHA),
        "coverage, wald": _covered(inference.wald_interval(ALPHA)[q], design),
        "coverage, percentile": _covered(inference.bootstrap.percentile_interval(ALPHA)[q], design),
        **_by_standard_deviation(inference.bootstrap, design, "bootstrap se"),
        "df_U / NQ": estimate.df_random / estimate.U.size,
        "ridge": estimate.ridge,
        "sigma2": estimate.sigma2,
        "tau2": estimate.tau2,
        "dispersion": inference.dispersion,
        "iterations": estimate.n_iter,
        "cap hit": float(estimate.cap_hits > 0),
        "not converged": float(estimate.stop_reason is not StopReason.TOLERANCE),
    }


def _refitted(
    Y: FloatArray,
    A: FloatArray,
    estimate: AlternatingEstimate,
    design: PaperDesign,
    n_refits: int,
    seed: np.random.SeedSequence,
) -> dict[str, float]:
    """What the refit bootstrap finds of the same effect: ``full_refit_bootstrap`` of the paper."""
    fitted = estimate.X @ (estimate.Theta @ A[0] + estimate.U)
    w = exponential(np.random.default_rng(seed), (n_refits, Y.shape[1]))
    replicates = fitted + (Y - fitted) * w[:, None, :]
    replicates -= np.minimum(replicates.min(axis=(1, 2), keepdims=True), 0.0)
    fits = fit_alternating(
        replicates,
        A,
        np.repeat(estimate.X[None], n_refits, axis=0),
        np.repeat(estimate.Theta[None], n_refits, axis=0),
        cap=estimate.cap,
        tau2=design.start_tau2,
        update_tau2=False,
    )
    theta = estimate.Theta.ravel(order="F")
    deviations = np.array([fit.Theta.ravel(order="F") for fit in fits]) - theta
    refits = WildBootstrap(estimate=theta, deviations=deviations, floor=0.0, refit=True)
    percentile = refits.percentile_interval(ALPHA)[len(estimate.Theta)]
    return {
        **_by_standard_deviation(refits, design, "refit se"),
        "coverage, refit percentile": _covered(percentile, design),
        "refits not converged": float(
            np.mean([fit.stop_reason is not StopReason.TOLERANCE for fit in fits])
        ),
    }


def _by_standard_deviation(
    replicates: WildBootstrap, design: PaperDesign, name: str
) -> dict[str, float]:
    """The standard deviation of replicates of the effect, its test and the coverage it gives."""
    q = len(design.theta)
    bse = replicates.bse[q]
    z = replicates.estimate[q] / bse
    p = stats.norm.sf(z) if design.effect == 0.0 else 2.0 * stats.norm.sf(abs(z))
    return {
        name: float(bse),
        f"rejection, {name}": float(p < ALPHA),
        f"coverage, {name}": _covered(replicates.normal_interval(ALPHA)[q], design),
    }


def _covered(limits: FloatArray, design: PaperDesign) -> float:
    return float(limits[0] <= design.effect <= limits[1])


def _summarize(replicates: pd.DataFrame, design: PaperDesign) -> dict[str, float]:
    error, means, n = replicates["effect"] - design.effect, replicates.mean(), len(replicates)
    df = replicates["df_U / NQ"]
    row = {
        "bias": error.mean(),
        "bias (se)": error.std() / np.sqrt(n),
        "sd": error.std(),
        "rmse": np.sqrt(np.mean(error**2)),
        **{name: means[column] for name, column in MEANS.items()},
        "q90 of df_U / NQ": df.quantile(0.9),
        "q99 of df_U / NQ": df.quantile(0.99),
        "median iterations": replicates["iterations"].median(),
    }
    refits = "refit se" in replicates
    for name in RATES + REFIT_RATES * refits:
        row[name] = means[name]
        row[f"{name} (se)"] = rate_error(means[name], n)
    if refits:
        row |= {name: means[column] for name, column in REFIT_MEANS.items()}
    return row
