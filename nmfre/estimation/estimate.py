"""What an estimator returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import numpy as np

from nmfre.core.findings import Finding
from nmfre.core.kinds import OfKinds
from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray, IntArray
from nmfre.estimation.covariance_forms import Relative, Structure

PAPER = Structure()
"""sigma2 I and tau2 I."""
ALL = 0.99
"""Share of their degrees of freedom from which random effects follow the data."""
UNCONVERGED = ("not converged", "variances")
"""Topics of the problems with which estimates cannot be taken for those of the method."""


def centroid_order(X: FloatArray) -> IntArray:
    """Order of the components by their centroids sum_p (p / P) x_pq; (Q,)."""
    positions = np.arange(1, len(X) + 1) / len(X)
    return np.argsort(positions @ X, kind="stable")


class StopReason(StrEnum):
    """Why an iteration ended."""

    TOLERANCE = "tolerance"
    MAXITER = "maxiter"
    PRECISION = "precision"
    MERGING = "merging"
    NON_FINITE = "non-finite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(LaidOut, OfKinds):
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
        Variances of residuals and random effects; means if they differ.
    v : (P,)
        Residual variances over sigma2.
    F : (Q, Q)
        Triangular factor of the covariance of the random effects, over tau.
    cap : float
        Cap on df_U; infinite without a cap.
    df_random : float
        df_U at X and sigma2 / tau2.
    rss : float
        ``|Y - X (Theta A + U)|^2``.
    weighted_rss : float
        The same with the squares of each response divided by its entry of ``v``.
    n_iter : int
        Iterations.
    stop_reason : StopReason
        Why they ended.
    objective_path : (n_iter,)
        Objective after each iteration; a single value if ml needed no iteration.
    signed : bool
        Whether Theta may be negative.
    tau2_estimated : bool
        Whether tau2 was estimated. If not, it is the starting value, or follows from the cap.
    total_weight : float or None
        Sum of the weights of the units; None without weights.
    """

    X: FloatArray
    Theta: FloatArray
    U: FloatArray
    sigma2: float
    tau2: float
    v: FloatArray
    F: FloatArray
    cap: float
    df_random: float
    rss: float
    weighted_rss: float
    n_iter: int
    stop_reason: StopReason
    objective_path: FloatArray
    signed: bool
    tau2_estimated: bool
    total_weight: float | None = None

    marginal_remedy: ClassVar[str]
    """How standard errors include the uncertainty of the basis."""
    signed_remedy: ClassVar[str]
    """How effects may be negative."""

    def findings(self) -> list[Finding]:
        """Findings on the estimates, in the order of the summary's notes."""
        raise NotImplementedError

    @property
    def converged(self) -> bool:
        """Whether the tolerance was reached and the variances have converged."""
        return not any(
            found.severity == "problem" and found.topic in UNCONVERGED for found in self.findings()
        )

    @property
    def certificate(self) -> dict[str, str]:
        """How well the estimates solve their equations, as printed."""
        raise NotImplementedError

    @property
    def criteria(self) -> dict[str, float]:
        """Log-likelihood and information criteria, if the estimates maximise a likelihood."""
        return {}

    @property
    def covariances(self) -> tuple[str, str]:
        """Names of the forms of Psi and Phi."""
        return PAPER.cov_resid, PAPER.cov_re

    @property
    def tau2_origin(self) -> str:
        """Where tau2 comes from."""
        return "estimated"

    @property
    def sigma2_estimated(self) -> bool:
        """Whether sigma2 has left its starting value."""
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
    def n_units(self) -> float:
        """N, or the sum of the weights of the units."""
        return self.U.shape[1] if self.total_weight is None else self.total_weight

    @property
    def largest_df(self) -> float:
        """N Q, the most that df_U can be."""
        return self.n_units * len(self.U)

    @property
    def ridge(self) -> float:
        """Lambda = sigma2 / tau2."""
        return self.sigma2 / self.tau2

    @property
    def relative(self) -> Relative:
        """Covariances relative to sigma2."""
        return Relative(self.v, self.F / np.sqrt(self.ridge))

    @property
    def absolute(self) -> Relative:
        """Covariances themselves, in squared units of the responses."""
        return Relative(self.psi, np.sqrt(self.tau2) * self.F)

    @property
    def psi(self) -> FloatArray:
        """Residual variances, (P,)."""
        return self.sigma2 * self.v

    @property
    def Phi(self) -> FloatArray:
        """Covariance of the random effects, (Q, Q)."""
        return np.asarray(self.tau2 * (self.F @ self.F.T))

    @property
    def saturation(self) -> float:
        """df_U / (N Q), between 0 and 1."""
        return self.df_random / self.largest_df

    @property
    def _used(self) -> str:
        return f"random effects use {100 * self.saturation:.3g} % of their degrees of freedom"
