"""Marginal maximum likelihood: starts, cap, certificate, representative, random effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray
from nmfre.estimation.estimate import centroid_order
from nmfre.estimation.identification import (
    Identification,
    identify,
    sparsest_rotation,
    widest_mixture,
)
from nmfre.estimation.likelihood import marginal_value
from nmfre.estimation.marginal_estimate import AT_BOUND, MarginalEstimate
from nmfre.estimation.maximize import CLIMB_TOL, LOG_RIDGE_LIMITS, Maximum, agreeing, maximize
from nmfre.estimation.moments import Moments

Run: TypeAlias = Callable[[Callable[[Any], Any], list[Any]], list[Any]]


def one_by_one(function: Callable[[Any], Any], tasks: list[Any]) -> list[Any]:
    """The function of each."""
    return [function(task) for task in tasks]


@dataclass(frozen=True, slots=True)
class _Start(LaidOut):
    X: FloatArray
    log_ridge: float | None = None
    cap: float = np.inf


def _climb(moments: Moments, signed: bool, tol: float, maxiter: int, start: _Start) -> Maximum:
    return maximize(
        moments,
        start.X,
        start.log_ridge,
        signed=signed,
        cap=start.cap,
        tol=tol,
        maxiter=maxiter,
        polish=False,
    )


def fit_marginal(
    Y: Any,
    A: FloatArray,
    moments: Moments,
    bases: list[FloatArray],
    *,
    signed: bool,
    cap: float,
    log_ridge: float | None = None,
    tol: float = 1e-8,
    maxiter: int = 50_000,
    run: Run = one_by_one,
) -> MarginalEstimate:
    """
    Maximise the marginal likelihood from several starts.

    Parameters
    ----------
    Y : array or SciPy sparse matrix, (P, N)
        Responses; after their moments they are only needed for U.
    A : array, (K, N)
        Covariates.
    moments : Moments
        Of Y and A.
    bases : list of arrays, (P, Q)
        Bases to start from.
    signed : bool
        Whether Theta may be negative.
    cap : float
        Cap on df_U, infinite for none: where the maximum exceeds it, the likelihood is maximised
        on df_U = cap.
    log_ridge : float, optional
        Start of log lambda for the first basis.
    tol : float
        Norm of the projected gradient per cell.
    maxiter : int
        The largest number of iterations of a start.
    run : callable
        Applies a function to each of a list, here or elsewhere.

    Returns
    -------
    MarginalEstimate
    """
    cells = moments.n_cells
    climb = partial(_climb, moments, signed, max(tol, CLIMB_TOL), maxiter)
    starts = [_Start(bases[0], log_ridge), *(_Start(X) for X in bases[1:])]
    maxima = run(climb, starts)
    best = min(maxima, key=_value)
    uncapped = None
    if moments.df_random(best.X, best.ridge) > cap:
        free, free_best = maxima, best
        maxima = run(climb, [_Start(m.X, cap=cap) for m in free])
        for i, m in enumerate(free):  # a lower maximum may meet the cap as it is
            if m.value < maxima[i].value and moments.df_random(m.X, m.ridge) <= cap:
                maxima[i] = m
        best = min(maxima, key=_value)
        if all(best is not m for m in free):
            uncapped = free_best.value
    X, log_ridge = best.X, float(np.log(best.ridge))
    if uncapped is None:
        # The way to tau2 = 0 is flat, and ends anywhere: where zero is as good, it is zero.
        last = LOG_RIDGE_LIMITS[1]
        Gamma, Theta = moments.profiled(X, float(np.exp(last)), signed=signed)
        if marginal_value(moments, X, Gamma, last).value <= best.value:
            log_ridge = last
            if signed:  # and components anywhere: apart, and off their bounds, they are sharper
                X, _ = _representative(moments, X, Theta, signed, only_mean=True)
                X = 0.75 * X + 0.25 * X.mean(axis=1, keepdims=True)
    final = maximize(
        moments,
        X,
        log_ridge,
        cap=np.inf if uncapped is None else cap,
        signed=signed,
        tol=tol,
        maxiter=maxiter - best.n_iter,
    )
    agree = agreeing(maxima, best, final, cells)

    X, Theta_scaled = final.X, final.Theta
    df_random = moments.df_random(X, final.ridge)
    only_mean = df_random < AT_BOUND * moments.n_units
    X, Theta_scaled = _representative(moments, X, Theta_scaled, signed, only_mean=only_mean)
    order = centroid_order(X)
    X, Theta_scaled = X[:, order], Theta_scaled[order]
    sigma2 = final.sigma2 * moments.scale**2
    Theta = Theta_scaled * moments.scale
    U, rss = moments.blup(Y, A, X, Theta, final.ridge)
    log_scale = np.log(moments.scale)
    path = np.concatenate([best.path, final.path])
    if not len(path):  # the start was the maximum
        path = np.array([final.value])
    return MarginalEstimate(
        X=X,
        Theta=Theta,
        U=U,
        sigma2=sigma2,
        tau2=sigma2 / final.ridge,
        cap=cap,
        df_random=df_random,
        rss=rss,
        n_iter=final.n_iter + best.n_iter,
        stop_reason=final.stop_reason,
        signed=signed,
        tau2_estimated=True,
        llf=-cells * (final.value + log_scale),
        llf_uncapped=None if uncapped is None else -cells * (uncapped + log_scale),
        gradient_norm=final.gradient_norm,
        n_starts=len(bases),
        n_agree=agree,
        objective_path=cells * (path + log_scale),
        identification=_identified(moments, X, Theta_scaled, signed, only_mean),
        condition=float(np.linalg.cond(X)),
    )


def _identified(
    moments: Moments, X: FloatArray, Theta: FloatArray, signed: bool, only_mean: bool
) -> Identification:
    return identify(
        X,
        None if signed else Theta * moments.covariates.scale,
        mean=moments.covariates.gamma(Theta) if only_mean else None,
    )


def _representative(
    moments: Moments, X: FloatArray, Theta: FloatArray, signed: bool, *, only_mean: bool
) -> tuple[FloatArray, FloatArray]:
    """Of the mixtures of components that fit as well one, the same from wherever it is sought."""
    if not _identified(moments, X, Theta, signed, only_mean).n_free:
        return X, Theta
    bounded = None if signed else Theta * moments.covariates.scale
    R = (widest_mixture if only_mean else sparsest_rotation)(X, bounded)
    Theta = np.linalg.solve(R, Theta)
    return np.maximum(X @ R, 0.0), Theta if signed else np.maximum(Theta, 0.0)


def _value(maximum: Maximum) -> float:
    return maximum.value if np.isfinite(maximum.value) else np.inf
