"""Comparison of ranks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from nmfre.core.arguments import (
    MOST_STARTS,
    check_choice,
    check_jobs,
    check_ranks,
    check_seed,
    check_whole,
)
from nmfre.core.caller import warn
from nmfre.core.parallel import run_tasks
from nmfre.errors import ConvergenceWarning, InvalidArgumentError
from nmfre.estimation.cap import Cap
from nmfre.estimation.covariance_forms import CovResid
from nmfre.estimation.random_forms import CovRe
from nmfre.estimators import MaximumLikelihood
from nmfre.model import NMFRE
from nmfre.selection.fits import Task, check_model, fit
from nmfre.selection.folds import entry_folds, most_in_a_fold, unit_folds
from nmfre.selection.result import RankSelection

Criterion = Literal["cv", "bic", "aic"]
Over = Literal["entries", "units"]


def select_rank(
    model: NMFRE,
    ranks: Iterable[int],
    *,
    criterion: Criterion = "cv",
    over: Over = "entries",
    folds: int = 5,
    repeats: int = 1,
    seed: int | None = 0,
    n_jobs: int | None = None,
    progress: bool = True,
    df_cap: float | Cap | None = None,
    tol: float = 1e-8,
    maxiter: int = 50_000,
    start_sigma2: float | None = None,
    start_tau2: float | None = None,
    cov_resid: CovResid | None = None,
    cov_re: CovRe | None = None,
    signed: bool = False,
    n_starts: int | None = None,
) -> RankSelection:
    """
    Compare ranks by cross-validation, AIC or BIC. All fits are by maximum likelihood.

    Held-out entries are treated as missing, which df-cap does not support. The chosen rank is
    therefore the one for ``method="ml"``.

    Parameters
    ----------
    model : NMFRE
        The model, without a ``basis_pattern``. Its own rank is not used.
    ranks : iterable of int
        Ranks to compare.
    criterion : {"cv", "bic", "aic"}
        "cv": mean squared prediction error for held-out data. "bic", "aic": Schwarz's (with units
        as observations) or Akaike's criterion of fits to all data.
    over : {"entries", "units"}
        What is held out (cv). "entries": single responses, predicted by the BLUP of their unit
        given its other responses, X(Theta a + u). "units": whole units, predicted by X Theta a,
        which depends on components only through the covariates. Units of one group are held out
        together.
    folds : int
        Number of folds (cv).
    repeats : int
        Number of divisions into folds (cv).
    seed : int or None
        Seed of folds and starts. The table does not depend on the number of workers. None draws a
        new seed, kept in the result.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.
    df_cap, tol, maxiter, start_sigma2, start_tau2, cov_resid, cov_re, signed, n_starts
        As in `NMFRE.fit` with ``method="ml"``. By default all ranks have one residual variance per
        response, unless the highest rank does not allow that.

    Returns
    -------
    RankSelection
        ``table``, ``best``, ``one_standard_error`` and ``plot()``.

    Raises
    ------
    RankError, InvalidArgumentError
        An invalid argument, such as criterion="cv" for data in chunks, or over="entries" for sparse
        responses.
    FoldsError
        There are not enough data for this number of folds.
    ExactFitError
        A rank reproduces the responses exactly.

    Warns
    -----
    ConvergenceWarning
        Some fits did not reach the tolerance.

    Notes
    -----
    Each rank is fitted to all data with ``n_starts`` starts. A fit without one of the folds has two
    starts, and the better fit is kept: the solution for all data, and a start that does not depend
    on the held-out data.

    Each unit keeps at least one response, and each response at least one positive entry; entries
    that are needed for this are never held out. The standard error of the mean is the standard
    deviation over all folds divided by the square root of ``folds``: repeats make it more stable
    but not smaller.

    Examples
    --------
    >>> import numpy as np
    >>> import nmfre
    >>> from nmfre.simulation import BumpDesign
    >>> design = BumpDesign(n_responses=8, rank=2, n_units=100)
    >>> model = nmfre.NMFRE(*design.draw(np.random.default_rng(0)), rank=1)
    >>> choice = nmfre.select_rank(model, range(1, 4), folds=2, n_starts=1, progress=False)
    >>> choice.best
    2
    """
    check_model(model)
    check_jobs(n_jobs, progress)
    design = model.design
    if model.basis_pattern is not None:
        raise InvalidArgumentError(
            "model",
            "a model with a basis_pattern",
            "a model without basis_pattern, which fixes the rank. Compare fits of several "
            "patterns by their aic or bic",
        )
    check_choice("criterion", criterion, Criterion)
    check_choice("over", over, Over)
    check_whole("folds", folds, least=2)
    check_whole("repeats", repeats, least=1, most=MOST_STARTS)
    check_seed(seed, optional=True)
    if criterion != "cv" and (over, folds, repeats) != ("entries", 5, 1):
        raise InvalidArgumentError(
            "criterion", criterion, "'cv' where over, folds or repeats are given"
        )
    if criterion == "cv":
        design.require("criterion='cv'")
        design.require(f"over={over!r}")
    estimator = MaximumLikelihood(
        df_cap=df_cap,
        tol=tol,
        maxiter=maxiter,
        start_sigma2=start_sigma2,
        start_tau2=start_tau2,
        cov_resid=cov_resid,
        cov_re=cov_re,
        signed=signed,
        n_starts=n_starts,
    )
    n_units = len(design.units)
    if criterion == "cv" and over == "units":
        n_units -= most_in_a_fold(design, folds)  # in the smallest of the fits
    compared = check_ranks("ranks", ranks, len(design.responses), n_units)
    forms = {estimator.structure(len(design.responses), rank).cov_resid for rank in compared}
    if "identity" in forms:  # one form for all, or it would be compared beside the rank
        estimator = replace(estimator, cov_resid="identity")
    for rank in compared:
        estimator.check_structure(design, rank, None)

    entropy = np.random.SeedSequence().entropy if seed is None else int(seed)
    assert isinstance(entropy, int)
    run = partial(run_tasks, n_jobs=n_jobs, progress=progress)
    # The seed is that of the rank, whatever the other ranks are.
    tasks = [Task(design, rank, estimator, _seed(entropy, 1, rank)) for rank in compared]
    of_fits = [(rank, 0, 0) for rank in compared]
    if criterion == "cv":
        divide = entry_folds if over == "entries" else unit_folds
        rngs = [np.random.default_rng(_seed(entropy, 0, i)) for i in range(repeats)]
        divisions = [divide(design, folds, rng) for rng in rngs]
        estimates = run(Task.estimate, tasks, description="fits to all data")
        of_fits = [
            (rank, i, fold) for i in range(repeats) for fold in range(folds) for rank in compared
        ]
        whole = {task.rank: (task, near) for task, near in zip(tasks, estimates, strict=True)}
        tasks = [
            replace(task, labels=divisions[i], fold=fold, near=near)
            for rank, i, fold in of_fits
            for task, near in [whole[rank]]
        ]
    found = run(fit, tasks, description="fits")
    by = pd.MultiIndex.from_tuples(of_fits, names=["rank", "repeat", "fold"])
    fits = pd.DataFrame(found, index=by)
    counts = fits.groupby("rank")[["converged", "merging"]].sum()
    if not fits["converged"].all():
        warn(
            f"{(~fits['converged']).sum()} of {len(fits)} fits did not reach tol = {tol:g}: see "
            "the column 'not_converged'. Raise maxiter or n_starts, or accept a larger tol.",
            ConvergenceWarning,
        )
    table = pd.DataFrame(index=pd.Index(compared, name="rank"))
    scores = None
    if criterion == "cv":
        scores = fits["error"].unstack("rank")  # noqa: PD010
        table["cv"] = scores.mean()
        table["std err"] = scores.std(ddof=1) / np.sqrt(folds)
        table = table.join(fits.groupby("rank")[["n_params", "n_free"]].max())
    else:
        columns = [criterion, "llf", "n_params", "n_free"]
        table = table.join(fits[columns].droplevel(["repeat", "fold"]))
    n_fits = len(fits) // len(compared)
    table["not_converged"], table["merging"] = n_fits - counts["converged"], counts["merging"]
    return RankSelection(
        table=table,
        scores=scores,
        criterion=criterion,
        over=over,
        folds=folds,
        repeats=repeats,
        seed=entropy,
    )


def _seed(entropy: int, *key: int) -> np.random.SeedSequence:
    """A seed of its own for a division (0, ...) or a fit (1, ...)."""
    return np.random.SeedSequence(entropy, spawn_key=key)
