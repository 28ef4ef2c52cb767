"""
Profile likelihood intervals of effects.

The interval of an effect has the values at which the highest log-likelihood, over all other
parameters, lies less than half a quantile of chi-squared below the maximum. The model is fitted
again with the effect held, from the nearest value where it has been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from nmfre.core.layout import LaidOut
from nmfre.core.parallel import run_tasks
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import FloatArray
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.held_effect import HeldEffect
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.maximize import maximize
from nmfre.estimation.moments import Moments

FIRST = 1.1
"""First distance from the estimate that is tried, in half widths of the Wald interval."""
DOUBLINGS = 20
"""Times that it is doubled; a limit is infinite if the likelihood never falls far enough."""
PRECISE = 1e-6
"""Precision of a limit, in its distance from the estimate."""
HIGHER = 1e-4
"""Rise of the log-likelihood above that of the fit that is no rounding."""
AT_BOUND = 1e-6
"""Effect, in first distances from it, that is at its bound 0."""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    An interval, and what went wrong.

    Attributes
    ----------
    lower, upper : float
        NaN where a fit failed.
    failure : str
        Why; empty where nothing did.
    """

    lower: float
    upper: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Profiles(LaidOut):
    """
    Profile likelihoods of the effects of a fit.

    Attributes
    ----------
    moments : Moments
        Of the data.
    estimate : MarginalEstimate
        The maximum, off its cap.
    bse : (Q, K)
        Standard errors, for the first distance from the estimate; NaN where there are none.
    tol, maxiter
        Of the fits.
    """

    moments: Moments
    estimate: MarginalEstimate
    bse: FloatArray
    tol: float
    maxiter: int

    def limits(self, alpha: float, entry: tuple[int, int]) -> Limits:
        """Of Theta[q, k], at the level 1 - alpha."""
        with one_thread_if_small(self.estimate.X.shape[0] ** 2 * self.estimate.X.shape[1]):
            profile = _Profile(self, *entry)
            root = float(np.sqrt(stats.chi2.isf(alpha, 1)))
            try:
                return Limits(profile.limit(root, -1.0), profile.limit(root, 1.0))
            except _FitFailedError as error:
                return Limits(np.nan, np.nan, str(error))

    def half_width(self, component: int, covariate: int, root: float) -> float:
        """Of the Wald interval; where it has none, of one as if the basis were known."""
        bse = float(self.bse[component, covariate])
        if not (np.isfinite(bse) and bse > 0.0):
            estimate, moments = self.estimate, self.moments
            variance = estimate.Phi[component, component] + estimate.psi.sum()
            size = moments.covariates.scale[covariate]
            bse = float(np.sqrt(variance / moments.n_units) / size)
        return root * bse


class _FitFailedError(Exception):
    """No maximum was found where an effect is held."""


class _Profile:
    """The profile likelihood of one effect, and where it has been evaluated."""

    def __init__(self, of: Profiles, component: int, covariate: int) -> None:
        self.of, self.component, self.covariate = of, component, covariate
        estimate, moments = of.estimate, of.moments
        self.estimate = float(estimate.Theta[component, covariate])
        relative = estimate.structure.relative(estimate.absolute, moments.scale)
        self.at: dict[float, tuple[FloatArray, Relative]] = {self.estimate: (estimate.X, relative)}
        self.least = -estimate.llf / moments.n_cells - np.log(moments.scale)

    def root_deviance(self, value: float) -> float:
        """Root of twice what the log-likelihood loses where the effect is held at a value."""
        if value == self.estimate:
            return 0.0
        estimate, moments = self.of.estimate, self.of.moments
        X, relative = self.at[min(self.at, key=lambda known: abs(known - value))]
        found = maximize(
            HeldEffect.of(moments, self.component, self.covariate, value, signed=estimate.signed),
            X,
            relative,
            structure=estimate.structure,
            signed=False,  # see HeldEffect.profiled
            tol=self.of.tol,
            maxiter=self.of.maxiter,
        )
        if found.stop_reason is not StopReason.TOLERANCE:
            raise _FitFailedError(f"no fit converged with the effect held at {value:.4g}")
        loss = moments.n_cells * (found.value - self.least)
        if loss < -HIGHER:
            raise _FitFailedError(
                f"the log-likelihood is higher by {-loss:.4g} with the effect held at {value:.4g}: "
                "the fit is not the maximum. Raise n_starts"
            )
        self.at[value] = (found.X, found.relative)
        return float(np.sqrt(2.0 * max(loss, 0.0)))

    def limit(self, root: float, side: float) -> float:
        """Where the root of the deviance is ``root``, below (-1) or above the estimate (1)."""
        step = FIRST * self.of.half_width(self.component, self.covariate, root)
        bounded = side < 0.0 and not self.of.estimate.signed
        if bounded and self.estimate <= AT_BOUND * step:
            return 0.0
        for _ in range(DOUBLINGS):
            end = self.estimate + side * step
            if bounded and end <= 0.0:
                end = 0.0
            if self.root_deviance(end) >= root:
                return self._crossing(root, end)
            if bounded and end == 0.0:
                return 0.0
            step *= 2.0
        return side * np.inf

    def _crossing(self, root: float, end: float) -> float:
        """Where the root of the deviance, which is nearly linear, is ``root``."""
        return float(
            brentq(
                lambda value: self.root_deviance(value) - root,
                self.estimate,
                end,
                xtol=PRECISE * abs(end - self.estimate),
                rtol=4.0 * np.finfo(float).eps,
            )
        )


def profile_limits(
    profiles: Profiles,
    entries: Sequence[tuple[int, int]],
    alpha: float,
    *,
    n_jobs: int | None,
    progress: bool,
) -> list[Limits]:
    """Of the effects (q, k) of ``entries``; the others as in `nmfre.NMFREResults.conf_int`."""
    return run_tasks(
        partial(_limits, profiles, alpha),
        entries,
        n_jobs=n_jobs,
        progress=progress,
        description="profiles",
    )


def _limits(profiles: Profiles, alpha: float, entry: tuple[int, int]) -> Limits:
    return profiles.limits(alpha, entry)
