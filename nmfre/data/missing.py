"""Responses in an array, some of which are missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.data.dense import DenseDesign
from nmfre.data.faults import Faults, covariate_faults, response_faults
from nmfre.errors import MissingCellError, NMFREError, UnobservedResponseError, UnobservedUnitError


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingDesign(DenseDesign):
    """A design whose Y is an array, NaN where missing; of each row and column some are not."""

    def check_entries(self) -> None:
        """Each entry must be allowed, and some of each response and unit be observed."""
        DenseDesign.check_entries(self)
        observed = self.observed
        no_response, no_unit = ~observed.any(axis=1), ~observed.any(axis=0)
        if no_response.any():
            response = self.responses[int(no_response.argmax())]
            raise UnobservedResponseError(response=response, count=no_response.sum())
        if no_unit.any():
            unit = self.units[int(no_unit.argmax())]
            raise UnobservedUnitError(unit=unit, count=no_unit.sum())

    def faults(self) -> Faults:
        """As in `Design`, where responses may be NaN."""
        return response_faults(self.Y, missing=True) | covariate_faults(self.A)

    def response_sums(self) -> FloatArray:
        """Sum of the observed values of each response, times the weights of units; (P,)."""
        Y = self.Y if self.weights is None else self.Y * self.weights.by_unit
        return np.asarray(np.nansum(Y, axis=1))

    def refusals(self) -> dict[str, NMFREError]:
        """As in `Design`."""
        row, column = divmod(int(np.isnan(self.Y).argmax()), len(self.units))
        place = {"response": self.responses[row], "unit": self.units[column]}
        return {"df-cap": MissingCellError(count=self.n_missing, cells=self.Y.size, **place)}

    @property
    def n_missing(self) -> int:
        """Number of missing responses."""
        return int(np.isnan(self.Y).sum())

    @property
    def observed(self) -> BoolArray:
        """Which responses are observed, (P, N)."""
        return ~np.isnan(self.Y)
