"""
Maximisation of the marginal likelihood over X >= 0, Theta (signed or >= 0) and the variances.

The variables are P X, not normalised, the coordinates of Phi, and logarithms of residual variances
where these differ: all of the size of one, whatever the units. Theta, and a common sigma2, are at
their maximum given these, signed or not: the search never sees how covariates are coded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import Bounds, OptimizeResult, minimize

from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray
from nmfre.estimation.complete import CompleteMoments
from nmfre.estimation.covariance_forms import SMALLEST_SHARE, Relative, Structure
from nmfre.estimation.ecm import accelerated_ecm
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.initial import leading_eigenvectors, varimax
from nmfre.estimation.moments import Moments
from nmfre.estimation.newton import LONGEST, descend, expected_gain
from nmfre.estimation.search import LARGEST_HESSIAN, Search

MEMORY = 30
"""Pairs of L-BFGS-B: the problems are small, evaluations cost more than vectors."""
LEAST_GAIN = 1e-6
"""Log-likelihood that a step must promise, where the gradient is above its tolerance."""
MANY = 10_000
MEMORY_OF_MANY = 10
"""Pairs from this number of variables on: vectors cost as much as evaluations."""
RESTARTS = 5
"""Times that L-BFGS-B starts again from where a line search failed, with an empty memory."""
RITZ = 1e-3
"""Relative change of the eigenvalues at which a start of a large problem has enough of them."""
CLIMB_TOL = 1e-6
"""Gradient norm at which Newton steps take over."""
NEWTON_STEPS = 6
ROUNDING = 1e-8
"""Rise of the value per cell that may be rounding: a Newton step that raises it more is refused."""
DIFFERENCE = 1e-5
SINGULAR = 1e-8
NEAR_BOUND = 1e-7
"""Below it, a variable whose gradient pushes it down is at its bound."""


@dataclass(frozen=True, slots=True)
class Maximum(LaidOut):
    """
    A local maximum, in units of the scaled responses.

    Attributes
    ----------
    value : float
        Minus the log-likelihood per cell.
    X, Theta : (P, Q), (Q, K)
    sigma2 : float
    v, F : (P,), (Q, Q)
        Covariances relative to it, as in `Relative`.
    gradient_norm : float
        Largest entry of the projected gradient of ``value`` by the variables of the search.
    n_iter : int
    stop_reason : StopReason
    path : (n_iter,)
        ``value`` after each iteration.
    """

    value: float
    X: FloatArray
    Theta: FloatArray
    sigma2: float
    v: FloatArray
    F: FloatArray
    gradient_norm: float
    n_iter: int
    stop_reason: StopReason
    path: FloatArray

    @property
    def relative(self) -> Relative:
        """Covariances relative to sigma2."""
        return Relative(self.v, self.F)


def starting_covariances(moments: Moments, X: FloatArray, structure: Structure) -> Relative:
    """Half of what covariates leave for residuals, as much on average for random effects."""
    v = np.ones(len(X))
    if not structure.resid.profiled:
        v = np.maximum(moments.unexplained, SMALLEST_SHARE) / 2.0
    weighted = X / np.sqrt(v)[:, None]
    return Relative(v, np.eye(X.shape[1]) * np.sqrt(X.shape[1] / np.sum(weighted**2)))


def maximize(
    moments: Moments,
    X: FloatArray,
    relative: Relative | None = None,
    *,
    structure: Structure,
    signed: bool,
    cap: float = np.inf,
    tol: float = 1e-8,
    maxiter: int = 50_000,
    polish: bool = True,
) -> Maximum:
    """
    Climb from one start.

    By Newton steps (`descend`) where the basis has few entries and there is no cap; by
    `accelerated_ecm`, which stops at ``tol`` per unit, where it has many and no cell is missing.
    What is left, and all else, is for L-BFGS-B (`scipy.optimize.minimize`).

    Parameters
    ----------
    moments : Moments
    X : array, (P, Q)
        Start of the basis, not negative; its columns are normalised.
    relative : Relative, optional
        Start of the covariances. Default: `starting_covariances`.
    structure : Structure
        Their form, and entries of X that are held at 0.
    signed : bool
        Whether Theta may be negative.
    cap : float
        Solve on df_U = cap instead of over the size of Phi, where finite.
    tol : float
        The gradient norm to reach.
    maxiter : int
        The largest number of iterations.
    polish : bool
        Whether to end with Newton steps; if not, the search goes on to ``tol`` by itself.

    Returns
    -------
    Maximum
    """
    X = np.where(structure.held(X.shape), 0.0, X)
    X = X / X.sum(axis=0)
    search = Search(moments, X.shape, structure, signed=signed, cap=cap)
    z = search.pack(
        X, starting_covariances(moments, X, structure) if relative is None else relative
    )
    path: list[float] = []

    def record(intermediate_result: OptimizeResult) -> None:
        path.append(float(intermediate_result.fun))

    by_ecm = search.large and isinstance(moments, CompleteMoments) and not search.capped

    def ascend(z: FloatArray, tol: float) -> FloatArray:
        assert isinstance(moments, CompleteMoments)
        X, relative = search.unpack(z)
        ascent = accelerated_ecm(
            moments,
            X,
            relative,
            structure=structure,
            signed=signed,
            norm=search.norm_at,
            tol=tol / moments.n_responses,  # per unit: an entry of X bears on one cell of each
            maxiter=maxiter - len(path),
        )
        path.extend(ascent.path)
        return search.pack(ascent.X, ascent.relative)

    by_newton = not search.large and not search.capped
    longest = np.full(len(z), LONGEST)
    longest[: search.n_basis] = np.inf

    def descended(z: FloatArray, tol: float) -> FloatArray:
        return descend(
            search, z, tol=tol, maxiter=maxiter - len(path), longest=longest, record=path.append
        )

    def climb(z: FloatArray, tol: float) -> FloatArray:
        if by_newton:
            z = descended(z, tol)
        for attempt in range(1 + RESTARTS):
            if by_ecm and len(path) < maxiter:
                z = ascend(z, tol)
            if search.gradient_norm(z) <= tol or len(path) >= maxiter:
                break
            scale = search.scales[attempt % len(search.scales)]
            solution = minimize(
                partial(search.scaled_value_and_gradient, scale)
                if search.large
                else search.value_and_gradient,
                z / scale,
                jac=True,
                method="L-BFGS-B",
                bounds=Bounds(search.lower / scale, search.upper / scale),
                callback=record,
                options={
                    "maxiter": maxiter - len(path),
                    "maxfun": 20 * maxiter,
                    "maxcor": MEMORY if len(z) <= MANY else MEMORY_OF_MANY,
                    "ftol": 0.0,
                    "gtol": tol,
                },
            )
            z = search.normalised(solution.x * scale)
        return z

    z = climb(z, max(tol, CLIMB_TOL) if polish else tol)
    if polish and len(path) < maxiter:
        z = descended(z, tol / 1000.0) if by_newton else _polish(search, z, tol)
        if by_ecm or search.gradient_norm(z) > tol:  # too many variables for Newton steps
            z = climb(z, tol)
    norm = search.gradient_norm(z)
    if norm <= tol:
        reason = StopReason.TOLERANCE
    elif not np.isfinite(norm):
        reason = StopReason.NON_FINITE
    elif len(path) >= maxiter:
        reason = StopReason.MAXITER
    else:
        reason = StopReason.PRECISION
        # Next to a residual variance of zero gradients are large, of what gains nothing.
        if polish and by_newton:
            gain = expected_gain(search, z) * moments.n_cells
            reason = StopReason.TOLERANCE if gain < LEAST_GAIN else reason
    X, relative, _, Theta, best = search.evaluated(z)
    return Maximum(
        value=best.value,
        X=X,
        Theta=Theta,
        sigma2=best.sigma2,
        v=relative.v,
        F=relative.F,
        gradient_norm=norm,
        n_iter=len(path),
        stop_reason=reason,
        path=np.array(path),
    )


def _polish(search: Search, z: FloatArray, tol: float) -> FloatArray:
    """
    Newton steps on what is not held at a bound, until the gradient norm is a tenth of ``tol``.

    A line search on values cannot see below the root of the rounding error of a value; the
    gradient can. The steps keep the sums of the columns, along which nothing changes; least
    squares leaves rotations alone that change nothing either.
    """
    value, gradient = search.value_and_gradient(z)
    norm = search.norm(z, gradient)
    for _ in range(NEWTON_STEPS):
        inside = z > search.lower + NEAR_BOUND
        free = np.flatnonzero((inside | (gradient < 0)) & (search.upper > search.lower))
        if norm <= tol / 10.0 or not 0 < len(free) <= LARGEST_HESSIAN:
            break
        hessian = np.empty((len(free), len(free)))
        for column, i in enumerate(free):
            ahead, behind = z.copy(), z.copy()
            ahead[i], behind[i] = z[i] + DIFFERENCE, z[i] - DIFFERENCE
            change = search.value_and_gradient(ahead)[1] - search.value_and_gradient(behind)[1]
            hessian[:, column] = change[free] / (2.0 * DIFFERENCE)
        tangent = null_space(search.column_sums[:, free])
        reduced = tangent.T @ hessian @ tangent
        step = np.linalg.lstsq(reduced, -tangent.T @ gradient[free], rcond=SINGULAR)[0]
        trial = np.where(inside, z, search.lower)
        trial[free] = z[free] + tangent @ step
        trial = np.clip(trial, search.lower, search.upper)
        if not search.within_reach(trial):
            break
        trial = search.normalised(trial)
        trial_value, trial_gradient = search.value_and_gradient(trial)
        trial_norm = search.norm(trial, trial_gradient)
        if not (trial_norm < norm and trial_value <= value + ROUNDING):
            break
        z, value, gradient, norm = trial, trial_value, trial_gradient, trial_norm
    return z


def agreeing(maxima: list[Maximum], best: Maximum, final: Maximum, n_cells: float) -> int:
    """
    How many maxima have the log-likelihood of the final one, to 1e-4 or 1e-8 per cell.

    At least 1: the best of them, which the final one comes from.
    """
    close = max(1e-4 / n_cells, 1e-8)
    return 1 + sum(abs(m.value - final.value) < close for m in maxima if m is not best)


def starting_bases(
    moments: Moments, rank: int, n_starts: int, rng: np.random.Generator
) -> list[FloatArray]:
    """
    Bases to start from: one from the leading eigenvectors of the moments, the others random.

    The first has |u_1| and, for the other eigenvectors, the larger of their positive and negative
    parts; where it has many entries, the positive parts of the eigenvectors after a varimax
    rotation. The random ones have exponential entries.
    """
    large = moments.n_responses * rank > LARGEST_HESSIAN
    u = leading_eigenvectors(moments, rank, rng, RITZ if large else 0.0)
    if large:
        first = np.maximum(varimax(u), 0.0)
    else:
        parts = np.stack([np.maximum(u, 0.0), np.maximum(-u, 0.0)])
        larger = np.linalg.norm(parts, axis=1).argmax(axis=0)
        first = parts[larger, :, np.arange(rank)].T
        first[:, 0] = np.abs(u[:, 0])
    first += first.mean() / 100.0 * rng.random(first.shape)
    return [first] + [rng.exponential(size=first.shape) for _ in range(n_starts - 1)]
