"""
Ascent where the basis has many entries: expectation and conditional maximisation, accelerated.

An iteration has one product with the moments, as an evaluation of the likelihood has. Given X,
Theta and the variances are maximised exactly, from Q x Q matrices; then the columns of X one after
the other, given the expected scores and their second moments V: a step along the gradient by the
inverse of V_qq, projected on the simplex. Anderson's method extrapolates from the last iterations;
where that leads downhill, the iteration goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from nmfre.core.typing import FloatArray
from nmfre.estimation.complete import CompleteMoments
from nmfre.estimation.likelihood import MarginalValue, marginal_value

DEPTH = 5
"""Differences that are extrapolated from."""
RANGE = 5.0
"""How far log lambda moves at most in an iteration."""
ALTERNATIONS = 20
SETTLED = 1e-10
ROUNDING = 1e-14
"""Change of the value per cell that is rounding."""
PATIENCE = 10
"""Iterations without ascent after which rounding allows none."""
SLOW = 50
"""Iterations that a tenth of the norm may take: where scores have little noise, it takes more."""


@dataclass(frozen=True, slots=True)
class Ascent:
    """Where an ascent has come to, and the value after each of its iterations."""

    X: FloatArray
    log_ridge: float
    path: list[float]


@dataclass(frozen=True, slots=True)
class _Given(CompleteMoments):
    """The moments at one basis X, whose product is kept."""

    X: FloatArray
    RX: FloatArray

    @classmethod
    def of(cls, moments: CompleteMoments, X: FloatArray) -> _Given:
        return cls(
            moments.n_units,
            moments.n_cells,
            moments.scale,
            moments.covariates,
            moments.B,
            moments.trace,
            X,
            moments.times(X),
        )

    def times_root(self, X: FloatArray, root: FloatArray) -> FloatArray:
        """R X F / N, of the product that is there."""
        assert X is self.X
        return self.RX @ root


def accelerated_ecm(
    moments: CompleteMoments,
    X: FloatArray,
    log_ridge: float,
    *,
    signed: bool,
    limits: tuple[float, float],
    norm: Callable[[FloatArray, MarginalValue, float], float],
    tol: float,
    maxiter: int,
) -> Ascent:
    """
    Climb from one start, until ``norm`` is ``tol`` or falls no more, or slowly.

    Parameters
    ----------
    moments : CompleteMoments
    X : array, (P, Q)
        Start of the basis; its columns sum to one.
    log_ridge : float
        Start of log lambda.
    signed : bool
        Whether Theta may be negative.
    limits : tuple of float
        Of log lambda.
    norm : callable
        From X, the value there and log lambda to the norm that is to reach ``tol``.
    tol : float
    maxiter : int
        At least 1.

    Returns
    -------
    Ascent
    """
    extrapolation = _Anderson(X.size)
    path: list[float] = []
    norms: list[float] = []
    step, lowest, waited = X, np.inf, 0
    for _ in range(maxiter):
        given = _Given.of(moments, X)
        Gamma, log_ridge = _conditional_maximum(given, log_ridge, signed, limits)
        point = marginal_value(given, X, Gamma, log_ridge)
        waited = 0 if point.value < lowest - ROUNDING else waited + 1
        lowest = min(lowest, point.value)
        if waited > PATIENCE:
            break
        if extrapolation.count and point.value > path[-1] + ROUNDING:
            X = step
            extrapolation.clear()
            continue
        path.append(point.value)
        norms.append(norm(X, point, log_ridge))
        reached = Ascent(X, log_ridge, path)
        if norms[-1] <= tol or (len(norms) > SLOW and norms[-1] > 0.1 * norms[-1 - SLOW]):
            break
        step = _next_basis(given, Gamma, point, log_ridge)
        X = extrapolation.after(X, step)
    return reached


def _conditional_maximum(
    given: _Given, log_ridge: float, signed: bool, limits: tuple[float, float]
) -> tuple[FloatArray, float]:
    """Gamma and log lambda of highest likelihood given X, in turns."""
    X = given.X
    free, XtX, XtRX = given.free_gamma(X, np.exp(log_ridge)), X.T @ X, X.T @ given.RX
    bounded = not signed and given.covariates.theta(free).min() < 0.0
    d, V = np.linalg.eigh(XtX)
    d = np.maximum(d, np.finfo(float).eps * d[-1])
    Gamma = free
    for _ in range(ALTERNATIONS):
        if bounded:
            ridge = np.exp(log_ridge)
            Gamma, _ = given.nearest(free, (V * np.sqrt(ridge * d / (d + ridge))).T)
        D = given.B - X @ Gamma
        XtD = X.T @ D
        total = given.trace + float(np.vdot(D, D))
        along = np.diag(V.T @ (XtRX + XtD @ XtD.T) @ V)
        before, log_ridge = log_ridge, _log_ridge(log_ridge, total, along, d, len(X), limits)
        if not bounded or abs(log_ridge - before) <= SETTLED:
            break
    return Gamma, log_ridge


def _log_ridge(
    start: float,
    total: float,
    along: FloatArray,
    d: FloatArray,
    n_responses: int,
    limits: tuple[float, float],
) -> float:
    """Log lambda of highest likelihood, near ``start``: where its derivative is zero."""

    def slope(x: float) -> float:
        ridge = np.exp(x)
        rss = total - np.sum(along / (d + ridge))
        by_rss = ridge * np.sum(along / (d + ridge) ** 2) / max(rss, np.finfo(float).tiny)
        return float(n_responses * by_rss - np.sum(d / (d + ridge)))

    low, high = max(start - RANGE, limits[0]), min(start + RANGE, limits[1])
    if slope(low) >= 0.0:
        return low
    if slope(high) <= 0.0:
        return high
    return float(brentq(slope, low, high, xtol=SETTLED))


def _next_basis(
    given: _Given, Gamma: FloatArray, point: MarginalValue, log_ridge: float
) -> FloatArray:
    """The basis after one column after the other was maximised, given the expected scores."""
    X, sigma2 = given.X, point.sigma2
    n_responses, rank = X.shape
    M_inv = np.linalg.inv(X.T @ X + np.exp(log_ridge) * np.eye(rank))
    XtD = X.T @ (given.B - X @ Gamma)
    UW = M_inv @ XtD
    UU = M_inv @ (X.T @ given.RX + XtD @ XtD.T) @ M_inv
    V = Gamma @ Gamma.T + UW @ Gamma.T + Gamma @ UW.T + UU + sigma2 * M_inv
    ascent = np.ascontiguousarray(-n_responses * sigma2 * point.X_gradient.T)
    columns = np.ascontiguousarray(X.T)
    moved = np.zeros_like(columns)
    for q in range(rank):
        moved[q] = _on_simplex(columns[q] + (ascent[q] - V[q] @ moved) / V[q, q]) - columns[q]
    return np.ascontiguousarray((columns + moved).T)


def _on_simplex(x: FloatArray) -> FloatArray:
    """The nearest point that is not negative and sums to one."""
    ordered = np.sort(x)[::-1]
    shift = (np.cumsum(ordered) - 1.0) / np.arange(1, len(x) + 1)
    last = np.flatnonzero(ordered > shift)[-1]
    return np.asarray(np.maximum(x - shift[last], 0.0))


class _Anderson:
    """Anderson's method on the last `DEPTH` differences of points and residuals."""

    def __init__(self, size: int) -> None:
        self.steps = np.empty((DEPTH, size))
        self.residuals = np.empty((DEPTH, size))
        self.clear()

    def clear(self) -> None:
        """Forget all iterations."""
        self.count = 0
        self.last: tuple[FloatArray, FloatArray] | None = None

    def after(self, X: FloatArray, step: FloatArray) -> FloatArray:
        """Where to go from X, at which an iteration leads to ``step``."""
        to, residual = step.ravel(), (step - X).ravel()
        if self.last is not None:
            row = self.count % DEPTH
            np.subtract(to, self.last[0], out=self.steps[row])
            np.subtract(residual, self.last[1], out=self.residuals[row])
            self.count += 1
        self.last = to, residual
        if not self.count:
            return step
        steps, residuals = self.steps[: self.count], self.residuals[: self.count]
        weights = np.linalg.lstsq(residuals @ residuals.T, residuals @ residual, rcond=1e-10)[0]
        new = np.maximum((to - weights @ steps).reshape(X.shape), 0.0)
        return np.asarray(new / new.sum(axis=0))
