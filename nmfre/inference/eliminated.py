"""
Inference on Theta of all parameters together where these are too many for a joint covariance.

As in `nmfre.inference.marginal`, by columns of the inverse Hessian: those of Theta, and of what is
made of the variances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.errors import NotComputedError
from nmfre.estimation.complete import CompleteMoments
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.curvature import Curvature
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.fisher import FAINT, Fisher
from nmfre.estimation.likelihood import marginal_value, score
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.moments import Moments
from nmfre.inference.coordinates import FAR, PUSHED
from nmfre.inference.covariance import Parts
from nmfre.inference.elimination import NotConcaveError, UnitProducts, solve
from nmfre.inference.groups import n_independent
from nmfre.inference.joint import JointInference
from nmfre.inference.leverages import Leverages, independent_terms, support
from nmfre.inference.options import InferenceOptions
from nmfre.inference.scores import Units
from nmfre.inference.wild_bootstrap import Total, one_step, unit_blocks, whole

BLOCK_VALUES = 1 << 21
"""Entries of products with blocks of units that are held at a time."""
REASON = (
    "the joint covariance of so many parameters is not formed: standard errors are those of "
    "effects and of common variances; use uncertainty='conditional'."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EliminatedInference(JointInference):
    """
    Inference on Theta and common variances, without a joint covariance of all parameters.

    Attributes
    ----------
    variances : dict
        Standard errors as `variance_bse` returns them; NaN for residual variances that differ.
    """

    variances: dict[str, FloatArray]

    def variance_bse(self, estimate: Estimate) -> dict[str, FloatArray]:
        """Standard errors of variances and what is made of them."""
        return self.variances

    def profile_covariance(self, X: FloatArray, covariates: list[int]) -> FloatArray:
        """Not without a joint covariance."""
        raise NotComputedError(name="the covariance of mean profiles", reason=REASON)

    def covariance_of_effects(self, by_theta: FloatArray) -> FloatArray:
        """Effects held at their bound count as known; NaN with components that are mixing."""
        moving = np.where(self.held, 0.0, by_theta)
        without = np.isnan(np.diag(self.covariance))
        covariance = moving @ np.nan_to_num(self.covariance) @ moving.mT
        known = np.where((moving[..., without] != 0.0).any(axis=-1), np.nan, 1.0)
        return np.asarray(known[..., :, None] * covariance * known[..., None, :])

    def unknown(self, labels: FloatArray) -> BoolArray:
        """All with a component that is mixing: their sums are not looked at."""
        return np.asarray((labels[:, np.array(self.mixing)] != 0.0).any(axis=1) | self.undetermined)

    def covariance_of_means(self, X: FloatArray, labels: FloatArray, C: FloatArray) -> FloatArray:
        """Not without a joint covariance."""
        raise NotComputedError(name="the covariance of mean responses", reason=REASON)

    def score_variances(self, units: Units) -> FloatArray:
        """Not without a joint covariance."""
        raise NotComputedError(name="the standard error of scores", reason=REASON)

    def effect_variances(self, units: Units) -> FloatArray:
        """Not without a joint covariance."""
        raise NotComputedError(name="the standard error of random effects", reason=REASON)

    def blup_variances(self, units: Units) -> FloatArray:
        """Not without a joint covariance."""
        raise NotComputedError(name="the standard error of predictions", reason=REASON)


class Eliminated:
    """
    The Hessian at a maximum, what is held there, and right-hand sides.

    Attributes
    ----------
    at : Curvature
    theta_at_bound : (QK,)
        Entries of vec(Theta) at their bound, which the data do not push off it.
    bounds : (b,)
        Columns of the vectors that move these.
    """

    def __init__(self, moments: CompleteMoments, estimate: MarginalEstimate) -> None:
        self.moments, self.estimate = moments, estimate
        structure, X = estimate.structure, estimate.X
        (P, Q), K = X.shape, moments.n_covariates
        Gamma = moments.covariates.gamma(estimate.Theta / moments.scale)
        relative = Relative(
            estimate.psi / moments.scale**2,
            estimate.F * float(np.sqrt(estimate.tau2)) / moments.scale,
        )
        if estimate.signed:  # again, because Theta of covariates with a large mean has lost digits
            Gamma = moments.free_gamma(X, estimate.relative)
        point = marginal_value(moments, X, Gamma, relative, profiled=False)
        by = score(moments, X, Gamma, relative, point)
        rows = moments.covariates.L / moments.covariates.scale[:, None]
        theta = estimate.Theta * moments.covariates.scale
        zero = (theta <= PUSHED * np.abs(theta).max()) & (not estimate.signed)
        directions, entries = _directions(rows, zero)
        self.by_entries = by.Gamma.ravel() @ directions
        entry = np.full(Q * K, -1)
        entry[entries[entries >= 0]] = np.flatnonzero(entries >= 0)
        there = zero.ravel(order="F")
        self.theta_at_bound = np.zeros(Q * K, dtype=bool)
        self.theta_at_bound[there] = P * self.by_entries[entry[there]] <= PUSHED
        self.pushed = np.zeros(Q * K, dtype=bool)
        self.pushed[there] = P * self.by_entries[entry[there]] < -PUSHED
        self.pushed &= self.theta_at_bound
        self.at = Curvature(moments, structure, X, Gamma, relative, point, directions)
        self.entry = self.at.n_local + entry
        pushed = by.X - np.sum(X * by.X, axis=0) < -PUSHED
        held = structure.held(X.shape) | ((X * P <= PUSHED) & pushed)
        local = ~held
        if not self.at.common:
            local = np.column_stack([local, ~estimate.resid_at_bound])
        few = np.ones(self.at.others.shape[1], dtype=bool)
        random = structure.random
        few[len(few) - random.size(Q) :] = ~random.held(estimate.re_at_bound)
        self.free: BoolArray = np.concatenate([local.ravel(), few])
        self.fisher = Fisher(self.at, FAINT)
        self.relative = relative
        self.score = -self.at.gradient
        self.score[self.at.n_local :][: directions.shape[1]] = self.by_entries

    def face_without(self, theta: BoolArray) -> Any:
        """Where these entries of vec(Theta) are held, too."""
        free = self.free.copy()
        free[self.entry[theta]] = False
        return self.fisher.on(free)

    def cleared(self) -> FloatArray:
        """Directions of entries at their bound, cleared of all parameters off theirs; (n, b)."""
        own = self.entry[self.theta_at_bound]
        unit = np.zeros((len(self.free), len(own)))
        unit[own, np.arange(len(own))] = 1.0
        if not unit.shape[1]:
            return unit
        moved = np.column_stack([self.at.times(e) for e in unit.T])
        return unit - solve(self.at, self.face_without(self.theta_at_bound), moved)

    def targets(self) -> FloatArray:
        """Gradients of Theta, t, a common log sigma2, the ICC and df_U, in columns; (n, m)."""
        at, moments, X = self.at, self.moments, self.at.X
        (P, Q), K = X.shape, self.at.Gamma.shape[1]
        resid, random = at.structure.resid, at.structure.random
        n_t, n_effects = random.size(Q), at.n_effects
        raw = np.zeros((n_effects + at.common + n_t, Q * K + n_t + at.common + 2))
        for q in range(Q):
            for k in range(K):
                raw[q * K : (q + 1) * K, q + Q * k] = moments.covariates.inverse[:, k]
        raw[n_effects + at.common :, Q * K : Q * K + n_t] = np.eye(n_t)
        if at.common:
            raw[n_effects, Q * K + n_t] = 1.0
        local = np.zeros((P, at.width, raw.shape[1]))
        relative = self.relative
        F = relative.F
        explained, residual = float(np.sum((X @ F) ** 2)), float(at.psi.sum())
        total = (explained + residual) ** 2
        by_Z, _ = moments.df_slopes(relative.loadings(X))
        dX = relative.d * X
        functions = (
            (
                2.0 * residual / total * (X @ at.Phi),
                -explained / total * at.psi,
                2.0 * residual / total * (X.T @ X @ F),
            ),
            (
                moments.n_units * relative.d * (by_Z @ F.T),
                -0.5 * moments.n_units * np.vecdot(relative.loadings(X), by_Z),
                moments.n_units * dX.T @ by_Z,
            ),
        )
        for column, (by_X, by_log_psi, by_F) in enumerate(functions, raw.shape[1] - 2):
            local[:, :Q, column] = by_X
            if at.common:
                raw[n_effects, column] = resid.pull(by_log_psi)[0]
            else:
                local[:, Q, column] = by_log_psi
            raw[n_effects + at.common :, column] = random.pull(F, np.tril(by_F))
        return np.vstack([local.reshape(at.n_local, -1), at.others.T @ raw])


def _directions(rows: FloatArray, zero: BoolArray) -> tuple[FloatArray, IntArray]:
    """Directions of Gamma (C order) in columns, and the entry of vec(Theta) of those at zero."""
    Q, K = zero.shape
    columns, entries = [], []
    for q in range(Q):
        off = np.linalg.qr(rows[~zero[q]].T)[0]
        moves = rows[zero[q]].T
        for _ in range(2):
            moves = moves - off @ (off.T @ moves)
        moves = moves / np.linalg.norm(moves, axis=0)
        for own, number in (
            *((column, -1) for column in off.T),
            *zip(moves.T, q + Q * np.flatnonzero(zero[q]), strict=True),
        ):
            direction = np.zeros((Q, K))
            direction[q] = own
            columns.append(direction.ravel())
            entries.append(number)
    return np.column_stack(columns), np.array(entries)


def eliminated_inference(
    Y: Any,
    A: FloatArray,
    moments: Moments,
    estimate: MarginalEstimate,
    options: InferenceOptions,
    seeds: np.random.SeedSequence,
    *,
    groups: IntArray | None = None,
    weights: FloatArray | None = None,
    total: Total = whole,
) -> EliminatedInference:
    """
    Sandwich covariance and one-step wild bootstrap of Theta, all else being estimated as well.

    Parameters as those of `nmfre.inference.marginal.marginal_inference`, without missing cells and
    without a cap that binds.
    """
    assert isinstance(moments, CompleteMoments)
    found = Eliminated(moments, estimate)
    at, n_units, n_columns = found.at, moments.n_units, A.shape[1]
    Q, K = at.Gamma.shape
    n_theta, n_t = Q * K, estimate.structure.random.size(Q)
    mixing = np.tile(np.array(estimate.identification.mixing), K)
    targets = found.targets()
    undetermined = estimate.degenerate
    held = np.zeros(n_theta, dtype=bool)
    cleared: FloatArray = np.zeros((len(targets), int(found.theta_at_bound.sum())))
    columns: FloatArray = np.zeros_like(targets)
    solved = np.concatenate([~mixing, np.full(targets.shape[1] - n_theta, not mixing.any())])
    try:
        cleared = found.cleared()
        information = n_units * np.array([c @ at.times(c) for c in cleared.T])
        score_of = n_units * found.score @ cleared
        held = found.pushed.copy()
        held[found.theta_at_bound] &= score_of <= -FAR * np.sqrt(np.maximum(information, 0.0))
        held |= found.theta_at_bound & estimate.identification.by_bounds
        solved[:n_theta] &= ~held
        columns[:, solved] = solve(at, found.face_without(held), targets[:, solved])
    except NotConcaveError:
        undetermined = True
    unit = np.ones(targets.shape[1])
    unit[:n_theta] = moments.scale
    naive = (targets.T @ columns) * np.outer(unit, unit) / n_units
    influence = np.hstack([columns * unit / n_units, cleared])
    n_raw = at.n_effects
    of_gamma = at.others[:n_raw] @ influence[at.n_local :]
    by_gamma = of_gamma.reshape(Q, K, -1).transpose(1, 0, 2).reshape(n_raw, -1)
    leverages = Leverages(moments.covariates, n_units, slice(0, n_raw))
    most = max(BLOCK_VALUES // (Q * influence.shape[1]), 1)
    blocks = unit_blocks(n_columns, options.n_boot, most)
    terms, values, total_of_terms = independent_terms(
        (Y, A),
        UnitProducts.of(at, moments, influence),
        leverages=leverages if options.estimator.corrects else None,
        groups=groups,
        blocks=blocks,
        total=total,
        root=np.vstack([by_gamma, np.eye(influence.shape[1])]),
        weights=weights,
    )
    size = n_independent(n_columns, groups)
    theta, floor = estimate.Theta.ravel(order="F"), -np.inf if estimate.signed else 0.0
    squares, bootstrap = one_step(
        terms,
        values,
        options.draws(seeds, unit_blocks(size, options.n_boot, most)),
        estimate=theta,
        floor=floor,
        projection=-np.eye(influence.shape[1])[:, :n_theta],
        total=total_of_terms,
    )
    m = targets.shape[1]
    covariance = options.estimator.covariance(Parts(naive, squares[:m, :m], size))
    unknown = mixing | held | undetermined
    theta_covariance = covariance[:n_theta, :n_theta].copy()
    theta_covariance[unknown] = np.nan
    theta_covariance[:, unknown] = np.nan
    if bootstrap is not None:
        bootstrap.deviations[:, unknown] = np.nan
    score_z = np.full(n_theta, np.nan)
    if cleared.shape[1] and not undetermined:
        size_of = np.sqrt(np.diag(squares)[m:])
        tested = (size_of > 0.0) & ~mixing[found.theta_at_bound]
        score_z[np.flatnonzero(found.theta_at_bound)[tested]] = (score_of / size_of)[tested]
    known = not (undetermined or mixing.any())
    return EliminatedInference(
        estimate=theta,
        covariance=theta_covariance,
        dispersion=estimate.sigma2,
        bootstrap=bootstrap,
        floor=floor,
        options=options,
        X=estimate.X,
        Theta=estimate.Theta,
        mixing=tuple(m or undetermined for m in estimate.identification.mixing),
        resid_at_bound=estimate.resid_at_bound,
        re_at_bound=estimate.re_at_bound,
        at_bound=found.theta_at_bound,
        support=support(A, leverages, groups, blocks, total, weights),
        score_z=score_z,
        held=held & (not undetermined),
        undetermined=undetermined,
        variances=_variance_bse(found, covariance[n_theta:, n_theta:], n_t, known),
    )


def _variance_bse(
    found: Eliminated, covariance: FloatArray, n_t: int, known: bool
) -> dict[str, FloatArray]:
    """As `MarginalInference.variance_bse` from the covariance of t, log sigma2, ICC and df_U."""
    at, estimate = found.at, found.estimate
    Q = at.X.shape[1]
    random, resid = at.structure.random, at.structure.resid
    if not known:
        covariance = np.full_like(covariance, np.nan)
    bse = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    of_phi = at.of_t
    of_log = np.diagonal(of_phi).T / np.diag(at.Phi)[:, None]
    scale = found.moments.scale**2
    of_t = covariance[:n_t, :n_t]

    def errors(gradients: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(np.maximum(np.vecdot(gradients @ of_t, gradients), 0.0)))

    found_bse = {
        "log_sigma2": bse[n_t : n_t + 1] if at.common else np.full(resid.size(len(at.X)), np.nan),
        "log_tau2": errors(of_log)[: len(random.distinct(Q))],
        "cov_re": errors(of_phi * scale),
        "icc": bse[-2:-1],
        "df_random": bse[-1:],
    }
    found_bse["log_tau2"][estimate.re_at_bound[random.distinct(Q)]] = np.nan
    cov_re = found_bse["cov_re"]
    cov_re[estimate.re_at_bound] = cov_re[:, estimate.re_at_bound] = np.nan
    if estimate.re_at_bound.all():
        found_bse |= {name: np.full(1, np.nan) for name in ("icc", "df_random")}
    return found_bse
