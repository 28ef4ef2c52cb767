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

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.complete import CompleteMoments
from nmfre.estimation.covariance_forms import Relative, Structure
from nmfre.estimation.likelihood import MarginalValue, marginal_value, score
from nmfre.estimation.reports import ClimbPulse

DEPTH = 5
"""Differences that are extrapolated from."""
RANGE = 5.0
"""How far the logarithm of a factor of Phi moves at most in an iteration."""
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
    relative: Relative
    path: list[float]


@dataclass(frozen=True, slots=True)
class _Given(CompleteMoments):
    """The moments at one basis X and one v, whose product is kept."""

    X: FloatArray
    v: FloatArray
    RX: FloatArray

    @classmethod
    def of(cls, moments: CompleteMoments, X: FloatArray, v: FloatArray) -> _Given:
        return cls(
            moments.n_units,
            moments.n_cells,
            moments.scale,
            moments.covariates,
            moments.B,
            moments.squares,
            X,
            v,
            moments.times(X / v[:, None]),
        )

    def times_root(self, X: FloatArray, d: FloatArray, root: FloatArray) -> FloatArray:
        """D R D^2 X L / N, of the product that is there."""
        assert X is self.X
        return d * (self.RX @ root)


def accelerated_ecm(
    moments: CompleteMoments,
    X: FloatArray,
    relative: Relative,
    *,
    structure: Structure,
    signed: bool,
    norm: Callable[[FloatArray, FloatArray, Relative, MarginalValue], float],
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
    relative : Relative
        Start of the covariances.
    structure : Structure
        Their form, and entries of X that are held at 0.
    signed : bool
        Whether Theta may be negative.
    norm : callable
        From X, Gamma, the covariances and the value there to the norm that is to reach ``tol``.
    tol : float
    maxiter : int
        At least 1.

    Returns
    -------
    Ascent
    """
    profiled = structure.resid.profiled
    free = ~structure.held(X.shape).T
    extrapolation, pulse = _Anderson(), ClimbPulse(moments)
    path: list[float] = []
    norms: list[float] = []
    step, lowest, waited = (X, relative), np.inf, 0
    for _ in range(maxiter):
        given = _Given.of(moments, X, relative.v)
        Gamma, relative = _conditional_maximum(given, relative, signed, profiled)
        point = marginal_value(given, X, Gamma, relative, profiled=profiled)
        waited = 0 if point.value < lowest - ROUNDING else waited + 1
        lowest = min(lowest, float(point.value))
        if waited > PATIENCE:
            break
        if extrapolation.count and point.value > path[-1] + ROUNDING:
            X, relative = step
            extrapolation.clear()
            continue
        path.append(float(point.value))
        norms.append(norm(X, Gamma, relative, point))
        if pulse.due():
            pulse.tell(len(path), path[-1], norms[-1])
        reached = Ascent(X, relative, path)
        if norms[-1] <= tol or (len(norms) > SLOW and norms[-1] > 0.1 * norms[-1 - SLOW]):
            break
        step = _next(given, Gamma, relative, point, structure, free)
        X, relative = extrapolation.after((X, relative), step)
    return reached


def _conditional_maximum(
    given: _Given, relative: Relative, signed: bool, profiled: bool
) -> tuple[FloatArray, Relative]:
    """Gamma, and F times a number, of highest likelihood given X and v, in turns."""
    X, Z = given.X, relative.loadings(given.X)
    free = given.free_gamma(X, relative)
    d, V = np.linalg.eigh(Z.T @ Z)
    d = np.maximum(d, np.finfo(float).eps * d[-1])
    ZtRZ = Z.T @ (relative.d * (given.RX @ relative.F))
    total = float(np.sum(given.squares / relative.v))
    bounded = not signed and given.covariates.theta(free).min() < 0.0
    Gamma, log_factor = free, 0.0
    for _ in range(ALTERNATIONS):
        if bounded:
            root = given.root_information(X, relative.scaled(np.exp(log_factor)))
            Gamma, _ = given.nearest(free, root)
        D = relative.d * (given.B - X @ Gamma)
        ZtD = Z.T @ D
        along = np.diag(V.T @ (ZtRZ + ZtD @ ZtD.T) @ V)
        before = log_factor
        squares = total + float(np.vdot(D, D))
        log_factor = _log_factor(before, squares, along, d, len(X), profiled)
        if not bounded or abs(log_factor - before) <= SETTLED:
            break
    return Gamma, relative.scaled(float(np.exp(log_factor)))


def _log_factor(
    start: float,
    total: float,
    along: FloatArray,
    d: FloatArray,
    n_responses: int,
    profiled: bool,
) -> float:
    """The logarithm of the factor of Phi of highest likelihood, near ``start``."""

    def slope(x: float) -> float:
        factor = np.exp(x)
        shrunk = factor / (1.0 + factor * d)
        per_sigma2 = 1.0
        if profiled:
            rss = total - np.sum(along * shrunk)
            per_sigma2 = n_responses / max(rss, np.finfo(float).tiny)
        return float(per_sigma2 * np.sum(along * shrunk / (1.0 + factor * d)) - np.sum(d * shrunk))

    low, high = start - RANGE, start + RANGE
    if slope(high) >= 0.0:
        return high
    if slope(low) <= 0.0:
        return low
    return float(brentq(slope, low, high, xtol=SETTLED))


def _next(
    given: _Given,
    Gamma: FloatArray,
    relative: Relative,
    point: MarginalValue,
    structure: Structure,
    free: BoolArray,
) -> tuple[FloatArray, Relative]:
    """
    The next basis and covariances, given expected scores and their second moments V.

    One column of the basis after the other is maximised.
    """
    X, F, sigma2, products = given.X, relative.F, point.sigma2, point.products
    psi = sigma2 * relative.v
    UW, UU = F @ products.UW, F @ (products.UU + sigma2 * products.M_inv) @ F.T
    V = Gamma @ Gamma.T + UW @ Gamma.T + Gamma @ UW.T + UU
    ascent = np.ascontiguousarray((score(given, X, Gamma, relative, point).X * psi[:, None]).T)
    columns = np.ascontiguousarray(X.T)
    moved = np.zeros_like(columns)
    for q in range(len(columns)):
        to = columns[q] + (ascent[q] - V[q] @ moved) / V[q, q]
        moved[q, free[q]] = _on_simplex(to[free[q]], psi[free[q]]) - columns[q, free[q]]
    Z = relative.loadings(X)
    expected = relative.v * (products.EE + sigma2 * np.vecdot(Z, products.ZM_inv))
    new_sigma2, v = structure.resid.nearest(expected)
    return np.ascontiguousarray((columns + moved).T), Relative(
        v, structure.random.nearest(UU / new_sigma2)
    )


def _on_simplex(x: FloatArray, scale: FloatArray) -> FloatArray:
    """The nearest point, in squares over ``scale``, that is not negative and sums to one."""
    order = np.argsort(-x / scale, kind="stable")
    shift = (np.cumsum(x[order]) - 1.0) / np.cumsum(scale[order])
    last = np.flatnonzero(x[order] > shift * scale[order])[-1]
    return np.asarray(np.maximum(x - shift[last] * scale, 0.0))


class _Anderson:
    """Anderson's method on the last `DEPTH` differences of points and residuals."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all iterations."""
        self.count = 0
        self.last: tuple[FloatArray, FloatArray] | None = None

    def after(
        self, at: tuple[FloatArray, Relative], step: tuple[FloatArray, Relative]
    ) -> tuple[FloatArray, Relative]:
        """Where to go from a point, at which an iteration leads to ``step``."""
        before, to = _vector(*at), _vector(*step)
        residual = to - before
        if self.last is None:
            self.steps = np.empty((DEPTH, len(to)))
            self.residuals = np.empty((DEPTH, len(to)))
        else:
            row = self.count % DEPTH
            np.subtract(to, self.last[0], out=self.steps[row])
            np.subtract(residual, self.last[1], out=self.residuals[row])
            self.count += 1
        self.last = to, residual
        if not self.count:
            return step
        steps, residuals = self.steps[: self.count], self.residuals[: self.count]
        weights = np.linalg.lstsq(residuals @ residuals.T, residuals @ residual, rcond=1e-10)[0]
        new = to - weights @ steps
        X, relative = step
        basis = np.maximum(new[: X.size].reshape(X.shape), 0.0)
        change = np.clip(len(X) * (new - to)[X.size :], -RANGE, RANGE)
        v = relative.v * np.exp(change[: len(X)])
        F = relative.F * np.exp(change[len(X) :, None] / 2.0)
        return basis / basis.sum(axis=0), Relative(v, F)


def _vector(X: FloatArray, relative: Relative) -> FloatArray:
    """Basis and log variances, of one size; a factor of Phi is at its maximum anyway."""
    logs = 2.0 * np.log(np.diag(relative.F))
    return np.concatenate([X.ravel(), np.log(relative.v) / len(X), (logs - logs.mean()) / len(X)])
