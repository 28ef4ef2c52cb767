"""
The paper's estimator: ridge updates of U, multiplicative updates of X and Theta, a cap on df_U.

Written for a stack of problems, one along the first axis of every array: a single fit is a
stack of one; restarts, grids of caps, folds and refits are larger stacks. Members that have
stopped leave the stack. Data that all members share have a first axis of length one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np

from nmfre.core.typing import AnyArray, Float, FloatArray, IntArray
from nmfre.estimation.alternating_estimate import SIGMA2_FIRST, VARIANCE_LIMITS, AlternatingEstimate
from nmfre.estimation.effective_df import effective_df, eigenvalues_of, ridge_at_cap
from nmfre.estimation.estimate import StopReason, centroid_order
from nmfre.estimation.stack import EPS, Problem, State, cache_blocks, inner, start_state, take

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
) -> list[AlternatingEstimate]:
    """
    Fit a stack of problems (paper, Sections 3 and 4).

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

    Returns
    -------
    list of AlternatingEstimate, length B
    """
    size = len(X)
    cap, sigma2, tau2 = (
        np.array(np.broadcast_to(v, size), dtype=float) for v in (cap, sigma2, tau2)
    )
    Y, A = np.ascontiguousarray(Y), np.ascontiguousarray(A)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        problem = _problem(Y, A, cap, update_tau2)
        start = start_state(Y, A, X, Theta, _clip(sigma2), _clip(tau2))
        final, record = _iterate(problem, start, tol=tol, maxiter=maxiter)
        residual, distance = _fixed_point(problem, final)
        ridge = final.sigma2 / final.tau2
        df = effective_df(eigenvalues_of(final.X.mT @ final.X), ridge, Y.shape[-1])

    estimates = []
    for b in range(size):
        order = centroid_order(final.X[b])
        n = int(record.n_iter[b])
        hits = np.flatnonzero(record.capped[b, :n])
        estimates.append(
            AlternatingEstimate(
                X=final.X[b][:, order],
                Theta=final.Theta[b][order],
                U=final.U[b][order],
                sigma2=float(final.sigma2[b]),
                tau2=float(final.tau2[b]),
                cap=float(cap[b]),
                df_random=float(df[b]),
                rss=float(final.rss[b]),
                weighted_rss=float(final.rss[b]),
                v=np.ones(Y.shape[-2]),
                F=np.eye(len(order)),
                n_iter=n,
                stop_reason=record.stop_reason[b],
                signed=False,
                tau2_estimated=bool(problem.estimate_tau2[b]),
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


def _problem(Y: FloatArray, A: FloatArray, cap: FloatArray, update_tau2: bool) -> Problem:
    YY = inner(Y, Y)
    return Problem(
        Y=Y,
        Y_plus=Y if Y.min() >= 0 else np.maximum(Y, 0.0),
        A_t=A.mT,
        y_mean=Y.mean(axis=-1, keepdims=True),
        a_mean=A.mean(axis=-1, keepdims=True),
        AA=A @ A.mT,
        YY=YY,
        rss_resolved=CANCELLATION * YY,
        cap=cap,
        estimate_tau2=np.isinf(cap) & update_tau2,
        any_tau2=update_tau2 and bool(np.isinf(cap).any()),
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
    size = len(state.sigma2)
    final = replace(state, **{f.name: np.empty_like(getattr(state, f.name)) for f in fields(state)})
    n_iter = np.zeros(size, dtype=np.intp)
    stop_reason = [StopReason.MAXITER] * size
    history: list[tuple[IntArray, tuple[AnyArray, ...]]] = []
    members, blocks = np.arange(size), cache_blocks(state)
    for iteration in range(1, maxiter + 1):
        previous = state.objective
        _step(problem, state, iteration, blocks)
        history.append((members, (state.objective, state.ridge, state.df, state.capped)))
        # The objective is never negative; NaN compares false, and so stops.
        running = np.abs(state.objective - previous) >= tol * (previous + EPS)
        if iteration == 1:
            running[:] = True
        if np.count_nonzero(running) == len(running) and iteration < maxiter:
            continue
        for member, objective in zip(members[~running], state.objective[~running], strict=True):
            finite = np.isfinite(objective)
            stop_reason[member] = StopReason.TOLERANCE if finite else StopReason.NON_FINITE
        stopped = ~running if iteration < maxiter else np.ones_like(running)
        n_iter[members[stopped]] = iteration
        for f in fields(state):
            getattr(final, f.name)[members[stopped]] = getattr(state, f.name)[stopped]
        if stopped.all():
            break
        state, problem, members = take(state, running), take(problem, running), members[running]
        blocks = cache_blocks(state)
    paths = np.full((4, size, len(history)), np.nan)
    for i, (active, values) in enumerate(history):
        paths[:, active, i] = values
    return final, _Record(n_iter, stop_reason, *paths)


def _step(problem: Problem, state: State, iteration: int, blocks: list[slice]) -> None:
    """
    One iteration of every member, in place, in the order of the paper's algorithm.

    On small problems the time goes into the number of NumPy calls, on large ones into passes
    over the units: both are kept few.
    """
    Y, Y_plus, A_t = problem.Y, problem.Y_plus, problem.A_t
    X, rows, XtX = state.X, state.rows, state.XtX
    n_responses, rank = X.shape[-2:]
    n_units, n_covariates = A_t.shape[-2:]
    coefs = state.coefs
    Theta, U = coefs[..., :n_covariates], rows[:, -rank:]

    # Cap on df_U: raise the ridge by lowering tau2.
    sigma2, tau2, ridge = state.sigma2, state.tau2, state.sigma2 / state.tau2
    M_inv = _inverse(XtX, ridge, coefs[0, :, -rank:])
    df = n_units * inner(M_inv, XtX)
    capped = df > problem.cap
    if np.count_nonzero(capped):
        ridge[capped] = ridge_at_cap(
            eigenvalues_of(XtX[capped]), problem.cap[capped], ridge[capped], n_units
        )
        tau2 = np.where(capped, _clip(sigma2 / ridge), tau2)
        df = np.where(capped, problem.cap, df)
        M_inv = _inverse(XtX, ridge, coefs[0, :, -rank:])

    # U = M^-1 X'(Y - X Theta A), centred over units; M = X'X + ridge I.
    right, XXTheta = state.right, state.XXTheta
    np.negative(XXTheta, out=right[..., rank:-1])
    np.subtract(XXTheta @ problem.a_mean, X.mT @ problem.y_mean, out=right[..., -1:])
    u_coefs = M_inv @ right
    YB: list[FloatArray] = []
    BB: list[FloatArray] = []
    for s in blocks:
        r = rows[..., s]
        np.matmul(u_coefs, r[:, :-rank], out=r[:, -rank:])
        B = coefs @ r[:, rank:]
        np.maximum(B, 0.0, out=B)
        YB.append(Y_plus[..., s] @ B.mT)
        BB.append(B @ B.mT)
    if problem.any_tau2:
        trace_M_inv = np.add.reduce(M_inv.diagonal(0, -2, -1), axis=-1)
        moment = inner(U, U) / n_units + sigma2 * trace_M_inv
        smoothed = (1.0 - TAU2_WEIGHT) * tau2 + TAU2_WEIGHT * moment / rank
        tau2 = np.where(problem.estimate_tau2, _clip(smoothed), tau2)

    # X, multiplicative, then columns that sum to one.
    X = np.maximum(X * (_sum(YB) / np.maximum(X @ _sum(BB), EPS)), EPS)
    scale = np.add.reduce(X, axis=-2)
    X = np.maximum(X / scale[:, None, :], EPS)
    scale = scale[:, :, None]
    Theta *= scale
    U *= scale

    # Theta, multiplicative, on Z = max(Y - X U, 0); X'Y for the objective and the next step.
    X_t = X.mT
    ZA: list[FloatArray] = []
    gram_parts: list[FloatArray] = []
    for s in blocks:
        r = rows[..., s]
        Z = X @ r[:, -rank:]
        np.subtract(Y_plus[..., s], Z, out=Z)
        np.maximum(Z, 0.0, out=Z)
        ZA.append(Z @ A_t[:, s])
        np.matmul(X_t, Y[..., s], out=r[:, :rank])
        gram_parts.append(r @ r.mT)
    gram = _sum(gram_parts)
    XtX = X_t @ X
    Theta *= (X_t @ _sum(ZA)) / np.maximum(XtX @ Theta @ problem.AA, EPS)
    np.maximum(Theta, EPS, out=Theta)

    # |Y - X(Theta A + U)|^2 from traces of small products.
    XXcoefs = XtX @ coefs
    product = XXcoefs @ gram[:, rank:, rank:] - 2.0 * gram[:, :rank, rank:]
    rss = problem.YY + inner(coefs, product)
    cancelled = rss < problem.rss_resolved
    if np.count_nonzero(cancelled):
        rss = np.where(cancelled, _rss(Y, X, coefs, rows, blocks), rss)
    if iteration >= SIGMA2_FIRST and iteration % SIGMA2_EVERY == 0:
        mean_square = rss / (n_responses * n_units)
        sigma2 = _clip((1.0 - SIGMA2_WEIGHT) * sigma2 + SIGMA2_WEIGHT * mean_square)
    state.X, state.XtX, state.XXTheta = X, XtX, XXcoefs[..., :n_covariates]
    state.sigma2, state.tau2, state.ridge = sigma2, tau2, ridge
    state.df, state.capped, state.rss = df, capped, rss
    state.objective = rss + sigma2 / tau2 * inner(U, U)


def _fixed_point(problem: Problem, state: State) -> tuple[FloatArray, FloatArray]:
    """One-step change of (X, Theta), and the distance to the fixed point it extrapolates to."""
    state = replace(state, coefs=state.coefs.copy(), rows=state.rows.copy())
    blocks = cache_blocks(state)
    iterates = [(state.X, state.Theta.copy())]
    for _ in range(2):
        _step(problem, state, 0, blocks)
        iterates.append((state.X, state.Theta.copy()))
    first, second = (_relative_change(a, b) for a, b in pairwise(iterates))
    contraction = second / first
    distance = np.where(contraction < 1.0, first / (1.0 - contraction), np.inf)
    return first, np.where(first < AT_REST, first, distance)


def _relative_change(
    before: tuple[FloatArray, FloatArray], after: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """The larger of |X - X_before| / |X_before| and the same for Theta."""
    in_X, in_Theta = (
        np.linalg.norm(b - a, axis=(-2, -1)) / np.linalg.norm(a, axis=(-2, -1))
        for a, b in zip(before, after, strict=True)
    )
    return np.asarray(np.maximum(in_X, in_Theta))


def _rss(
    Y: FloatArray, X: FloatArray, coefs: FloatArray, rows: FloatArray, blocks: list[slice]
) -> FloatArray:
    """|Y - X(Theta A + U)|^2 from the residuals themselves."""
    total = np.zeros(len(X))
    for s in blocks:
        R = Y[..., s] - X @ (coefs @ rows[:, X.shape[-1] :, s])
        total += inner(R, R)
    return total


def _inverse(XtX: FloatArray, ridge: FloatArray, identity: FloatArray) -> FloatArray:
    """(X'X + ridge I)^-1."""
    if XtX.shape[-1] == 1:
        reciprocal: FloatArray = 1.0 / (XtX + ridge[:, None, None])
        return reciprocal
    return np.linalg.inv(XtX + ridge[:, None, None] * identity)


def _clip(variance: FloatArray) -> FloatArray:
    clipped: FloatArray = np.minimum(np.maximum(variance, VARIANCE_LIMITS[0]), VARIANCE_LIMITS[1])
    return clipped


def _sum(parts: list[FloatArray]) -> FloatArray:
    return parts[0] if len(parts) == 1 else np.add.reduce(parts)
