"""From an estimate to inference: conditional on the basis, or on all parameters together."""

from __future__ import annotations

import numpy as np

from nmfre.design import Design
from nmfre.errors import InvalidArgumentError, TooManyParametersError
from nmfre.estimation.estimate import Estimate, MarginalEstimate
from nmfre.inference.inference import Inference, InferenceOptions, conditional_inference
from nmfre.inference.marginal import LARGEST, marginal_inference, n_parameters
from nmfre.threads import one_thread_if_small


def infer(
    design: Design, estimate: Estimate, options: InferenceOptions, seeds: np.random.SeedSequence
) -> Inference:
    """
    Inference of the kind that the options name.

    Raises
    ------
    InvalidArgumentError
        Marginal uncertainty for a fit that is not by maximum likelihood, or along with options
        that only the conditional kind has.
    TooManyParametersError
        Marginal uncertainty for more parameters than their joint covariance is formed for.
    """
    if options.uncertainty == "conditional":
        if options.cov_type == "cr3":
            raise InvalidArgumentError(
                name="cov_type",
                value="cr3",
                allowed="the other kinds where inference is conditional",
            )
        return conditional_inference(
            design.Y,
            design.A,
            estimate,
            options,
            seeds,
            AA=design.cross_products(),
            total=design.total,
        )
    if not isinstance(estimate, MarginalEstimate):
        raise InvalidArgumentError(
            name="uncertainty", value="marginal", allowed="'conditional' with df-cap"
        )
    for name, default in (("information", "adjusted"), ("dispersion", "df")):
        if getattr(options, name) != default:
            raise InvalidArgumentError(
                name=name,
                value=getattr(options, name),
                allowed=f"{default!r} with uncertainty='marginal'",
            )
    (n_responses, rank), n_covariates = estimate.X.shape, len(design.A)
    size = n_parameters(n_responses, rank, n_covariates)
    if size > LARGEST:
        raise TooManyParametersError(parameters=size, most=LARGEST)
    with one_thread_if_small(size**2):
        return marginal_inference(
            design.Y, design.A, design.moments(), estimate, options, seeds, total=design.total
        )
