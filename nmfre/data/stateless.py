"""Terms of a formula that depend on all rows: patsy computes them from those of new data."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
from patsy import DesignInfo, EvalFactor, FactorInfo
from patsy.eval import VarLookupDict

from nmfre.core.typing import FloatArray, IntArray
from nmfre.data.levels import labels, unboxed
from nmfre.data.right_hand_side import arrays_beside

MOST = 1_000
"""Rows of a sample, at most."""
NOISE = 1e3
"""Rounding errors of the largest value by which sums of the same numbers may differ."""
CHANGE = 1e-6
"""Share of the range of a column by which values differ that depend on other rows."""


def stateless_terms(info: DesignInfo, frame: pd.DataFrame) -> list[str]:
    """
    Names of the factors that give rows other values where some of the rows are left out.

    They are evaluated as for new data, with all that patsy remembers: the mean of center(), the
    knots of bs(), the levels of C().
    """
    return [
        factor.name()
        for factor, factor_info in info.factor_infos.items()
        if isinstance(factor, EvalFactor)
        and not factor.code.isidentifier()
        and _depends_on_other_rows(factor, factor_info, frame)
    ]


def _depends_on_other_rows(
    factor: EvalFactor, factor_info: FactorInfo, frame: pd.DataFrame
) -> bool:
    """Whether rows of samples get other values than among all rows, or an error."""
    beside = arrays_beside(factor_info, frame.columns, len(frame))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit has given them
        whole = _values(factor.eval(factor_info.state, frame), factor_info)
        finite = np.where(np.isfinite(whole), whole, 0.0)
        rounding = NOISE * np.finfo(whole.dtype).eps * np.abs(finite).max(axis=0)
        allowed = CHANGE * np.ptp(finite, axis=0) + rounding
        for rows in _samples(whole[:, 0]):
            part = {
                name: x.iloc[rows] if isinstance(x, pd.Series | pd.DataFrame) else np.array(x)[rows]
                for name, x in beside.items()
            }
            sample = VarLookupDict([part, frame.iloc[rows]])
            try:
                values = _values(factor.eval(factor_info.state, sample), factor_info)
            except Exception:  # of the user's function: it needs rows that are not there
                return True
            expected = whole[rows]
            if (
                values.shape != expected.shape
                or not np.isclose(values, expected, rtol=0.0, atol=allowed, equal_nan=True).all()
            ):
                return True
    return False


def _values(values: object, factor_info: FactorInfo) -> FloatArray:
    """Numbers (N, J), in their own precision; of a categorical factor the places of its levels."""
    if factor_info.type == "categorical":
        values = labels(factor_info.categories).get_indexer(labels(pd.Series(unboxed(values))))
    array = np.asarray(values)
    array = array if array.dtype.kind == "f" else array.astype(float)
    return array.reshape(len(array), -1)


def _samples(key: FloatArray) -> Iterator[IntArray]:
    """
    Rows with the smallest and with the largest values, the first, and some from everywhere.

    One of these changes a mean, a rank, a quantile or an extreme, whatever the order of the rows;
    the last one parts groups of rows that lie together.
    """
    n = len(key)
    size = min((n + 1) // 2, MOST)
    order = np.argsort(key, kind="stable")
    yield np.sort(order[:size])
    yield np.sort(order[-size:])
    yield np.arange(size)
    yield np.arange(0, n, max(2, n // size))
