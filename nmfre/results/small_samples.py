"""Null distributions of the joint tests of a fit."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.data.design import Design, independent, total_weight
from nmfre.data.weights import by_unit
from nmfre.inference.conditional import Inference
from nmfre.inference.groups import group_sums
from nmfre.inference.leverages import Leverages
from nmfre.inference.small_samples import Reference, reference
from nmfre.inference.wild_bootstrap import unit_blocks

MANY = 100
"""Units, or groups, that effects rest on from where on Wald statistics are chi-squared."""
MOST = 5_000
"""Units, or groups, up to which distributions are drawn."""
INTERCEPTS = {"Intercept", "const"}


def slopes(design: Design) -> list[int]:
    """Covariates less the intercept, unless it stands alone."""
    tested = [
        k for name, columns in design.terms.items() if name not in INTERCEPTS for k in columns
    ]
    return tested or list(range(len(design.covariates)))


def references(design: Design, inference: Inference, rank: int) -> FloatArray:
    """
    Null distributions of joint tests: scale and degrees of freedom, one row per distribution.

    Of the test of each term, and of the test of one component by all covariates; see `Reference`.
    """
    asked = [*((columns, rank) for columns in design.terms.values()), (slopes(design), 1)]
    found = [_reference(design, inference, *each) for each in asked]
    return np.array([[each.scale, each.df] for each in found])


def _reference(design: Design, inference: Inference, columns: list[int], rank: int) -> Reference:
    support, size = inference.support, len(columns) * rank
    few = support.effective[columns].min() <= MANY and support.independent <= MOST
    enough = support.independent - len(design.covariates) > size
    corrects = inference.options.estimator.corrects
    if not (corrects and few and enough and design.in_memory):
        return Reference()
    covariates, weights = design.orthonormal(), by_unit(design.weights)
    leverages = Leverages(covariates, total_weight(design), slice(None))
    squares = _squares(design, leverages, weights)
    variances = None
    if weights is not None:
        variances = _squares(design, leverages, weights * (weights / weights.mean()))
    contrasts = np.asarray(covariates.inverse[:, columns])
    return reference(leverages, squares, contrasts, rank, variances)


def _squares(design: Design, leverages: Leverages, weights: FloatArray | None) -> FloatArray:
    """The S_g of independent units, or groups, with these weights in the place of theirs."""
    groups = independent(design)
    if groups is None:
        return leverages.squares(design.A, weights)
    data = (design.A,) if weights is None else (design.A, weights[None])
    blocks = unit_blocks(len(groups), 0)
    return group_sums(data, leverages.squares, groups, blocks, design.total)
