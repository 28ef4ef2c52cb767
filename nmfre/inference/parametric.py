"""
The likelihood-ratio statistic against the saturated model when the fitted normal model is true.

Of complete units the likelihood knows second moments alone: their coefficients on orthonormal
covariates are normal, their residual moments Wishart. They are drawn; no unit is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from nmfre.core.layout import LaidOut
from nmfre.core.parallel import run_tasks
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import FloatArray
from nmfre.estimation.complete import CompleteMoments, DenseMoments
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.maximize import maximize
from nmfre.estimation.orthonormal import Orthonormal


@dataclass(frozen=True, slots=True)
class FittedMoments(LaidOut):
    """
    What moments of data of the fitted model are drawn from, and how they are fitted.

    In units of scaled responses: mean effects of orthonormal covariates (P, K), covariance (P, P).
    """

    n_units: float
    scale: float
    covariates: Orthonormal
    effects: FloatArray
    covariance: FloatArray
    estimate: MarginalEstimate
    tol: float
    maxiter: int

    @classmethod
    def of(
        cls, moments: CompleteMoments, estimate: MarginalEstimate, *, tol: float, maxiter: int
    ) -> FittedMoments:
        """Of a fit of complete units."""
        X, scale, covariates = estimate.X, moments.scale, moments.covariates
        Sigma = (X @ estimate.Phi @ X.T + np.diag(estimate.psi)) / scale**2
        effects = X @ covariates.gamma(estimate.Theta) / scale
        return cls(moments.n_units, scale, covariates, effects, Sigma, estimate, tol, maxiter)

    def draw(self, rng: np.random.Generator) -> DenseMoments:
        """Moments of one data set."""
        (P, K), N = self.effects.shape, self.n_units
        root = np.linalg.cholesky(self.covariance)
        B = self.effects + root @ rng.standard_normal((P, K)) / np.sqrt(N)
        R = stats.wishart.rvs(N - K, self.covariance, random_state=rng).reshape(P, P) / N
        return DenseMoments(N, N * P, self.scale, self.covariates, B, np.diag(R), R)

    def statistic(self, seed: np.random.SeedSequence) -> tuple[float, bool]:
        """Of one data set, the fit starting from the estimate; and whether it converged."""
        moments, estimate = self.draw(np.random.default_rng(seed)), self.estimate
        P, rank = estimate.X.shape
        with one_thread_if_small(P**2 * rank):
            found = maximize(
                moments,
                estimate.X,
                estimate.structure.relative(estimate.absolute, self.scale),
                structure=estimate.structure,
                signed=estimate.signed,
                tol=self.tol,
                maxiter=self.maxiter,
            )
        log_det = np.linalg.slogdet(moments.R)[1]
        saturated = 0.5 * (np.log(2.0 * np.pi) + 1.0 + log_det / P)  # per cell, as the value
        statistic = 2.0 * moments.n_cells * (found.value - saturated)
        return float(statistic), found.stop_reason is StopReason.TOLERANCE


def bootstrap_statistics(
    fitted: FittedMoments,
    *,
    n_boot: int,
    seed: int | None,
    n_jobs: int | None,
    progress: bool,
) -> tuple[FloatArray, int]:
    """
    Statistics of ``n_boot`` data sets of the fitted model, and how many fits did not converge.

    Parameters
    ----------
    fitted : FittedMoments
    n_boot, seed, n_jobs, progress
        As in `nmfre.NMFREResults.fit_measures`.

    Returns
    -------
    statistics : array, (n_boot,)
    n_failed : int
    """
    seeds = np.random.SeedSequence(seed).spawn(n_boot)
    found = run_tasks(
        partial(_statistic, fitted), seeds, n_jobs=n_jobs, progress=progress, description="refits"
    )
    statistics, converged = zip(*found, strict=True)
    return np.array(statistics), n_boot - sum(converged)


def _statistic(fitted: FittedMoments, seed: np.random.SeedSequence) -> tuple[float, bool]:
    return fitted.statistic(seed)
