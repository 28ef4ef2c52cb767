"""What an estimate by alternating updates says of itself."""

from __future__ import annotations

import numpy as np
from stacked import problems

from nmfre.estimation.alternating import fit_alternating


def test_the_distance_to_the_fixed_point_is_told():
    Y, A, X, Theta = problems(1, Q=1, N=60)
    fit = {"cap": 9.0, "sigma2": 1.0}
    (early,) = fit_alternating(Y, A, X, Theta, tol=0.0, maxiter=40, **fit)
    (late,) = fit_alternating(Y, A, X, Theta, tol=0.0, maxiter=49, **fit)  # sigma2 is still 1
    missing = np.linalg.norm(early.Theta - late.Theta) / np.linalg.norm(early.Theta)
    assert missing <= early.fixed_point_distance * 1.01
    assert early.fixed_point_residual <= early.fixed_point_distance
