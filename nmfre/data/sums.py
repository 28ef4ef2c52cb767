"""Sums over units of chunks of data, and what is wrong with them: all that a fit needs of Y, A."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import AnyArray, BoolArray, FloatArray
from nmfre.data.faults import Fault, Faults, covariate_faults, response_faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """
    Sums over units; sums over consecutive units add up by ``+``.

    Attributes
    ----------
    YY : (P, P)
        YY'. Without meaning where there are faults.
    Y1, A1 : (P,), (K,)
        Sums of Y and A.
    R, QY : (at most K, K), (at most K, P)
        Triangular factor of A' = QR, and Q'Y': products with raw covariates would lose digits.
    all_one : (K,)
        Whether a covariate is one for every unit.
    faults : dict
        What is wrong with Y, A and the labels of units.
    """

    YY: FloatArray
    Y1: FloatArray
    A1: FloatArray
    R: FloatArray
    QY: FloatArray
    all_one: BoolArray
    faults: Faults

    @property
    def YA(self) -> FloatArray:
        """YA', (P, K)."""
        return self.QY.T @ self.R

    @np.errstate(over="ignore", invalid="ignore")  # `check_sums` tells it
    def __add__(self, other: Totals) -> Totals:
        """Totals of the units of both, those of the first coming first."""
        faults = dict(self.faults)
        for kind, fault in other.faults.items():
            faults[kind] = faults[kind] + fault if kind in faults else fault
        Q, R = np.linalg.qr(np.vstack([self.R, other.R]))
        return Totals(
            YY=self.YY + other.YY,
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
    faults = response_faults(Y, start) | covariate_faults(A, start)
    if labels:
        differs = np.asarray(labels[0] != labels[1])
        if differs.any():
            faults["index"] = Fault.first(differs[None], differs[None], start)
    all_one = (A == 1.0).all(axis=1)
    if faults:  # all that is asked of these units any more
        Y, A = np.zeros_like(Y), np.zeros_like(A)
    ones = np.ones(Y.shape[1])
    Q, R = np.linalg.qr(A.T)
    with np.errstate(over="ignore", invalid="ignore"):  # `check_sums` tells it
        totals = Totals(
            YY=Y @ Y.T,
            Y1=Y @ ones,
            A1=A @ ones,
            R=R,
            QY=(Y @ Q).T,
            all_one=all_one,
            faults=faults,
        )
    return (totals,)
