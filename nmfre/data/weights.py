"""Weights of units: how often each counts, by its frequency or as it was sampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_complex_dtype, is_numeric_dtype

from nmfre.core.layout import LaidOut
from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.data.checks import python_value
from nmfre.data.groups import values_of_units
from nmfre.errors import (
    InvalidArgumentError,
    NonFiniteError,
    NonNumericError,
    NotComputedError,
    ShapeError,
)

RATIOS = (
    "likelihood ratios then lack their usual distribution. Wald tests and intervals, such as "
    "wald_test_terms() and conf_int(method='wald'), account for weights"
)
"""Why there is no test by the likelihood."""
FORM = "one number above 0 for each unit, in an array, a list or a Series"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights(LaidOut):
    """
    How often each unit counts: the log-likelihood is the sum of theirs times these.

    Attributes
    ----------
    by_unit : (N,)
        Numbers above 0.
    total : float
        Their sum, which stands for N.
    least, most : float
        The smallest and the largest.

    Examples
    --------
    >>> import numpy as np
    >>> import nmfre
    >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
    >>> often = np.repeat([1, 2], 10)
    >>> rows = np.repeat(np.arange(20), often)
    >>> res = nmfre.NMFRE(endog, rank=1, weights=often).fit("ml")
    >>> repeated = nmfre.NMFRE(endog[rows], rank=1, groups=rows).fit("ml")
    >>> round(res.llf - repeated.llf, 6), np.allclose(res.bse, repeated.bse)
    (0.0, True)
    """

    by_unit: FloatArray
    total: float
    least: float
    most: float

    @classmethod
    def of(cls, weights: pd.Series) -> Weights:
        """
        From the weight of each unit.

        Raises
        ------
        NonNumericError
            They are not numbers.
        NonFiniteError
            A weight is missing or infinite.
        InvalidArgumentError
            A weight is zero or negative.
        """
        if not is_numeric_dtype(weights.dtype) or is_complex_dtype(weights.dtype):
            remedy = "convert the weights to numbers."
            raise NonNumericError(
                name=f"Weight {weights.name!r}", dtype=weights.dtype, remedy=remedy
            )
        values = weights.to_numpy(dtype=float, na_value=np.nan)
        endless, units = ~np.isfinite(values), weights.index
        if endless.any():
            first = int(endless.argmax())
            where = {"unit": python_value(units[first]), "count": endless.sum()}
            raise NonFiniteError(role="Weight", name=weights.name, value=values[first], **where)
        below = values <= 0.0
        if below.any():
            first = int(below.argmax())
            place = f"at unit {python_value(units[first])!r} ({below.sum()} such weights in all)"
            allowed = "numbers above 0: leave out units that should not count"
            raise InvalidArgumentError("weights", f"{values[first]:g} {place}", allowed)
        return cls._of(values)

    @classmethod
    def _of(cls, values: FloatArray) -> Weights:
        total, least, most = (float(f(values)) for f in (np.sum, np.min, np.max))
        return cls(by_unit=values, total=total, least=least, most=most)

    @property
    def described(self) -> str:
        """Their sum and range, for the summary."""
        return f"sum {self.total:.6g}, from {self.least:.4g} to {self.most:.4g}"

    def take(self, which: IntArray | BoolArray) -> Weights:
        """The weights of some of the units."""
        return self._of(self.by_unit[which])

    def check(self, n_units: int) -> None:
        """The parts must belong together: files can hold anything."""
        if self.by_unit.shape != (n_units,):
            raise ShapeError(reason=f"weights have shape {self.by_unit.shape} for {n_units} units.")
        own, found = (
            (each.total, each.least, each.most) for each in (self, self._of(self.by_unit))
        )
        if not np.allclose(own, found, rtol=1e-9, atol=0.0):  # a sum rounds as the processor adds
            raise ShapeError(reason="the sum and range of weights are not those of their values.")
        if not 0.0 < self.least <= self.total < np.inf:
            raise ShapeError(reason="weights are not above 0, or their sum is not finite.")


def weights_of_units(weights: object, units: pd.Index, *, named: bool) -> Weights | None:
    """
    Weights from what is passed as ``weights``.

    Parameters
    ----------
    weights : array_like, Series or None, (N,)
        In memory, or a dask array or Series, which is read into memory.
    units : pandas.Index
        Labels of the units.
    named : bool
        As in `nmfre.data.groups.values_of_units`.

    Raises
    ------
    ShapeError, NonNumericError, NonFiniteError, InvalidArgumentError
        Weights of another length or order, or that are not numbers above 0.
    """
    if weights is None:
        return None
    return Weights.of(values_of_units("weights", weights, units, FORM, named=named))


def by_unit(weights: Weights | None) -> FloatArray | None:
    """The weight of each unit, (N,); None where units have none."""
    return None if weights is None else weights.by_unit


def require_no_weights(weights: Weights | None, name: str, instead: str) -> None:
    """
    Refuse what does not know weights of units.

    Raises
    ------
    NotComputedError
        With the reason, or what to do instead.
    """
    if weights is not None:
        raise NotComputedError(name=name, reason=f"units have weights; {instead}.")
