"""The wild bootstrap by estimating every replicate anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from nmfre.core.parallel import run_tasks
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import FloatArray
from nmfre.data.design import Design
from nmfre.errors import InvalidArgumentError
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.complete import moments_of
from nmfre.estimation.estimate import Estimate, StopReason
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.maximum_likelihood import fit_marginal
from nmfre.estimators import EstimatorOptions
from nmfre.inference.multipliers import MULTIPLIERS, Multiplier

CHUNK_BYTES = 1 << 24
"""Responses of the replicates that are estimated together."""
LARGEST_CHUNK = 100


@dataclass(frozen=True, slots=True)
class _Task:
    Y: FloatArray
    A: FloatArray
    estimate: Estimate
    options: EstimatorOptions
    multiplier: Multiplier
    seeds: list[np.random.SeedSequence]


def refit_replicates(
    design: Design,
    estimate: Estimate,
    options: EstimatorOptions,
    *,
    n_boot: int,
    multiplier: Multiplier,
    seed: int | None,
    n_jobs: int | None,
    progress: bool,
) -> tuple[FloatArray, int]:
    """
    vec(Theta) of fits of every replicate.

    df-cap fits Y_b = X Theta A + (Y - X Theta A) diag(w_b): the residuals are those of the fixed
    effects, which carry U. ml, which learns X and the variances from squares of residuals, gives
    the log-likelihood of unit n the weight 1 + w_bn instead, divided by the mean weight: to first
    order that is the one-step replicate of the same multipliers. Every fit starts from the
    estimate, under the same cap, bounds and tolerance; its components are matched with those of the
    estimate by the angles between the columns of the bases.

    Parameters
    ----------
    design : Design
    estimate : Estimate
    options : EstimatorOptions
        Of the fit.
    n_boot, multiplier, seed, n_jobs, progress
        As in `nmfre.NMFREResults.bootstrap`.

    Returns
    -------
    replicates : array, (B, QK)
    n_failed : int
        Fits that did not reach the tolerance.

    Raises
    ------
    InvalidArgumentError
        Normal multipliers with ml.
    """
    if isinstance(estimate, MarginalEstimate) and multiplier == "normal":
        raise InvalidArgumentError(
            "multiplier",
            multiplier,
            "another where ml is fitted anew, with weights 1 + w that cannot be negative",
        )
    seeds = np.random.SeedSequence(seed).spawn(n_boot)
    size = int(np.clip(CHUNK_BYTES // (8 * design.Y.size), 1, LARGEST_CHUNK))
    tasks = [
        _Task(design.Y, design.A, estimate, options, multiplier, seeds[first : first + size])
        for first in range(0, n_boot, size)
    ]
    parts = run_tasks(
        _refit, tasks, n_jobs=n_jobs, progress=progress, description="refits in parts"
    )
    fits = [fit for part in parts for fit in part]
    return np.array([theta for theta, _ in fits]), sum(not converged for _, converged in fits)


def _refit(task: _Task) -> list[tuple[FloatArray, bool]]:
    Y, A, estimate, options = task.Y, task.A, task.estimate, task.options
    draw = MULTIPLIERS[task.multiplier]
    w = np.stack([draw(np.random.default_rng(seed), (Y.shape[1],)) for seed in task.seeds])
    fits: list[Estimate]
    with one_thread_if_small(Y.shape[0] ** 2 * estimate.X.shape[1]):
        if isinstance(estimate, MarginalEstimate):
            fits = [
                fit_marginal(
                    Y,
                    A,
                    moments_of(Y, A, weights),
                    [estimate.X],
                    signed=estimate.signed,
                    cap=estimate.cap,
                    log_ridge=float(np.log(estimate.ridge)),
                    tol=options.tol,
                    maxiter=options.maxiter,
                )
                for weights in (1.0 + w) / (1.0 + w.mean(axis=1, keepdims=True))
            ]
        else:
            sigma2, tau2 = options.variances
            mean = estimate.X @ (estimate.Theta @ A)
            stack = mean + (Y - mean) * w[:, None, :]
            fits = [
                *fit_alternating(
                    stack,
                    A[None],
                    np.repeat(estimate.X[None], len(stack), axis=0),
                    np.repeat(estimate.Theta[None], len(stack), axis=0),
                    cap=estimate.cap,
                    sigma2=sigma2,
                    tau2=tau2,
                    update_tau2=options.update_tau2,
                    tol=options.tol,
                    maxiter=options.maxiter,
                )
            ]
    return [
        (
            fit.Theta[_matching(estimate.X, fit.X)].ravel(order="F"),
            fit.stop_reason is StopReason.TOLERANCE,
        )
        for fit in fits
    ]


def _matching(X: FloatArray, other: FloatArray) -> FloatArray:
    """The order of the columns of ``other`` in which they are closest to those of ``X``."""
    cosines = (X / np.linalg.norm(X, axis=0)).T @ (other / np.linalg.norm(other, axis=0))
    _, order = linear_sum_assignment(-cosines)
    return np.asarray(order)
