"""Size and power of the tests of equal variances."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from functools import partial

import numpy as np
import pandas as pd

from nmfre.core.arguments import (
    check_bool,
)
from nmfre.errors import NMFREError, NMFREWarning
from nmfre.model import NMFRE
from nmfre.simulation.bump_design import BumpDesign
from nmfre.simulation.paper_designs import rate_error
from nmfre.simulation.replicates import check_study, replicated


def variance_test_study(
    design: BumpDesign,
    n_datasets: int = 500,
    *,
    alpha: float = 0.05,
    likelihood_ratio: bool = True,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """
    Share of data sets in which tests reject equal variances: their size or power.

    Parameters
    ----------
    design : BumpDesign
    n_datasets : int
        Data sets to draw and fit, from two starts each.
    alpha : float
        Level of the tests.
    likelihood_ratio : bool
        Whether to include likelihood-ratio tests, which need three more fits.
    seed : int
        Seed of data and starts. The table does not depend on the number of workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per test ("score", "likelihood ratio") and hypothesis: share of rejections among all
        data sets, with its Monte Carlo standard error; share of data sets that can test the
        hypothesis; means of the statistic and of its degrees of freedom. ``attrs`` hold the number
        of data sets used, the seconds taken and the design.

    Raises
    ------
    InvalidArgumentError
        An invalid argument.

    Examples
    --------
    >>> from nmfre.simulation import BumpDesign, variance_test_study
    >>> design = BumpDesign(n_responses=8, rank=2, n_units=200)
    >>> table = variance_test_study(design, 4, progress=False)
    >>> table["df"].loc["score"]
    hypothesis
    equal residual variances    7.00
    equal tau2                  0.75
    Name: df, dtype: float64
    """
    check_study(design, BumpDesign, alpha, seed, n_datasets=n_datasets)
    check_bool("likelihood_ratio", likelihood_ratio)
    start = time.perf_counter()
    found = replicated(
        partial(_tests, design, likelihood_ratio),
        n_datasets,
        seed=seed,
        n_jobs=n_jobs,
        progress=progress,
        description="data sets in parts",
    )
    tests = pd.concat(found, keys=range(len(found)), names=["data set", "test", "hypothesis"])
    groups = tests.groupby(level=["test", "hypothesis"], sort=False)
    rejected = groups["pvalue"].agg(lambda pvalues: (pvalues < alpha).mean())
    table = pd.DataFrame(
        {
            "rejected": rejected,
            "std err": [rate_error(rate, len(found)) for rate in rejected],
            "testable": groups["pvalue"].agg(lambda pvalues: pvalues.notna().mean()),
            "statistic": groups["statistic"].mean(),
            "df": groups["df"].mean(),
        }
    )
    seconds = time.perf_counter() - start
    table.attrs = {"n_datasets": len(found), "seconds": seconds, "design": design}
    return table


def _tests(
    design: BumpDesign, likelihood_ratio: bool, seed: np.random.SeedSequence
) -> pd.DataFrame | None:
    """Statistic, degrees of freedom and p-value of every test; None if the fit did not converge."""
    data, fit = seed.spawn(2)
    endog, exog = design.draw(np.random.default_rng(data))
    model = NMFRE(endog, exog, rank=design.rank)
    with warnings.catch_warnings(), suppress(NMFREError):
        warnings.simplefilter("ignore", NMFREWarning)
        res = model.fit(
            "ml",
            cov_resid="identity",
            cov_re="identity",
            signed=design.signed,
            n_starts=2,
            n_boot=0,
            seed=int(fit.generate_state(1)[0]),
        )
        if not res.converged:
            return None
        columns = ["statistic", "df", "pvalue"]
        rows = {
            name: [test.statistic, test.df, test.pvalue]
            for name, test in res.inference.equality.items()
        }
        tables = {"score": pd.DataFrame.from_dict(rows, orient="index", columns=columns)}
        if likelihood_ratio:
            tables["likelihood ratio"] = res.test_equal_variances().frame[columns]
        return pd.concat(tables)
    return None
