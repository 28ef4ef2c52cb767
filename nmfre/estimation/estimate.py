"""What an estimator returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray, IntArray
from nmfre.estimation.identification import Identification

LARGE_DISTANCE = 5e-4
"""Relative distance to the fixed point that shows in four printed digits."""

DEGENERATE_CONDITION = 1e3
"""Condition number of the basis from which its columns are called collinear."""
AT_BOUND = 1e-6
"""df_U per unit below which tau2 is zero."""

VARIANCE_LIMITS = (1e-12, 1e12)
"""What df-cap clips variances to (paper's algorithm)."""
SIGMA2_FIRST = 50
"""Iteration in which df-cap first updates sigma2."""
FAR_OFF = 2.0
"""Factor between sigma2 and the mean squared residual from which sigma2 is not an estimate."""


def centroid_order(X: FloatArray) -> IntArray:
    """Order of the components by their centroids sum_p (p / P) x_pq; (Q,)."""
    positions = np.arange(1, len(X) + 1) / len(X)
    return np.argsort(positions @ X, kind="stable")


class StopReason(StrEnum):
    """Why an iteration ended."""

    TOLERANCE = "tolerance"
    MAXITER = "maxiter"
    PRECISION = "precision"
    NON_FINITE = "non-finite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(LaidOut):
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
        ``|Y - X (Theta A + U)|^2``.
    n_iter : int
        Iterations.
    stop_reason : StopReason
        Why they ended.
    objective_path : (n_iter,)
        What is minimised, after each iteration; without iterations of ml its value, (1,).
    signed : bool
        Whether Theta may be negative.
    tau2_estimated : bool
        Whether tau2 was estimated; if not, it is its start value or what the cap made of it.
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
    objective_path: FloatArray
    signed: bool
    tau2_estimated: bool

    @property
    def converged(self) -> bool:
        """Whether the tolerance was reached, with estimates of the variances."""
        return self.stop_reason is StopReason.TOLERANCE and self.variance_fault is None

    @property
    def variance_fault(self) -> str | None:
        """Why a variance is not an estimate, and what to do; None if they are estimates."""
        return None

    @property
    def sigma2_estimated(self) -> bool:
        """Whether sigma2 has left its start value."""
        return True

    @property
    def cap_binds(self) -> bool:
        """Whether the cap bound."""
        raise NotImplementedError

    @property
    def degenerate(self) -> bool:
        """Whether ml lets components merge; df-cap does not look."""
        return False

    @property
    def tau2_at_bound(self) -> bool:
        """Whether ml finds tau2 to be zero; df-cap never does."""
        return False

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
    cap_hits, first_cap_hit : int
        In how many iterations the cap bound, and in which first (0: in none).
    ridge_path, df_random_path : (n_iter,)
        lambda and df_U in each update of U.
    fixed_point_residual : float
        Relative change of X or Theta, the larger, in one more iteration at the final variances.
    fixed_point_distance : float
        What is missing to the fixed point, relative, as far as the rate tells at which these
        changes shrink; slow changes hide behind fast ones, so that this is a lower bound.
    """

    cap_hits: int
    first_cap_hit: int
    ridge_path: FloatArray
    df_random_path: FloatArray
    fixed_point_residual: float
    fixed_point_distance: float

    @property
    def sigma2_estimated(self) -> bool:
        """Whether sigma2 has left its start value."""
        return self.n_iter >= SIGMA2_FIRST

    @property
    def mean_squared_residual(self) -> float:
        """What sigma2 moves towards, in small steps."""
        return self.rss / (len(self.X) * int(self.U.shape[1]))

    @property
    def variance_fault(self) -> str | None:
        """Why a variance is not an estimate, and what to do; None if they are estimates."""
        target = self.mean_squared_residual
        for name, value in (("sigma2", self.sigma2), ("tau2", self.tau2)):
            if value in VARIANCE_LIMITS:
                lowest = value == VARIANCE_LIMITS[0]
                return (
                    f"{name} is held at {value:g}, the {'smallest' if lowest else 'largest'} value "
                    f"that the algorithm allows. {'Multiply' if lowest else 'Divide'} the "
                    "responses by a power of ten"
                    f"{', or lower the rank if they are fitted exactly' if lowest else ''}."
                )
        if not self.sigma2_estimated:
            return (
                f"sigma2 is its start value, {self.sigma2:.3g}, not an estimate (mean squared "
                f"residual: {target:.3g}): the algorithm first updates it at iteration "
                f"{SIGMA2_FIRST} and stopped at iteration {self.n_iter}. The ICC and the effective "
                "degrees of freedom depend on it. Lower tol; if it stops as early again, use "
                "method='ml'."
            )
        if not target / FAR_OFF <= self.sigma2 <= target * FAR_OFF:
            return (
                f"sigma2 ({self.sigma2:.3g}) is still far from the mean squared residual "
                f"({target:.3g}): the algorithm updates it in small steps. The ICC and the "
                "effective degrees of freedom depend on it. Lower tol, or use method='ml'."
            )
        return None

    @property
    def cap_binds(self) -> bool:
        """Whether the cap bound in any iteration."""
        return self.cap_hits > 0

    @property
    def far_from_fixed_point(self) -> bool:
        """Whether printed digits of X and Theta may still move."""
        return self.fixed_point_distance > LARGE_DISTANCE

    @property
    def distance_in_words(self) -> str:
        """How far X and Theta are from the fixed point; changes that grow tell nothing of it."""
        if np.isinf(self.fixed_point_distance):
            return "far"
        return f"at least about {self.fixed_point_distance:.1g} (relative)"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalEstimate(Estimate):
    """
    Estimates by marginal maximum likelihood, and their certificate.

    Attributes
    ----------
    llf : float
        Maximised log-likelihood.
    llf_uncapped : float or None
        Log-likelihood without the cap, where it binds; None where it does not.
    gradient_norm : float
        Largest entry of the projected gradient of the log-likelihood per cell by P X and log
        lambda, with Theta and sigma2 at their maximum given these.
    n_starts, n_agree : int
        Starts, and how many of them reached this log-likelihood to 1e-4 (or 1e-8 per cell).
    identification : Identification
        Rotations that leave the likelihood as it is.
    condition : float
        Condition number of X.
    """

    llf: float
    llf_uncapped: float | None
    gradient_norm: float
    n_starts: int
    n_agree: int
    identification: Identification
    condition: float

    @property
    def cap_binds(self) -> bool:
        """Whether the likelihood was maximised on df_U = cap."""
        return self.llf_uncapped is not None

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return -2.0 * self.llf + 2.0 * self.n_parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion: units are the observations."""
        return -2.0 * self.llf + float(np.log(self.U.shape[1])) * self.n_parameters

    @property
    def degenerate(self) -> bool:
        """Whether columns of X are so nearly collinear that Theta is not determined."""
        return self.condition > DEGENERATE_CONDITION

    @property
    def remedy_of_degenerate(self) -> str:
        """What to do where they are."""
        return f"Lower the rank{', or use signed=False' if self.signed else ''}."

    @property
    def tau2_at_bound(self) -> bool:
        """Whether tau2 is zero but for the limit of the search: df_U is next to nothing."""
        return bool(self.df_random < AT_BOUND * self.U.shape[1])

    @property
    def n_parameters(self) -> int:
        """
        Dimension of the model: X with its column sums, Theta, two variances; less rotations, cap.

        Rotations are those of a basis without zeros, as in factor analysis: what data allow at this
        very estimate has no part in it, so that fits of one size have one number.
        """
        n_responses, rank = self.X.shape
        n_rotations = (rank - 1) * (rank - 2) // 2
        n_free = (n_responses - 1) * rank + self.Theta.size + 2
        return int(n_free - n_rotations - self.cap_binds)
