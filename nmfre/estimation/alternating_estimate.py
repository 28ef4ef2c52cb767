"""Estimates of df-cap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nmfre.core.findings import Finding
from nmfre.core.typing import FloatArray
from nmfre.estimation.estimate import ALL, Estimate, StopReason

LARGE_DISTANCE = 5e-4
"""Relative distance to the fixed point that shows in four printed digits."""
VARIANCE_LIMITS = (1e-12, 1e12)
"""What df-cap clips variances to (paper's algorithm)."""
SIGMA2_FIRST = 50
"""Iteration in which df-cap first updates sigma2."""
FAR_OFF = 2.0
"""Factor between sigma2 and the mean squared residual from which sigma2 is not an estimate."""
SETTLED = 0.01
"""Relative distance of sigma2 to the mean squared residual up to which it has settled."""
NEARLY_ALL = 0.9
"""Share of their degrees of freedom from which random effects nearly follow the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternatingEstimate(Estimate):
    """
    Estimates by alternating updates, with the course of the iteration.

    Attributes
    ----------
    cap_hits, first_cap_hit : int
        Number of iterations in which the cap bound, and the first of them (0 if none).
    ridge_path, df_random_path : (n_iter,)
        lambda and df_U in each update of U.
    fixed_point_residual : float
        Larger of the relative changes of X and Theta in one more iteration at the final variances.
    fixed_point_distance : float
        Relative distance to the fixed point, extrapolated from how fast these changes shrink. Slow
        changes can hide behind fast ones, so this is a lower bound.
    """

    cap_hits: int
    first_cap_hit: int
    ridge_path: FloatArray
    df_random_path: FloatArray
    fixed_point_residual: float
    fixed_point_distance: float
    marginal_remedy: ClassVar[str] = (
        "In simulations with two and three components, nominal 95 % intervals covered intercepts "
        "in 6 to 55 % and effects in 67 to 93 % of data sets. method='ml' includes its uncertainty"
    )
    signed_remedy: ClassVar[str] = "method='ml', signed=True"
    elsewhere: ClassVar[str] = "it belongs to the iteration of df-cap."

    @property
    def sigma2_estimated(self) -> bool:
        """Whether sigma2 has left its starting value."""
        return self.n_iter >= SIGMA2_FIRST

    @property
    def mean_squared_residual(self) -> float:
        """What sigma2 moves towards, in small steps."""
        return self.rss / (len(self.X) * self.n_units)

    @property
    def cap_binds(self) -> bool:
        """Whether the cap bound in any iteration."""
        return self.cap_hits > 0

    @property
    def certificate(self) -> dict[str, str]:
        """Distance to the fixed point; changes that grow tell nothing of it."""
        far = np.isinf(self.fixed_point_distance)
        return {"To fixed point": "far" if far else f"{self.fixed_point_distance:.1e}"}

    @property
    def tau2_origin(self) -> str:
        """Where tau2 comes from."""
        if self.tau2_estimated:
            return "estimated"
        return "set by the cap" if self.cap_binds else "starting value"

    def findings(self) -> list[Finding]:
        """
        Findings on the estimates, in the order of the summary's notes.

        Returns
        -------
        list of Finding
        """
        return [*self._on_convergence(), *self._on_random_effects(), *self._on_variances()]

    def _on_convergence(self) -> Iterator[Finding]:
        if self.stop_reason is StopReason.MAXITER:
            yield Finding(
                "problem",
                "not converged",
                f"NOT CONVERGED: the iteration ended at its limit of {self.n_iter} iterations.",
                f"the limit of {self.n_iter} iterations was reached. Raise maxiter.",
            )
        elif self.fixed_point_distance > LARGE_DISTANCE:
            distance = f"at least about {self.fixed_point_distance:.1g} (relative)"
            where = (
                f"X and Theta are {'far' if np.isinf(self.fixed_point_distance) else distance} "
                "from the fixed point of the updates"
            )
            yield Finding(
                "caution",
                "stopped early",
                f"STOPPED EARLY: the tolerance was reached, but {where}.",
                f"{where}: printed digits may still change. Lower tol, for example to 1e-12.",
            )
        if self.X.shape[1] > 2:
            yield Finding(
                "note",
                "identification",
                None,
                "with three or more components, rotations may fit equally well; df-cap does not "
                "look for them, method='ml' does.",
            )

    def _on_random_effects(self) -> Iterator[Finding]:
        if self.saturation > NEARLY_ALL:
            yield Finding(
                "problem" if self.saturation > ALL else "caution",
                "saturation",
                None,
                f"{self._used} (ridge {self.ridge:.2g}): they follow the data, and residuals, and "
                f"everything computed from them, are uninformative. Lower the cap or the rank.",
            )
        if self.cap_binds:
            yield Finding(
                "note",
                "cap",
                None,
                "the cap bound: tau2 is the starting value as lowered by the cap, not an estimate.",
            )
        if self.tau2_estimated:
            return
        if np.isinf(self.cap):
            reason = "update_tau2=False, so it stays at its starting value"
        elif self.cap_binds:
            reason = (
                "under a cap it stays at its starting value unless the cap binds. The cap bound in "
                f"{self.cap_hits} of {self.n_iter} iterations, first in iteration "
                f"{self.first_cap_hit}"
            )
        else:
            reason = (
                "under a cap it stays at its starting value unless the cap binds; here it did not"
            )
        # Without the data U is gone, and with it check(), which alone shows the text.
        moment = np.mean(self.U**2) if isinstance(self.U, np.ndarray) else np.nan
        yield Finding(
            "caution",
            "scale",
            f"tau2 was not estimated: {reason}.",
            f"tau2 is not estimated ({self.tau2:.3g}; mean square of U {moment:.3g}), so the fit "
            f"depends on the units of the responses. Rescale them so that tau2 = 1 is plausible, "
            f"set start_tau2, or use method='ml', which does not depend on units.",
        )

    def _on_variances(self) -> Iterator[Finding]:
        target = self.mean_squared_residual
        fault = self._variance_fault(target)
        if fault is not None:
            yield Finding("problem", "variances", f"VARIANCES NOT CONVERGED: {fault}", fault)
        elif abs(target / self.sigma2 - 1.0) > SETTLED:
            why = "the algorithm updates it in small steps"
            yield Finding(
                "note",
                "sigma2",
                f"sigma2 has not converged (mean squared residual: {target:.4g}): {why}.",
                f"it has not converged ({self.sigma2:.3g}; mean squared residual {target:.3g}): "
                f"{why}.",
            )

    def _variance_fault(self, target: float) -> str | None:
        """Why a variance is not an estimate, and what to do; None if they are estimates."""
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
                f"sigma2 is its starting value, {self.sigma2:.3g}, not an estimate (mean squared "
                f"residual: {target:.3g}): the algorithm first updates it at iteration "
                f"{SIGMA2_FIRST} and stopped at iteration {self.n_iter}. The ICC and the effective "
                "degrees of freedom depend on it. Lower tol; if it still stops as early, use "
                "method='ml'."
            )
        if not target / FAR_OFF <= self.sigma2 <= target * FAR_OFF:
            return (
                f"sigma2 ({self.sigma2:.3g}) is still far from the mean squared residual "
                f"({target:.3g}): the algorithm updates it in small steps. The ICC and the "
                "effective degrees of freedom depend on it. Lower tol, or use method='ml'."
            )
        return None
