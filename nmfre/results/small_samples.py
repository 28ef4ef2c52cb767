"""Null distributions of the joint tests of a fit."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.data.design import Design, independent
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
    Null distributions of joint tests: scale and degrees of freedom, a row a distribution.

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
    covariates, n_units = design.orthonormal(), len(design.units)
    leverages, groups = Leverages(covariates, n_units, slice(None)), independent(design)
    squares = leverages.squares(design.A)
    if groups is not None:
        blocks = unit_blocks(n_units, 0)
        squares = group_sums((design.A,), leverages.squares, groups, blocks, design.total)
    return reference(leverages, squares, np.asarray(covariates.inverse[:, columns]), rank)
