"""Profile likelihood intervals of params."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmfre.core.caller import warn
from nmfre.core.typing import FloatArray
from nmfre.data.weights import RATIOS, require_no_weights
from nmfre.errors import ConvergenceWarning, NotComputedError
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.search import LARGEST_HESSIAN
from nmfre.inference.profile_likelihood import Profiles, profile_limits
from nmfre.results.fit import Fit

NAME = "the profile interval"


def profile_intervals(
    fit: Fit, alpha: float, rows: Sequence[int], *, n_jobs: int | None, progress: bool
) -> FloatArray:
    """
    Limits of all params, (QK, 2); NaN but for the ``rows``, and where there are none.

    Raises
    ------
    NotComputedError
        Not by ml, where the cap binds, or where the basis is large.
    """
    estimate = fit.estimate.of_kind(MarginalEstimate, NAME)
    if estimate.cap_binds:
        raise NotComputedError(
            name=NAME, reason="the cap determines the variances; fit without it."
        )
    require_no_weights(fit.model.design.weights, NAME, RATIOS)
    if estimate.X.size > LARGEST_HESSIAN:
        raise NotComputedError(
            name=NAME,
            reason=f"profiles need many fits, and are limited to a basis of {LARGEST_HESSIAN} "
            f"entries; this one has {estimate.X.size:,}. Use method='wald' or 'percentile'.",
        )
    rank, n_covariates = estimate.Theta.shape
    known = ~np.array(estimate.identification.mixing) & (not estimate.degenerate)
    asked = [row for row in rows if known[row % rank]]
    profiles = Profiles(
        fit.model.design.moments(),
        estimate,
        fit.inference.bse.reshape(n_covariates, rank).T,
        fit.estimator.tol,
        fit.estimator.maxiter,
    )
    found = profile_limits(
        profiles,
        [(row % rank, row // rank) for row in asked],
        alpha,
        n_jobs=n_jobs,
        progress=progress,
    )
    limits = np.full((len(fit.params), 2), np.nan)
    for row, each in zip(asked, found, strict=True):
        limits[row] = each.lower, each.upper
        if each.failure:
            component, covariate = fit.params.index[row]
            warn(
                f"No profile interval of {component}[{covariate}]: {each.failure}.",
                ConvergenceWarning,
            )
    return limits
