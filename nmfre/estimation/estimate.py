"""What an estimator returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nmfre.typing import FloatArray

LARGE_DISTANCE = 5e-4
"""Relative distance to the fixed point that shows in four printed digits."""


class StopReason(StrEnum):
    """Why an iteration ended."""

    TOLERANCE = "tolerance"
    MAXITER = "maxiter"
    NON_FINITE = "non-finite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    Estimates of one problem, components sorted by centroid.

    Attributes
    ----------
    X : (P, Q)
        Basis; its columns sum to one.
    Theta : (Q, K)
        Effects of covariates on scores.
    U : (Q, N)
        Random effects.
    sigma2, tau2 : float
        Variances of residuals and random effects.
    cap : float
        Cap on df_U, infinite where there is none.
    df_random : float
        df_U at X and sigma2 / tau2.
    rss : float
        |Y - X (Theta A + U)|^2.
    n_iter : int
        Iterations.
    stop_reason : StopReason
        Why they ended.
    """

    X: FloatArray
    Theta: FloatArray
    U: FloatArray
    sigma2: float
    tau2: float
    cap: float
    df_random: float
    rss: float
    n_iter: int
    stop_reason: StopReason

    @property
    def ridge(self) -> float:
        """Lambda = sigma2 / tau2."""
        return self.sigma2 / self.tau2


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternatingEstimate(Estimate):
    """
    Estimates by alternating updates, and how they came about.

    Attributes
    ----------
    tau2_estimated : bool
        Whether tau2 was estimated; if not, it is its start value or what the cap made of it.
    cap_hits, first_cap_hit : int
        In how many iterations the cap bound, and in which first (0: in none).
    objective_path, ridge_path, df_random_path : (n_iter,)
        The objective after each iteration; lambda and df_U in its update of U.
    fixed_point_residual : float
        Relative change of X or Theta, the larger, in one more iteration at the final variances.
    fixed_point_distance : float
        What is missing to the fixed point, relative, as far as the rate tells at which these
        changes shrink; slow changes hide behind fast ones, so that this is a lower bound.
    """

    tau2_estimated: bool
    cap_hits: int
    first_cap_hit: int
    objective_path: FloatArray
    ridge_path: FloatArray
    df_random_path: FloatArray
    fixed_point_residual: float
    fixed_point_distance: float

    @property
    def far_from_fixed_point(self) -> bool:
        """Whether printed digits of X and Theta may still move."""
        return self.fixed_point_distance > LARGE_DISTANCE
