"""
Monte Carlo studies of the inference: coverage of intervals, size and power of joint tests.

The designs have overlapping triangular bumps as a basis, an intercept and two groups.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any, Literal

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
from nmfre.model import NMFRE
from nmfre.results.coefficients import IntervalMethod
from nmfre.simulation.paper_designs import Errors

INTERVALS: tuple[IntervalMethod, ...] = (
    "wald",
    "percentile",
    "studentized",
)
PARTS = 16
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
        if self.errors == "normal":
            U = rng.standard_normal((self.n_units, self.rank))
            E = rng.standard_normal((self.n_units, self.n_responses))
        else:
            U = rng.standard_exponential((self.n_units, self.rank)) - 1.0
            E = rng.standard_exponential((self.n_units, self.n_responses)) - 1.0
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
        _replicates,
        [(design, [seeds[i] for i in chunk], alpha, n_boot, multiplier) for chunk in chunks],
        n_jobs=n_jobs,
        progress=progress,
        description="replicates in parts",
    )
    results = [result for part in parts for result in part if result is not None]
    tables = {
        kind: pd.DataFrame.from_dict(
            _tabulate([result[kind] for result in results], design, alpha),
            orient="index",
            columns=["value", "std err", "lowest", "highest"],
        )
        for kind in ("marginal", "conditional")
    }
    table = pd.concat(tables, names=["uncertainty", "quantity"])
    table.attrs = {
        "n_replicates": len(results),
        "seconds": time.perf_counter() - start,
        "design": design,
    }
    return table


def _replicates(
    task: tuple[BumpDesign, list[np.random.SeedSequence], float, int, Multiplier],
) -> list[dict[str, Any] | None]:
    design, seeds, alpha, n_boot, multiplier = task
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NMFREWarning)
        return [_replicate(design, seed, alpha, n_boot, multiplier) for seed in seeds]


def _replicate(
    design: BumpDesign,
    seed: np.random.SeedSequence,
    alpha: float,
    n_boot: int,
    multiplier: Multiplier,
) -> dict[str, Any] | None:
    """What one data set says; None where the fit failed or did not reach the tolerance."""
    data, fit = seed.spawn(2)
    endog, exog = design.draw(np.random.default_rng(data))
    model = NMFRE(endog, exog, rank=design.rank)
    fit_seed = int(fit.generate_state(1)[0])
    try:
        res = model.fit(
            "ml",
            signed=design.signed,
            n_starts=2,
            n_boot=n_boot,
            multiplier=multiplier,
            seed=fit_seed,
        )
    except NMFREError:
        return None
    if not res.converged:
        return None
    out = {}
    for kind in ("marginal", "conditional"):
        one = res if kind == res.uncertainty else res.with_uncertainty(kind)
        intervals: dict[str, Any] = {
            name: one.conf_int(alpha, name).to_numpy() for name in INTERVALS
        }
        out[kind] = intervals | {
            "theta": res.estimate.Theta,
            "bse": one.bse.to_numpy().reshape(res.estimate.Theta.shape, order="F"),
            "pvalue": one.wald_test_terms().table["pvalue"].iloc[1],
        }
    return out


def _tabulate(
    results: list[dict[str, Any]], design: BumpDesign, alpha: float
) -> dict[str, list[float]]:
    """Rows of the table of one kind of inference."""
    truth = design.theta
    flat = truth.ravel(order="F")
    rows = {}
    for method in INTERVALS:
        limits = np.array([result[method] for result in results])
        known = np.isfinite(limits).all(axis=2)
        inside = (limits[:, :, 0] <= flat + 1e-9) & (flat - 1e-9 <= limits[:, :, 1])
        count = np.maximum(known.sum(axis=0), 1)
        coverage = np.where(known, inside, False).sum(axis=0) / count
        for name, which in (
            ("intercepts", slice(0, design.rank)),
            ("effects", slice(design.rank, None)),
        ):
            value = float(coverage[which].mean())
            error = float(np.sqrt(value * (1 - value) / count[which].sum()))
            rows[f"coverage, {method}, {name}"] = [
                value,
                error,
                float(coverage[which].min()),
                float(coverage[which].max()),
            ]
    theta = np.array([result["theta"] for result in results])
    bse = np.array([result["bse"] for result in results])
    ratio = np.nanmean(bse, axis=0) / theta.std(axis=0, ddof=1)
    for k, name in enumerate(("intercepts", "effects")):
        mean = float(ratio[:, k].mean())
        spread = [float(ratio[:, k].min()), float(ratio[:, k].max())]
        rows[f"mean se / sd, {name}"] = [mean, mean / np.sqrt(2 * len(results)), *spread]
    rejected = np.array([result["pvalue"] < alpha for result in results])
    share = float(rejected.mean())
    error = float(np.sqrt(share * (1 - share) / len(rejected)))
    rows["joint test, rejections"] = [share, error, share, share]
    return rows
