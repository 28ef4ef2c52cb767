"""What is wrong with numbers: found in any units of the data, and told once, with the place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pandas as pd

from nmfre import errors
from nmfre.core.typing import BoolArray, FloatArray
from nmfre.data.checks import python_value

SCALE_LIMITS = (1e-75, 1e75)
"""Sizes of responses and covariates whose fourth powers are floating-point numbers."""
COLLINEAR = 1e-10
"""Relative size of what a covariate adds to those before it, below which it adds nothing."""
KINDS = ("index", "Response", "negative", "Covariate")
"""Of faults, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first of some entries that are not allowed, and how many they are."""

    unit: int
    row: int
    value: float
    count: int

    def __add__(self, other: Fault) -> Fault:
        """That of these units and of others that come after them."""
        return replace(self, count=self.count + other.count)

    @classmethod
    def first(cls, where: BoolArray, values: FloatArray, start: int = 0) -> Fault:
        """Of entries (..., n) of units from ``start`` on."""
        unit, row = np.argwhere(where.T)[0]
        return cls(start + int(unit), int(row), float(values[row, unit]), int(where.sum()))


Faults: TypeAlias = dict[str, Fault]
"""By kind: "Response" or "Covariate" (not finite), "negative", "index" (labels differ)."""
Labels: TypeAlias = Mapping[str, pd.Index]
"""Labels of a "response", a "unit" and a "covariate"."""


def response_faults(Y: FloatArray, start: int = 0, *, missing: bool = False) -> Faults:
    """What is infinite or negative in responses of units from ``start`` on, or NaN if not taken."""
    # Minimum and sum see NaN and infinite values in two passes without a mask.
    smallest = Y.min(initial=0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        if smallest >= 0 and np.isfinite(Y.sum()):
            return {}
    bad = {"Response": np.isinf(Y) if missing else ~np.isfinite(Y), "negative": Y < 0}
    return {kind: Fault.first(where, Y, start) for kind, where in bad.items() if where.any()}


def covariate_faults(A: FloatArray, start: int = 0) -> Faults:
    """What is not finite in covariates of units from ``start`` on."""
    infinite = ~np.isfinite(A)
    return {"Covariate": Fault.first(infinite, A, start)} if infinite.any() else {}


def check_faults(faults: Faults, labels: Labels) -> None:
    """There must be none; the labels tell where they are."""
    if "index" in faults:
        raise errors.ShapeError(
            reason=f"the indices of endog and exog differ, first at row {faults['index'].unit}: "
            "align them, or pass arrays."
        )
    for kind in sorted(faults, key=KINDS.index):
        fault = faults[kind]
        name = labels["covariate" if kind == "Covariate" else "response"][fault.row]
        told = {"value": fault.value, "unit": labels["unit"][fault.unit], "count": fault.count}
        if kind == "negative":
            raise errors.NegativeResponseError(response=name, **told)
        raise errors.NonFiniteError(role=kind, name=name, **told)


def check_sums(Y1: FloatArray, R: FloatArray, labels: Labels, drop: str) -> None:
    """
    What sums over all units tell: nothing is zero, out of scale or collinear, and units suffice.

    Parameters
    ----------
    Y1 : array, (P,)
        Sums of responses.
    R : array, (at most K, K)
        Triangular factor of A' = QR.
    labels : Labels
    drop : str
        What to do with a covariate that is zero.
    """
    responses, covariates, n_units = labels["response"], labels["covariate"], len(labels["unit"])
    if not Y1.all():
        raise errors.ZeroResponseError(response=responses[int((Y1 == 0.0).argmax())])
    _check_scale("Response", Y1 / n_units, responses)
    zero = ~R.any(axis=0)
    if zero.any():
        raise errors.ZeroCovariateError(covariate=covariates[int(zero.argmax())], remedy=drop)
    if n_units <= len(covariates):
        raise errors.TooFewUnitsError(
            units=n_units,
            covariates=len(covariates),
            needed=len(covariates) + 1,
            remedy="Add units, or drop covariates (the intercept is one).",
        )
    _check_scale("Covariate", np.abs(R).max(axis=0) / np.sqrt(n_units), covariates)
    dependent = np.abs(np.diag(R)) <= COLLINEAR * np.linalg.norm(R, axis=0)
    if dependent.any():
        j = int(dependent.argmax())
        coefs = np.linalg.solve(R[:j, :j], R[:j, j])
        dependence = _combination(covariates[j], coefs, covariates[:j])
        raise errors.CollinearCovariatesError(dependence=dependence)


def _check_scale(role: str, sizes: FloatArray, names: pd.Index) -> None:
    """Sizes must be far enough from what overflows and underflows when it is squared."""
    outside = ~((sizes > SCALE_LIMITS[0]) & (sizes < SCALE_LIMITS[1]))
    if outside.any():
        first = int(outside.argmax())
        raise errors.ScaleError(
            reason=f"{role} {python_value(names[first])!r} has values of about "
            f"{sizes[first]:.1g}: their squares are too large or too small for floating-point "
            f"numbers. Change its units so that values are closer to 1."
        )


def _combination(name: object, coefs: FloatArray, names: pd.Index) -> str:
    """Spell out name = c1 names1 + c2 names2 ..., leaving out what is zero."""
    terms = []
    for coef, other in zip(coefs, names, strict=True):
        if abs(coef) > np.sqrt(COLLINEAR):
            size = "" if np.isclose(abs(coef), 1.0) else f"{abs(coef):.4g} "
            terms.append(f"{'-' if coef < 0 else '+'} {size}{other}")
    text = " ".join(terms)
    return f"{name} = {text.removeprefix('+ ')}"
