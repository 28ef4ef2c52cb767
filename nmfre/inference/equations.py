"""Equations in the information, which rotations may leave singular."""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from nmfre.core.typing import FloatArray

SMALL_PIVOT = 1e-8
"""Pivot of a matrix with a unit diagonal below which it is not solved by its Cholesky factor."""


def solved(information: FloatArray, values: FloatArray, rcond: float | None = None) -> FloatArray:
    """
    The solution of symmetric equations, of least norm where rotations leave them singular.

    By a Cholesky factor, which takes a tenth of the time of a singular value decomposition, unless
    a pivot is small beside the diagonal.
    """
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
    if size.all():
        try:
            factor = cho_factor(information / np.outer(size, size), lower=True)
        except LinAlgError:  # rotations: not positive definite
            factor = None
        if factor is not None and np.diag(factor[0]).min() ** 2 > SMALL_PIVOT:
            return np.asarray(cho_solve(factor, values / size[:, None]) / size[:, None])
    return np.asarray(np.linalg.lstsq(information, values, rcond=rcond)[0])
