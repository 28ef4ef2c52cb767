"""Marginal maximum likelihood: starts, cap, certificate, representative, random effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray
from nmfre.estimation.boundary import (
    at_zero_if_as_good,
    df_random,
    re_at_bound,
    resid_at_bound,
    resid_at_zero,
)
from nmfre.estimation.covariance_forms import Relative, Structure
from nmfre.estimation.estimate import PAPER, centroid_order
from nmfre.estimation.identification import Identification, identify, n_free
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.maximize import (
    CLIMB_TOL,
    Maximum,
    agreeing,
    maximize,
    maximize_all,
    stack_size,
    starting_covariances,
)
from nmfre.estimation.moments import Moments
from nmfre.estimation.reports import StartReports, report
from nmfre.estimation.representative import representative, widest_mixture

Arrived: TypeAlias = Callable[[Any], object]
Run: TypeAlias = Callable[[Callable[[Any], Any], list[Any], Arrived], list[Any]]


def one_by_one(function: Callable[[Any], Any], tasks: list[Any], arrived: Arrived) -> list[Any]:
    """The function of each, of which ``arrived`` is told."""
    results = []
    for task in tasks:
        results.append(function(task))
        arrived(results[-1])
    return results


@dataclass(frozen=True, slots=True)
class _Starts(LaidOut):
    """Bases (B, P, Q) and covariances to start from."""

    X: FloatArray
    relative: Relative
    cap: float = np.inf


def _climb(
    moments: Moments,
    structure: Structure,
    signed: bool,
    tol: float,
    maxiter: int,
    starts: _Starts,
) -> list[Maximum]:
    return maximize_all(
        moments,
        starts.X,
        starts.relative,
        structure=structure,
        signed=signed,
        cap=starts.cap,
        tol=tol,
        maxiter=maxiter,
        polish=False,
    )


def _together(X: FloatArray, relative: Relative, most: int, cap: float = np.inf) -> list[_Starts]:
    """Starts in parts of so many."""
    parts = [slice(first, first + most) for first in range(0, len(X), most)]
    return [_Starts(X[i], relative.members(i), cap) for i in parts]


def fit_marginal(
    Y: Any,
    A: FloatArray,
    moments: Moments,
    bases: list[FloatArray],
    *,
    signed: bool,
    cap: float,
    structure: Structure = PAPER,
    start: Relative | None = None,
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
    structure : Structure
        Forms of the covariances, and entries of X that are held at 0.
    start : Relative, optional
        Start of the covariances for the first basis, in squared units of the responses.
    tol : float
        Norm of the projected gradient per cell.
    maxiter : int
        The largest number of iterations of a start.
    run : callable
        Applies a function to each of a list, here or elsewhere, and reports each result.

    Returns
    -------
    MarginalEstimate
    """
    cells = moments.n_cells
    scale = moments.scale
    climb = partial(_climb, moments, structure, signed, max(tol, CLIMB_TOL), maxiter)
    X = np.where(structure.held(bases[0].shape), 0.0, np.stack(bases))
    relative = starting_covariances(moments, X / X.sum(axis=1, keepdims=True), structure)
    if start is not None:
        first = structure.relative(start, scale)
        relative.v[0], relative.F[0] = first.v, first.F
    together = _together(X, relative, stack_size(moments, X.shape[2]))
    parts = run(climb, together, StartReports(moments, len(bases)))
    maxima: list[Maximum] = [maximum for part in parts for maximum in part]
    best = min(maxima, key=_value)
    uncapped = None
    if df_random(moments, best) > cap:
        free, free_best = maxima, best
        X = np.stack([m.X for m in free])
        relative = Relative.stacked([m.relative for m in free])
        reports = StartReports(moments, len(bases), " on the cap")
        parts = run(climb, _together(X, relative, 1, cap), reports)
        maxima = [maximum for (maximum,) in parts]
        for i, m in enumerate(free):  # a lower maximum may meet the cap as it is
            if m.value < maxima[i].value and df_random(moments, m) <= cap:
                maxima[i] = m
        best = min(maxima, key=_value)
        if all(best is not m for m in free):
            uncapped = free_best.value
    if uncapped is None:
        (X,), at_zero = at_zero_if_as_good(moments, [best], signed=signed, structure=structure)
        relative = at_zero.members(0)
    else:
        X, relative = best.X, resid_at_zero(moments, best.relative, structure)
    final = maximize(
        moments,
        X,
        relative,
        structure=structure,
        cap=np.inf if uncapped is None else cap,
        signed=signed,
        tol=tol,
        maxiter=maxiter - best.n_iter,
        near=True,
    )
    agree = agreeing(maxima, best, final, cells)
    report(f"maximum ({agree} of {len(bases)} starts lead there)", moments, final)

    X, Theta_scaled, relative = representative_of(moments, final, signed, structure)
    if structure.pattern is None:
        order = centroid_order(X)
        X, Theta_scaled, relative = X[:, order], Theta_scaled[order], relative.ordered(order)
    Z = relative.loadings(X)
    sigma2 = final.sigma2 * scale**2 * relative.v.mean()
    tau2 = final.sigma2 * scale**2 * np.sum(relative.F**2) / X.shape[1]
    Theta = Theta_scaled * scale
    log_scale = float(np.log(scale))
    path = np.concatenate([best.path, final.path])
    if not len(path):  # the start was the maximum
        path = np.array([final.value])
    squares = moments.n_units * scale**2
    EE = moments.products(X, moments.covariates.gamma(Theta_scaled), relative).EE
    v = relative.v / relative.v.mean()
    return MarginalEstimate(
        X=X,
        Theta=Theta,
        U=moments.blup(Y, A, X, Theta, relative),
        sigma2=float(sigma2),
        tau2=float(tau2),
        v=v,
        F=relative.F * np.sqrt(X.shape[1] / np.sum(relative.F**2)),
        cap=cap,
        df_random=moments.df_random(Z),
        rss=squares * float(relative.v @ EE),
        weighted_rss=squares * float(relative.v.mean() * EE.sum()),
        n_iter=final.n_iter + best.n_iter,
        stop_reason=final.stop_reason,
        signed=signed,
        tau2_estimated=True,
        total_weight=None if moments.n_units == A.shape[1] else float(moments.n_units),
        llf=-cells * (final.value + log_scale),
        llf_uncapped=None if uncapped is None else -cells * (uncapped + log_scale),
        gradient_norm=final.gradient_norm,
        expected_gain=final.expected_gain,
        n_starts=len(bases),
        n_agree=agree,
        objective_path=cells * (path + log_scale),
        identification=_identified(moments, X, Theta_scaled, relative, signed, structure),
        condition=float(np.linalg.cond(X)),
        structure=structure,
        resid_at_bound=resid_at_bound(moments, relative, structure),
        re_at_bound=re_at_bound(X, relative),
    )


def _identified(
    moments: Moments,
    X: FloatArray,
    Theta: FloatArray,
    relative: Relative,
    signed: bool,
    structure: Structure,
) -> Identification:
    all_vary = not re_at_bound(X, relative).any()
    return identify(
        X,
        None if signed else Theta * moments.covariates.scale,
        _Phi(X, relative),
        structure,
        mean=None if all_vary else moments.covariates.gamma(Theta),
    )


def _Phi(X: FloatArray, relative: Relative) -> FloatArray:
    """Phi / sigma2, with zeros for variances at their bound."""
    there = np.where(re_at_bound(X, relative), 0.0, 1.0)
    return np.asarray(relative.Phi * np.outer(there, there))


def representative_of(
    moments: Moments, final: Maximum, signed: bool, structure: Structure
) -> tuple[FloatArray, FloatArray, Relative]:
    """Of the mixtures of components that fit as well one, the same from wherever it is sought."""
    X, Theta, relative = final.X, final.Theta, final.relative
    bounded = None if signed else Theta * moments.covariates.scale
    if not n_free(X, bounded, _Phi(X, relative), structure):
        return X, Theta, relative
    if re_at_bound(X, relative).all():
        R = np.eye(len(Theta)) if structure.pattern is not None else widest_mixture(X, bounded)
    else:
        R = representative(X, bounded, relative.F, structure)
        Phi = np.linalg.solve(R, np.linalg.solve(R, relative.Phi).T)
        relative = Relative(relative.v, structure.random.nearest(Phi))
    Theta = np.linalg.solve(R, Theta)
    X = np.maximum(X @ R, 0.0)
    total = X.sum(axis=0)  # 1, but for what rounding had below 0
    Theta = (Theta if signed else np.maximum(Theta, 0.0)) * total[:, None]
    return X / total, Theta, Relative(relative.v, relative.F * total[:, None])


def _value(maximum: Maximum) -> float:
    return maximum.value if np.isfinite(maximum.value) else np.inf
