"""
The paper's estimator: ridge updates of U, multiplicative updates of X and Theta, a cap on df_U.

Written for a stack of problems, one along the first axis of every array: a single fit is a
stack of one; restarts, grids of caps, folds and refits are larger stacks. Members that have
stopped leave the stack. Data that all members share have a first axis of length one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nmfre.core.progress import LOGGER, Pulse
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import AnyArray, Float, FloatArray, IntArray
from nmfre.estimation.alternating_estimate import SIGMA2_FIRST, VARIANCE_LIMITS, AlternatingEstimate
from nmfre.estimation.effective_df import effective_df, eigenvalues_of, shrinkage_under_cap
from nmfre.estimation.estimate import StopReason, centroid_order
from nmfre.estimation.stack import (
    EPS,
    Problem,
    State,
    cache_blocks,
    inner,
    joined,
    start_state,
    take,
)

SIGMA2_EVERY, SIGMA2_WEIGHT = 10, 0.05
TAU2_WEIGHT = 0.2
CANCELLATION = 1e-6
"""Relative size of |Y - XB|^2 below which |Y|^2 - 2<Y, XB> + |XB|^2 has lost too many digits."""
AT_REST = 1e-13
"""Relative change that is rounding, and whose rate says nothing."""


def fit_alternating(
    Y: FloatArray,
    A: FloatArray,
    X: FloatArray,
    Theta: FloatArray,
    *,
    cap: Float,
    sigma2: Float = 1.0,
    tau2: Float = 1.0,
    update_tau2: bool = True,
    tol: float = 1e-8,
    maxiter: int = 50_000,
    weights: FloatArray | None = None,
) -> list[AlternatingEstimate]:
    """
    Fit a stack of problems (paper, Sections 3 and 4).

    With weights, sums over units are weighted sums, and N is the sum of the weights. Each update is
    homogeneous in a unit's response, covariates, random effects and the 1 that means are made by:
    multiplied by the root of its weight, they are updated as those of any unit.

    Parameters
    ----------
    Y : array, (B, P, N) or (1, P, N)
        Responses.
    A : array, (B, K, N) or (1, K, N)
        Covariates.
    X, Theta : arrays, (B, P, Q) and (B, Q, K)
        Start values.
    cap : float or array, (B,)
        Cap on df_U, in degrees of freedom; infinity for none.
    sigma2, tau2 : float or array, (B,)
        Start values of the variances.
    update_tau2 : bool
        Whether tau2 is estimated where there is no cap. With a cap it never is.
    tol : float
        Relative change of the objective below which a member stops.
    maxiter : int
        The largest number of iterations.
    weights : array, (N,), optional
        How often each unit counts.

    Returns
    -------
    list of AlternatingEstimate, length B
    """
    size = len(X)
    cap, sigma2, tau2 = (
        np.array(np.broadcast_to(v, size), dtype=float) for v in (cap, sigma2, tau2)
    )
    roots = None if weights is None else np.sqrt(weights)
    if roots is not None:
        Y, A = Y * roots, A * roots
    Y, A = np.ascontiguousarray(Y), np.ascontiguousarray(A)
    n_units = Y.shape[-1] if weights is None else float(weights.sum())
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        problem = _problem(Y, A, roots, cap, update_tau2, n_units)
        state = start_state(Y, problem.A, X, Theta, _clip(sigma2), _clip(tau2))
        with one_thread_if_small(X[0].size * state.rows.shape[-1]):
            final, record = _iterate(problem, state, tol=tol, maxiter=maxiter)
            orders = [centroid_order(basis) for basis in final.X]
            parts = [
                (final.X[b][:, order], final.Theta[b][order], final.U[b][order])
                for b, order in enumerate(orders)
            ]
            if roots is not None:
                parts = [(X, Theta, U / roots) for X, Theta, U in parts]
            rss, variances = final.rss, (final.sigma2, final.tau2)
            residual, distance, df = _at_the_end(problem, final)

    estimates = []
    for b, (basis, effects, scores) in enumerate(parts):
        n = int(record.n_iter[b])
        hits = np.flatnonzero(record.capped[b, :n])
        estimates.append(
            AlternatingEstimate(
                X=basis,
                Theta=effects,
                U=scores,
                sigma2=float(variances[0][b]),
                tau2=float(variances[1][b]),
                cap=float(cap[b]),
                df_random=float(df[b]),
                rss=float(rss[b]),
                weighted_rss=float(rss[b]),
                v=np.ones(Y.shape[-2]),
                F=np.eye(len(effects)),
                n_iter=n,
                stop_reason=record.stop_reason[b],
                signed=False,
                tau2_estimated=bool(problem.estimate_tau2[b]),
                total_weight=None if n_units == Y.shape[-1] else n_units,
                cap_hits=len(hits),
                first_cap_hit=int(hits[0]) + 1 if len(hits) else 0,
                objective_path=record.objective[b, :n].copy(),
                ridge_path=record.ridge[b, :n].copy(),
                df_random_path=record.df[b, :n].copy(),
                fixed_point_residual=float(residual[b]),
                fixed_point_distance=float(distance[b]),
            )
        )
    return estimates


def _problem(
    Y: FloatArray,
    A: FloatArray,
    roots: FloatArray | None,
    cap: FloatArray,
    update_tau2: bool,
    n_units: float,
) -> Problem:
    YY = inner(Y, Y)
    rows = A
    if roots is not None:
        rows = np.concatenate([A, np.broadcast_to(roots, (len(A), 1, A.shape[-1]))], axis=1)
    return Problem(
        Y=Y,
        Y_plus=Y if Y.min() >= 0 else np.maximum(Y, 0.0),
        A=rows,
        A_t=A.mT,
        AA=A @ A.mT,
        YY=YY,
        rss_resolved=CANCELLATION * YY,
        cap=cap,
        estimate_tau2=np.isinf(cap) & update_tau2,
        any_tau2=update_tau2 and bool(np.isinf(cap).any()),
        n_units=n_units,
    )


@dataclass(slots=True)
class _Record:
    """What happened to each member, iteration by iteration; NaN after its last."""

    n_iter: IntArray
    stop_reason: list[StopReason]
    objective: FloatArray  # (B, iterations)
    ridge: FloatArray
    df: FloatArray
    capped: FloatArray


def _iterate(problem: Problem, state: State, *, tol: float, maxiter: int) -> tuple[State, _Record]:
    """Iterate until every member has stopped; the last iterate of each, and the record."""
    size, A = len(state.sigma2), problem.A
    pieces: list[tuple[IntArray, State]] = []
    n_iter = np.zeros(size, dtype=np.intp)
    stop_reason = [StopReason.MAXITER] * size
    history: list[tuple[IntArray, tuple[AnyArray, ...]]] = []
    members, blocks, pulse = np.arange(size), cache_blocks(state), Pulse()
    for iteration in range(1, maxiter + 1):
        previous = state.objective
        _step(problem, state, iteration, blocks)
        history.append((members, (state.objective, state.ridge, state.df, state.capped)))
        if pulse.due():
            _tell(iteration, state.objective, previous)
        # The objective is never negative; NaN compares false, and so stops.
        running = np.abs(state.objective - previous) >= tol * (previous + EPS)
        if iteration == 1:
            running[:] = np.isfinite(state.objective)
        if np.count_nonzero(running) == len(running) and iteration < maxiter:
            continue
        for member, objective in zip(members[~running], state.objective[~running], strict=True):
            finite = np.isfinite(objective)
            stop_reason[member] = StopReason.TOLERANCE if finite else StopReason.NON_FINITE
        stopped = ~running if iteration < maxiter else np.ones_like(running)
        n_iter[members[stopped]] = iteration
        pieces.append((members[stopped], take(state, stopped)))
        if stopped.all():
            break
        state, problem, members = take(state, running), take(problem, running), members[running]
        state.widen(problem.A)
        blocks = cache_blocks(state)
    paths = np.full((4, size, len(history)), np.nan)
    for i, (active, values) in enumerate(history):
        paths[:, active, i] = values
    return joined(pieces, A), _Record(n_iter, stop_reason, *paths)


def _tell(iteration: int, objective: FloatArray, previous: FloatArray) -> None:
    """Report how far the first member that runs is."""
    LOGGER.info(
        "iteration %d: objective %.8g, relative change %.1e",
        iteration,
        objective[0],
        abs(objective[0] - previous[0]) / (previous[0] + EPS),
    )


def _step(problem: Problem, state: State, iteration: int, blocks: list[slice]) -> None:
    """
    One iteration of every member, in place, in the order of the paper's algorithm.

    On small problems the time goes into the number of NumPy calls, on large ones into passes
    over the units: both are kept few.
    """
    Y, Y_plus, A_t, A = problem.Y, problem.Y_plus, problem.A_t, problem.A
    X, left, right = state.X, state.left, state.right
    n_responses, rank = X.shape[-2:]
    n_units, n_covariates = problem.n_units, A_t.shape[-1]
    coefs = state.coefs
    Theta = coefs[..., :n_covariates]

    # Cap on df_U: raise the ridge by lowering tau2.
    sigma2, tau2 = state.sigma2, state.tau2
    ridge, df, capped, M_inv = shrinkage_under_cap(
        state.XtX, sigma2 / tau2, problem.cap, n_units, state.capped
    )
    if np.count_nonzero(capped):
        tau2 = np.where(capped, _clip(sigma2 / ridge), tau2)

    # U = M^-1 X'(Y - X Theta A), centred over units; M = X'X + ridge I.
    XXTheta = left[..., rank : rank + n_covariates]
    np.negative(XXTheta, out=right[..., rank:-1])
    np.multiply(right[..., :-1] @ state.sums, -1.0 / n_units, out=right[..., -1:])
    u_coefs = M_inv @ right
    YB: list[FloatArray] = []
    BB: list[FloatArray] = []
    UU: list[FloatArray] = []
    for s in blocks:
        r = state.load(A, s)
        U = r[:, -rank:]
        np.matmul(u_coefs, r[:, :-rank], out=U)
        B = coefs @ r[:, rank:]
        np.maximum(B, 0.0, out=B)
        YB.append(Y_plus[..., s] @ B.mT)
        BB.append(B @ B.mT)
        if problem.any_tau2:
            UU.append(inner(U, U))
        state.store(r, s)
    if problem.any_tau2:
        trace_M_inv = np.add.reduce(M_inv.diagonal(0, -2, -1), axis=-1)
        moment = _sum(UU) / n_units + sigma2 * trace_M_inv
        smoothed = (1.0 - TAU2_WEIGHT) * tau2 + TAU2_WEIGHT * moment / rank
        tau2 = np.where(problem.estimate_tau2, _clip(smoothed), tau2)

    # X, multiplicative, then columns that sum to one.
    X = np.maximum(X * (_sum(YB) / np.maximum(X @ _sum(BB), EPS)), EPS)
    scale = np.add.reduce(X, axis=-2)
    X = np.maximum(X / scale[:, None, :], EPS)
    scale = scale[:, :, None]
    Theta *= scale

    # Theta, multiplicative, on Z = max(Y - X U, 0); X'Y for the objective and the next step.
    X_t = X.mT
    ZA: list[FloatArray] = []
    gram_parts: list[FloatArray] = []
    for s in blocks:
        r = state.load(A, s)
        U = r[:, -rank:]
        U *= scale
        Z = X @ U
        np.subtract(Y_plus[..., s], Z, out=Z)
        np.maximum(Z, 0.0, out=Z)
        ZA.append(Z @ A_t[:, s])
        np.matmul(X_t, Y[..., s], out=r[:, :rank])
        gram_parts.append(r @ r.mT)
        state.store(r, s)
    gram = _sum(gram_parts)
    XtX = X_t @ X
    Theta *= (X_t @ _sum(ZA)) / np.maximum(XtX @ Theta @ problem.AA, EPS)
    np.maximum(Theta, EPS, out=Theta)

    # |Y - X(Theta A + U)|^2 from traces of small products.
    np.matmul(XtX, coefs, out=left[..., rank:])
    rss = problem.YY + inner(coefs, left @ gram[..., rank:])
    cancelled = rss < problem.rss_resolved
    if np.count_nonzero(cancelled):
        rss = np.where(cancelled, _rss(problem, state, X, blocks), rss)
    if iteration >= SIGMA2_FIRST and iteration % SIGMA2_EVERY == 0:
        mean_square = rss / (n_responses * n_units)
        sigma2 = _clip((1.0 - SIGMA2_WEIGHT) * sigma2 + SIGMA2_WEIGHT * mean_square)
    state.X, state.XtX = X, XtX
    state.sums = gram[:, : rank + n_covariates, -rank - 1 : -rank].copy()  # laid out for BLAS
    state.sigma2, state.tau2, state.ridge = sigma2, tau2, ridge
    state.df, state.capped, state.rss = df, capped, rss
    squares_of_U = np.add.reduce(gram[:, -rank:, -rank:].diagonal(0, -2, -1), axis=-1)
    state.objective = rss + sigma2 / tau2 * squares_of_U


def _at_the_end(problem: Problem, state: State) -> tuple[FloatArray, FloatArray, FloatArray]:
    """
    Of the last iterate, which is used up: how far it is from a fixed point, and df_U.

    Returns
    -------
    residual, distance : arrays, (B,)
        One-step change of (X, Theta), and the distance to the fixed point it extrapolates to.
    df : array, (B,)
        df_U at its ridge.
    """
    n_units = problem.n_units
    found = np.full((3, len(state.X)), np.nan)
    sound = np.isfinite(state.objective)  # LAPACK raises on others
    problem, state = take(problem, sound), take(state, sound)
    df = effective_df(eigenvalues_of(state.XtX), state.sigma2 / state.tau2, n_units)
    blocks = cache_blocks(state)
    iterates = [(state.X, state.Theta.copy())]
    for _ in range(2):
        _step(problem, state, 0, blocks)
        iterates.append((state.X, state.Theta.copy()))
    first, second = (_relative_change(a, b) for a, b in pairwise(iterates))
    contraction = second / first
    distance = np.where(contraction < 1.0, first / (1.0 - contraction), np.inf)
    found[:, sound] = first, np.where(first < AT_REST, first, distance), df
    return found[0], found[1], found[2]


def _relative_change(
    before: tuple[FloatArray, FloatArray], after: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """The larger of |X - X_before| / |X_before| and the same for Theta."""
    in_X, in_Theta = (
        np.linalg.norm(b - a, axis=(-2, -1)) / np.linalg.norm(a, axis=(-2, -1))
        for a, b in zip(before, after, strict=True)
    )
    return np.asarray(np.maximum(in_X, in_Theta))


def _rss(problem: Problem, state: State, X: FloatArray, blocks: list[slice]) -> FloatArray:
    """|Y - X(Theta A + U)|^2 from the residuals themselves."""
    total = np.zeros(len(X))
    for s in blocks:
        R = problem.Y[..., s] - X @ (state.coefs @ state.load(problem.A, s)[:, X.shape[-1] :])
        total += inner(R, R)
    return total


def _clip(variance: FloatArray) -> FloatArray:
    clipped: FloatArray = np.minimum(np.maximum(variance, VARIANCE_LIMITS[0]), VARIANCE_LIMITS[1])
    return clipped


def _sum(parts: list[FloatArray]) -> FloatArray:
    return parts[0] if len(parts) == 1 else np.add.reduce(parts)
