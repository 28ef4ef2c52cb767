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

CovType: TypeAlias = Literal["sandwich", "naive", "max", "cr3"]


@dataclass(frozen=True, slots=True)
class Parts:
    """
    What a covariance is made of.

    Attributes
    ----------
    naive : (d, d)
        I^-1.
    squares : (d, d)
        sum_n I^-1 s_n s_n' I^-1 of the scores of what is independent, corrected where the estimator
        corrects them.
    n_independent : int
        Number of units, or of groups.
    carry : callable
        From a covariance in these d coordinates to that of the parameters. Default: the same.
    """

    naive: FloatArray
    squares: FloatArray
    n_independent: int
    carry: Callable[[FloatArray], FloatArray] = np.asarray

    def sandwich(self) -> FloatArray:
        """I^-1 [N/(N-1) sum s s'] I^-1 of the parameters."""
        return self.carry(self.n_independent / (self.n_independent - 1) * self.squares)


class CovarianceEstimator(ABC):
    """
    How a covariance is made.

    Attributes
    ----------
    corrects : bool
        Whether scores are corrected for leverages.
    sums_scores : bool
        Whether it is made of scores, which groups have sums of.
    has_replicates : bool
        Whether standard errors of replicates, sandwiches of these scores, are of its kind.
    short_for_few : bool
        Whether intervals tend to be too narrow with few units.
    rare : int
        Units, or groups, up to which those of an effect that rests on them tend to be too short.
    """

    corrects: ClassVar[bool] = False
    sums_scores: ClassVar[bool] = True
    has_replicates: ClassVar[bool] = False
    short_for_few: ClassVar[bool] = False
    rare: ClassVar[int] = 10

    def __init_subclass__(cls, *, name: CovType) -> None:
        COVARIANCES[name] = cls()

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

    sums_scores = False
    rare = 0

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

    corrects = True
    has_replicates = True

    def covariance(self, parts: Parts) -> FloatArray:
        """The sandwich of the corrected scores, without a factor."""
        return parts.carry(parts.squares)
