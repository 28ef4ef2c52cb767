"""Responses in a SciPy sparse matrix, which is never made dense on the way to an estimate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array

from nmfre.core.typing import FloatArray, IntArray
from nmfre.data.design import NO_REPLICATES, REFIT, Design
from nmfre.data.faults import Faults, covariate_faults, response_faults
from nmfre.data.rsquared import FitSums
from nmfre.errors import InvalidArgumentError, NMFREError, NotComputedError, SparseResponsesError
from nmfre.estimation.complete import squares
from nmfre.estimation.covariance_forms import Relative


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseDesign(Design):
    """A design whose Y is a sparse matrix; what it does not store is zero, and none is missing."""

    def refusals(self) -> dict[str, NMFREError]:
        """As in `Design`."""
        units = "'units' with sparse responses, which have no missing entries"
        return {
            "df-cap": SparseResponsesError(),
            REFIT: NotComputedError(name=REFIT, reason=NO_REPLICATES),
            "over='entries'": InvalidArgumentError("over", "entries", units),
        }

    def faults(self) -> Faults:
        """As in `Design`, of stored responses."""
        stored = coo_array(self.Y)
        rows, units = stored.coords
        found = {
            kind: replace(fault, row=int(rows[fault.unit]), unit=int(units[fault.unit]))
            for kind, fault in response_faults(stored.data[None]).items()
        }
        return found | covariate_faults(self.A)

    @property
    def response_values(self) -> FloatArray:
        """Responses as an array, (P, N)."""
        return np.asarray(self.Y.toarray())

    def fit_sums(
        self, X: FloatArray, Theta: FloatArray, relative: Relative, U: FloatArray | None
    ) -> FitSums:
        """From products with Y: around its means it is not sparse."""
        scores = self.scores(Theta, U)
        responses = squares(self.Y), self.response_sums()
        sums = np.asarray(self.Y @ scores.T), scores @ scores.T, scores.sum(axis=1)
        return FitSums.of_totals(X, len(self.units), responses, sums)

    def squared_error(self, X: FloatArray, scores: FloatArray, which: IntArray) -> float:
        """Mean square of Y - X s over the responses of some units, scores s (Q, n)."""
        Y = self.Y[:, which]
        fitted = float(np.vdot(X.T @ X, scores @ scores.T))
        total = squares(Y) - 2.0 * float(np.vdot((Y.T @ X).T, scores)) + fitted
        return total / (len(X) * len(which))
