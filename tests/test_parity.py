"""The reference implementation's numbers, from the same start and the same multipliers."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from conftest import CASES, Case
from scipy import stats

from nmfre import ConvergenceWarning

RTOL = 1e-6


@pytest.fixture(params=CASES, scope="module")
def fitted(request):
    case = Case.read(request.param)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the reference stops early as well
        return case, case.fit(), {k: v for k, v in case.expected.items() if v is not None}


def close(actual, expected, rtol=RTOL, atol=0.0):
    np.testing.assert_allclose(actual, np.asarray(expected, dtype=float), rtol=rtol, atol=atol)


def test_estimates(fitted):
    """Guards the updates of df-cap: estimates, variances and degrees of freedom, to 1e-6."""
    _, res, expected = fitted
    assert res.n_iter == expected["n_iter"]
    close(res.basis, expected["X"])
    close(res.theta, expected["Theta"])
    U = np.array(expected["U"]).T
    close(res.random_effects, U, atol=RTOL * np.abs(U).max())  # entries near 0 are differences
    for name in ("sigma2", "tau2"):
        close(getattr(res, name), expected[name])
    close(res.ridge, expected["lambda"])
    close(res.df_random, expected["dfU"])
    close(res.dispersion, expected["sigma2_used"])


def test_iteration(fitted):
    """Guards the path: objective, number of iterations, how often and when the cap bound."""
    _, res, expected = fitted
    assert res.converged == expected["converged"]
    close(res.objective_path[:60], expected["objective_trace_head"], rtol=1e-9)
    close(res.objective, expected["objective"], rtol=1e-9)
    assert len(res.objective_path) == res.n_iter
    assert res.cap_hits == expected["cap_hits"]
    assert res.first_cap_hit == expected.get("cap_first_iter")
    assert res.df_cap == pytest.approx(expected.get("dfU_cap"))


def test_inference(fitted):
    """Guards errors given the basis, the one-step bootstrap and percentile intervals."""
    _, res, expected = fitted

    def vec(name):
        return np.array(expected[name], dtype=float).ravel(order="F")

    close(
        res.cov_params(),
        expected["cov_theta"],
        atol=RTOL * np.abs(expected["cov_theta"]).max(),
    )
    close(res.bse, vec("se"))
    close(res.bse_boot, vec("se_boot"))
    close(res.tvalues, vec("z"))
    limits = res.conf_int().to_numpy()
    close(limits[:, 0], vec("ci_lower"), atol=RTOL * vec("se").min())
    close(limits[:, 1], vec("ci_upper"))


def test_pvalues(fitted):
    """Guards p-values, one-sided and two-sided, down to the far tail."""
    _, res, expected = fitted
    # In the far tail a relative error e of z is z^2 e in p, and the reference takes 1 - cdf.
    one_sided = np.array(expected["p_one_sided"], dtype=float).ravel(order="F")
    two_sided = np.array(expected["p_two_sided"], dtype=float).ravel(order="F")
    close(res.pvalues, one_sided, atol=1e-8)
    options = replace(res.inference.options, alternative="two-sided")
    close(replace(res.inference, options=options).pvalues(), two_sided, atol=1e-8)
    z = np.array(expected["z"], dtype=float).ravel(order="F")
    visible = one_sided > 1e-3
    close(res.pvalues[visible], stats.norm.sf(z[visible]))


def test_known_values_of_orthodont(model):
    """Guards the start of our own, from which the published digits of the paper follow."""
    res = model.fit(df_cap=0.21)
    assert res.n_iter == 226
    np.testing.assert_allclose(res.params, [90.50138, 9.42944], atol=5e-6)
    np.testing.assert_allclose(res.bse, [2.47157, 3.05647], atol=5e-6)
    assert res.sigma2 == pytest.approx(2.94743, abs=5e-6)
    assert res.tau2 == 1.0
    assert res.df_random == pytest.approx(2.12, abs=5e-3)
    assert res.df_cap == pytest.approx(5.67)
