"""How the fit came about, what it used up, and how well it fits."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from nmfre.estimation.estimate import StopReason
from nmfre.results.base import BaseResults
from nmfre.typing import FloatArray


class DiagnosticResults(BaseResults):
    """Degrees of freedom, cap, convergence, R2."""

    @property
    def nobs(self) -> int:
        """Observed cells, P N."""
        return int(self.model.endog.size)

    @property
    def n_units(self) -> int:
        """Independent units N."""
        return len(self.model.endog)

    @property
    def df_random(self) -> float:
        """Effective degrees of freedom of U: N sum_q d_q / (d_q + ridge), d = eig(X'X)."""
        return self.estimate.df_random

    @property
    def df_cap(self) -> float | None:
        """Cap on df_random, in degrees of freedom; None where there is none."""
        return None if np.isinf(self.estimate.cap) else self.estimate.cap

    @property
    def saturation(self) -> float:
        """df_random / (N Q), between 0 and 1."""
        return self.df_random / self.estimate.U.size

    @property
    def df_resid(self) -> float:
        """P N - df_random - Q K."""
        return self.nobs - self.df_random - len(self.params)

    @property
    def cap_hits(self) -> int:
        """Number of iterations in which the cap bound."""
        return self.estimate.cap_hits

    @property
    def first_cap_hit(self) -> int | None:
        """First iteration in which the cap bound; None where it never did."""
        return self.estimate.first_cap_hit or None

    @property
    def n_iter(self) -> int:
        """Number of iterations."""
        return self.estimate.n_iter

    @property
    def objective(self) -> float:
        """|Y - X(Theta A + U)|^2 + ridge |U|^2 at the end."""
        return float(self.estimate.objective_path[-1])

    @property
    def objective_path(self) -> FloatArray:
        """The objective after each iteration, (n_iter,)."""
        return self.estimate.objective_path

    @property
    def stop_reason(self) -> str:
        """Why the iteration ended: "tolerance" or "maxiter"."""
        return str(self.estimate.stop_reason)

    @property
    def converged(self) -> bool:
        """Whether the iteration ended at its tolerance; see also `fixed_point_distance`."""
        return self.estimate.stop_reason is StopReason.TOLERANCE

    @property
    def fixed_point_residual(self) -> float:
        """Relative change of X or Theta, the larger, in one more iteration at fixed variances."""
        return self.estimate.fixed_point_residual

    @property
    def fixed_point_distance(self) -> float:
        """
        Relative distance of X and Theta to the fixed point of the updates, at least.

        Extrapolated from two more iterations at the rate at which their changes shrink.
        """
        return self.estimate.fixed_point_distance

    @property
    def mean_squared_residual(self) -> float:
        """Mean of the squared residuals of the BLUP fit; where sigma2 would settle in the end."""
        return self.estimate.rss / self.nobs

    @cached_property
    def rsquared(self) -> pd.DataFrame:
        """
        Three R2 (rows) of the BLUP and the fixed-effect fit (columns).

        "correlation": squared correlation of all cells with their fits; "uncentered":
        1 - SSE / |Y|^2; "row-centered": 1 - SSE / (sum of squares around each response's mean).
        NaN where the denominator is zero.
        """
        Y = self.model.design.Y
        uncentered = float(np.sum(Y**2))
        centered = float(np.sum((Y - Y.mean(axis=1, keepdims=True)) ** 2))
        columns = {}
        for which, fit in (("blup", self.fittedvalues), ("fixed", self.predict())):
            F = fit.to_numpy().T
            sse = float(np.sum((Y - F) ** 2))
            columns[which] = [
                _squared_correlation(Y, F),
                1.0 - sse / uncentered,
                1.0 - sse / centered if centered > 0 else np.nan,
            ]
        return pd.DataFrame(columns, index=["correlation", "uncentered", "row-centered"])


def _squared_correlation(a: FloatArray, b: FloatArray) -> float:
    a, b = a - a.mean(), b - b.mean()
    product = float(np.sum(a**2) * np.sum(b**2))
    return float(np.sum(a * b)) ** 2 / product if product > 0 else np.nan
