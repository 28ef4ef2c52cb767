"""Where data enter: the kind of design that they need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from nmfre.data.checks import is_chunked
from nmfre.data.chunked import design_from_chunks
from nmfre.data.dense import DenseDesign
from nmfre.data.design import Design
from nmfre.data.groups import groups_of_units
from nmfre.data.labelled import INTERCEPT, Rows, check_same_units, exog_names
from nmfre.data.missing import MissingDesign
from nmfre.data.placeholder import RemovedDesign
from nmfre.data.sparse import SparseDesign
from nmfre.data.weights import weights_of_units
from nmfre.errors import InvalidArgumentError, ShapeError

KINDS = (DenseDesign, MissingDesign, SparseDesign, RemovedDesign)
"""Designs that can be written to a file."""


def in_memory(**parts: Any) -> Design:
    """Design of attributes of `Design`: sparse, missing or dense, as Y is."""
    Y = parts["Y"]
    if issparse(Y):
        if parts.get("weights") is not None:
            raise unweighted("sparse; endog.toarray() is dense")
        return SparseDesign(**parts)
    return (MissingDesign if np.isnan(Y.min(initial=0.0)) else DenseDesign)(**parts)


def changed(design: Design, **parts: Any) -> Design:
    """The design with other responses or units, which may make it one of another kind."""
    return in_memory(**design.parts() | parts)


def unweighted(kind: str) -> InvalidArgumentError:
    """The error of weights with responses of a kind that has none."""
    return InvalidArgumentError("weights", "given", f"None where responses are {kind}")


def design_from_arrays(
    endog: object, exog: object, groups: object = None, weights: object = None
) -> Design:
    """Of responses (N x P), covariates (N x K; None: an intercept alone), groups and weights."""
    if is_chunked(endog, exog):
        if weights is not None:
            raise unweighted("in chunks; fit a sample of the units in memory")
        return design_from_chunks(endog, exog, groups)
    Y = Rows.of(endog, "endog", "y")
    n_units = Y.array.shape[0]
    A = Rows(np.ones((n_units, 1)), INTERCEPT) if exog is None else Rows.of(exog, "exog", "x")
    check_same_units(Y.array, A.array)
    labels = [part.index for part in (Y, A) if part.index is not None]
    if labels and not labels[-1].equals(labels[0]):
        raise ShapeError(reason="the indices of endog and exog differ: align them, or pass arrays.")
    units = labels[0] if labels else pd.RangeIndex(n_units)
    return in_memory(
        Y=Y.array.T,
        A=A.array.T,
        responses=Y.columns,
        units=units,
        groups=groups_of_units(groups, units, named=bool(labels)),
        weights=weights_of_units(weights, units, named=bool(labels)),
        covariates=A.columns if A.named else exog_names((A.array == 1.0).all(axis=0)),
    )
