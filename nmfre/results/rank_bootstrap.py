"""The bootstrap of a whole analysis: the rank is chosen again in each replicate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_alpha, check_ranks
from nmfre.core.cells import filled
from nmfre.core.parallel import run_tasks
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.refits import Refit
from nmfre.estimators import MaximumLikelihood
from nmfre.inference.multipliers import Multiplier
from nmfre.inference.refit import Refits
from nmfre.report.numbers import side_by_side
from nmfre.report.tables import WIDTH
from nmfre.results.fit import Fit

RankCriterion: TypeAlias = Literal["bic", "aic"]
CHUNK = 50
"""Replicates that are estimated together."""


@dataclass(frozen=True, repr=False)
class RankBootstrap:
    """
    Bootstrap replicates with a choice of the rank; made by `nmfre.NMFREResults.bootstrap`.

    Components of different ranks are not comparable. Replicates are therefore of the mean profiles
    X Theta, which do not depend on the rank.

    Attributes
    ----------
    profiles : DataFrame, (P, K)
        Those of the fit, as `nmfre.NMFREResults.profiles`.
    replicates : DataFrame, (B, K P)
        Profiles of each replicate, at its chosen rank. Columns: covariate, response.
    ranks : Series, (B,)
        The chosen rank of each replicate.
    criterion : str
    seed : int
        Of the multipliers.
    n_failed : int
        Number of refits, of any rank, that did not reach the tolerance; they are used.
    """

    profiles: pd.DataFrame
    replicates: pd.DataFrame
    ranks: pd.Series
    criterion: str
    seed: int
    n_failed: int

    @property
    def shares(self) -> pd.Series:
        """Shares of the replicates that chose each rank."""
        return self.ranks.value_counts(normalize=True).sort_index().rename("share")

    @property
    def profiles_bse(self) -> pd.DataFrame:
        """Standard deviations of the profiles over the replicates, (P, K)."""
        return self._table(self.replicates.std().to_numpy())

    def profiles_conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """
        Percentile intervals of the profiles, (P, 2K), which account for the choice of the rank.

        Parameters
        ----------
        alpha : float
            1 minus the level.

        Returns
        -------
        DataFrame
            Lower and upper limits below each covariate.

        Examples
        --------
        >>> import numpy as np
        >>> import nmfre
        >>> from nmfre.simulation import BumpDesign
        >>> design = BumpDesign(n_responses=4, rank=1, n_units=40)
        >>> res = nmfre.NMFRE(*design.draw(np.random.default_rng(0)), rank=1).fit("ml", n_boot=0)
        >>> boot = res.bootstrap(10, refit=True, select=[1, 2])
        >>> boot.shares.to_dict()
        {1: 1.0}
        >>> boot.profiles_conf_int()["x1"].shape
        (4, 2)
        """
        check_alpha(alpha)
        limits = np.quantile(self.replicates, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0)
        return side_by_side(self._table(limits[0]), self._table(limits[1]), alpha)

    def _table(self, values: FloatArray) -> pd.DataFrame:
        shape = self.profiles.shape[::-1]
        return pd.DataFrame(values.reshape(shape).T, self.profiles.index, self.profiles.columns)

    def __repr__(self) -> str:
        shares = ", ".join(
            f"{100 * share:.0f} % rank {rank}" for rank, share in self.shares.items()
        )
        return filled(
            f"<RankBootstrap: {len(self.ranks)} replicates, rank chosen by "
            f"{self.criterion.upper()}: {shares}; seed {self.seed}>",
            WIDTH,
        )


@dataclass(frozen=True, slots=True)
class _Task:
    refits: dict[int, Refits]
    penalties: dict[int, float]
    shape: tuple[int, int]
    seeds: list[np.random.SeedSequence]


def bootstrap_with_rank(
    fit: Fit,
    ranks: Iterable[int],
    criterion: RankCriterion,
    *,
    n_boot: int,
    multiplier: Multiplier,
    seed: int,
    n_jobs: int | None,
    progress: bool,
) -> RankBootstrap:
    """
    Refit replicates at every rank, and keep of each the one with the lowest criterion.

    Refits of a rank start from the fit of all data at that rank.
    """
    own = fit.estimate.of_kind(MarginalEstimate, "bootstrap(select=)")
    design, estimator = fit.model.design, fit.estimator
    assert isinstance(estimator, MaximumLikelihood)
    if own.structure.pattern is not None or np.isfinite(own.cap):
        raise NotComputedError(
            name="bootstrap(select=)",
            reason="a basis_pattern fixes the rank, and a cap depends on it: fit without them.",
        )
    # One form of the covariances for all ranks, or it would be compared beside the rank.
    estimator = replace(estimator, cov_resid=own.structure.cov_resid, start_basis=None)
    compared = check_ranks("select", ranks, len(design.responses), len(design.units))
    if own.X.shape[1] not in compared:
        raise InvalidArgumentError(
            "select",
            ranks,
            f"ranks such as range(1, 6) that include {own.X.shape[1]}, the rank of the fit",
        )
    start = np.random.SeedSequence(fit.seed)
    estimates = {}
    for rank in compared:
        estimates[rank] = own
        if rank != own.X.shape[1]:
            estimates[rank] = estimator.fit(design, rank, np.random.default_rng(start))
    units = {"bic": float(np.log(len(design.units))), "aic": 2.0}[criterion]
    refits = {
        rank: estimator.refit(design, estimate, multiplier) for rank, estimate in estimates.items()
    }
    penalties = {rank: units * estimate.n_parameters for rank, estimate in estimates.items()}
    seeds = np.random.SeedSequence(seed).spawn(n_boot)
    shape = (len(design.responses), len(design.covariates))
    tasks = [
        _Task(refits, penalties, shape, seeds[first : first + CHUNK])
        for first in range(0, n_boot, CHUNK)
    ]
    parts = run_tasks(
        _chosen, tasks, n_jobs=n_jobs, progress=progress, description="refits in parts"
    )
    chosen, profiles, n_failed = zip(*parts, strict=True)
    columns = pd.MultiIndex.from_product(
        [design.covariates, design.responses], names=["covariate", design.responses.name]
    )
    return RankBootstrap(
        profiles=fit.basis @ fit.theta,
        replicates=pd.DataFrame(np.concatenate(profiles), columns=columns),
        ranks=pd.Series(np.concatenate(chosen), name="rank"),
        criterion=criterion,
        seed=seed,
        n_failed=sum(n_failed),
    )


def _chosen(task: _Task) -> tuple[FloatArray, FloatArray, int]:
    """Ranks and profiles of some replicates, and how many refits did not reach the tolerance."""
    criteria, profiles, n_failed = [], [], 0
    with one_thread_if_small(task.shape[0] ** 2 * max(task.refits)):
        for rank, refits in task.refits.items():
            fits = cast("Sequence[Refit]", refits(task.seeds))  # of ml
            criteria.append([task.penalties[rank] - 2.0 * fit.llf for fit in fits])
            profiles.append([(fit.X @ fit.Theta).ravel(order="F") for fit in fits])
            n_failed += sum(fit.stop_reason is not StopReason.TOLERANCE for fit in fits)
    best = np.argmin(criteria, axis=0)
    ranks = np.array(list(task.refits))[best]
    return ranks, np.array(profiles)[best, np.arange(len(best))], n_failed
