"""Size of tests of a factor without effect: rare levels, few units, units in groups."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from functools import partial
from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy import stats

from nmfre.core.arguments import (
    check_choice,
)
from nmfre.errors import NMFREError, NMFREWarning
from nmfre.estimators import Method
from nmfre.inference.covariance import CovType
from nmfre.model import NMFRE
from nmfre.results import NMFREResults
from nmfre.simulation.factor_design import FactorDesign
from nmfre.simulation.paper_designs import rate_error
from nmfre.simulation.replicates import check_study, replicated

COV_TYPES: tuple[CovType, ...] = ("sandwich", "cr3")
Row: TypeAlias = dict[str, str | float]
BY = ["uncertainty", "independent", "cov_type"]


def factor_study(
    design: FactorDesign,
    n_datasets: int = 500,
    *,
    method: Method = "ml",
    alpha: float = 0.05,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """
    Share of data sets in which tests find an effect of a factor that has none.

    Parameters
    ----------
    design : FactorDesign
    n_datasets : int
        Data sets to draw and fit, from two starts each.
    method : {"ml", "df-cap"}
        Estimator; effects are signed with ml.
    alpha : float
        Level of the tests.
    seed : int
        Seed of data and starts. The table does not depend on the number of workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per uncertainty, independent unit ("units", and "groups" if the design has any) and
        kind of covariance. Columns: share of rejections for single levels ("z"), averaged over
        levels and components with a standard error; for the joint test, with p-values of
        `wald_test_terms` ("joint"), chi-squared, and F with the number of units or groups minus
        covariates as degrees of freedom ("F(N - K)"); the largest Monte Carlo standard error of
        these. ``attrs`` hold the number of data sets used, the seconds taken and the design.

    Raises
    ------
    InvalidArgumentError
        An invalid argument.

    Examples
    --------
    >>> from nmfre.simulation import FactorDesign, factor_study
    >>> design = FactorDesign(n_groups=20, group_size=3, levels=(10,), group_share=0.5)
    >>> factor_study(design, 4, progress=False).columns.to_list()
    ['z', 'joint', 'chi-squared', 'F(N - K)', 'std err']
    """
    check_study(design, FactorDesign, alpha, seed, n_datasets=n_datasets)
    check_choice("method", method, Method)
    start = time.perf_counter()
    found = replicated(
        partial(_tests, design, method, alpha),
        n_datasets,
        seed=seed,
        n_jobs=n_jobs,
        progress=progress,
        description="data sets in parts",
    )
    rejections = pd.concat([pd.DataFrame(rows) for rows in found])
    table = rejections.groupby(BY, sort=False).mean()
    table["std err"] = [rate_error(rate, len(found)) for rate in table.max(axis=1)]
    seconds = time.perf_counter() - start
    table.attrs = {"n_datasets": len(found), "seconds": seconds, "design": design}
    return table


def _tests(
    design: FactorDesign, method: Method, alpha: float, seed: np.random.SeedSequence
) -> list[Row] | None:
    """Rejections of every kind of inference in a data set; None if its fit failed."""
    n_starts = 2 if method == "ml" else None
    for_data, for_fit = seed.spawn(2)
    data = design.draw(np.random.default_rng(for_data))
    model_of = partial(NMFRE.from_formula, "~ level", data, design.rank, endog=design.endog_names)
    models = {"units": model_of()}
    if design.group_size > 1:
        models["groups"] = model_of(groups="group")
    with warnings.catch_warnings(), suppress(NMFREError):
        warnings.simplefilter("ignore", NMFREWarning)
        start = int(for_fit.generate_state(1)[0])
        fits = {
            name: model.fit(method, signed=method == "ml", n_starts=n_starts, n_boot=0, seed=start)
            for name, model in models.items()
        }
        return [
            {
                "uncertainty": kind,
                "independent": name,
                "cov_type": cov_type,
                **_rejected(res.with_uncertainty(kind, cov_type=cov_type), alpha),
            }
            for name, res in fits.items()
            for kind in res.estimator.uncertainties
            for cov_type in COV_TYPES
        ]
    return None


def _rejected(res: NMFREResults, alpha: float) -> Row:
    """What tests of the factor reject."""
    columns = ["statistic", "pvalue", "df_constraint"]
    statistic, pvalue, df = res.wald_test_terms().table.loc["level", columns].to_numpy(float)
    left = res.inference.support.independent - len(res.model.design.covariates)
    pvalues = {
        "joint": pvalue,
        "chi-squared": float(stats.chi2.sf(statistic, df)),
        "F(N - K)": float(stats.f.sf(statistic / df, df, left)),
    }
    z = res.pvalues.iloc[len(res.model.components) :].to_numpy()
    z = z[np.isfinite(z)]
    rejected: Row = {"z": np.nan if not len(z) else float(np.mean(z < alpha))}
    return rejected | {name: float(p < alpha) for name, p in pvalues.items()}
