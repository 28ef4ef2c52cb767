"""Monte Carlo study of intervals after a choice of the rank."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import numpy as np
import pandas as pd

from nmfre.core.arguments import (
    check_n_boot,
    check_ranks,
)
from nmfre.core.typing import FloatArray
from nmfre.errors import NMFREError, NMFREWarning, NotComputedError
from nmfre.model import NMFRE
from nmfre.simulation.bump_design import BumpDesign
from nmfre.simulation.replicates import check_study, replicated

TAKEN, CHOSEN = "Wald, rank treated as known", "bootstrap with the choice"


def rank_choice_study(
    design: BumpDesign,
    n_replicates: int = 100,
    *,
    ranks: Sequence[int] = (1, 2, 3),
    alpha: float = 0.05,
    n_boot: int = 100,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """
    Coverage of intervals of the mean profiles X Theta if the rank is chosen by BIC.

    Fits have one residual variance and one variance of the random effects.

    Parameters
    ----------
    design : BumpDesign
    n_replicates : int
        Data sets to draw, fit at each rank, and bootstrap.
    ranks : sequence of int
        Ranks to choose from.
    alpha : float
        1 minus the level of the intervals.
    n_boot : int
        Number of replicates of ``bootstrap(refit=True, select=ranks)``.
    seed : int
        Seed of data, starts and multipliers. The table does not depend on the number of workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        Rows: Wald intervals at the chosen rank, and percentile intervals of a bootstrap that
        chooses the rank again. Columns: coverage, its Monte Carlo standard error, and the mean
        width. ``attrs`` hold the shares of data sets in which each rank was chosen, the number of
        data sets used, and the seconds taken.

    Raises
    ------
    InvalidArgumentError
        An invalid argument.
    NotComputedError
        No fit reached its tolerance.

    Examples
    --------
    >>> from nmfre.simulation import BumpDesign, rank_choice_study
    >>> design = BumpDesign(n_responses=4, rank=1, n_units=27)
    >>> rank_choice_study(design, 2, ranks=[1, 2], n_boot=10, progress=False).attrs["shares"]
    {1: 1.0}
    """
    check_study(design, BumpDesign, alpha, seed, n_replicates=n_replicates)
    compared = check_ranks("ranks", ranks, design.n_responses, design.n_units)
    check_n_boot(n_boot, least=2)
    start = time.perf_counter()
    found = replicated(
        partial(_replicate, design, compared, alpha, n_boot),
        n_replicates,
        seed=seed,
        n_jobs=n_jobs,
        progress=progress,
    )
    if not found:
        raise NotComputedError(name="rank_choice_study", reason="no fit reached its tolerance.")
    truth = (design.basis @ design.theta).ravel()
    rows = {}
    of_both = zip(*(limits for _, limits in found), strict=True)
    for name, limits in zip((TAKEN, CHOSEN), of_both, strict=True):
        low, high = np.moveaxis(np.array(limits), 2, 0)
        known = np.isfinite(low)
        inside = np.ma.masked_where(~known, (low <= truth + 1e-9) & (truth - 1e-9 <= high))
        shares = inside.mean(axis=1)
        width = np.ma.masked_where(~known, high - low).mean()
        rows[name] = [shares.mean(), shares.std(ddof=1) / np.sqrt(shares.count()), width]
    table = pd.DataFrame.from_dict(rows, "index", columns=["coverage", "std err", "mean width"])
    counts = pd.Series([rank for rank, _ in found]).value_counts(normalize=True).sort_index()
    table.attrs = {
        "shares": dict(zip(counts.index.tolist(), counts.tolist(), strict=True)),
        "n_replicates": len(found),
        "seconds": time.perf_counter() - start,
    }
    return table


def _replicate(
    design: BumpDesign,
    ranks: list[int],
    alpha: float,
    n_boot: int,
    seed: np.random.SeedSequence,
) -> tuple[int, tuple[FloatArray, FloatArray]] | None:
    """The chosen rank, and limits of both kinds, (P K, 2); None if the fit did not converge."""
    data, fit, boot = seed.spawn(3)
    endog, exog = design.draw(np.random.default_rng(data))
    numbers = [int(one.generate_state(1)[0]) for one in (fit, boot)]
    with warnings.catch_warnings(), suppress(NMFREError):
        warnings.simplefilter("ignore", NMFREWarning)
        fits = [
            NMFRE(endog, exog, rank=rank).fit(
                "ml",
                signed=design.signed,
                cov_resid="identity",
                cov_re="identity",
                n_starts=2,
                n_boot=0,
                seed=numbers[0],
            )
            for rank in ranks
        ]
        res = min(fits, key=lambda one: one.bic)
        if res.converged:
            replicates = res.bootstrap(n_boot, refit=True, select=ranks, seed=numbers[1])
            wald, percentile = (
                one.profiles_conf_int(alpha).to_numpy().reshape(-1, 2) for one in (res, replicates)
            )
            return res.model.rank, (wald, percentile)
    return None
