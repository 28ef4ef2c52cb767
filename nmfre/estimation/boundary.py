"""Variances that are almost zero: whether they are zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.covariance_forms import SMALLEST_SHARE, Relative, Structure
from nmfre.estimation.likelihood import marginal_value
from nmfre.estimation.maximize import Maximum
from nmfre.estimation.moments import Moments
from nmfre.estimation.random_forms import LOG_LIMITS
from nmfre.estimation.representative import widest_mixture

AT_BOUND = 1e-6
"""Effective degrees of freedom per unit below which a variance of random effects is zero."""
NEXT_TO = 1e3
"""Multiple of its bound below which a residual variance is tried there."""
HEYWOOD = 1e-5
"""Residual variance, in those of the response given the covariates, below which it is zero."""
SMALL_SHARE = 0.01
"""Effective degrees of freedom per unit up to which a way to tau2 = 0 may have ended."""
ROUNDING = 1e-12
"""Change of the value per cell that may be rounding."""


def at_zero_if_as_good(
    moments: Moments, maxima: Sequence[Maximum], *, signed: bool, structure: Structure
) -> tuple[FloatArray, Relative]:
    """
    Where to start again from maxima without a cap: (B, P, Q), and covariances.

    The way to tau2 = 0 is flat, and ends anywhere: where zero is as good, it is zero.
    """
    X, v, F = (np.stack([getattr(m, name) for m in maxima]) for name in ("X", "v", "F"))
    none = Relative(v, np.exp(LOG_LIMITS[0] / 2.0) * np.ones_like(F) * np.eye(F.shape[-1]))
    Gamma, _ = moments.profiled(X, none, signed=signed)
    without = marginal_value(moments, X, Gamma, none, profiled=structure.resid.profiled).value
    relative = resid_at_zero(moments, Relative(v, F), structure)
    v, F = relative.v, relative.F.copy()
    for i, maximum in enumerate(maxima):
        most, mine = maximum.value, moments.members(i)
        if np.asarray(without)[i] > most:
            continue
        if df_random(mine, maximum) > SMALL_SHARE * mine.n_units:
            most -= ROUNDING  # or the likelihood is flat, and tau2 is anything
        if np.asarray(without)[i] > most:
            continue
        v[i], F[i] = none.v[i], none.F[i]
        if signed and structure.pattern is None:
            # and components anywhere: apart, and off their bounds, they are sharper
            apart = np.maximum(X[i] @ widest_mixture(X[i], None), 0.0)
            X[i] = 0.75 * apart + 0.25 * apart.mean(axis=1, keepdims=True)
    return X, Relative(v, F)


def resid_at_zero(moments: Moments, relative: Relative, structure: Structure) -> Relative:
    """With residual variances that are next to their bound 0 there: the way is flat, and long."""
    if structure.resid.profiled:
        return relative
    bound = SMALLEST_SHARE * moments.unexplained
    return Relative(np.where(relative.v < NEXT_TO * bound, bound, relative.v), relative.F)


def re_at_bound(X: FloatArray, relative: Relative) -> BoolArray:
    """Which variances of random effects are zero, but for the limit of the search; (Q,)."""
    columns = relative.d * X
    return np.asarray(np.diag(relative.F) ** 2 * np.sum(columns * columns, axis=0) < AT_BOUND)


def resid_at_bound(moments: Moments, relative: Relative, structure: Structure) -> BoolArray:
    """Which residual variances are zero, (P,)."""
    if structure.resid.profiled:
        return np.zeros(len(relative.v), dtype=bool)
    return np.asarray(relative.v <= HEYWOOD * moments.unexplained)


def df_random(moments: Moments, maximum: Maximum) -> float:
    """Effective degrees of freedom of the random effects."""
    return moments.df_random(maximum.relative.loadings(maximum.X))
