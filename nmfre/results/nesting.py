"""Whether one fit by ml is nested in another."""

from __future__ import annotations

import numpy as np

from nmfre.data.design import Design
from nmfre.estimation.marginal_estimate import MarginalEstimate

UNEXPLAINED = 1e-8
"""Share of the squares of a covariate that others may leave as rounding."""


def nested(
    design: Design, estimate: MarginalEstimate, other_design: Design, other: MarginalEstimate
) -> bool:
    """Whether the other fit restricts the first: same responses, sign, cap; fewer parameters."""
    return (
        design.same_responses(other_design)
        and estimate.signed == other.signed
        and estimate.cap_binds == other.cap_binds
        and (not estimate.cap_binds or bool(np.isclose(_rate(estimate), _rate(other))))
        and other.n_parameters < estimate.n_parameters
        and other.X.shape[1] <= estimate.X.shape[1]
        and _spans(design, other_design)
    )


def _rate(estimate: MarginalEstimate) -> float:
    return estimate.cap / estimate.U.size


def _spans(design: Design, other: Design) -> bool:
    """Whether the other covariates are linear combinations of those of the design."""
    products = design.covariate_products(other)
    n_units = len(design.units)
    squares = n_units * other.orthonormal().scale ** 2
    explained = np.sum(design.orthonormal().white(products) ** 2, axis=0) / n_units
    return bool((squares - explained <= UNEXPLAINED * squares).all())
