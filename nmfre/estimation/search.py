"""The marginal likelihood as a function of one vector, with bounds and second derivatives."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.estimation.covariance_forms import SMALLEST_SHARE, Relative, Structure
from nmfre.estimation.hessian import second_derivatives
from nmfre.estimation.likelihood import SMALLEST_SIGMA2, MarginalValue, marginal_value, score
from nmfre.estimation.moments import Moments
from nmfre.estimation.newton import Point

FAR = 1e6
"""Objective of a trial point without a likelihood: the line search shortens its step."""
LARGEST_HESSIAN = 600
LARGEST_SHARE = 1e4
"""Largest residual variance of the search, in variances of its response given the covariates."""


class Search:
    """
    The objective as a function of one vector, with bounds; or of each vector of a stack.

    A stack is one of starts with the same data, or of data sets where the moments are a stack.
    """

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
        self.about = moments.thinned()
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
        self.lower, self.upper = _joined(lower), _joined(upper)
        n_variables = self.lower.shape[-1]
        self.column_sums = np.zeros((self.rank, n_variables))
        for q in range(self.rank):
            self.column_sums[q, q : self.n_basis : self.rank] = 1.0
        self.large = self.n_basis > LARGEST_HESSIAN
        self.scales = [np.ones(n_variables)]
        if self.large:
            # An entry of X bears on one cell of a unit: so scaled, the objective is about as
            # curved as in a small problem. Near the maximum the other is finer.
            self.scales.insert(0, np.full(n_variables, np.sqrt(moments.n_responses)))

    def members(self, index: IntArray | int) -> Search:
        """That of some members of a stack, or of one alone."""
        moments = self.moments.members(index)
        if moments is self.moments:
            return self
        return Search(moments, self.shape, self.structure, signed=self.signed, cap=self.cap)

    def _basis(self, z: FloatArray) -> FloatArray:
        """P X, not normalised, (..., P, Q)."""
        shape = (*z.shape[:-1], *self.shape)
        return np.reshape(z[..., : self.n_basis], shape)

    def pack(self, X: FloatArray, relative: Relative) -> FloatArray:
        """The vector of a point, within its bounds."""
        parts = [
            self.moments.n_responses * X.reshape(*X.shape[:-2], self.n_basis),
            self.structure.random.coordinates(relative.F),
        ]
        if not self.structure.resid.profiled:
            parts.append(np.log(relative.v))
        return np.asarray(np.clip(np.concatenate(parts, axis=-1), self.lower, self.upper))

    def unpack(self, z: FloatArray) -> tuple[FloatArray, Relative]:
        """The point of a vector: its basis normalised, its covariances on the cap."""
        Z = self._basis(z)
        X = Z / Z.sum(axis=-2, keepdims=True)
        F = self.structure.random.factor(z[..., self.n_basis : self.n_random], self.rank)
        if self.structure.resid.profiled:
            v = self.structure.resid.given(X.shape[:-1])
        else:
            v = np.exp(z[..., self.n_random :])
        relative = Relative(v, F)
        if self.capped:
            factor = self.moments.log_factor_on_cap(relative.loadings(X), self.cap)
            relative = relative.scaled(float(np.exp(factor)))
        return X, relative

    def normalised(self, z: FloatArray) -> FloatArray:
        """The same point with columns of the basis that sum to P."""
        if self.capped:
            return self.pack(*self.unpack(z))
        Z, z = self._basis(z), z.copy()
        Z = Z * (self.moments.n_responses / Z.sum(axis=-2, keepdims=True))
        z[..., : self.n_basis] = Z.reshape(*z.shape[:-1], self.n_basis)
        return z

    def within_reach(self, z: FloatArray) -> BoolArray:
        """Whether every column of the basis has weight; a long trial step may empty one."""
        total = self._basis(z).sum(axis=-2)
        return np.asarray(total.min(axis=-1) > 1e-8 * self.moments.n_responses)

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
        """Minus the log-likelihood per cell, and its derivatives by the variables; of one."""
        if not self.within_reach(z):
            return FAR, np.zeros_like(z)
        X, relative, Gamma, _, point = self.evaluated(z)
        total = self._basis(z).sum(axis=-2)
        return float(point.value), self._gradient(X, total, Gamma, relative, point)[0]

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
    ) -> tuple[FloatArray, FloatArray]:
        """By the variables, where the columns of the basis sum to ``total``; and by X itself."""
        by = score(self.moments, X, Gamma, relative, point, on_cap=self.capped)
        of_basis = (by.X - np.sum(X * by.X, axis=-2, keepdims=True)) / total[..., None, :]
        parts = [
            of_basis.reshape(*X.shape[:-2], self.n_basis),
            self.structure.random.pull(relative.F, by.F),
        ]
        if not self.structure.resid.profiled:
            parts.append(by.log_psi)
        per_cell = self.moments.n_units / self.moments.n_cells
        return -np.concatenate(parts, axis=-1) * per_cell, by.X

    def at(self, z: FloatArray) -> Point:
        """Value, gradient and what a Hessian is made of, at vectors (B, n) within reach."""
        X, relative, Gamma, Theta, point = self.evaluated(z)
        total = self._basis(z).sum(axis=-2)
        gradient, by_X = self._gradient(X, total, Gamma, relative, point)
        at = (X, relative.v, relative.F, Gamma, Theta, np.asarray(point.sigma2))
        return Point(z, np.asarray(point.value), gradient, *at, by_X)

    def moved(self, z: FloatArray, step: FloatArray) -> tuple[FloatArray, BoolArray]:
        """The normalised points where steps lead, and which have no empty column."""
        trial = np.clip(z + step, self.lower, self.upper)
        reached = self.within_reach(trial)
        return self.normalised(np.where(reached[..., None], trial, z)), reached

    def hessian(self, at: Point, *, expected: bool) -> FloatArray:
        """
        Second derivatives by the variables at normalised points, without a cap, (..., n, n).

        Theta, where it is off its bounds, and a common sigma2 follow: their part is eliminated. A
        multiple of a column, which changes nothing, is given a curvature of its own.
        """
        moments = self.about if expected else self.moments
        P, n = self.shape[0], at.z.shape[-1]
        absolute = Relative(at.v, at.F).times(at.sigma2)
        H = second_derivatives(moments, at.X, at.Gamma, absolute, self.structure, expected=expected)
        H = self._along(at, self._along(at, H).mT)
        off = np.ones(at.Theta.shape, dtype=bool) if self.signed else at.Theta > 0.0
        off = off.reshape(*at.z.shape[:-1], -1)
        if self.structure.resid.profiled:
            off = np.concatenate([off, np.ones((*off.shape[:-1], 1), dtype=bool)], axis=-1)
        n_follow = off.shape[-1]
        coupling = np.where(off[..., None], H[..., n:, :n], 0.0)
        inner = np.where(off[..., None] & off[..., None, :], H[..., n:, n:], 0.0)
        size = np.diagonal(inner, axis1=-2, axis2=-1)
        # Next to an exact fit, rounding may make it negative.
        least = np.finfo(float).eps * np.abs(size).max(axis=-1, keepdims=True, initial=0.0)
        size = np.where(off, np.sqrt(np.maximum(size, least)), 1.0)
        inner = inner / (size[..., None] * size[..., None, :]) + ~off[..., None] * np.eye(n_follow)
        d, V = np.linalg.eigh(inner)
        kept = np.abs(d) > n_follow * np.finfo(float).eps * np.abs(d).max(
            axis=-1, keepdims=True, initial=0.0
        )
        coupling = V.mT @ (coupling / size[..., None])
        weights = np.where(kept, 1.0 / np.where(kept, d, 1.0), 0.0)
        reduced = H[..., :n, :n] - coupling.mT @ (weights[..., None] * coupling)
        # Of X / 1'X: the gradient turns with the sums; its expectation is zero.
        slope = (np.sum(at.X * at.slope_of_basis, axis=-2, keepdims=True) - at.slope_of_basis) * (
            not expected
        )
        for q in range(self.rank):
            column = slice(q, self.n_basis, self.rank)
            of_column = reduced[..., column, column]
            of_column -= (slope[..., :, None, q] + slope[..., None, :, q]) / P**2
            curvature = np.abs(np.diagonal(of_column, axis1=-2, axis2=-1)).mean(axis=-1)
            of_column += curvature[..., None, None] / P
        return np.asarray(reduced * (moments.n_units / moments.n_cells))

    def _along(self, at: Point, rows: FloatArray) -> FloatArray:
        """
        Derivatives by the variables, then by what follows, from those by all parameters.

        The latter are rows (..., D, m) as `second_derivatives` has them.
        """
        (P, Q), (*stack, n_all, m) = self.shape, rows.shape
        random, n_effects = self.structure.random, at.Gamma.shape[-2] * at.Gamma.shape[-1]
        by_X = rows[..., : self.n_basis, :].reshape(*stack, P, Q, m)
        by_X = (by_X - np.sum(at.X[..., None] * by_X, axis=-3, keepdims=True)) / P
        by_gamma = rows[..., self.n_basis : self.n_basis + n_effects, :]
        covariates = self.moments.covariates
        L = (covariates.L / covariates.scale[..., None])[..., None, :, :]
        by_theta = L @ by_gamma.reshape(*stack, Q, -1, m)
        by_psi = rows[..., self.n_basis + n_effects : n_all - random.size(Q), :]
        by_t = rows[..., n_all - random.size(Q) :, :]
        parts = [by_X.reshape(*stack, self.n_basis, m), by_t]
        if not self.structure.resid.profiled:
            parts.append(by_psi)
        parts.append(by_theta.reshape(*stack, n_effects, m))
        if self.structure.resid.profiled:
            parts.append(by_psi + random.scale(Q)[None] @ by_t)
        return np.concatenate(parts, axis=-2)

    def gradient_norm(self, z: FloatArray) -> float:
        """Largest entry of the gradient after what only pushes against a bound is left out."""
        return float(self.norm(z, self.value_and_gradient(z)[1]))

    def norm_at(
        self, X: FloatArray, Gamma: FloatArray, relative: Relative, point: MarginalValue
    ) -> float:
        """The same at a point that has been evaluated; without a cap."""
        total = np.full(self.rank, float(len(X)))
        z = self.pack(X, relative)
        return float(self.norm(z, self._gradient(X, total, Gamma, relative, point)[0]))

    def norm(self, z: FloatArray, gradient: FloatArray) -> FloatArray:
        """The same of gradients that are known."""
        outward = ((z <= self.lower) & (gradient > 0)) | ((z >= self.upper) & (gradient < 0))
        return np.asarray(np.abs(np.where(outward, 0.0, gradient)).max(axis=-1))


def _joined(parts: list[FloatArray]) -> FloatArray:
    """One vector, or one of each member where a part is of each."""
    stack = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return np.concatenate(
        [np.broadcast_to(part, (*stack, part.shape[-1])) for part in parts], axis=-1
    )
