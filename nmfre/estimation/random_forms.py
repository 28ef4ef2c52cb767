"""Forms of the covariance Phi of random effects, and their coordinates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import combinations
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from scipy.linalg import null_space, solve_triangular

from nmfre.core.typing import BoolArray, FloatArray, IntArray

CovRe: TypeAlias = Literal["identity", "diagonal", "full"]
AnyRe: TypeAlias = CovRe | Literal["none"]
"""The forms, and that of the model without random effects."""
LOG_LIMITS = (-30.0, 30.0)
"""Of log variances of random effects, relative to those of residuals."""


class RandomForm(ABC):
    """A form of Phi, with coordinates t."""

    name: ClassVar[AnyRe]
    rotated: ClassVar[bool] = True
    """Whether mixtures of components that fit as well have other variances."""

    def distinct(self, rank: int) -> IntArray:
        """Components whose variances are different ones."""
        return np.arange(rank)

    @abstractmethod
    def size(self, rank: int) -> int:
        """Number of coordinates."""

    @abstractmethod
    def factor(self, t: FloatArray, rank: int) -> FloatArray:
        """F, (..., Q, Q), of t (..., n)."""

    @abstractmethod
    def coordinates(self, F: FloatArray) -> FloatArray:
        """T of a factor of this form."""

    @abstractmethod
    def nearest(self, Phi: FloatArray) -> FloatArray:
        """F of this form for random effects whose expected products are Phi."""

    @abstractmethod
    def pull(self, F: FloatArray, by_F: FloatArray) -> FloatArray:
        """Derivative by t, (..., n), from that by F, (..., Q, Q); F is one or as many."""

    def of_phi(self, F: FloatArray) -> FloatArray:
        """Derivatives of the entries of Phi = F F' by t, (Q, Q, n)."""
        rank = len(F)
        by_F = np.zeros((rank, rank, rank, rank))
        for q in range(rank):
            by_F[q, :, q] += F
            by_F[:, q, q] += F
        return self.pull(F, np.tril(by_F))

    @abstractmethod
    def of_change(self, F: FloatArray, change: FloatArray) -> FloatArray:
        """Change of t that a change of Phi of this form is, to first order."""

    @abstractmethod
    def residue(self, change: FloatArray) -> FloatArray:
        """What of a change of Phi, (..., Q, Q), is not of this form, (..., m)."""

    def held(self, at_bound: BoolArray) -> BoolArray:
        """Coordinates that are at their bound where these variances are 0."""
        held = np.zeros(self.size(len(at_bound)), dtype=bool)
        held[: len(at_bound)] = at_bound
        return held

    def scale(self, rank: int) -> FloatArray:
        """Change of t where the logarithm of Phi is raised by 1."""
        scale = np.zeros(self.size(rank))
        scale[:rank] = 1.0
        return scale

    @property
    def without_convention(self) -> RandomForm:
        """The form that takes no variances for equal."""
        return self

    def rotations(self, rank: int) -> FloatArray:
        """Skew-symmetric K along which F^-1 u can be rotated, (n, Q, Q)."""
        pairs = list(combinations(range(rank), 2))
        skew = np.zeros((len(pairs), rank, rank))
        for i, (a, b) in enumerate(pairs):
            skew[i, a, b], skew[i, b, a] = 1.0, -1.0
        return skew

    def limits(self, rank: int) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds of t."""
        size = self.size(rank)
        return np.full(size, LOG_LIMITS[0]), np.full(size, LOG_LIMITS[1])


class IdentityRandom(RandomForm):
    """Phi = tau2 I; its coordinate is log tau2."""

    name = "identity"
    rotated = False

    def distinct(self, rank: int) -> IntArray:
        """One for all."""
        return np.arange(1)

    def size(self, rank: int) -> int:
        """1."""
        return 1

    def factor(self, t: FloatArray, rank: int) -> FloatArray:
        """F = tau I."""
        return np.asarray(np.exp(t / 2.0)[..., None] * np.eye(rank))

    def coordinates(self, F: FloatArray) -> FloatArray:
        """Of the mean variance."""
        flat = F.reshape(*F.shape[:-2], 1, -1)
        return np.asarray(np.log(np.vecdot(flat, flat) / F.shape[-1]))

    def nearest(self, Phi: FloatArray) -> FloatArray:
        """The mean of the variances."""
        return np.asarray(np.sqrt(np.trace(Phi) / len(Phi)) * np.eye(len(Phi)))

    def pull(self, F: FloatArray, by_F: FloatArray) -> FloatArray:
        """Half of tr(F' dF)."""
        return np.asarray(0.5 * np.sum(by_F * F, axis=(-2, -1))[..., None])

    def of_change(self, F: FloatArray, change: FloatArray) -> FloatArray:
        """Tr(dPhi) / tr(Phi)."""
        return np.array([np.trace(change) / np.sum(F * F)])

    def residue(self, change: FloatArray) -> FloatArray:
        """All: rotations leave Phi as it is."""
        return np.asarray(change.reshape(*change.shape[:-2], -1))

    def held(self, at_bound: BoolArray) -> BoolArray:
        """All or none."""
        return np.array([at_bound.all()])

    @property
    def without_convention(self) -> RandomForm:
        """Diagonal."""
        return DiagonalRandom()

    def rotations(self, rank: int) -> FloatArray:
        """Those with K1 = 0, which leave the sums of columns alone."""
        skew = RandomForm.rotations(self, rank)
        if len(skew) < 3:
            return skew[:0]
        return np.tensordot(null_space(skew.sum(axis=2).T).T, skew, axes=1)


class DiagonalRandom(RandomForm):
    """Phi diagonal; its coordinates are the log variances."""

    name = "diagonal"

    def size(self, rank: int) -> int:
        """Q."""
        return rank

    def factor(self, t: FloatArray, rank: int) -> FloatArray:
        """F = diag(tau_q)."""
        return np.asarray(np.exp(t / 2.0)[..., None] * np.eye(rank))

    def coordinates(self, F: FloatArray) -> FloatArray:
        """Logarithms of row sums of squares."""
        return np.asarray(np.log(np.vecdot(F, F)))

    def nearest(self, Phi: FloatArray) -> FloatArray:
        """The variances."""
        return np.diag(np.sqrt(np.diag(Phi)))

    def pull(self, F: FloatArray, by_F: FloatArray) -> FloatArray:
        """Half of F_qq dF_qq."""
        return np.asarray(0.5 * _diagonal(F) * _diagonal(by_F))

    def of_change(self, F: FloatArray, change: FloatArray) -> FloatArray:
        """Relative changes of the diagonal."""
        return np.diag(change) / np.diag(F) ** 2

    def residue(self, change: FloatArray) -> FloatArray:
        """What is off the diagonal."""
        lower = np.tril_indices(change.shape[-1], -1)
        return np.asarray(change[..., lower[0], lower[1]])


class FullRandom(RandomForm):
    """
    Phi is any covariance; t: logarithms of F_qq^2, then F below the diagonal.

    The latter over the geometric mean of the F_qq: a multiple of Phi has the same.
    """

    name = "full"

    def size(self, rank: int) -> int:
        """Q (Q + 1) / 2."""
        return rank * (rank + 1) // 2

    def factor(self, t: FloatArray, rank: int) -> FloatArray:
        """The Cholesky factor."""
        F = np.exp(t[..., :rank] / 2.0)[..., None] * np.eye(rank)
        row, column = np.tril_indices(rank, -1)
        size = np.exp(t[..., :rank].mean(axis=-1, keepdims=True) / 2.0)
        F[..., row, column] = t[..., rank:] * size
        return np.asarray(F)

    def coordinates(self, F: FloatArray) -> FloatArray:
        """Of a lower triangular factor."""
        logs = 2.0 * np.log(_diagonal(F))
        row, column = np.tril_indices(F.shape[-1], -1)
        below = F[..., row, column] / np.exp(logs.mean(axis=-1, keepdims=True) / 2.0)
        return np.concatenate([logs, below], axis=-1)

    def nearest(self, Phi: FloatArray) -> FloatArray:
        """All of it."""
        return np.linalg.cholesky(Phi)

    def pull(self, F: FloatArray, by_F: FloatArray) -> FloatArray:
        """Half of F_qq dF_qq and of the mean of all below, and those below the diagonal."""
        row, column = np.tril_indices(F.shape[-1], -1)
        below = by_F[..., row, column]
        size = np.exp(np.log(_diagonal(F)).mean(axis=-1, keepdims=True))
        diagonal = 0.5 * _diagonal(F) * _diagonal(by_F)
        along = np.vecdot(below, F[..., row, column])[..., None]
        diagonal = diagonal + 0.5 / F.shape[-1] * along
        return np.concatenate([diagonal, size * below], axis=-1)

    def of_change(self, F: FloatArray, change: FloatArray) -> FloatArray:
        """By the derivative of the Cholesky factor."""
        inner = solve_triangular(F, solve_triangular(F, change, lower=True).T, lower=True)
        by_F = F @ (np.tril(inner, -1) + np.diag(np.diag(inner)) / 2.0)
        logs, lower = 2.0 * np.diag(by_F) / np.diag(F), np.tril_indices(len(F), -1)
        size = float(np.exp(np.log(np.diag(F)).mean()))
        return np.concatenate([logs, by_F[lower] / size - F[lower] / size * logs.mean() / 2.0])

    def residue(self, change: FloatArray) -> FloatArray:
        """Nothing."""
        return np.empty((*change.shape[:-2], 0))

    def limits(self, rank: int) -> tuple[FloatArray, FloatArray]:
        """Only variances have bounds."""
        lower, upper = RandomForm.limits(self, rank)
        lower[rank:], upper[rank:] = -np.inf, np.inf
        return lower, upper


class NoRandom(RandomForm):
    """No random effects, but for the limit of the search: the null model of their test."""

    name = "none"

    def distinct(self, rank: int) -> IntArray:
        """None."""
        return np.arange(0)

    def size(self, rank: int) -> int:
        """0."""
        return 0

    def factor(self, t: FloatArray, rank: int) -> FloatArray:
        """The smallest there is."""
        smallest = np.full((*t.shape[:-1], 1, 1), np.exp(LOG_LIMITS[0] / 2.0))
        return np.asarray(smallest * np.eye(rank))

    def coordinates(self, F: FloatArray) -> FloatArray:
        """Nothing."""
        return np.empty((*F.shape[:-2], 0))

    def nearest(self, Phi: FloatArray) -> FloatArray:
        """The smallest there is."""
        return self.factor(np.empty(0), len(Phi))

    def pull(self, F: FloatArray, by_F: FloatArray) -> FloatArray:
        """Nothing."""
        return np.empty((*by_F.shape[:-2], 0))

    def of_change(self, F: FloatArray, change: FloatArray) -> FloatArray:
        """Nothing."""
        return np.empty(0)

    def residue(self, change: FloatArray) -> FloatArray:
        """All."""
        return np.asarray(change.reshape(*change.shape[:-2], -1))

    def held(self, at_bound: BoolArray) -> BoolArray:
        """Nothing."""
        return np.zeros(0, dtype=bool)

    def scale(self, rank: int) -> FloatArray:
        """Nothing."""
        return np.empty(0)


def _diagonal(F: FloatArray) -> FloatArray:
    return np.diagonal(F, axis1=-2, axis2=-1)


RANDOM_FORMS: dict[str, RandomForm] = {
    form.name: form for form in (IdentityRandom(), DiagonalRandom(), FullRandom(), NoRandom())
}
