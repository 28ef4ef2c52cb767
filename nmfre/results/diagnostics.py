"""How the fit came about, what it used up, and how well it fits."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from nmfre.core.typing import FloatArray
from nmfre.estimation.identification import Identification
from nmfre.results.fit import Part


class Diagnostics(Part):
    """Degrees of freedom, cap, convergence, likelihood, R2."""

    kept = frozenset({"_rsquared"})

    @property
    def n_units(self) -> int:
        """Independent units N."""
        return int(self.estimate.U.shape[1])

    @property
    def df_random(self) -> float:
        """
        Effective degrees of freedom of U: N sum_q d_q / (d_q + ridge), d = eig(X'X).

        With missing responses, the sum over units of the same with X'X over the observed ones.
        """
        return self.estimate.df_random

    @property
    def df_cap(self) -> float | None:
        """Cap on df_random, in degrees of freedom; None where there is none."""
        return None if np.isinf(self.estimate.cap) else self.estimate.cap

    @property
    def df_cap_rate(self) -> float | None:
        """Cap on df_random over N Q; None where there is none."""
        return None if self.df_cap is None else self.df_cap / self.estimate.U.size

    @property
    def saturation(self) -> float:
        """df_random / (N Q), between 0 and 1."""
        return self.df_random / self.estimate.U.size

    @property
    def cap_hits(self) -> int:
        """Number of iterations in which the cap bound."""
        return self.fit.alternating("cap_hits").cap_hits

    @property
    def first_cap_hit(self) -> int | None:
        """First iteration in which the cap bound; None where it never did."""
        return self.fit.alternating("first_cap_hit").first_cap_hit or None

    @property
    def n_iter(self) -> int:
        """Number of iterations."""
        return self.estimate.n_iter

    @property
    def objective(self) -> float:
        """What was minimised, at the end: ``|Y - X(Theta A + U)|^2 + ridge |U|^2``; for ml -llf."""
        return float(self.estimate.objective_path[-1])

    @property
    def objective_path(self) -> FloatArray:
        """The objective after each iteration, (n_iter,); at the start where it was the maximum."""
        return self.estimate.objective_path

    @property
    def stop_reason(self) -> str:
        """Why the iteration ended: "tolerance", "maxiter" or, for ml, "precision"."""
        return str(self.estimate.stop_reason)

    @property
    def converged(self) -> bool:
        """
        Whether the estimates, variances included, can be taken for those of the method.

        ml: the gradient norm is below the tolerance. df-cap: its stopping rule, a small relative
        change of the objective, was met, and the variances that it estimates are estimates: sigma2
        has left its start value (it is first updated at iteration 50) and is within a factor of
        two of ``mean_squared_residual``, which it follows in small steps; no variance is held at
        the limits of the algorithm, 1e-12 and 1e12. The rule can be met before the last digits
        have settled: ``fixed_point_distance`` tells it of X and Theta, and the summary of sigma2.
        tau2 is not part of it where it is not estimated (``tau2_estimated``).
        """
        return self.estimate.converged

    @property
    def fixed_point_residual(self) -> float:
        """Relative change of X or Theta, the larger, in one more iteration at fixed variances."""
        return self.fit.alternating("fixed_point_residual").fixed_point_residual

    @property
    def fixed_point_distance(self) -> float:
        """
        Relative distance of X and Theta to the fixed point of the updates, at least.

        Extrapolated from two more iterations at the rate at which their changes shrink.
        """
        return self.fit.alternating("fixed_point_distance").fixed_point_distance

    @property
    def cap_binds(self) -> bool:
        """Whether the cap bound: in any iteration of df-cap, or at the maximum of ml."""
        return self.estimate.cap_binds

    @property
    def llf(self) -> float:
        """Maximised marginal log-likelihood (ml)."""
        return self.fit.marginal("llf").llf

    @property
    def df_model(self) -> int:
        """
        Free parameters of ml: P Q - Q of the basis, Q K effects, 2 variances.

        Less (Q - 1)(Q - 2)/2 rotations of the components, as in factor analysis, and less one where
        the cap binds.
        """
        return self.fit.marginal("df_model").n_parameters

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 llf + 2 df_model (ml)."""
        return self.fit.marginal("aic").aic

    @property
    def bic(self) -> float:
        """Schwarz's criterion, -2 llf + log(N) df_model: units are the observations (ml)."""
        return self.fit.marginal("bic").bic

    @property
    def gradient_norm(self) -> float:
        """Largest entry of the projected gradient of the log-likelihood per cell (ml)."""
        return self.fit.marginal("gradient_norm").gradient_norm

    @property
    def n_starts(self) -> int:
        """Starts of ml."""
        return self.fit.marginal("n_starts").n_starts

    @property
    def n_agree(self) -> int:
        """How many starts of ml reached the best log-likelihood, to 1e-4 or 1e-8 per cell."""
        return self.fit.marginal("n_agree").n_agree

    @property
    def llf_uncapped(self) -> float | None:
        """Log-likelihood that ml reaches without the cap; None where the cap does not bind."""
        return self.fit.marginal("llf_uncapped").llf_uncapped

    @property
    def identification(self) -> Identification:
        """Rotations of the components that leave the likelihood as it is, and which they mix."""
        return self.fit.marginal("identification").identification

    @property
    def mean_squared_residual(self) -> float:
        """Mean of the squared residuals of the BLUP fit; where sigma2 would settle in the end."""
        return self.estimate.rss / self.fit.nobs

    @property
    def rsquared(self) -> float:
        """
        R2 of ``fittedvalues``: one minus the sum of ``resid**2`` over the total sum of squares.

        The total is taken around the mean of each response. This is the entry "row-centered",
        "blup" of `rsquared_table`; the summary shows other entries of it, squared correlations.
        NaN where responses do not vary.
        """
        return float(self._rsquared["blup"]["row-centered"])

    def rsquared_table(self) -> pd.DataFrame:
        """
        Three kinds of R2 (rows) of the BLUP and the fixed-effect fit (columns).

        Returns
        -------
        DataFrame, (3, 2)
            Rows: "correlation", the squared correlation of all responses with their fits, which the
            summary shows; "uncentered", ``1 - SSE / |Y|^2``; "row-centered", 1 - SSE / (sum of
            squares around each response's mean). Columns: "blup", "fixed". Over observed responses.
            NaN where responses or, for the first, fits do not vary.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> res = model.fit("ml")
        >>> res.rsquared_table().round(2)
                      blup  fixed
        correlation   0.82   0.42
        uncentered    1.00   0.99
        row-centered  0.76   0.21
        >>> round(res.rsquared, 2)
        0.76
        """
        return self._rsquared.copy()

    @cached_property
    def _rsquared(self) -> pd.DataFrame:
        fit = self.estimate
        columns = {
            which: self.design.fit_sums(fit.X, fit.Theta, fit.ridge, U).rsquared()
            for which, U in (("blup", fit.U), ("fixed", None))
        }
        return pd.DataFrame(columns, index=["correlation", "uncentered", "row-centered"])
