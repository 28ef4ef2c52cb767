"""Terms of a formula that depend on all rows: patsy computes them from those of new data."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from patsy import DesignInfo, EvalFactor, FactorInfo
from patsy.eval import VarLookupDict

from nmfre.core.typing import IntArray
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
        allowed = _rounding(whole)
        for rows in _samples(whole):
            part = {
                name: x.iloc[rows] if isinstance(x, pd.Series | pd.DataFrame) else np.array(x)[rows]
                for name, x in beside.items()
            }
            sample = VarLookupDict([part, frame.iloc[rows]])
            try:
                values = _values(factor.eval(factor_info.state, sample), factor_info)
            except Exception:  # of the user's function: it needs rows that are not there
                return True
            if not _same(values, whole[rows], allowed):
                return True
    return False


def _values(values: Any, factor_info: FactorInfo) -> Any:
    """Labels (N,) of a categorical factor, as pandas has them, or floats (N, J)."""
    if factor_info.type == "categorical":
        if hasattr(values, "contrast"):  # C() puts its data in a box
            values = values.data
        return pd.Series(values).array
    array = np.asarray(values)
    array = array if array.dtype.kind == "f" else array.astype(float)
    return array.reshape(len(array), -1)


def _samples(values: Any) -> Iterator[IntArray]:
    """
    Rows with the smallest and with the largest values, the first, and some from everywhere.

    One of these changes a mean, a rank, a quantile or an extreme, whatever the order of the rows;
    the last one parts groups of rows that lie together.
    """
    n = len(values)
    size = min((n + 1) // 2, MOST)
    key = pd.factorize(values)[0] if values.ndim == 1 else values[:, 0]
    order = np.argsort(key, kind="stable")
    yield np.sort(order[:size])
    yield np.sort(order[-size:])
    yield np.arange(size)
    yield np.arange(0, n, max(2, n // size))


def _rounding(whole: Any) -> Any:
    """By how much values may differ: labels not at all, floats (N, J) a column, (J,)."""
    if whole.ndim == 1:
        return None
    finite = np.where(np.isfinite(whole), whole, 0.0)
    rounding = NOISE * np.finfo(whole.dtype).eps * np.abs(finite).max(axis=0)
    return CHANGE * np.ptp(finite, axis=0) + rounding


def _same(values: Any, expected: Any, allowed: Any) -> bool:
    """Whether labels are equal, and numbers up to what is allowed."""
    if values.shape != expected.shape:
        return False
    if allowed is None:
        values, expected = np.array(values, dtype=object), np.array(expected, dtype=object)
        return bool(((values == expected) | (pd.isna(values) & pd.isna(expected))).all())
    return bool(np.isclose(values, expected, rtol=0.0, atol=allowed, equal_nan=True).all())
