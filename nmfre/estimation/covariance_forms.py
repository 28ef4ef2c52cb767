"""
Forms of the covariances Psi of residuals and Phi of random effects, and their coordinates.

All numerical modules take them as Psi = sigma2 diag(v) and Phi = sigma2 F F', F lower triangular,
so that Z = diag(v)^(-1/2) X F is all that the random effects are to the likelihood:
Sigma = sigma2 diag(v)^(1/2) (I + Z Z') diag(v)^(1/2). Another form is a class here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from nmfre.core.layout import LaidOut
from nmfre.core.typing import BoolArray, Float, FloatArray, IntArray
from nmfre.estimation.random_forms import RANDOM_FORMS, AnyRe, RandomForm

T = TypeVar("T", bound=np.generic)
CovResid: TypeAlias = Literal["identity", "mean", "diagonal"]
SMALLEST_SHARE = 1e-6
"""Bound of a residual variance, in variances of its response given the covariates."""
SMALLEST_MEAN = 1e-6
"""
Least mean of a response, in means of all, for a variance in proportion to it.

Data with a response that is 0 for all units are refused, but parts of data may have one.
"""


@dataclass(frozen=True, slots=True)
class Relative(LaidOut):
    """
    Covariances relative to sigma2, of one problem or of a stack.

    Attributes
    ----------
    v : (..., P)
        Psi = sigma2 diag(v).
    F : (..., Q, Q)
        Phi = sigma2 F F', lower triangular.
    """

    v: FloatArray
    F: FloatArray

    @classmethod
    def identity(cls, n_responses: int, rank: int, ridge: float) -> Relative:
        """Psi = sigma2 I, Phi = sigma2 / ridge I."""
        return cls(np.ones(n_responses), np.eye(rank) / np.sqrt(ridge))

    @property
    def d(self) -> FloatArray:
        """What rows of data are multiplied by, (..., P, 1)."""
        return 1.0 / np.sqrt(self.v)[..., None]

    @property
    def Phi(self) -> FloatArray:
        """F F'."""
        return np.asarray(self.F @ self.F.mT)

    def loadings(self, X: FloatArray) -> FloatArray:
        """Z, (..., P, Q)."""
        return np.asarray(self.d * (X @ self.F))

    def blup_of(self, X: FloatArray) -> FloatArray:
        """B with U = B (Y - X Theta A) of complete units, (Q, P)."""
        Z = self.loadings(X)
        return self.F @ np.linalg.solve(Z.T @ Z + np.eye(len(self.F)), (self.d * Z).T)

    def ordered(self, order: IntArray) -> Relative:
        """With components in another order."""
        Phi = self.Phi[np.ix_(order, order)]
        diagonal = not np.tril(self.F, -1).any()
        F = np.diag(np.diag(self.F)[order]) if diagonal else np.linalg.cholesky(Phi)
        return Relative(self.v, F)

    def times(self, sigma2: Float) -> Relative:
        """The covariances themselves, of which sigma2 is 1."""
        return Relative(np.asarray(sigma2)[..., None] * self.v, self.scaled(sigma2).F)

    def scaled(self, factor: Float) -> Relative:
        """With ``factor`` times Phi."""
        return Relative(self.v, np.sqrt(factor)[..., None, None] * self.F)

    @classmethod
    def stacked(cls, members: Sequence[Relative]) -> Relative:
        """A stack."""
        return cls(np.stack([m.v for m in members]), np.stack([m.F for m in members]))

    def members(self, index: IntArray | slice | int) -> Relative:
        """Some of a stack, or one of it."""
        return Relative(self.v[index], self.F[index])


class ResidualForm(ABC):
    """
    A form of Psi.

    Attributes
    ----------
    profiled : bool
        Whether v is given, and sigma2 at its maximum given the rest; if not it is 1, and v all of
        Psi.
    """

    name: ClassVar[CovResid]
    profiled: ClassVar[bool]

    @abstractmethod
    def size(self, n_responses: int) -> int:
        """Number of different variances."""

    def given(self, shape: tuple[int, ...]) -> FloatArray:
        """v, where it is not estimated, (..., P)."""
        raise NotImplementedError

    @abstractmethod
    def nearest(self, psi: FloatArray) -> tuple[float, FloatArray]:
        """sigma2 and v of this form for residuals whose expected squares are psi, (P,)."""

    @abstractmethod
    def pull(self, by_log_psi: FloatArray) -> FloatArray:
        """Derivatives by their logarithms, (..., n), from those by log psi_p, (..., P)."""

    @abstractmethod
    def of(self, psi: NDArray[T]) -> NDArray[T]:
        """Of what there is of each response (P,), that of the different variances."""


class IdentityResidual(ResidualForm):
    """Psi = sigma2 I."""

    name: ClassVar[CovResid] = "identity"
    profiled = True

    def size(self, n_responses: int) -> int:
        """1."""
        return 1

    def given(self, shape: tuple[int, ...]) -> FloatArray:
        """Ones."""
        return np.ones(shape)

    def nearest(self, psi: FloatArray) -> tuple[float, FloatArray]:
        """The mean of the variances."""
        return float(psi.mean()), np.ones(len(psi))

    def pull(self, by_log_psi: FloatArray) -> FloatArray:
        """Their sum."""
        return np.asarray(by_log_psi.sum(axis=-1, keepdims=True))

    def of(self, psi: NDArray[T]) -> NDArray[T]:
        """One of them."""
        return psi[:1]


class MeanResidual(IdentityResidual):
    """
    Psi = sigma2 diag(v), v in proportion to the means of the responses.

    Parameters
    ----------
    v : array, (P,), optional
        As `in_proportion` makes it. Without it the form has a size, but no covariances.
    """

    name = "mean"

    def __init__(self, v: FloatArray | None = None) -> None:
        self.v = v

    def given(self, shape: tuple[int, ...]) -> FloatArray:
        """V."""
        assert self.v is not None
        return np.broadcast_to(self.v, shape).copy()

    def nearest(self, psi: FloatArray) -> tuple[float, FloatArray]:
        """The mean of the variances over v."""
        v = self.given(psi.shape)
        return float(np.mean(psi / v)), v


def in_proportion(means: FloatArray) -> FloatArray:
    """Numbers with the mean 1 in proportion to means of responses, (P,)."""
    v = np.maximum(means, SMALLEST_MEAN * means.mean())
    return np.asarray(v / v.mean())


class DiagonalResidual(ResidualForm):
    """Psi = diag(sigma2_1, ..., sigma2_P)."""

    name, profiled = "diagonal", False

    def size(self, n_responses: int) -> int:
        """P."""
        return n_responses

    def nearest(self, psi: FloatArray) -> tuple[float, FloatArray]:
        """The variances."""
        return 1.0, psi

    def pull(self, by_log_psi: FloatArray) -> FloatArray:
        """Each."""
        return by_log_psi

    def of(self, psi: NDArray[T]) -> NDArray[T]:
        """All."""
        return psi


RESIDUAL_FORMS: dict[str, ResidualForm] = {
    form.name: form for form in (IdentityResidual(), MeanResidual(), DiagonalResidual())
}


@dataclass(frozen=True, slots=True)
class Structure:
    """
    What form the covariances have, and which entries of X may differ from 0.

    Attributes
    ----------
    cov_resid, cov_re : str
    pattern : (P, Q) or None
        True where an entry of X is free; None: all are.
    means : (P,) or None
        v of ``cov_resid="mean"``: means of the responses, divided by their mean. None for other
        forms, and where only numbers of parameters are asked for.
    """

    cov_resid: CovResid = "identity"
    cov_re: AnyRe = "identity"
    pattern: BoolArray | None = None
    means: FloatArray | None = None

    @property
    def resid(self) -> ResidualForm:
        """The form of Psi."""
        if self.cov_resid == "mean":
            return MeanResidual(self.means)
        return RESIDUAL_FORMS[self.cov_resid]

    @property
    def random(self) -> RandomForm:
        """The form of Phi."""
        return RANDOM_FORMS[self.cov_re]

    def relative(self, absolute: Relative, scale: float) -> Relative:
        """Covariances in squared units of responses, of this form, relative to sigma2."""
        sigma2, v = self.resid.nearest(absolute.v / scale**2)
        return Relative(v, self.random.nearest(absolute.Phi / (scale**2 * sigma2)))

    def held(self, shape: tuple[int, int]) -> BoolArray:
        """Entries of X held at 0, (P, Q)."""
        return np.zeros(shape, dtype=bool) if self.pattern is None else ~self.pattern

    def n_variances(self, n_responses: int, rank: int) -> int:
        """Number of variances and covariances."""
        return self.resid.size(n_responses) + self.random.size(rank)
