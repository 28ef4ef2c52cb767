"""Where data enter: the kind of design that they need."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from nmfre.core.typing import FloatArray
from nmfre.data.checks import is_chunked
from nmfre.data.chunked import design_from_chunks
from nmfre.data.dense import DenseDesign
from nmfre.data.design import Design
from nmfre.data.interchange import has_row_labels, table
from nmfre.data.labelled import check_same_units, exog_names, labelled_matrix
from nmfre.data.missing import MissingDesign
from nmfre.data.placeholder import RemovedDesign
from nmfre.data.sparse import SparseDesign
from nmfre.errors import ShapeError

KINDS = (DenseDesign, MissingDesign, SparseDesign, RemovedDesign)
"""Designs that can be written to a file."""


def in_memory(**parts: Any) -> Design:
    """Design of attributes of `Design`: sparse, missing or dense, as Y is."""
    Y = parts["Y"]
    if issparse(Y):
        return SparseDesign(**parts)
    return (MissingDesign if np.isnan(Y.min(initial=0.0)) else DenseDesign)(**parts)


def changed(design: Design, **parts: Any) -> Design:
    """The design with other responses or units, which may make it one of another kind."""
    return in_memory(**{f.name: getattr(design, f.name) for f in fields(design)} | parts)


def design_from_arrays(endog: Any, exog: Any) -> Design:
    """Design of responses (N x P) and covariates (N x K; None for an intercept alone)."""
    if is_chunked(endog, exog):
        return design_from_chunks(endog, exog)
    labelled = [has_row_labels(part) for part in (endog, exog)]
    endog, exog = table(endog), table(exog)
    Y, responses, units = labelled_matrix(endog, "endog", "y")
    n_units = Y.shape[0]
    A: FloatArray = np.ones((n_units, 1))
    covariates = pd.Index(["Intercept"])
    if exog is not None:
        A, covariates, exog_units = labelled_matrix(exog, "exog", "x")
        check_same_units(Y, A)
        if all(labelled) and not units.equals(exog_units):
            raise ShapeError(
                reason="the indices of endog and exog differ: align them, or pass arrays."
            )
        if labelled == [False, True]:
            units = exog_units
        if not isinstance(exog, pd.DataFrame | pd.Series):
            covariates = exog_names(np.all(A == 1.0, axis=0))
    return in_memory(Y=Y.T, A=A.T, responses=responses, units=units, covariates=covariates)
