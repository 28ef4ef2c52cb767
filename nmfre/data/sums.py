"""Sums over units of chunks of data, and what is wrong with them: all that a fit needs of Y, A."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from nmfre.core.typing import AnyArray, BoolArray, FloatArray
from nmfre.data.checks import check_independent, check_response_sums
from nmfre.errors import (
    NegativeResponseError,
    NonFiniteError,
    ShapeError,
    TooFewUnitsError,
    ZeroCovariateError,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """The first of some entries that are not allowed, and how many they are."""

    unit: int
    column: int
    value: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """
    Sums over units; sums over consecutive units add up by ``+``.

    Attributes
    ----------
    YY, AA : (P, P), (K, K)
        YY', AA'. Without meaning where there are faults.
    Y1, A1 : (P,), (K,)
        Sums of Y and A.
    R, QY : (at most K, K), (at most K, P)
        Triangular factor of A' = QR, and Q'Y': products with raw covariates would lose digits.
    all_one : (K,)
        Whether a covariate is one for every unit.
    faults : dict
        By kind: "Response" or "Covariate" (not finite), "negative", "index".
    """

    YY: FloatArray
    AA: FloatArray
    Y1: FloatArray
    A1: FloatArray
    R: FloatArray
    QY: FloatArray
    all_one: BoolArray
    faults: dict[str, Fault]

    @property
    def YA(self) -> FloatArray:
        """YA', (P, K)."""
        return self.QY.T @ self.R

    @np.errstate(over="ignore", invalid="ignore")  # `check_totals` tells it
    def __add__(self, other: Totals) -> Totals:
        """Totals of the units of both, those of the first coming first."""
        faults = dict(self.faults)
        for kind, fault in other.faults.items():
            first = faults.get(kind, fault)
            count = fault.count + (first.count if kind in faults else 0)
            faults[kind] = Fault(first.unit, first.column, first.value, count)
        Q, R = np.linalg.qr(np.vstack([self.R, other.R]))
        return Totals(
            YY=self.YY + other.YY,
            AA=self.AA + other.AA,
            Y1=self.Y1 + other.Y1,
            A1=self.A1 + other.A1,
            R=R,
            QY=Q.T @ np.vstack([self.QY, other.QY]),
            all_one=self.all_one & other.all_one,
            faults=faults,
        )


def totals_of(start: int, Y: FloatArray, A: FloatArray, *labels: AnyArray) -> tuple[Totals]:
    """
    Totals of units from ``start`` on, in a tuple.

    Parameters
    ----------
    start : int
        Number of the first unit.
    Y, A : arrays, (P, n), (K, n)
        Responses and covariates.
    *labels : arrays of length n
        Labels of the units in both, which must agree, where there are any.
    """
    faults: dict[str, Fault] = {}
    smallest = Y.min(initial=0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = not (smallest >= 0 and np.isfinite(Y.sum()))
    if suspect:
        finite = np.isfinite(Y)
        bad = {"Response": ~finite, "negative": finite & (Y < 0)}
        faults |= {kind: _fault(where, Y, start) for kind, where in bad.items() if where.any()}
    infinite = ~np.isfinite(A)
    if infinite.any():
        faults["Covariate"] = _fault(infinite, A, start)
    if labels:
        differs = np.asarray(labels[0] != labels[1])
        if differs.any():
            faults["index"] = _fault(differs[None], np.zeros((1, len(differs))), start)
    all_one = (A == 1.0).all(axis=1)
    if faults:  # all that is asked of these units any more
        Y, A = np.zeros_like(Y), np.zeros_like(A)
    ones = np.ones(Y.shape[1])
    Q, R = np.linalg.qr(A.T)
    with np.errstate(over="ignore", invalid="ignore"):  # `check_totals` tells it
        totals = Totals(
            YY=Y @ Y.T,
            AA=A @ A.T,
            Y1=Y @ ones,
            A1=A @ ones,
            R=R,
            QY=(Y @ Q).T,
            all_one=all_one,
            faults=faults,
        )
    return (totals,)


def _fault(where: BoolArray, values: FloatArray, start: int) -> Fault:
    unit, column = np.argwhere(where.T)[0]
    return Fault(start + int(unit), int(column), float(values[column, unit]), int(where.sum()))


def check_totals(totals: Totals, responses: pd.Index, covariates: pd.Index, n_units: int) -> None:
    """What `nmfre.data.checks` asks of data in memory, from the totals."""
    faults = totals.faults
    if "index" in faults:
        raise ShapeError(
            reason=f"the indices of endog and exog differ, first at row {faults['index'].unit}: "
            "align them, or pass arrays."
        )
    for role, names in (("Response", responses), ("Covariate", covariates)):
        if role in faults:
            fault = faults[role]
            raise NonFiniteError(
                role=role,
                name=names[fault.column],
                value=fault.value,
                unit=fault.unit,
                count=fault.count,
            )
        if role == "Response" and "negative" in faults:
            fault = faults["negative"]
            raise NegativeResponseError(
                count=fault.count,
                unit=fault.unit,
                response=responses[fault.column],
                value=fault.value,
            )
    check_response_sums(totals.Y1, responses, n_units)
    zero_covariates = ~totals.R.any(axis=0)
    if zero_covariates.any():
        raise ZeroCovariateError(
            covariate=covariates[int(zero_covariates.argmax())], remedy="drop it"
        )
    if n_units <= len(covariates):
        raise TooFewUnitsError(
            units=n_units,
            covariates=len(covariates),
            needed=len(covariates) + 1,
            remedy="Add units, or drop covariates (the intercept is one).",
        )
    check_independent(totals.R, covariates, n_units)
