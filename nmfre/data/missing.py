"""Responses in an array, some of which are missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.data.checks import python_value
from nmfre.data.design import Design
from nmfre.data.faults import Faults, covariate_faults, response_faults
from nmfre.data.rsquared import FitSums
from nmfre.errors import MissingCellError, NMFREError, UnobservedResponseError, UnobservedUnitError
from nmfre.estimation.complete import squares


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingDesign(Design):
    """A design whose Y is an array, NaN where missing; of each row and column some are not."""

    Y: FloatArray

    def check_entries(self) -> None:
        """Each entry must be allowed, and some of each response and unit be observed."""
        Design.check_entries(self)
        observed = self.observed
        no_response, no_unit = ~observed.any(axis=1), ~observed.any(axis=0)
        if no_response.any():
            raise UnobservedResponseError(
                response=python_value(self.responses[int(no_response.argmax())]),
                count=int(no_response.sum()),
            )
        if no_unit.any():
            raise UnobservedUnitError(
                unit=python_value(self.units[int(no_unit.argmax())]), count=int(no_unit.sum())
            )

    def faults(self) -> Faults:
        """As in `Design`, where responses may be NaN."""
        return response_faults(self.Y, missing=True) | covariate_faults(self.A)

    def response_sums(self) -> FloatArray:
        """Sum of the observed values of each response, (P,)."""
        return np.asarray(np.nansum(self.Y, axis=1))

    def refusals(self) -> dict[str, NMFREError]:
        """As in `Design`."""
        row, column = divmod(int(np.isnan(self.Y).argmax()), len(self.units))
        cell = MissingCellError(
            count=self.n_missing,
            cells=self.Y.size,
            response=python_value(self.responses[row]),
            unit=python_value(self.units[column]),
        )
        return {"df-cap": cell}

    @property
    def n_missing(self) -> int:
        """Number of missing responses."""
        return int(np.isnan(self.Y).sum())

    @property
    def observed(self) -> BoolArray:
        """Which responses are observed, (P, N)."""
        return ~np.isnan(self.Y)

    def fit_sums(
        self, X: FloatArray, Theta: FloatArray, ridge: float, U: FloatArray | None
    ) -> FitSums:
        """Over the observed cells."""
        observed = self.observed
        counts, y_mean = observed.sum(axis=1), np.nanmean(self.Y, axis=1)
        fit = np.where(observed, X @ self.scores(Theta, U), 0.0)
        fit_mean = fit.sum(axis=1) / counts
        y_off = np.where(observed, self.Y - y_mean[:, None], 0.0)
        fit_off = np.where(observed, fit - fit_mean[:, None], 0.0)
        return FitSums(
            counts=counts,
            y_mean=y_mean,
            fit_mean=fit_mean,
            y_squares=squares(y_off),
            fit_squares=squares(fit_off),
            products=float(np.vdot(y_off, fit_off)),
        )
