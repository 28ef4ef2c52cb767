"""
Monte Carlo studies of the inference: coverage of intervals, size and power of joint tests.

The designs have overlapping triangular bumps as a basis, an intercept and two groups.
"""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from nmfre.core.arguments import (
    MOST_REPLICATES,
    check_alpha,
    check_bool,
    check_choice,
    check_generator,
    check_n_boot,
    check_number,
    check_seed,
    check_whole,
)
from nmfre.core.parallel import run_tasks
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError, NMFREError, NMFREWarning
from nmfre.inference.multipliers import Multiplier
from nmfre.inference.options import Uncertainty
from nmfre.model import NMFRE
from nmfre.results import NMFREResults
from nmfre.results.coefficients import IntervalMethod
from nmfre.simulation.paper_designs import Errors, centred, rate_error

INTERVALS: tuple[IntervalMethod, ...] = ("wald", "percentile", "studentized")
KINDS: tuple[Uncertainty, ...] = ("marginal", "conditional")
PARTS = 16
Replicate: TypeAlias = dict[Uncertainty, dict[str, FloatArray]]
INTERCEPT, LARGEST_EFFECT, SIGMA, TAU = 60.0, 12.0, 1.4, 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BumpDesign:
    """
    A design of a study.

    Attributes
    ----------
    n_responses, rank, n_units : int
        P, Q, N.
    signed : bool
        Whether the fits leave Theta unbounded.
    errors : {"normal", "exponential"}
        Distribution of residuals and random effects, the second centred.
    effects : {"decreasing", "none"}
        Effects of the group on the components: from 12 to 0, or none at all.
    background : float
        Share of every column of X, from 0 to below 1, that is even over the responses. With 0,
        X has zeros where bumps end: intervals are conservative where true values lie on bounds.

    Examples
    --------
    >>> from nmfre.simulation import BumpDesign
    >>> BumpDesign(n_responses=4, rank=2, n_units=30).basis.round(2)
    array([[0.69, 0.  ],
           [0.31, 0.  ],
           [0.  , 0.31],
           [0.  , 0.69]])
    """

    n_responses: int
    rank: int
    n_units: int
    signed: bool = True
    errors: Errors = "normal"
    effects: Literal["decreasing", "none"] = "decreasing"
    background: float = 0.0

    def __post_init__(self) -> None:
        check_whole("n_responses", self.n_responses, least=1)
        check_whole("rank", self.rank, least=1, most=self.n_responses)
        check_whole("n_units", self.n_units, least=1)
        check_bool("signed", self.signed)
        check_choice("errors", self.errors, Errors)
        check_choice("effects", self.effects, Literal["decreasing", "none"])
        check_number("background", self.background, least=0.0)
        if self.background >= 1.0:
            raise InvalidArgumentError("background", self.background, "a number from 0 to below 1")

    @property
    def basis(self) -> FloatArray:
        """X, (P, Q)."""
        if self.rank == 1:
            return np.full((self.n_responses, 1), 1.0 / self.n_responses)
        position = np.linspace(0.0, 1.0, self.n_responses)[:, None]
        centre = np.linspace(0.0, 1.0, self.rank)
        width = 0.6 if self.rank == 2 else 0.4
        X = np.maximum(1.0 - np.abs(position - centre) / width, 0.0)
        bumps = X / X.sum(axis=0)
        return np.asarray((1.0 - self.background) * bumps + self.background / self.n_responses)

    @property
    def theta(self) -> FloatArray:
        """Theta, (Q, 2): intercepts and effects of the group."""
        effects = np.zeros(self.rank)
        if self.effects == "decreasing":
            effects = np.linspace(LARGEST_EFFECT, 0.0, max(self.rank, 2))[: self.rank]
        return np.column_stack([np.full(self.rank, INTERCEPT), effects])

    def draw(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """
        Draw a data set.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        endog, exog : ndarray, (N, P) and (N, 2)
            Responses, not negative, and covariates.
        """
        check_generator(rng)
        group = np.arange(self.n_units) % 2.0
        exog = np.column_stack([np.ones(self.n_units), group])
        U = centred(self.errors, (self.n_units, self.rank), rng)
        E = centred(self.errors, (self.n_units, self.n_responses), rng)
        endog = (exog @ self.theta.T + TAU * U) @ self.basis.T + SIGMA * E
        return np.asarray(np.maximum(endog, 0.0)), exog


def coverage_study(
    design: BumpDesign,
    n_replicates: int = 1000,
    *,
    alpha: float = 0.05,
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
    alpha : float
        1 minus the level of the intervals, and the level of the test.
    n_boot : int
        Bootstrap replicates of each fit.
    multiplier : {"exponential", "rademacher", "mammen", "normal"}
        Distribution of their multipliers.
    seed : int
        Of data, starts and multipliers; the same seed gives the same table with any number of
        workers.
    n_jobs : int, optional
        Processes, as in joblib. Default: those of ``joblib.parallel_config``, or one.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        A row an uncertainty ("marginal", "conditional") and quantity: coverage of the Wald,
        percentile and studentized intervals of the intercepts and the effects (the average over
        components, and the lowest and highest of them), mean standard error over the standard
        deviation of the estimates, rejections of the joint test; each with its Monte Carlo standard
        error.
        ``attrs`` hold the number of replicates that counted and the seconds taken.

    Raises
    ------
    InvalidArgumentError
        An argument that is not allowed.

    Examples
    --------
    >>> from nmfre.simulation import BumpDesign, coverage_study
    >>> study = coverage_study(
    ...     BumpDesign(n_responses=4, rank=1, n_units=27), 20, n_boot=50, progress=False
    ... )
    >>> study.loc["marginal"].columns.to_list()
    ['value', 'std err', 'lowest', 'highest']
    """
    if not isinstance(design, BumpDesign):
        raise InvalidArgumentError("design", design, "a BumpDesign")
    check_whole("n_replicates", n_replicates, least=2, most=MOST_REPLICATES)
    check_alpha(alpha)
    check_n_boot(n_boot, least=2)
    check_choice("multiplier", multiplier, Multiplier)
    check_seed(seed)
    start = time.perf_counter()
    seeds = np.random.SeedSequence(seed).spawn(n_replicates)
    chunks = np.array_split(np.arange(n_replicates), min(n_replicates, PARTS))
    parts = run_tasks(
        partial(_replicates, design, alpha, n_boot, multiplier),
        [[seeds[i] for i in chunk] for chunk in chunks],
        n_jobs=n_jobs,
        progress=progress,
        description="replicates in parts",
    )
    replicates = [replicate for part in parts for replicate in part]
    tables = {
        kind: _tabulate([replicate[kind] for replicate in replicates], design, alpha)
        for kind in KINDS
    }
    table = pd.concat(tables, names=["uncertainty", "quantity"])
    seconds = time.perf_counter() - start
    table.attrs = {"n_replicates": len(replicates), "seconds": seconds, "design": design}
    return table


def _replicates(
    design: BumpDesign,
    alpha: float,
    n_boot: int,
    multiplier: Multiplier,
    seeds: list[np.random.SeedSequence],
) -> list[Replicate]:
    """What data sets say, without those whose fit failed or did not reach the tolerance."""
    found = []
    for seed in seeds:
        data, fit = seed.spawn(2)
        endog, exog = design.draw(np.random.default_rng(data))
        model = NMFRE(endog, exog, rank=design.rank)
        with warnings.catch_warnings(), suppress(NMFREError):
            warnings.simplefilter("ignore", NMFREWarning)
            res = model.fit(
                "ml",
                signed=design.signed,
                n_starts=2,
                n_boot=n_boot,
                multiplier=multiplier,
                seed=int(fit.generate_state(1)[0]),
            )
            if res.converged:
                found.append({kind: _inference(res, kind, alpha) for kind in KINDS})
    return found


def _inference(res: NMFREResults, kind: Uncertainty, alpha: float) -> dict[str, FloatArray]:
    """What one kind of inference says."""
    one = res if kind == res.uncertainty else res.with_uncertainty(kind)
    intervals = {name: one.conf_int(alpha, name).to_numpy() for name in INTERVALS}
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
    truth = design.theta.ravel(order="F")
    parts = {"intercepts": slice(0, design.rank), "effects": slice(design.rank, None)}
    rows = {}
    for method in INTERVALS:
        low, high = np.moveaxis(found[method], 2, 0)
        known = np.isfinite(low) & np.isfinite(high)
        inside = (low <= truth + 1e-9) & (truth - 1e-9 <= high)
        count = np.maximum(known.sum(axis=0), 1)
        coverage = (known & inside).sum(axis=0) / count
        for name, which in parts.items():
            error = rate_error(coverage[which].mean(), count[which].sum())
            rows[f"coverage, {method}, {name}"] = _row(coverage[which], error)
    ratio = np.nanmean(found["bse"], axis=0) / found["theta"].std(axis=0, ddof=1)
    for name, which in parts.items():
        values, n = ratio[which], 2 * len(replicates)
        rows[f"mean se / sd, {name}"] = _row(values, values.mean() / np.sqrt(n))
    rejected = (found["pvalue"] < alpha).mean(axis=0)
    rows["joint test, rejections"] = _row(rejected, rate_error(rejected.mean(), len(replicates)))
    columns = ["value", "std err", "lowest", "highest"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _row(values: FloatArray, error: float) -> list[float]:
    """Mean, its Monte Carlo standard error, the lowest and the highest."""
    return [values.mean(), error, values.min(), values.max()]
