"""The estimator of the paper: variances, limits and units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shown import growing, topics

import nmfre
from nmfre import errors
from nmfre.estimation.estimate import StopReason
from nmfre.estimators import df_cap


@pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")
def test_without_a_cap_tau2_is_estimated_unless_switched_off(model):
    free = model.fit(df_cap=None)
    assert free.df_cap is None
    assert free.tau2_estimated
    assert free.tau2 == pytest.approx(49.96, abs=0.01)
    held = model.fit(df_cap=None, update_tau2=False, start_tau2=3.0)
    assert not held.tau2_estimated
    assert held.tau2 == 3.0


@pytest.mark.parametrize("options", [{}, {"tol": 1e-12}, {"df_cap": None}, {"maxiter": 3}])
def test_a_start_value_of_sigma2_is_not_an_estimate(options):
    with pytest.warns(nmfre.ConvergenceWarning, match="stopped at iteration") as caught:
        res = nmfre.NMFRE(growing(), rank=1).fit(n_boot=0, **options)
    assert len(caught) == 1
    assert res.n_iter < 50
    assert (res.sigma2, res.sigma2_estimated, res.converged) == (1.0, False, False)
    assert repr(res).endswith("not converged>")
    assert topics(res)["variances"] == "problem"
    assert "sigma2" not in topics(res)
    assert nmfre.NMFRE(growing(), rank=1).fit("ml", n_boot=0).sigma2_estimated


def test_sigma2_that_is_far_from_its_residuals_has_not_converged(model):
    small = nmfre.NMFRE(model.endog / 10.0, model.exog, rank=1)
    with pytest.warns(nmfre.ConvergenceWarning, match="is still far from the mean squared"):
        res = small.fit(n_boot=0)
    assert res.sigma2_estimated
    assert res.sigma2 > 2.0 * res.mean_squared_residual
    assert (res.stop_reason, res.converged) == ("tolerance", False)
    assert topics(res)["variances"] == "problem"
    scan = nmfre.scan_cap(small, [0.1])
    assert scan.table["status"].to_list() == ["did not converge"]


@pytest.mark.parametrize(
    ("y", "a", "match"),
    [
        (1e-7, 1.0, r"responses are too small .*: 2.4e-06\).* Multiply all of them by 1e6, or use"),
        (1e-70, 1.0, "responses are too small .* Multiply all of them by 1e69"),
        (1.0, 1e9, "Covariate 'x1' is too large .* Divide it by 1e9"),
        (1.0, 1e-12, "Covariate 'x1' is too small .* Multiply it by 1e12"),
        (1e-3, 1e7, "Covariate 'x1' is too large"),
    ],
)
def test_units_for_which_the_floors_of_df_cap_are_too_high_raise(model, y, a, match):
    exog = model.exog * [1.0, a]
    other = nmfre.NMFRE(y * model.endog, exog, rank=1)
    with pytest.raises(errors.ScaleError, match=match):
        other.fit()
    with pytest.raises(errors.ScaleError, match=match):
        nmfre.scan_cap(other)


@pytest.mark.parametrize("y", [1e-5, 1e-3, 1e3, 1e5])
@pytest.mark.parametrize("a", [1e-3, 1.0, 1e2])
@pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")
def test_df_cap_depends_on_units_through_its_start_values_alone(model, y, a):
    start = np.full((4, 1), 0.25)
    here = model.fit(df_cap=0.21, n_boot=0, start_basis=start)
    scales = np.array([[1.0, a]])
    there = nmfre.NMFRE(y * model.endog, model.exog * scales, rank=1).fit(
        df_cap=0.21,
        n_boot=0,
        start_basis=start,
        start_theta=y / scales,
        start_sigma2=y**2,
        start_tau2=y**2,
    )
    np.testing.assert_allclose(there.theta * scales / y, here.theta, rtol=1e-6)
    np.testing.assert_allclose(there.tvalues, here.tvalues, rtol=1e-6)
    assert there.sigma2 / y**2 == pytest.approx(here.sigma2)


@pytest.mark.parametrize(("df_cap", "name"), [(0.1, "sigma2"), (None, "tau2")])
def test_variances_at_the_limits_of_df_cap_are_not_estimates(model, df_cap, name):
    other = nmfre.NMFRE(1e7 * model.endog, model.exog, rank=1)
    with pytest.warns(
        nmfre.ConvergenceWarning, match=rf"{name} is held at 1e\+12, the largest .* Divide"
    ):
        res = other.fit(n_boot=0, df_cap=df_cap)
    assert not res.converged
    assert topics(res)["variances"] == "problem"


def test_starts_of_variances_beyond_the_limits_of_df_cap(model):
    for name in ("start_sigma2", "start_tau2"):
        for value in (1e-13, 1e13):
            with pytest.raises(
                errors.InvalidArgumentError, match=f"{name}=.* between 1e-12 and 1e12"
            ):
                model.fit(**{name: value})


def test_a_fit_that_is_not_finite_raises(model, monkeypatch):
    def broken(*args, **kwargs):
        return [replace(e, stop_reason=StopReason.NON_FINITE) for e in original(*args, **kwargs)]

    original = df_cap.fit_alternating
    monkeypatch.setattr(df_cap, "fit_alternating", broken)
    with pytest.raises(errors.NonFiniteFitError, match="non-finite at iteration"):
        model.fit()
