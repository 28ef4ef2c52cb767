"""The options of inference, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from nmfre.core.arguments import array_argument, check_choice, check_n_boot, start_array
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError
from nmfre.inference.covariance import (
    COVARIANCES,
    CovarianceEstimator,
    CovType,
)
from nmfre.inference.linearized import Dispersion, Information
from nmfre.inference.multipliers import Draws, Multiplier

Alternative: TypeAlias = Literal["larger", "two-sided"]
Uncertainty: TypeAlias = Literal["marginal", "conditional"]

CHOICES = {
    "uncertainty": Uncertainty,
    "cov_type": CovType,
    "information": Information,
    "dispersion": Dispersion,
    "multiplier": Multiplier,
    "alternative": Alternative,
}
OF_CONDITIONAL = {"information": "adjusted", "dispersion": "df"}
"""What only inference conditional on the basis can choose, and its defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceOptions:
    """
    Choices of the user, as in `nmfre.NMFRE.fit`; ``multipliers`` (n_boot, N) or None.

    ``studentize``: whether replicates of the bootstrap get standard errors. ``seed``: of the
    multipliers, where it is not that of the fit.

    Raises
    ------
    InvalidArgumentError
        An option is invalid, or cannot be combined with the others.
    """

    uncertainty: Uncertainty
    cov_type: CovType = "sandwich"
    information: Information = "adjusted"
    dispersion: Dispersion = "df"
    n_boot: int = 500
    multiplier: Multiplier = "exponential"
    multipliers: FloatArray | None = None
    alternative: Alternative
    studentize: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        check_n_boot(self.n_boot, least=0)
        n_boot = int(self.n_boot) if self.multipliers is None else self.multipliers.shape[0]
        object.__setattr__(self, "n_boot", n_boot)
        if self.uncertainty == "conditional":
            return
        for name, default in OF_CONDITIONAL.items():
            value = getattr(self, name)
            if value != default:
                raise InvalidArgumentError(name, value, f"{default!r} with uncertainty='marginal'")

    @property
    def estimator(self) -> CovarianceEstimator:
        """That of the covariance."""
        return COVARIANCES[self.cov_type]

    def draws(self, seeds: np.random.SeedSequence, blocks: list[slice]) -> Draws:
        """The multipliers of these blocks of units."""
        return Draws(
            blocks=blocks,
            n_boot=self.n_boot,
            multiplier=self.multiplier,
            seeds=seeds.spawn(len(blocks)),
            given=self.multipliers,
            studentize=self.studentize,
            corrected=self.estimator.corrects,
        )


def checked_multipliers(multipliers: ArrayLike | None, n_independent: int) -> FloatArray | None:
    """Multipliers that the user gives, one a unit or group, as an array (n_boot, N) of its own."""
    if multipliers is None:
        return None
    array = array_argument("multipliers", multipliers, "an array, (n_boot, N)")
    shape = max(len(np.atleast_1d(array)), 2), n_independent
    return start_array("multipliers", array, shape, signed=True)
