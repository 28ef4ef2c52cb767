"""From an estimate to inference: conditional on the basis, or on all parameters together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nmfre.core.arguments import array_argument, check_choice, check_n_boot, start_array
from nmfre.core.threads import one_thread_if_small
from nmfre.data.design import Design
from nmfre.errors import InvalidArgumentError, TooManyParametersError
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.inference.conditional import (
    Alternative,
    Inference,
    InferenceOptions,
    Uncertainty,
    conditional_inference,
)
from nmfre.inference.covariance import CovType, without_leverages
from nmfre.inference.linearized import Dispersion, Information
from nmfre.inference.marginal import LARGEST, marginal_inference, n_parameters
from nmfre.inference.multipliers import Multiplier


def checked_options(
    design: Design,
    rank: int,
    uncertainty: Uncertainty | None,
    cov_type: CovType,
    information: Information,
    dispersion: Dispersion,
    n_boot: int,
    multiplier: Multiplier,
    multipliers: ArrayLike | None,
    alternative: Alternative | None,
    *,
    by_likelihood: bool,
    signed: bool,
) -> InferenceOptions:
    """
    Options of the user, as in `nmfre.NMFRE.fit`.

    Raises
    ------
    InvalidArgumentError, TooManyParametersError
        One that is not allowed, or not with this estimator or these data.
    """
    if uncertainty is None:
        uncertainty = "marginal" if by_likelihood else "conditional"
    if alternative is None:
        alternative = "two-sided" if signed else "larger"
    check_choice("uncertainty", uncertainty, Uncertainty)
    check_choice("cov_type", cov_type, CovType)
    check_choice("information", information, Information)
    check_choice("dispersion", dispersion, Dispersion)
    check_choice("multiplier", multiplier, Multiplier)
    check_n_boot(n_boot, least=0)
    check_choice("alternative", alternative, Alternative)
    given = None
    if multipliers is not None:
        design.require("multipliers")
        multipliers = array_argument("multipliers", multipliers, "an array, (n_boot, N)")
        n_boot = max(len(np.atleast_1d(multipliers)), 2)
        shape = (n_boot, len(design.units))
        given = start_array("multipliers", multipliers, shape, signed=True)
    options = InferenceOptions(
        uncertainty=uncertainty,
        cov_type=cov_type,
        information=information,
        dispersion=dispersion,
        n_boot=int(n_boot),
        multiplier=multiplier,
        multipliers=given,
        alternative=alternative,
    )
    check_uncertainty(design, rank, options, by_likelihood=by_likelihood)
    return options


def check_uncertainty(
    design: Design, rank: int, options: InferenceOptions, *, by_likelihood: bool
) -> None:
    """
    Refuse what the kind of inference cannot do, before anything is estimated.

    Raises
    ------
    InvalidArgumentError
        Marginal uncertainty for a fit that is not by maximum likelihood, or along with options
        that only the conditional kind has, and the other way round.
    TooManyParametersError
        Marginal uncertainty for more parameters than their joint covariance is formed for.
    """
    if options.uncertainty == "conditional":
        without_leverages(options.cov_type)
        return
    if not by_likelihood:
        raise InvalidArgumentError("uncertainty", "marginal", "'conditional' with df-cap")
    for name, default in (("information", "adjusted"), ("dispersion", "df")):
        if getattr(options, name) != default:
            raise InvalidArgumentError(
                name,
                getattr(options, name),
                f"{default!r} with uncertainty='marginal'",
            )
    size = n_parameters(len(design.responses), rank, len(design.covariates))
    if size > LARGEST:
        raise TooManyParametersError(parameters=size, most=LARGEST)


def infer(
    design: Design, estimate: Estimate, options: InferenceOptions, seeds: np.random.SeedSequence
) -> Inference:
    """Inference of the kind that the options name, which `check_uncertainty` has passed."""
    n_responses, rank = estimate.X.shape
    with one_thread_if_small(n_parameters(n_responses, rank, len(design.A)) ** 2):
        if options.uncertainty == "conditional":
            return conditional_inference(
                design.Y,
                design.A,
                estimate,
                options,
                seeds,
                covariates=design.orthonormal(),
                total=design.total,
            )
        assert isinstance(estimate, MarginalEstimate)
        return marginal_inference(
            design.Y, design.A, design.moments(), estimate, options, seeds, total=design.total
        )
