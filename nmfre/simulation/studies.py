"""The paper's simulations: every replicate of a chunk in one stack of the estimator."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

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
from nmfre.inference.options import InferenceOptions
from nmfre.simulation.paper_designs import PaperDesign, rate_error

CHUNK = 250
"""Replicates of a stack."""
ALPHA = 0.05
RATES = ["rejection", "coverage, wald", "coverage, percentile", "cap hit", "not converged"]


def paper_study(
    designs: Sequence[PaperDesign],
    n_replicates: int = 1000,
    *,
    n_boot: int = 1000,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
    resume: Mapping[int, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """
    Behaviour of df-cap and its inference on the effect of the group on the first component.

    Every fit starts from the one without random effects, by multiplicative updates.

    Parameters
    ----------
    designs : sequence of PaperDesign
        Settings, such as those of `baseline_designs` or `stress_designs`.
    n_replicates : int
        Data sets a setting.
    n_boot : int
        Wild-bootstrap replicates of each.
    seed : int
        Of everything; the same seed gives the same table with any number of workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.
    resume : mapping, optional
        ``finished`` of the error of a call with the same arguments that was interrupted or failed:
        what it had done is not done again.

    Returns
    -------
    DataFrame
        One row per setting. Columns: bias, sd and rmse of the estimate; mean standard errors:
        sandwich, bootstrap, and naive (from the information alone, which explodes as the ridge
        vanishes); share of rejections (one-sided at 0.05 where the effect is 0, else two-sided);
        coverage of 95 % Wald and percentile intervals; mean df_U / (N Q) and ridge; median of the
        iterations; shares of fits in which the cap bound, and which reached the largest number of
        iterations before the tolerance. Every rate has its Monte Carlo standard error in the column
        of the same name that ends in "(se)"; as does the bias.
        ``attrs`` hold the number of replicates and the seconds taken.

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
    check_seed(seed)
    start = time.perf_counter()
    tasks = []
    for i, by_design in enumerate(np.random.SeedSequence(seed).spawn(len(designs))):
        for_covariates, *seeds = by_design.spawn(1 + n_replicates)
        exog = designs[i].covariates(np.random.default_rng(for_covariates))
        tasks += [
            (i, designs[i], exog, seeds[first : first + CHUNK], n_boot)
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
    task: tuple[int, PaperDesign, FloatArray, list[np.random.SeedSequence], int],
) -> pd.DataFrame:
    """Replicates of one setting: a row each."""
    _, design, exog, seeds, n_boot = task
    of_data, of_starts, of_multipliers = zip(*(seed.spawn(3) for seed in seeds), strict=True)
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
    wald = inference.wald_interval(ALPHA)[q]
    percentile = inference.bootstrap.percentile_interval(ALPHA)[q]
    return {
        "effect": float(inference.estimate[q]),
        "se": float(inference.bse[q]),
        "bootstrap se": float(inference.bootstrap.bse[q]),
        "naive se": float(naive.bse[q]),
        "rejection": float(inference.pvalues()[q] < ALPHA),
        "coverage, wald": float(wald[0] <= design.effect <= wald[1]),
        "coverage, percentile": float(percentile[0] <= design.effect <= percentile[1]),
        "df_U / NQ": estimate.df_random / estimate.U.size,
        "ridge": estimate.ridge,
        "iterations": estimate.n_iter,
        "cap hit": float(estimate.cap_hits > 0),
        "not converged": float(estimate.stop_reason is not StopReason.TOLERANCE),
    }


def _summarize(replicates: pd.DataFrame, design: PaperDesign) -> dict[str, float]:
    error, means, n = replicates["effect"] - design.effect, replicates.mean(), len(replicates)
    row = {
        "bias": error.mean(),
        "bias (se)": error.std() / np.sqrt(n),
        "sd": error.std(),
        "rmse": np.sqrt(np.mean(error**2)),
        "mean se": means["se"],
        "mean bootstrap se": means["bootstrap se"],
        "mean naive se": means["naive se"],
        "df_U / NQ": means["df_U / NQ"],
        "mean ridge": means["ridge"],
        "median iterations": replicates["iterations"].median(),
    }
    for name in RATES:
        row[name] = means[name]
        row[f"{name} (se)"] = rate_error(means[name], n)
    return row
