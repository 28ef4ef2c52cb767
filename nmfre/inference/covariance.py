"""
Estimators of the covariance of the parameters, by name.

Each is made of the inverse information and of scores of units, for inference that is conditional on
the basis as for that on all parameters. Another one is a class here, and its name in `CovType`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError

CovType: TypeAlias = Literal["sandwich", "naive", "max", "cr3"]
LEAST_LEFT = 1e-8
"""Least of 1 - h that a score is divided by."""


@dataclass(frozen=True, slots=True)
class Parts:
    """
    What a covariance is made of.

    Attributes
    ----------
    naive : (d, d)
        I^-1.
    squares : (d, d)
        sum_n I^-1 s_n s_n' I^-1 of the weighted scores.
    n_units : int
    carry : callable
        From a covariance in these d coordinates to that of the parameters. Default: the same.
    """

    naive: FloatArray
    squares: FloatArray
    n_units: int
    carry: Callable[[FloatArray], FloatArray] = np.asarray

    def sandwich(self) -> FloatArray:
        """I^-1 [N/(N-1) sum s s'] I^-1 of the parameters."""
        return self.carry(self.n_units / (self.n_units - 1) * self.squares)


class CovarianceEstimator(ABC):
    """
    How a covariance is made.

    Attributes
    ----------
    needs_leverages : bool
        Whether scores are weighted by leverages, which conditional inference does not have.
    has_replicates : bool
        Whether standard errors of replicates, sandwiches of the weighted scores, are of its kind.
    short_for_few : bool
        Whether intervals tend to be too short where units are few.
    """

    needs_leverages: ClassVar[bool] = False
    has_replicates: ClassVar[bool] = False
    short_for_few: ClassVar[bool] = False

    def __init_subclass__(cls, *, name: CovType) -> None:
        COVARIANCES[name] = cls()

    def weighted(self, scores: FloatArray, leverages: Callable[[], FloatArray]) -> FloatArray:
        """Scores of units, (n, d), as they enter the sandwich; ``leverages()`` are theirs, (n,)."""
        return scores

    @abstractmethod
    def covariance(self, parts: Parts) -> FloatArray:
        """Covariance of the parameters."""


COVARIANCES: dict[str, CovarianceEstimator] = {}
"""Every estimator by its name."""


class Sandwich(CovarianceEstimator, name="sandwich"):
    """I^-1 [N/(N-1) sum s s'] I^-1."""

    has_replicates = True
    short_for_few = True

    def covariance(self, parts: Parts) -> FloatArray:
        """The sandwich itself."""
        return parts.sandwich()


class Naive(CovarianceEstimator, name="naive"):
    """I^-1, right where the model is."""

    def covariance(self, parts: Parts) -> FloatArray:
        """The inverse information."""
        return parts.carry(parts.naive)


class Largest(CovarianceEstimator, name="max"):
    """The sandwich, its standard errors raised to naive ones that are larger; correlations kept."""

    def covariance(self, parts: Parts) -> FloatArray:
        """The sandwich, rescaled."""
        sandwich = parts.sandwich()
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.nan_to_num(np.diag(parts.carry(parts.naive)) / np.diag(sandwich))
        raised = np.sqrt(np.maximum(ratios, 1.0))
        return np.asarray(sandwich * np.outer(raised, raised))


class CR3(CovarianceEstimator, name="cr3"):
    """I^-1 [sum s s' / (1 - h)^2] I^-1, h the leverages: close to a jackknife."""

    needs_leverages = True
    has_replicates = True

    def weighted(self, scores: FloatArray, leverages: Callable[[], FloatArray]) -> FloatArray:
        """Scores over 1 - h; an InvalidArgumentError where a unit has leverage 1."""
        left = 1.0 - leverages()
        if left.min() < LEAST_LEFT:
            allowed = "another where a unit has a covariate to itself (leverage 1)"
            raise InvalidArgumentError("cov_type", "cr3", allowed)
        return np.asarray(scores / left[:, None])

    def covariance(self, parts: Parts) -> FloatArray:
        """The sandwich of the weighted scores, without a factor."""
        return parts.carry(parts.squares)


def without_leverages(name: str) -> CovarianceEstimator:
    """
    The estimator of this name, where there are no leverages.

    Raises
    ------
    InvalidArgumentError
        There is none, or it needs them.
    """
    known = [other for other, each in COVARIANCES.items() if not each.needs_leverages]
    if name not in known:
        allowed = f"{', '.join(map(repr, known[:-1]))} or {known[-1]!r}"
        allowed += " where inference is conditional, as in "
        allowed += f"with_uncertainty('conditional', cov_type={known[0]!r})"
        raise InvalidArgumentError("cov_type", name, allowed)
    return COVARIANCES[name]
