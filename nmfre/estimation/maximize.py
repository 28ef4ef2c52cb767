"""
Maximisation of the marginal likelihood over X >= 0, Theta (signed or >= 0) and the variances.

The variables are P X, not normalised, the coordinates of Phi, and logarithms of residual variances
where these differ: all of the size of one, whatever the units. Theta, and a common sigma2, are at
their maximum given these, signed or not: the search never sees how covariates are coded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray
from nmfre.estimation.complete import CompleteMoments
from nmfre.estimation.covariance_forms import SMALLEST_SHARE, Relative, Structure
from nmfre.estimation.ecm import accelerated_ecm
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.initial import leading_eigenvectors, varimax
from nmfre.estimation.moments import Moments
from nmfre.estimation.newton import LONGEST, descend, expected_gain
from nmfre.estimation.quasi_newton import by_quasi_newton, polished
from nmfre.estimation.search import LARGEST_HESSIAN, Search
from nmfre.estimation.structured import climb as structured_climb

STACK_BYTES = 1 << 19
"""Size of the largest arrays of problems that climb together."""
LEAST_GAIN = 1e-6
"""Log-likelihood that a step must promise, where the gradient is above its tolerance."""
RITZ = 1e-3
"""Relative change of the eigenvalues at which a start of a large problem has enough of them."""
CLIMB_TOL = 1e-6
"""Gradient norm at which Newton steps take over."""
DENSE = 200
"""Entries of the basis up to which Newton steps form their matrices."""
MANY = 10_000
NEARING = 40
"""Iterations of ECM that bring a basis of `MANY` entries near a maximum, quicker than steps."""
ENOUGH = 100.0
"""Multiple of `LEAST_GAIN` that starts may leave, before the best of them is polished."""


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
    expected_gain : float
        What a Newton step within bounds would gain to second order, in log-likelihood of all data;
        NaN where it was not asked for, infinite at what is no maximum.
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
    expected_gain: float
    n_iter: int
    stop_reason: StopReason
    path: FloatArray

    @property
    def relative(self) -> Relative:
        """Covariances relative to sigma2."""
        return Relative(self.v, self.F)


def stack_size(moments: Moments, rank: int) -> int:
    """How many climbs to do together: as many as stay in the cache, one where they are long."""
    size = moments.n_responses * rank
    if size > LARGEST_HESSIAN:
        return 1
    numbers = max(size**2, len(moments.shares) * moments.n_responses**2)
    return max(1, STACK_BYTES // (8 * numbers))


def starting_covariances(moments: Moments, X: FloatArray, structure: Structure) -> Relative:
    """Half of what covariates leave for residuals, as much on average for random effects."""
    if structure.resid.profiled:
        v = structure.resid.given(X.shape[:-1])
    else:
        half = np.maximum(moments.unexplained, SMALLEST_SHARE) / 2.0
        v = np.broadcast_to(half, X.shape[:-1]).copy()
    weighted = (X / np.sqrt(v)[..., None]).reshape(*X.shape[:-2], -1)
    rank = X.shape[-1]
    size = np.sqrt(rank / np.vecdot(weighted, weighted))
    return Relative(v, size[..., None, None] * np.eye(rank))


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
    near: bool = False,
) -> Maximum:
    """
    Climb from one start: `maximize_all` of a stack of one.

    Parameters
    ----------
    moments : Moments
    X : array, (P, Q)
    relative : Relative, optional
    structure, signed, cap, tol, maxiter, polish, near
        As there.
    """
    if relative is not None:
        relative = Relative.stacked([relative])
    return maximize_all(
        moments,
        X[None],
        relative,
        structure=structure,
        signed=signed,
        cap=cap,
        tol=tol,
        maxiter=maxiter,
        polish=polish,
        near=near,
    )[0]


def maximize_all(
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
    near: bool = False,
) -> list[Maximum]:
    """
    Climb from each start of a stack.

    By Newton steps of all of them (`descend`) where the basis has few entries and there is no cap,
    one after the other elsewhere; by steps that form no matrices (`nmfre.estimation.structured`),
    which stop at ``tol`` per unit, where it has many and no cell is missing. What is left, and all
    else, is for L-BFGS-B (`scipy.optimize.minimize`).

    Parameters
    ----------
    moments : Moments
        Of the data of all starts, or a stack with those of each.
    X : array, (B, P, Q)
        Starts of the basis, not negative; its columns are normalised.
    relative : Relative, optional
        Starts of the covariances. Default: `starting_covariances`.
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
    near : bool
        Whether starts are next to a maximum.

    Returns
    -------
    list of Maximum
        What each is does not depend on the others.
    """
    X = np.where(structure.held(X.shape[-2:]), 0.0, X)
    X = X / X.sum(axis=-2, keepdims=True)
    search = Search(moments, X.shape[-2:], structure, signed=signed, cap=cap)
    z = search.pack(
        X, starting_covariances(moments, X, structure) if relative is None else relative
    )
    paths: list[list[float]] = [[] for _ in X]
    if search.large or search.capped or _has_structure(search):
        return [
            _climbed_alone(search.members(i), z[i], path, tol=tol, maxiter=maxiter, polish=polish)
            for i, path in enumerate(paths)
        ]
    longest = np.full(z.shape[-1], LONGEST)
    longest[: search.n_basis] = np.inf
    aim = tol / 1000.0 if polish else tol
    z = descend(search, z, tol=aim, maxiter=maxiter, longest=longest, paths=paths, near=near)
    at = search.at(z)
    norms = search.norm(z, at.gradient)
    enough = np.full(len(z), np.inf)
    behind = np.flatnonzero(~(norms <= tol))
    if len(behind):
        # Next to a residual variance of zero gradients are large, of what gains nothing.
        enough[behind] = expected_gain(search.members(behind), z[behind]) * moments.n_cells
        if not polish:  # where a search goes on anyway, this will do
            behind = behind[~(enough[behind] < LEAST_GAIN)]
    for i in behind.tolist():
        alone = search.members(i)
        z[i] = by_quasi_newton(alone, z[i], paths[i], tol, maxiter)
        if polish:
            z[i] = descend(
                search.members(behind[behind == i]),
                z[[i]],
                tol=aim,
                maxiter=maxiter,
                longest=longest,
                paths=paths[i : i + 1],
                near=True,
            )[0]
    if len(behind):
        at = search.at(z)
        norms = search.norm(z, at.gradient)
        enough[behind] = expected_gain(search.members(behind), z[behind]) * moments.n_cells
    return [
        Maximum(
            value=float(at.value[i]),
            X=at.X[i],
            Theta=at.Theta[i],
            sigma2=float(at.sigma2[i]),
            v=at.v[i],
            F=at.F[i],
            gradient_norm=float(norms[i]),
            expected_gain=float(enough[i]) if np.isfinite(enough[i]) else np.nan,
            n_iter=len(path),
            stop_reason=_reason(norms[i], enough[i], tol, len(path) >= maxiter),
            path=np.array(path),
        )
        for i, path in enumerate(paths)
    ]


def _reason(norm: float, gain: float, tol: float, out_of_steps: bool) -> StopReason:
    """Why a climb ended with this gradient norm, where so much was to be gained."""
    if norm <= tol:
        return StopReason.TOLERANCE
    if not np.isfinite(norm):
        return StopReason.NON_FINITE
    if out_of_steps:
        return StopReason.MAXITER
    return StopReason.TOLERANCE if gain < LEAST_GAIN else StopReason.PRECISION


def _climbed_alone(
    search: Search, z: FloatArray, path: list[float], *, tol: float, maxiter: int, polish: bool
) -> Maximum:
    """Climb where the basis has many entries, or on a cap."""
    moments = search.moments
    if _has_structure(search) and isinstance(moments, CompleteMoments):
        least = LEAST_GAIN if polish else ENOUGH * LEAST_GAIN
        return _by_structure(search, moments, z, least=least, tol=tol, maxiter=maxiter)

    def climb(z: FloatArray, tol: float) -> FloatArray:
        return by_quasi_newton(search, z, path, tol, maxiter)

    z = climb(z, max(tol, CLIMB_TOL) if polish else tol)
    if polish and len(path) < maxiter:
        z = polished(search, z, tol)
        if search.gradient_norm(z) > tol:  # too many variables for Newton steps
            z = climb(z, tol)
    norm = search.gradient_norm(z)
    reason = _reason(norm, np.inf, tol, len(path) >= maxiter)
    return _maximum(search, z, norm, np.nan, path, reason)


def _has_structure(search: Search) -> bool:
    """Whether steps form no matrices: many entries, no missing cell, no cap."""
    complete = isinstance(search.moments, CompleteMoments)
    return complete and not search.capped and search.n_basis > DENSE


def _by_structure(
    search: Search,
    moments: CompleteMoments,
    z: FloatArray,
    *,
    least: float,
    tol: float,
    maxiter: int,
) -> Maximum:
    """By Newton steps that form no matrices, until they are expected to gain ``least``."""
    path: list[float] = []
    per_unit = tol / moments.n_responses  # an entry of X bears on one cell of each
    if search.n_basis > MANY and maxiter > 1:
        ascent = accelerated_ecm(
            moments,
            *search.unpack(z),
            structure=search.structure,
            signed=search.signed,
            norm=search.norm_at,
            tol=per_unit,
            maxiter=min(NEARING, maxiter - 1),
        )
        z, path = search.pack(ascent.X, ascent.relative), ascent.path
    climb = structured_climb(
        search, moments, z, least=least, tol=per_unit, maxiter=maxiter - len(path)
    )
    path = path + climb.path
    norm = search.gradient_norm(climb.z)
    if not np.isfinite(norm):
        reason = StopReason.NON_FINITE
    elif climb.merging:
        reason = StopReason.MERGING
    elif climb.gain <= least:
        reason = StopReason.TOLERANCE
    else:
        reason = StopReason.MAXITER if len(path) >= maxiter else StopReason.PRECISION
    return _maximum(search, climb.z, norm, climb.gain, path, reason)


def _maximum(
    search: Search,
    z: FloatArray,
    norm: float,
    gain: float,
    path: list[float],
    reason: StopReason,
) -> Maximum:
    X, relative, _, Theta, best = search.evaluated(z)
    return Maximum(
        value=float(best.value),
        X=X,
        Theta=Theta,
        sigma2=float(best.sigma2),
        v=relative.v,
        F=relative.F,
        gradient_norm=norm,
        expected_gain=gain,
        n_iter=len(path),
        stop_reason=reason,
        path=np.array(path),
    )


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
