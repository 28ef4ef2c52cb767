"""Marginal maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from nmfre.core.arguments import (
    MOST_STARTS,
    check_bool,
    check_choice,
    check_whole,
)
from nmfre.core.parallel import run_tasks
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import BoolArray, FloatArray
from nmfre.data.design import Design
from nmfre.errors import (
    ExactFitError,
    InvalidArgumentError,
)
from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import CovResid, Relative, Structure
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.likelihood import SMALLEST_SIGMA2
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.maximize import starting_bases
from nmfre.estimation.maximum_likelihood import fit_marginal
from nmfre.estimation.random_forms import CovRe
from nmfre.estimators.base import Estimator, Method, warn_of
from nmfre.inference.multipliers import Multiplier
from nmfre.inference.options import Alternative, Uncertainty
from nmfre.inference.refit import Replicates

DEFAULT_STARTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MaximumLikelihood(Estimator):
    """
    Marginal maximum likelihood, with the options that it has.

    Raises
    ------
    InvalidArgumentError
        A value that is not allowed.
    """

    name: ClassVar[Method] = "ml"
    kind: ClassVar[type[Estimate]] = MarginalEstimate
    uncertainties: ClassVar[tuple[Uncertainty, ...]] = ("marginal", "conditional")

    cov_resid: CovResid | None = None
    cov_re: CovRe | None = None
    signed: bool = False
    n_starts: int | None = None

    def __post_init__(self) -> None:
        Estimator.__post_init__(self)
        check_bool("signed", self.signed)
        for name, choices in (("cov_resid", CovResid), ("cov_re", CovRe)):
            if getattr(self, name) is not None:
                check_choice(name, getattr(self, name), choices)
        if self.n_starts is not None:
            check_whole("n_starts", self.n_starts, least=1, most=MOST_STARTS)

    @property
    def alternative(self) -> Alternative:
        """One-sided where 0 is a bound of Theta."""
        return "two-sided" if self.signed else "larger"

    def structure(self, pattern: BoolArray | None = None) -> Structure:
        """As the options say."""
        return Structure(self.cov_resid or "identity", self.cov_re or "identity", pattern)

    def fit(
        self,
        design: Design,
        rank: int,
        rng: np.random.Generator,
        pattern: BoolArray | None = None,
    ) -> MarginalEstimate:
        """The best of several starts."""
        given, start = self._basis(design, rank), None
        n_starts = DEFAULT_STARTS if self.n_starts is None else self.n_starts
        if (self.start_sigma2, self.start_tau2) != (None, None):
            sigma2, tau2 = self._variances()
            psi = np.full(len(design.responses), sigma2)
            start = Relative(psi, np.sqrt(tau2) * np.eye(rank))
        with one_thread_if_small(len(design.responses) ** 2 * rank):
            moments = design.moments()
            bases = starting_bases(moments, rank, n_starts, rng)
            if given is not None:
                bases[0] = given / given.sum(axis=0)
            estimate = fit_marginal(
                design.Y,
                design.A,
                moments,
                bases,
                signed=self.signed,
                cap=self._cap(len(design.units), rank),
                structure=self.structure(pattern),
                start=start,
                tol=self.tol,
                maxiter=self.maxiter,
                run=partial(run_tasks, n_jobs=None, progress=False, description="starts"),
            )
        if estimate.sigma2 <= 10.0 * SMALLEST_SIGMA2 * moments.scale**2:
            raise ExactFitError(rank=rank)
        warn_of(estimate)
        return estimate

    def replicates(
        self, Y: FloatArray, A: FloatArray, estimate: Estimate, w: FloatArray
    ) -> list[MarginalEstimate]:
        """
        Fits in which the log-likelihood of unit n has the weight 1 + w_bn over the mean weight.

        ml learns X and the variances from squares of residuals: to first order this is the one-step
        replicate of the same multipliers.
        """
        assert isinstance(estimate, MarginalEstimate)
        return [
            fit_marginal(
                Y,
                A,
                moments_of(Y, A, weights),
                [estimate.X],
                signed=self.signed,
                cap=estimate.cap,
                structure=estimate.structure,
                start=estimate.absolute,
                tol=self.tol,
                maxiter=self.maxiter,
            )
            for weights in (1.0 + w) / (1.0 + w.mean(axis=1, keepdims=True))
        ]

    def refit(self, design: Design, estimate: Estimate, multiplier: Multiplier) -> Replicates:
        """As every estimator, but for normal multipliers."""
        if multiplier == "normal":
            raise InvalidArgumentError(
                "multiplier",
                multiplier,
                "another where ml is fitted anew, with weights 1 + w that cannot be negative",
            )
        return Estimator.refit(self, design, estimate, multiplier)
