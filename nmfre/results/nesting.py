"""Whether one fit by ml is nested in another."""

from __future__ import annotations

from typing import get_args

import numpy as np
from scipy.optimize import linear_sum_assignment

from nmfre.data.design import Design
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.random_forms import CovRe

UNEXPLAINED = 1e-8
"""Share of the squares of a covariate that others may leave as rounding."""


def nested(
    design: Design, estimate: MarginalEstimate, other_design: Design, other: MarginalEstimate
) -> bool:
    """
    Whether the other fit restricts the first: same responses, sign, cap; fewer parameters.

    Its covariances are of the same forms or of special cases of them, and its components can be
    matched to those of the first so that none has an entry of the basis that is held at 0 there.
    """
    return (
        design.same_responses(other_design)
        and estimate.signed == other.signed
        and estimate.cap_binds == other.cap_binds
        and (not estimate.cap_binds or bool(np.isclose(_rate(estimate), _rate(other))))
        and other.n_parameters < estimate.n_parameters
        and other.X.shape[1] <= estimate.X.shape[1]
        and _has_form(estimate.structure, other.structure)
        and _loads_within(estimate, other)
        and _spans(design, other_design)
    )


def _has_form(structure: Structure, other: Structure) -> bool:
    """Whether covariances of the other structure are of this one, too."""
    forms = get_args(CovRe)
    return structure.cov_resid in ("diagonal", other.cov_resid) and (
        forms.index(other.cov_re) <= forms.index(structure.cov_re)
    )


def _loads_within(estimate: MarginalEstimate, other: MarginalEstimate) -> bool:
    """Whether each component of the other has one of its own with all of its free entries."""
    held, free = estimate.structure.held(estimate.X.shape), ~other.structure.held(other.X.shape)
    beyond = free.T.astype(float) @ held
    return bool(beyond[linear_sum_assignment(beyond > 0.0)].max() == 0.0)


def _rate(estimate: MarginalEstimate) -> float:
    return estimate.cap / estimate.largest_df


def _spans(design: Design, other: Design) -> bool:
    """Whether the other covariates are linear combinations of those of the design."""
    products = design.covariate_products(other)
    n_units = len(design.units)
    squares = n_units * other.orthonormal().scale ** 2
    explained = np.sum(design.orthonormal().white(products) ** 2, axis=0) / n_units
    return bool((squares - explained <= UNEXPLAINED * squares).all())
