"""Marginal maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

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
from nmfre.data.design import Design, total_weight
from nmfre.errors import (
    BasisPatternError,
    ExactFitError,
    InvalidArgumentError,
    UndeterminedVariancesError,
)
from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import CovResid, Relative, Structure, in_proportion
from nmfre.estimation.determination import n_undetermined, resid_determined
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.likelihood import SMALLEST_SIGMA2
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.maximize import starting_bases
from nmfre.estimation.maximum_likelihood import fit_marginal
from nmfre.estimation.moments import Moments
from nmfre.estimation.random_forms import CovRe
from nmfre.estimation.refits import Refit, refit
from nmfre.estimators.base import Estimator, Method, warn_of
from nmfre.inference.covariance import CovType
from nmfre.inference.multipliers import Multiplier
from nmfre.inference.options import Alternative, Uncertainty
from nmfre.inference.refit import Refits

DEFAULT_STARTS = 5
FULL = (
    "of the components have the same likelihood. Give each component at least rank - 1 zeros in "
    "basis_pattern (responses that load on other components alone), or use cov_re='diagonal'."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaximumLikelihood(Estimator):
    """
    Marginal maximum likelihood, with the options that it has.

    Raises
    ------
    InvalidArgumentError
        An invalid value.
    """

    name: ClassVar[Method] = "ml"
    kind: ClassVar[type[Estimate]] = MarginalEstimate
    uncertainties: ClassVar[tuple[Uncertainty, ...]] = ("marginal", "conditional")
    cov_type: ClassVar[CovType] = "cr3"

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

    def structure(self, n_responses: int, rank: int, pattern: BoolArray | None = None) -> Structure:
        """As the options say; without them, all variances differ that covariances determine."""
        cov_re = self.cov_re or "diagonal"
        structure = Structure("diagonal", cov_re, pattern)
        if self.cov_resid is not None:
            return replace(structure, cov_resid=self.cov_resid)
        if not resid_determined(n_responses, rank, structure):
            structure = Structure("identity", cov_re, pattern)
        return structure

    def check_structure(self, design: Design, rank: int, pattern: BoolArray | None) -> None:
        """
        Refuse covariances that no data of this size determine; see `n_undetermined`.

        With one parameter for all residual variances, inference finds what is undetermined.

        Raises
        ------
        BasisPatternError
            A full covariance of the random effects without a pattern that determines it.
        UndeterminedVariancesError
            Residual variances of their own for too few responses.
        """
        structure = self.structure(len(design.responses), rank, pattern)
        if structure.cov_re == "full" and pattern is None and rank > 1:
            raise BasisPatternError(
                reason=f"cov_re='full' needs a pattern: without it, mixtures {FULL}"
            )
        if structure.resid.profiled and structure.cov_re != "full":
            return
        n_responses, n_covariates = len(design.responses), len(design.covariates)
        n_flat, n_free = n_undetermined(n_responses, rank, n_covariates, structure)
        if structure.cov_re == "full" and n_free:
            raise BasisPatternError(
                reason=f"too few zeros for cov_re='full': in {n_free} direction(s) mixtures {FULL}"
            )
        if n_flat and structure.cov_resid == "diagonal":
            raise UndeterminedVariancesError(
                reason=f"{n_responses} responses are too few for a residual variance each with "
                f"rank={rank} and cov_re={structure.cov_re!r}: use cov_resid='identity', or a "
                f"lower rank. A component needs at least two responses, usually three."
            )

    def fit(
        self,
        design: Design,
        rank: int,
        rng: np.random.Generator,
        pattern: BoolArray | None = None,
        near: MarginalEstimate | None = None,
    ) -> MarginalEstimate:
        """The best of several starts, or of one and the fit to similar data."""
        self.check_structure(design, rank, pattern)
        given, start = self._basis(design, rank), None
        if given is not None and pattern is not None and given[~pattern].any():
            raise InvalidArgumentError(
                "start_basis", "array", "an array with zeros where basis_pattern has them"
            )
        n_starts = DEFAULT_STARTS if self.n_starts is None else self.n_starts
        if (self.start_sigma2, self.start_tau2) != (None, None):
            sigma2, tau2 = self._variances()
            psi = np.full(len(design.responses), sigma2)
            start = Relative(psi, np.sqrt(tau2) * np.eye(rank))
        if near is not None:
            start = near.absolute
        with one_thread_if_small(len(design.responses) ** 2 * rank):
            moments = design.moments()
            structure = self.structure(len(design.responses), rank, pattern)
            if structure.cov_resid == "mean":
                n_seen = moments.n_units * moments.cells
                means = in_proportion(design.response_sums() / n_seen)
                structure = replace(structure, means=means)
            bases = starting_bases(moments, rank, 1 if near else n_starts, rng)
            if near:
                bases.insert(0, near.X)
            if given is not None:
                bases[0] = given / given.sum(axis=0)
            estimate = fit_marginal(
                design.Y,
                design.A,
                moments,
                bases,
                signed=self.signed,
                cap=self._cap(total_weight(design), rank),
                structure=structure,
                start=start,
                tol=self.tol,
                maxiter=self.maxiter,
                run=_starts,
            )
        if estimate.sigma2 <= 10.0 * SMALLEST_SIGMA2 * moments.scale**2:
            raise ExactFitError(rank=rank)
        warn_of(estimate)
        return estimate

    def replicates(
        self,
        Y: FloatArray,
        A: FloatArray,
        estimate: Estimate,
        weights: FloatArray | None,
        w: FloatArray,
    ) -> list[Refit]:
        """
        Fits in which the log-likelihood of unit n has the weight 1 + w_bn over the mean weight.

        That is times the unit's own, where it has one. ml learns X and the variances from squares
        of residuals: to first order this is the one-step replicate of the same multipliers.
        """
        means = w.mean(axis=1, keepdims=True)
        if weights is not None:
            means = np.average(w, axis=1, weights=weights)[:, None]
        each = (1.0 + w) / (1.0 + means) * (1.0 if weights is None else weights)
        return self._refitted([moments_of(Y, A, one, estimate.n_units) for one in each], estimate)

    def refits(self, stack: FloatArray, A: FloatArray, estimate: Estimate) -> list[Refit]:
        """Of their moments."""
        return self._refitted([moments_of(Y, A) for Y in stack], estimate)

    def _refitted(self, replicates: list[Moments], estimate: Estimate) -> list[Refit]:
        fitted = estimate.of_kind(MarginalEstimate, "structure")
        return refit(replicates, fitted, tol=self.tol, maxiter=self.maxiter)

    def refit(self, design: Design, estimate: Estimate, multiplier: Multiplier) -> Refits:
        """As every estimator, but for normal multipliers."""
        if multiplier == "normal":
            raise InvalidArgumentError(
                "multiplier",
                multiplier,
                "another one when ml is fitted again, because its weights 1 + w cannot be negative",
            )
        return Estimator.refit(self, design, estimate, multiplier)


def _starts(
    climb: Callable[[Any], Any], starts: list[Any], arrived: Callable[[Any], object]
) -> list[Any]:
    """Of each start, by the processes that joblib is told to use."""
    return run_tasks(
        climb, starts, arrived=arrived, n_jobs=None, progress=False, description="starts"
    )
