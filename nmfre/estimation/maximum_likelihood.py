"""Marginal maximum likelihood: starts, cap, certificate, representative, random effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from nmfre.estimation.estimate import AT_BOUND, MarginalEstimate, centroid_order
from nmfre.estimation.identification import (
    Identification,
    identify,
    sparsest_rotation,
    widest_mixture,
)
from nmfre.estimation.marginal import marginal_value
from nmfre.estimation.maximize import CLIMB_TOL, LOG_RIDGE_LIMITS, Maximum, agreeing, maximize
from nmfre.estimation.products import Moments
from nmfre.typing import FloatArray

Run: TypeAlias = Callable[[Callable[[Any], Any], list[Any]], list[Any]]


def one_by_one(function: Callable[[Any], Any], tasks: list[Any]) -> list[Any]:
    """The function of each."""
    return [function(task) for task in tasks]


@dataclass(frozen=True, slots=True)
class _Start:
    X: FloatArray
    Theta: FloatArray | None = None
    log_ridge: float | None = None
    cap: float = np.inf


def _climb(moments: Moments, signed: bool, tol: float, maxiter: int, start: _Start) -> Maximum:
    return maximize(
        moments,
        start.X,
        start.Theta,
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
    Theta: FloatArray | None = None,
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
    Theta : array, (Q, K), optional
        Start of Theta for the first basis, where Theta is not signed.
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
    if Theta is not None:
        Theta = Theta * bases[0].sum(axis=0)[:, None] / moments.scale

    climb = partial(_climb, moments, signed, max(tol, CLIMB_TOL), maxiter)
    starts = [_Start(bases[0], Theta, log_ridge), *(_Start(X) for X in bases[1:])]
    maxima = run(climb, starts)
    best = min(maxima, key=_value)
    uncapped = None
    if moments.df_random(best.X, best.ridge) > cap:
        uncapped = best.value
        capped = [_Start(m.X, None if signed else m.Theta, cap=cap) for m in maxima]
        maxima = run(climb, capped)
        best = min(maxima, key=_value)
    start = None if signed else best.Theta
    log_ridge = float(np.log(best.ridge))
    if uncapped is None:
        # The way to tau2 = 0 is flat, and ends anywhere: where zero is as good, it is zero.
        zero = marginal_value(moments, best.X, start, LOG_RIDGE_LIMITS[1])
        log_ridge = LOG_RIDGE_LIMITS[1] if zero.value <= best.value else log_ridge
    final = maximize(
        moments,
        best.X,
        start,
        log_ridge,
        cap=np.inf if uncapped is None else cap,
        signed=signed,
        tol=tol,
        maxiter=maxiter - best.n_iter,
    )
    agree = agreeing(maxima, final, cells)

    X, Theta_scaled = final.X, final.Theta
    df_random = moments.df_random(X, final.ridge)
    only_mean = df_random < AT_BOUND * moments.n_units

    def identified() -> Identification:
        sized = Theta_scaled * moments.covariate_scale
        return identify(X, None if signed else sized, mean=sized if only_mean else None)

    if identified().n_free:
        bounded = None if signed else Theta_scaled * moments.covariate_scale
        R = (widest_mixture if only_mean else sparsest_rotation)(X, bounded)
        X, Theta_scaled = np.maximum(X @ R, 0.0), np.linalg.solve(R, Theta_scaled)
        if not signed:
            Theta_scaled = np.maximum(Theta_scaled, 0.0)
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
        identification=identified(),
        condition=float(np.linalg.cond(X)),
    )


def _value(maximum: Maximum) -> float:
    return maximum.value if np.isfinite(maximum.value) else np.inf
