"""Monte Carlo study of the identified set: how often its intervals cover true effects."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from functools import partial

import numpy as np
import pandas as pd

from nmfre.core.typing import FloatArray
from nmfre.errors import NMFREError, NMFREWarning
from nmfre.model import NMFRE
from nmfre.simulation.bump_design import BumpDesign
from nmfre.simulation.paper_designs import rate_error
from nmfre.simulation.replicates import check_study, replicated


def identified_set_study(
    design: BumpDesign,
    n_replicates: int = 200,
    *,
    alpha: float = 0.05,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """
    Coverage of the true effects by ``conf_int(method="set")``.

    Fits have one residual variance per response and one variance of random effects per component.
    If the basis has a background, components are not identified, and effects have no other
    intervals.

    Parameters
    ----------
    design : BumpDesign
    n_replicates : int
        Data sets to draw and fit.
    alpha : float
        1 minus the level of the intervals.
    seed : int
        Seed of data and starts. The table does not depend on the number of workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per param. Columns: truth; means of the lower and upper ends of the set; shares of
        data sets in which the set and the interval contain the truth (coverage), the latter with
        its Monte Carlo standard error. ``attrs`` hold the number of replicates used, the share of
        sets that were points, and the seconds taken.

    Raises
    ------
    InvalidArgumentError
        An invalid argument.

    Examples
    --------
    >>> from nmfre.simulation import BumpDesign, identified_set_study
    >>> design = BumpDesign(n_responses=6, rank=2, n_units=60, background=0.5)
    >>> study = identified_set_study(design, 4, progress=False)
    >>> study.columns.to_list()
    ['truth', 'lower', 'upper', 'in set', 'coverage', 'std err']
    """
    check_study(design, BumpDesign, alpha, seed, n_replicates=n_replicates)
    start = time.perf_counter()
    found = np.array(
        replicated(
            partial(_replicate, design, alpha),
            n_replicates,
            seed=seed,
            n_jobs=n_jobs,
            progress=progress,
        )
    )  # (n, QK, 4)
    truth = design.theta.ravel(order="F")[:, None]
    inside = (found[:, :, ::2] <= truth + 1e-9) & (truth - 1e-9 <= found[:, :, 1::2])
    share = inside.mean(axis=0)
    index = NMFRE(*design.draw(np.random.default_rng(0)), rank=design.rank).params_index
    table = pd.DataFrame(
        np.column_stack([truth, found[:, :, :2].mean(axis=0), share]),
        index,
        ["truth", "lower", "upper", "in set", "coverage"],
    )
    table["std err"] = [rate_error(rate, len(found)) for rate in table["coverage"]]
    points = np.all(found[:, :, 0] == found[:, :, 1], axis=1).mean()
    seconds = time.perf_counter() - start
    table.attrs = {"n_replicates": len(found), "points": float(points), "seconds": seconds}
    return table


def _replicate(design: BumpDesign, alpha: float, seed: np.random.SeedSequence) -> FloatArray | None:
    """The set and the intervals of params, (QK, 4); None if the fit did not converge."""
    data, fit = seed.spawn(2)
    model = NMFRE(*design.draw(np.random.default_rng(data)), rank=design.rank)
    with warnings.catch_warnings(), suppress(NMFREError):
        warnings.simplefilter("ignore", NMFREWarning)
        res = model.fit(
            "ml",
            signed=design.signed,
            cov_resid="diagonal",
            cov_re="diagonal",
            n_starts=2,
            n_boot=0,
            seed=int(fit.generate_state(1)[0]),
        )
        if res.converged:
            limits = res.conf_int(alpha, method="set").to_numpy()
            return np.hstack([res.identified_set().ends.limits, limits])
    return None
