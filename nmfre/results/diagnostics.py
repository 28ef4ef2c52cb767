"""Convergence, effective degrees of freedom and goodness of fit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nmfre.core.typing import FloatArray
from nmfre.estimation.alternating_estimate import AlternatingEstimate
from nmfre.estimation.identification import Identification
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.results.fit import Fit


def n_units(fit: Fit) -> int:
    """Units N, whatever their weights."""
    return int(fit.estimate.U.shape[1])


def df_random(fit: Fit) -> float:
    """
    Effective degrees of freedom of U: N sum_q d_q / (d_q + 1), d = eig(Phi X' Psi^-1 X).

    In the paper's form: d_q / (d_q + ridge), d = eig(X'X). With missing responses, each unit
    contributes its own term, with the rows of X that are observed.
    """
    return fit.estimate.df_random


def df_cap(fit: Fit) -> float | None:
    """Cap on df_random, in degrees of freedom; None without a cap."""
    return None if np.isinf(fit.estimate.cap) else fit.estimate.cap


def df_cap_rate(fit: Fit) -> float | None:
    """Cap on df_random divided by N Q; None without a cap."""
    cap = df_cap(fit)
    return None if cap is None else cap / fit.estimate.largest_df


def saturation(fit: Fit) -> float:
    """df_random / (N Q), between 0 and 1."""
    return fit.estimate.saturation


def cap_hits(fit: Fit) -> int:
    """Number of iterations in which the cap bound."""
    return _of_df_cap(fit, "cap_hits").cap_hits


def first_cap_hit(fit: Fit) -> int | None:
    """First iteration in which the cap bound; None if it never did."""
    return _of_df_cap(fit, "first_cap_hit").first_cap_hit or None


def n_iter(fit: Fit) -> int:
    """Number of iterations."""
    return fit.estimate.n_iter


def objective(fit: Fit) -> float:
    """Final value of the objective: ``|Y - X(Theta A + U)|^2 + ridge |U|^2``; for ml, -llf."""
    return float(fit.estimate.objective_path[-1])


def objective_path(fit: Fit) -> FloatArray:
    """The objective after each iteration, (n_iter,); one value if the start was the maximum."""
    return fit.estimate.objective_path


def stop_reason(fit: Fit) -> str:
    """Why the iteration ended: "tolerance", "maxiter" or, for ml, "precision"."""
    return str(fit.estimate.stop_reason)


def converged(fit: Fit) -> bool:
    """
    Whether the estimates, variances included, have converged.

    ml: the gradient norm is below the tolerance. df-cap: the relative change of the objective is
    below the tolerance, sigma2 has left its starting value (the first update is at iteration 50)
    and is within a factor of two of ``mean_squared_residual``, and no variance is at the limits of
    the algorithm, 1e-12 and 1e12. df-cap can meet this rule while the last digits still change: see
    ``fixed_point_distance`` for X and Theta, and the summary for sigma2. tau2 does not count if it
    is not estimated (``tau2_estimated``).
    """
    return fit.estimate.converged


def fixed_point_residual(fit: Fit) -> float:
    """Larger of the relative changes of X and Theta in one more iteration at fixed variances."""
    return _of_df_cap(fit, "fixed_point_residual").fixed_point_residual


def fixed_point_distance(fit: Fit) -> float:
    """
    Lower bound of the relative distance of X and Theta to the fixed point of the updates.

    Extrapolated from how fast the changes shrink in two more iterations.
    """
    return _of_df_cap(fit, "fixed_point_distance").fixed_point_distance


def cap_binds(fit: Fit) -> bool:
    """Whether the cap bound, in any iteration of df-cap or at the maximum of ml."""
    return fit.estimate.cap_binds


def llf(fit: Fit) -> float:
    """Maximised marginal log-likelihood (ml)."""
    return _of_ml(fit, "llf").llf


def df_model(fit: Fit) -> int:
    """
    Free parameters of ml: P Q - Q of the basis, Q K effects, 2 variances.

    Minus (Q - 1)(Q - 2)/2 for rotations of the components, as in factor analysis, and minus one if
    the cap binds. Entries of the basis, effects and variances at their boundary 0 count, so that
    fits of the same size have the same number; `n_free` leaves them out.
    """
    return _of_ml(fit, "df_model").n_parameters


def n_free(fit: Fit) -> int:
    """
    Parameters of ml that are free at the solution: `df_model` without those at a boundary.

    Rotations that zeros of the basis rule out are not subtracted.
    """
    return _of_ml(fit, "n_free").n_free


def aic(fit: Fit) -> float:
    """Akaike's criterion, -2 llf + 2 df_model (ml)."""
    return _of_ml(fit, "aic").aic


def bic(fit: Fit) -> float:
    """Schwarz's criterion, -2 llf + log(N) df_model: units are the observations (ml)."""
    return _of_ml(fit, "bic").bic


def gradient_norm(fit: Fit) -> float:
    """Largest entry of the projected gradient of the log-likelihood per cell (ml)."""
    return _of_ml(fit, "gradient_norm").gradient_norm


def n_starts(fit: Fit) -> int:
    """Number of starts of ml."""
    return _of_ml(fit, "n_starts").n_starts


def n_agree(fit: Fit) -> int:
    """Number of starts of ml that reached the best log-likelihood, within 1e-4 or 1e-8 per cell."""
    return _of_ml(fit, "n_agree").n_agree


def llf_uncapped(fit: Fit) -> float | None:
    """Log-likelihood of ml without the cap; None if the cap does not bind."""
    return _of_ml(fit, "llf_uncapped").llf_uncapped


def identification(fit: Fit) -> Identification:
    """Rotations of components that do not change the likelihood, and which components they mix."""
    return _of_ml(fit, "identification").identification


def mean_squared_residual(fit: Fit) -> float:
    """Mean squared residual of the BLUP fit; sigma2 of df-cap converges to it."""
    return fit.estimate.rss / fit.nobs


def rsquared(fit: Fit) -> float:
    """
    R2 of ``fittedvalues``: one minus the sum of ``resid**2`` over the total sum of squares.

    The total sum of squares is around the mean of each response. This is the entry ("row-centered",
    "blup") of `rsquared_table`; the summary shows the squared correlations instead. NaN if
    responses do not vary.
    """
    return float(fit._rsquared["blup"]["row-centered"])


def rsquared_table(self: Fit) -> pd.DataFrame:
    """
    Three kinds of R2 (rows) of the BLUP and the fixed-effect fit (columns).

    Returns
    -------
    DataFrame, (3, 2)
        Rows: "correlation", the squared correlation of all responses with their fits, which the
        summary shows; "uncentered", ``1 - SSE / |Y|^2``; "row-centered", 1 - SSE / (sum of squares
        around each response's mean). Columns: "blup", "fixed". Only observed responses count. NaN
        if responses or, for the correlation, fits do not vary.

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
    row-centered  0.75   0.21
    >>> round(res.rsquared, 2)
    0.75
    """
    return self._rsquared.copy()


def _of_df_cap(fit: Fit, name: str) -> AlternatingEstimate:
    return fit.estimate.of_kind(AlternatingEstimate, name)


def _of_ml(fit: Fit, name: str) -> MarginalEstimate:
    return fit.estimate.of_kind(MarginalEstimate, name)
