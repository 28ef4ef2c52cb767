"""What every estimator is: options, checked where they are made, and what it does with a design."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from nmfre.core.arguments import (
    check_number,
    check_whole,
    start_array,
)
from nmfre.core.caller import warn
from nmfre.core.progress import LOGGER
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import BoolArray, FloatArray
from nmfre.data.design import Design, independent
from nmfre.data.weights import by_unit
from nmfre.errors import (
    ConvergenceWarning,
    DegenerateBasisWarning,
    InvalidArgumentError,
    NonFiniteFitError,
    TooManyParametersError,
)
from nmfre.estimation.cap import Cap, resolve_cap
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.draws import draw_responses
from nmfre.estimation.estimate import Estimate, StopReason
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.inference.conditional import Inference, conditional_inference
from nmfre.inference.covariance import CovType
from nmfre.inference.eliminated import eliminated_inference
from nmfre.inference.marginal import LARGEST, marginal_inference, n_parameters
from nmfre.inference.multipliers import Multiplier
from nmfre.inference.options import Alternative, InferenceOptions, Uncertainty
from nmfre.inference.refit import Refits, Refitted, of_multipliers

Method: TypeAlias = Literal["df-cap", "ml"]
WARNINGS = {
    DegenerateBasisWarning: ("components merge",),
    ConvergenceWarning: ("not converged", "stopped early", "variances"),
}
"""Topics of findings that every fit warns of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator(ABC):
    """
    Options that every estimator has, as in `nmfre.NMFRE.fit`, and what it can do.

    Raises
    ------
    InvalidArgumentError
        An invalid value.
    """

    name: ClassVar[Method]
    kind: ClassVar[type[Estimate]]
    """What `fit` returns."""
    uncertainties: ClassVar[tuple[Uncertainty, ...]]
    """Kinds of inference that it offers; the first is the default."""
    cov_type: ClassVar[CovType] = "sandwich"
    """Covariance of Theta where the user names none."""

    df_cap: float | Cap | Literal["auto"] | None = None
    tol: float = 1e-8
    maxiter: int = 50_000
    start_basis: ArrayLike | None = None
    start_sigma2: float | None = None
    start_tau2: float | None = None

    def __post_init__(self) -> None:
        self._cap(1, 1)
        check_number("tol", self.tol, least=0.0)
        check_whole("maxiter", self.maxiter, least=1)
        for name in ("start_sigma2", "start_tau2"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), least=0.0, strict=True)

    @property
    def alternative(self) -> Alternative:
        """Alternative of the p-values, where the user names none."""
        return "larger"

    def structure(self, n_responses: int, rank: int, pattern: BoolArray | None = None) -> Structure:
        """Forms of the covariances, and the entries of X (P, Q) that may differ from 0."""
        return Structure(pattern=pattern)

    @abstractmethod
    def fit(
        self,
        design: Design,
        rank: int,
        rng: np.random.Generator,
        pattern: BoolArray | None = None,
    ) -> Estimate:
        """
        Estimate X, Theta, U and the variances.

        Parameters
        ----------
        design : Design
        rank : int
        rng : numpy.random.Generator
            For the starts.
        pattern : array of bool, (P, Q), optional
            Entries of the basis that may differ from 0.
        """

    @abstractmethod
    def replicates(
        self,
        Y: FloatArray,
        A: FloatArray,
        estimate: Estimate,
        weights: FloatArray | None,
        w: FloatArray,
    ) -> Sequence[Refitted]:
        """Fits, from the estimate on, of the replicate of each row of multipliers (B, N)."""

    @abstractmethod
    def refits(self, stack: FloatArray, A: FloatArray, estimate: Estimate) -> Sequence[Refitted]:
        """Fits, from the estimate on, of other responses (B, P, N)."""

    def refit(self, design: Design, estimate: Estimate, multiplier: Multiplier) -> Refits:
        """What makes fits of the wild bootstrap, for `nmfre.inference.refit.refit_replicates`."""
        replicates = partial(self.replicates, design.Y, design.A, estimate, by_unit(design.weights))
        return partial(
            of_multipliers, replicates, len(design.units), independent(design), multiplier
        )

    def refit_drawn(self, design: Design, estimate: Estimate) -> Refits:
        """The same of the parametric bootstrap: of responses drawn from the estimate."""
        return partial(self._drawn, design.observed, design.A, estimate)

    def _drawn(
        self,
        observed: BoolArray,
        A: FloatArray,
        estimate: Estimate,
        seeds: list[np.random.SeedSequence],
    ) -> Sequence[Refitted]:
        """Fits of draws, whose negative cells stay as they are."""
        scores, covariances = estimate.Theta @ A, estimate.absolute
        draws = [
            draw_responses(estimate.X, scores, covariances, np.random.default_rng(seed))
            for seed in seeds
        ]
        return self.refits(np.where(observed, np.stack(draws), np.nan), A, estimate)

    def check_inference(self, design: Design, rank: int, options: InferenceOptions) -> None:
        """
        Refuse inference that there is not, before anything is estimated.

        Raises
        ------
        InvalidArgumentError
            Not by this estimator, or not for these data.
        TooManyParametersError
            Marginal uncertainty for more parameters than their joint covariance is formed for, with
            missing responses or a cap.
        """
        if options.uncertainty not in self.uncertainties:
            offered = " or ".join(map(repr, self.uncertainties))
            raise InvalidArgumentError(
                "uncertainty", options.uncertainty, f"{offered} with {self.name}"
            )
        n_responses, n_covariates = len(design.responses), len(design.covariates)
        size = n_parameters(n_responses, rank, n_covariates, self.structure(n_responses, rank))
        capped = bool(np.isfinite(self._cap(len(design.units), rank)))
        if options.uncertainty == "marginal" and size > LARGEST and (design.n_missing or capped):
            raise TooManyParametersError(parameters=size, most=LARGEST)

    def infer(
        self,
        design: Design,
        estimate: Estimate,
        options: InferenceOptions,
        seeds: np.random.SeedSequence,
    ) -> Inference:
        """Inference on Theta of the kind that the options name, which the checks have passed."""
        n_responses, rank = estimate.X.shape
        size = n_parameters(n_responses, rank, len(design.A), self.structure(n_responses, rank))
        LOGGER.info("%s inference, %d replicates", options.uncertainty, options.n_boot)
        with one_thread_if_small(size**2):
            if options.uncertainty == "conditional":
                return conditional_inference(
                    design.Y,
                    design.A,
                    estimate,
                    options,
                    seeds,
                    covariates=design.orthonormal(),
                    groups=independent(design),
                    weights=by_unit(design.weights),
                    total=design.total,
                )
            infer = marginal_inference if size <= LARGEST else eliminated_inference
            return infer(
                design.Y,
                design.A,
                design.moments(),
                estimate.of_kind(MarginalEstimate, "marginal uncertainty"),
                options,
                seeds,
                groups=independent(design),
                weights=by_unit(design.weights),
                total=design.total,
            )

    def _cap(self, n_units: float, rank: int) -> float:
        """The cap in degrees of freedom."""
        return resolve_cap(self.df_cap, n_units, rank)

    def _variances(self) -> tuple[float, float]:
        """Starts of sigma2 and tau2: as given, or 1."""
        return (
            1.0 if self.start_sigma2 is None else self.start_sigma2,
            1.0 if self.start_tau2 is None else self.start_tau2,
        )

    def _basis(self, design: Design, rank: int) -> FloatArray | None:
        """The start of X that the user gave, checked."""
        if self.start_basis is None:
            return None
        X = start_array("start_basis", self.start_basis, (len(design.responses), rank))
        if not X.any(axis=0).all():
            raise InvalidArgumentError(
                "start_basis",
                "array with a column of zeros",
                "an array whose columns have positive sums",
            )
        return X


def warn_of(estimate: Estimate) -> None:
    """Warn of what the user must know of every fit, each kind in one warning."""
    if estimate.stop_reason is StopReason.NON_FINITE:
        raise NonFiniteFitError(iteration=estimate.n_iter)
    for category, topics in WARNINGS.items():
        texts = [
            f"{found.topic.capitalize()}: {found.text}"
            for found in estimate.findings()
            if found.topic in topics
        ]
        if texts:
            warn(" ".join(texts), category)
