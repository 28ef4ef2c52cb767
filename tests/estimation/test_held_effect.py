"""The profile over effects where one is held."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.held_effect import HeldEffect
from nmfre.estimation.likelihood import marginal_value


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_the_others_are_at_their_best(missing, signed):
    rng = np.random.default_rng(0)
    A = np.vstack([np.ones(50), rng.normal(size=50), 1990.0 + rng.normal(size=50)])
    X = rng.dirichlet(np.ones(6), size=2).T
    Y = X @ (np.array([[9.0, 2.0, 0.0], [5.0, -2.0, 0.01]]) @ A) + rng.normal(size=(6, 50))
    if missing:
        Y[0, ::3] = np.nan
    moments = moments_of(Y, A)
    relative = Relative(rng.uniform(0.5, 2.0, 6), np.array([[0.7, 0.0], [0.2, 0.4]]))
    held = HeldEffect.of(moments, 1, 0, 3.0, signed=signed)
    Gamma, off = held.profiled(X, relative, signed=False)
    Theta = moments.covariates.theta(Gamma)
    assert moments.scale * Theta[1, 0] == pytest.approx(3.0, rel=1e-9)
    free = np.ones((2, 3), dtype=bool)
    free[1, 0] = False
    sized = Theta * moments.covariates.scale
    if not signed:
        assert sized.min() > -1e-9
        np.testing.assert_array_equal(off > 0.0, free & (sized > 1e-9))
    assert off[1, 0] == 0.0

    def value(Theta):
        Gamma = moments.covariates.gamma(Theta / moments.covariates.scale)
        return moments.n_cells * marginal_value(moments, X, Gamma, relative, profiled=False).value

    def of_others(others):
        point = sized.copy()
        point[free] = others
        return value(point)

    start = sized[free]
    bounds = [(None if signed else 0.0, None)] * len(start)
    best = minimize(of_others, start + 0.01, bounds=bounds, method="L-BFGS-B")
    assert of_others(start) <= best.fun + 1e-9


def test_a_stack_is_that_of_each():
    rng = np.random.default_rng(1)
    A = np.vstack([np.ones(30), rng.normal(size=30)])
    moments = moments_of(rng.uniform(1.0, 2.0, size=(4, 30)), A)
    X = rng.dirichlet(np.ones(4), size=(3, 2)).transpose(0, 2, 1)
    stack = Relative(rng.uniform(1.0, 2.0, (3, 4)), np.stack([np.eye(2)] * 3))
    held = HeldEffect.of(moments, 0, 1, 0.5, signed=False)
    Gamma, off = held.profiled(X, stack, signed=False)
    for i in range(3):
        one = held.profiled(X[i], Relative(stack.v[i], stack.F[i]), signed=False)
        np.testing.assert_array_equal(Gamma[i], one[0])
        np.testing.assert_array_equal(off[i], one[1])
