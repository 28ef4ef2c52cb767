"""The marginal likelihood as a function of one vector, with bounds and second derivatives."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.covariance_forms import SMALLEST_SHARE, Relative, Structure
from nmfre.estimation.hessian import second_derivatives
from nmfre.estimation.likelihood import SMALLEST_SIGMA2, MarginalValue, marginal_value, score
from nmfre.estimation.moments import Moments

FAR = 1e6
"""Objective of a trial point without a likelihood: the line search shortens its step."""
LARGEST_HESSIAN = 600
LARGEST_SHARE = 1e4
"""Largest residual variance of the search, in variances of its response given the covariates."""


class Search:
    """The objective as a function of one vector, with bounds."""

    def __init__(
        self,
        moments: Moments,
        shape: tuple[int, int],
        structure: Structure,
        *,
        signed: bool,
        cap: float,
    ) -> None:
        self.moments, self.structure, self.signed, self.cap = moments, structure, signed, cap
        self.shape, self.rank = shape, shape[1]
        self.capped = bool(np.isfinite(cap))
        self.n_basis = shape[0] * shape[1]
        random, profiled = structure.random, structure.resid.profiled
        self.n_random = self.n_basis + random.size(self.rank)
        low, high = random.limits(self.rank)
        held = structure.held(shape).ravel()
        lower, upper = [np.zeros(self.n_basis), low], [np.where(held, 0.0, np.inf), high]
        if not profiled:
            squares = np.log(np.maximum(moments.unexplained, SMALLEST_SIGMA2))
            lower.append(squares + np.log(SMALLEST_SHARE))
            upper.append(squares + np.log(LARGEST_SHARE))
        self.lower, self.upper = np.concatenate(lower), np.concatenate(upper)
        self.column_sums = np.zeros((self.rank, len(self.lower)))
        for q in range(self.rank):
            self.column_sums[q, q : self.n_basis : self.rank] = 1.0
        self.large = self.n_basis > LARGEST_HESSIAN
        self.scales = [np.ones(len(self.lower))]
        if self.large:
            # An entry of X bears on one cell of a unit: so scaled, the objective is about as
            # curved as in a small problem. Near the maximum the other is finer.
            self.scales.insert(0, np.full(len(self.lower), np.sqrt(moments.n_responses)))

    def pack(self, X: FloatArray, relative: Relative) -> FloatArray:
        """The vector of a point, within its bounds."""
        parts = [
            self.moments.n_responses * X.ravel(),
            self.structure.random.coordinates(relative.F),
        ]
        if not self.structure.resid.profiled:
            parts.append(np.log(relative.v))
        return np.clip(np.concatenate(parts), self.lower, self.upper)

    def unpack(self, z: FloatArray) -> tuple[FloatArray, Relative]:
        """The point of a vector: its basis normalised, its covariances on the cap."""
        Z = z[: self.n_basis].reshape(self.shape)
        X = Z / Z.sum(axis=0)
        F = self.structure.random.factor(z[self.n_basis : self.n_random], self.rank)
        v = np.ones(len(X)) if self.structure.resid.profiled else np.exp(z[self.n_random :])
        relative = Relative(v, F)
        if self.capped:
            factor = self.moments.log_factor_on_cap(relative.loadings(X), self.cap)
            relative = relative.scaled(float(np.exp(factor)))
        return X, relative

    def normalised(self, z: FloatArray) -> FloatArray:
        """The same point with columns of the basis that sum to P."""
        return self.pack(*self.unpack(z))

    def within_reach(self, z: FloatArray) -> bool:
        """Whether every column of the basis has weight; a long trial step may empty one."""
        total = z[: self.n_basis].reshape(self.shape).sum(axis=0)
        return bool(np.min(total) > 1e-8 * self.moments.n_responses)

    def evaluated(
        self, z: FloatArray
    ) -> tuple[FloatArray, Relative, FloatArray, FloatArray, MarginalValue]:
        """The point of a vector, Gamma and Theta that follow, and the value there."""
        X, relative = self.unpack(z)
        Gamma, Theta = self.moments.profiled(X, relative, signed=self.signed)
        profiled = self.structure.resid.profiled
        point = marginal_value(self.moments, X, Gamma, relative, profiled=profiled)
        return X, relative, Gamma, Theta, point

    def value_and_gradient(self, z: FloatArray) -> tuple[float, FloatArray]:
        """Minus the log-likelihood per cell, and its derivatives by the variables."""
        if not self.within_reach(z):
            return FAR, np.zeros_like(z)
        X, relative, Gamma, _, point = self.evaluated(z)
        total = z[: self.n_basis].reshape(self.shape).sum(axis=0)
        return point.value, self._gradient(X, total, Gamma, relative, point)

    def scaled_value_and_gradient(
        self, scale: FloatArray, z: FloatArray
    ) -> tuple[float, FloatArray]:
        """The same as a function of the variables divided by their scale."""
        value, gradient = self.value_and_gradient(z * scale)
        return value, gradient * scale

    def _gradient(
        self,
        X: FloatArray,
        total: FloatArray,
        Gamma: FloatArray,
        relative: Relative,
        point: MarginalValue,
    ) -> FloatArray:
        """By the variables, where the columns of the basis sum to ``total``."""
        by = score(self.moments, X, Gamma, relative, point, on_cap=self.capped)
        parts = [
            ((by.X - np.sum(X * by.X, axis=0)) / total).ravel(),
            self.structure.random.pull(relative.F, by.F),
        ]
        if not self.structure.resid.profiled:
            parts.append(by.log_psi)
        return -np.concatenate(parts) * (self.moments.n_units / self.moments.n_cells)

    def moved(self, z: FloatArray, step: FloatArray) -> FloatArray | None:
        """The normalised point where a step leads, None where a column would be empty."""
        trial = np.clip(z + step, self.lower, self.upper)
        return self.normalised(trial) if self.within_reach(trial) else None

    def hessian(self, z: FloatArray, *, expected: bool) -> FloatArray:
        """
        Second derivatives by the variables at a normalised point, without a cap.

        Theta, where it is off its bounds, and a common sigma2 follow: their part is eliminated. A
        multiple of a column, which changes nothing, is given a curvature of its own.
        """
        moments, (P, Q), structure = self.moments, self.shape, self.structure
        X, relative, Gamma, Theta, point = self.evaluated(z)
        absolute = relative.times(point.sigma2)
        by = score(moments, X, Gamma, relative, point)
        H = second_derivatives(moments, X, Gamma, absolute, structure, expected=expected)
        n_basis, n_follow = self.n_basis, Gamma.size + int(structure.resid.profiled)
        off = np.ones(Theta.shape, dtype=bool) if self.signed else Theta > 0.0
        # Directions of the variables, then of what follows, in all parameters of H.
        n_all, n_random = len(H), structure.random.size(Q)
        to = np.zeros((n_all, len(z)))
        project = np.eye(n_basis)
        for q in range(Q):
            column = slice(q, n_basis, Q)
            project[column, column] -= X[:, [q]]
        to[:n_basis, :n_basis] = project / P
        to[n_all - n_random :, n_basis : n_basis + n_random] = np.eye(n_random)
        follow = np.zeros((n_all, n_follow))
        L = moments.covariates.L / moments.covariates.scale[:, None]
        effects = np.einsum("qr,kl->qlrk", np.eye(Q), L).reshape(Gamma.size, Gamma.size)
        follow[n_basis : n_basis + Gamma.size, : Gamma.size] = effects * off.ravel()
        if structure.resid.profiled:
            follow[n_basis + Gamma.size, -1] = 1.0
            follow[n_all - n_random :, -1] = structure.random.scale(Q)
        else:
            start = n_basis + Gamma.size
            to[start : start + P, n_basis + n_random :] = np.eye(P)
        follow = follow[:, follow.any(axis=0)]
        left, inner = to.T @ H @ to, follow.T @ H @ follow
        coupling = follow.T @ H @ to
        size = np.diag(inner)  # next to an exact fit, rounding may make it negative
        size = np.sqrt(np.maximum(size, np.finfo(float).eps * np.abs(size).max(initial=0.0)))
        solved = np.linalg.lstsq(inner / np.outer(size, size), coupling / size[:, None], rcond=None)
        reduced = left - (coupling / size[:, None]).T @ solved[0]
        # Of X / 1'X: the gradient turns with the sums; its expectation is zero.
        slope = -(by.X - np.sum(X * by.X, axis=0)) * (not expected)
        for q in range(Q):
            column = slice(q, n_basis, Q)
            reduced[column, column] -= (slope[:, [q]] + slope[:, q]) / P**2
            reduced[column, column] += np.abs(np.diag(reduced)[column]).mean() / P
        return np.asarray(reduced * (moments.n_units / moments.n_cells))

    def gradient_norm(self, z: FloatArray) -> float:
        """Largest entry of the gradient after what only pushes against a bound is left out."""
        return self.norm(z, self.value_and_gradient(z)[1])

    def norm_at(
        self, X: FloatArray, Gamma: FloatArray, relative: Relative, point: MarginalValue
    ) -> float:
        """The same at a point that has been evaluated; without a cap."""
        total = np.full(self.rank, float(len(X)))
        z = self.pack(X, relative)
        return self.norm(z, self._gradient(X, total, Gamma, relative, point))

    def norm(self, z: FloatArray, gradient: FloatArray) -> float:
        """The same of a gradient that is known."""
        outward = ((z <= self.lower) & (gradient > 0)) | ((z >= self.upper) & (gradient < 0))
        return float(np.max(np.abs(np.where(outward, 0.0, gradient))))
