"""Alternating updates, the paper's algorithm, and what its data must be like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from nmfre.core.arguments import (
    check_bool,
    start_array,
)
from nmfre.core.caller import warn
from nmfre.core.progress import LOGGER
from nmfre.core.typing import BoolArray, FloatArray
from nmfre.data.checks import python_value
from nmfre.data.design import Design, total_weight
from nmfre.data.weights import by_unit
from nmfre.errors import (
    InvalidArgumentError,
    NegativeCovariateWarning,
    ScaleError,
)
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.alternating_estimate import VARIANCE_LIMITS, AlternatingEstimate
from nmfre.estimation.cap import AUTO, Cap, free_rate, resolve_cap
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.initial import nndsvd
from nmfre.estimators.base import Estimator, Method, warn_of
from nmfre.inference.options import Uncertainty

# From where on the floors of df-cap, 1e-10, moved X or Theta by 1e-4 and more (relative) in data of
# rank 1 to 3 whose units were changed, with some margin.
SMALL_RESPONSES = 1e-4
"""Root mean square."""
LARGE_COVARIATE = 1e6
"""Largest value, in means of the units' totals: Theta is not below its floor."""
SMALL_COVARIATE = 1e-8
"""Sum of its products with the units' totals over P: about the denominator of Theta's update."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DfCap(Estimator):
    """
    Alternating updates, the paper's algorithm, with the options that it has.

    Raises
    ------
    InvalidArgumentError
        An invalid value.
    """

    name: ClassVar[Method] = "df-cap"
    kind: ClassVar[type[Estimate]] = AlternatingEstimate
    uncertainties: ClassVar[tuple[Uncertainty, ...]] = ("conditional",)

    df_cap: float | Cap | Literal["auto"] | None = 0.10
    start_theta: ArrayLike | None = None
    update_tau2: bool = True

    def __post_init__(self) -> None:
        Estimator.__post_init__(self)
        check_bool("update_tau2", self.update_tau2)

    @property
    def _auto(self) -> bool:
        return isinstance(self.df_cap, str) and self.df_cap == AUTO

    def _cap(self, n_units: float, rank: int) -> float:
        if self._auto:
            return resolve_cap(1.0, n_units, rank)  # until the path of df_U is known
        return Estimator._cap(self, n_units, rank)

    def fit(
        self,
        design: Design,
        rank: int,
        rng: np.random.Generator,
        pattern: BoolArray | None = None,
    ) -> AlternatingEstimate:
        """Alternating updates from one start."""
        n_units = total_weight(design)
        caps = np.array([self._cap(n_units, rank)])
        (estimate,) = self.fit_caps(design, rank, rng, caps, pattern)
        LOGGER.info(
            "df-cap: objective %.8g, %d iterations", estimate.objective_path[-1], estimate.n_iter
        )
        warn_of(estimate)
        if self._auto:
            rate = free_rate(estimate.df_random_path, n_units, rank)
            estimate = replace(estimate, cap=resolve_cap(rate, n_units, rank))
        return estimate

    def fit_caps(
        self,
        design: Design,
        rank: int,
        rng: np.random.Generator,
        caps: FloatArray,
        pattern: BoolArray | None = None,
    ) -> list[AlternatingEstimate]:
        """Alternating updates from one start under each of several caps, in one stack."""
        design.require("df-cap")
        _check_scale(design)
        if pattern is not None:
            raise InvalidArgumentError(
                "basis_pattern", "given", "None with df-cap; method='ml' accepts it"
            )
        for name, value in zip(("start_sigma2", "start_tau2"), self._variances(), strict=True):
            if not VARIANCE_LIMITS[0] <= value <= VARIANCE_LIMITS[1]:
                raise InvalidArgumentError(
                    name,
                    value,
                    "a number between 1e-12 and 1e12 with df-cap, which keeps variances in this "
                    "range; rescale the responses",
                )
        _warn_of_negative_covariates(design)
        X, shape = self._basis(design, rank), (rank, len(design.covariates))
        weights = by_unit(design.weights)
        if X is None:
            X = nndsvd(design.Y, rank, rng, weights)
        given = self.start_theta is not None
        Theta = start_array("start_theta", self.start_theta, shape) if given else np.ones(shape)
        return self._iterate(design.Y[None], design.A, X, Theta, caps, weights)

    def replicates(
        self,
        Y: FloatArray,
        A: FloatArray,
        estimate: Estimate,
        weights: FloatArray | None,
        w: FloatArray,
    ) -> list[AlternatingEstimate]:
        """
        Fits of Y_b = X Theta A + (Y - X Theta A) diag(w_b), under the same cap.

        The residuals are those of the fixed effects, which carry U.
        """
        mean = estimate.X @ (estimate.Theta @ A)
        return self._refitted(mean + (Y - mean) * w[:, None, :], A, estimate, weights)

    def refits(
        self, stack: FloatArray, A: FloatArray, estimate: Estimate
    ) -> list[AlternatingEstimate]:
        """In one stack, under the same cap."""
        return self._refitted(stack, A, estimate, None)

    def _refitted(
        self, stack: FloatArray, A: FloatArray, estimate: Estimate, weights: FloatArray | None
    ) -> list[AlternatingEstimate]:
        caps = np.full(len(stack), estimate.cap)
        return self._iterate(stack, A, estimate.X, estimate.Theta, caps, weights)

    def _iterate(
        self,
        stack: FloatArray,
        A: FloatArray,
        X: FloatArray,
        Theta: FloatArray,
        caps: FloatArray,
        weights: FloatArray | None,
    ) -> list[AlternatingEstimate]:
        """From one start, for each cap; responses (B, P, N) or (1, P, N)."""
        sigma2, tau2 = self._variances()
        return fit_alternating(
            stack,
            A[None],
            np.repeat(X[None], len(caps), axis=0),
            np.repeat(Theta[None], len(caps), axis=0),
            cap=caps,
            sigma2=sigma2,
            tau2=tau2,
            update_tau2=self.update_tau2,
            tol=self.tol,
            maxiter=self.maxiter,
            weights=weights,
        )


def _check_scale(design: Design) -> None:
    """The fixed floors of df-cap must not matter beside the responses and covariates."""
    Y, A, weights = design.Y, np.abs(design.A), by_unit(design.weights)
    with np.errstate(over="ignore", under="ignore"):
        largest = Y.max()
        rows = [np.average((row / largest) ** 2, weights=weights) for row in Y]
        size = largest * np.sqrt(np.mean(rows))
        totals = Y.sum(axis=0)
        mean = np.average(totals, weights=weights)
        products = A @ (totals if weights is None else totals * weights) / len(Y)
    if size < SMALL_RESPONSES:
        raise _scale_error("The responses are", "root mean square", size, "all of them")
    for name, values, product in zip(design.covariates, A, products, strict=True):
        large = values.max() > LARGE_COVARIATE * mean
        if large or product < SMALL_COVARIATE:
            what = f"Covariate {python_value(name)!r} is"
            raise _scale_error(what, "largest value", values.max(), "it", large=bool(large))


def _scale_error(
    what: str, measure: str, size: float, them: str, *, large: bool = False
) -> ScaleError:
    kind, change = ("large", "Divide") if large else ("small", "Multiply")
    return ScaleError(
        reason=f"{what} too {kind} for df-cap ({measure}: {size:.2g}): its fixed floor of 1e-10 "
        f"would change the estimates. {change} {them} by 1e{abs(int(np.floor(np.log10(size))))}, "
        "or use method='ml', which does not depend on units."
    )


def _warn_of_negative_covariates(design: Design) -> None:
    negative = np.flatnonzero((design.A < 0).any(axis=1))
    if len(negative):
        names = ", ".join(map(str, design.covariates[negative]))
        warn(
            f"Covariates with negative values ({names}): the multiplicative updates of df-cap are "
            "guaranteed to descend only for covariates >= 0. Rescale them, for example to [0, 1], "
            "or use method='ml', signed=True.",
            NegativeCovariateWarning,
        )
