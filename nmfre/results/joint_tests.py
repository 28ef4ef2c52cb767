"""Joint Wald tests of effects, with the full covariance and the bound of the effects."""

from __future__ import annotations

import numpy as np
from scipy.linalg import orth

from nmfre.core.typing import FloatArray, IntArray
from nmfre.errors import NotComputedError
from nmfre.estimation.identification import ZERO
from nmfre.inference.chibar import LARGEST, chi_bar_sf
from nmfre.inference.small_samples import Reference
from nmfre.results.fit import Fit


def covariates_test(
    fit: Fit, members: IntArray, columns: list[int], null: Reference
) -> tuple[float, float, int]:
    """
    Statistic, p-value and degrees of freedom of the test that some covariates have no effect.

    Where components are not identified, the profiles X Theta take the place of the effects, in
    coordinates of the space that they span: rotations do not change them.
    """
    effects, covariance = not_held(fit, members)
    if not np.isnan(covariance).any():
        return *joint_test(fit, effects, covariance, null), len(members)
    X = fit.estimate.X
    covariance = fit.inference.profile_covariance(X, columns)
    if np.isnan(covariance).any():
        raise NotComputedError(name="the joint test", reason="effects have no covariance.")
    profiles = X @ fit.estimate.Theta
    size = np.linalg.norm(profiles, axis=0)
    span = orth(profiles[:, size > 0.0] / size[size > 0.0], rcond=ZERO)
    project = np.kron(np.eye(len(columns)), span.T)
    effects = project @ profiles[:, columns].ravel(order="F")
    covariance = project @ covariance @ project.T
    return *joint_test(fit, effects, covariance, null, with_bound=False), len(effects)


def bounded(fit: Fit) -> bool:
    """Whether joint tests know that effects are not negative."""
    return fit.inference.options.uncertainty == "marginal" and not fit.estimate.signed


def not_held(fit: Fit, members: IntArray) -> tuple[FloatArray, FloatArray]:
    """Effects that are not held at their bound 0, where they add nothing, and covariance."""
    members = fit.inference.not_held(members)
    return fit.inference.estimate[members], fit.inference.covariance[np.ix_(members, members)]


def joint_test(
    fit: Fit,
    effects: FloatArray,
    covariance: FloatArray,
    null: Reference,
    *,
    with_bound: bool = True,
) -> tuple[float, float]:
    """Statistic and p-value; ``with_bound``: whether the effects have the bounds of the fit."""
    if len(effects) == 0:
        return 0.0, 1.0
    if np.isnan(covariance).any():
        return np.nan, np.nan
    statistic = float(effects @ np.linalg.pinv(covariance, hermitian=True) @ effects)
    size = len(effects)
    if (
        with_bound
        and bounded(fit)
        and size <= LARGEST
        and np.linalg.matrix_rank(covariance, hermitian=True) == size
    ):
        return statistic, chi_bar_sf(statistic, covariance, null)
    return statistic, float(null.sf(statistic, size))
