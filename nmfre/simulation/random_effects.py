"""Size and power of the test of no random effects."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from nmfre.errors import NMFREError, NMFREWarning
from nmfre.inference.random_effects import ratio
from nmfre.model import NMFRE
from nmfre.results.random_effects import likelihoods
from nmfre.simulation.bump_design import BumpDesign
from nmfre.simulation.paper_designs import rate_error
from nmfre.simulation.replicates import check_study, replicated


def random_effects_test_study(
    design: BumpDesign,
    n_datasets: int = 300,
    *,
    alpha: float = 0.05,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """
    Share of data sets in which the test finds random effects: its size (``tau=0``) or power.

    One bootstrap data set is drawn per data set, and all of them together form the null
    distribution (Giacomini, Politis and White 2013). A separate bootstrap for each data set would
    take a hundred times as long.

    Parameters
    ----------
    design : BumpDesign
        The design; ``tau=0`` for the size of the test.
    n_datasets : int
        Data sets to draw and fit, from two starts each.
    alpha : float
        Level of the test.
    seed : int
        Seed of data, starts and draws. The table does not depend on the number of workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per kind of p-value ("chi-bar", for rank 1, and "bootstrap"): share of rejections
        with its Monte Carlo standard error, critical value, mean of the statistics and share of
        statistics that are zero. ``attrs`` hold the number of data sets used, the seconds taken and
        the design.

    Raises
    ------
    InvalidArgumentError
        An invalid argument.

    References
    ----------
    Giacomini, R., Politis, D. N. and White, H. (2013). A warp-speed method for conducting Monte
    Carlo experiments involving bootstrap estimators. Econometric Theory 29, 567-589.

    Examples
    --------
    >>> from nmfre.simulation import BumpDesign, random_effects_test_study
    >>> design = BumpDesign(n_responses=4, rank=1, n_units=50, tau=0.0)
    >>> random_effects_test_study(design, 10, progress=False)["critical value"].round(2).iloc[:1]
    chi-bar    2.71
    Name: critical value, dtype: float64
    """
    check_study(design, BumpDesign, alpha, seed, n_datasets=n_datasets)
    start = time.perf_counter()
    found = np.array(
        replicated(
            partial(_statistics, design),
            n_datasets,
            seed=seed,
            n_jobs=n_jobs,
            progress=progress,
            description="data sets in parts",
        )
    ).reshape(-1, 2)
    statistics, drawn = found.T
    critical = {"bootstrap": float(np.quantile(drawn, 1.0 - alpha))}
    if design.rank == 1:
        critical = {"chi-bar": float(stats.chi2.isf(2.0 * alpha, 1))} | critical
    rows = {}
    for name, value in critical.items():
        rate = float(np.mean(statistics > value))
        zeros = float(np.mean(statistics == 0.0))
        error = rate_error(rate, len(found))
        if name == "bootstrap":
            error *= np.sqrt(2.0)  # the critical value is estimated from as many
        rows[name] = [rate, error, value, statistics.mean(), zeros]
    columns = ["rejected", "std err", "critical value", "statistic", "zero"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    seconds = time.perf_counter() - start
    table.attrs = {"n_datasets": len(found), "seconds": seconds, "design": design}
    return table


def _statistics(design: BumpDesign, seed: np.random.SeedSequence) -> tuple[float, float] | None:
    """Statistics of a data set and of one drawn from its null fit; None if it did not converge."""
    data, fit = seed.spawn(2)
    endog, exog = design.draw(np.random.default_rng(data))
    model = NMFRE(endog, exog, rank=design.rank)
    with warnings.catch_warnings(), suppress(NMFREError):
        warnings.simplefilter("ignore", NMFREWarning)
        start = int(fit.generate_state(1)[0])
        res = model.fit("ml", signed=design.signed, n_starts=2, n_boot=0, seed=start)
        if res.converged:
            fits = likelihoods(res, start)
            statistic = ratio(fits.moments, fits.null, fits.full)
            [drawn] = fits.source(res).statistics(fits.seeds.spawn(1))
            return statistic, drawn
    return None
