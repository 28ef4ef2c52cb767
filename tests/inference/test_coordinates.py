"""Scores and the Hessian are derivatives of the density; what counts as held at a bound."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bumps import coordinates_of, parameters, psi_of
from holes import loglike
from scipy import stats
from shown import falling

import nmfre
from nmfre.estimation.complete import moments_of
from nmfre.estimation.likelihood import Score
from nmfre.estimators.maximum_likelihood import MaximumLikelihood
from nmfre.inference.coordinates import Coordinates, _contrasts

FORMS = [
    {},
    {"cov_resid": "diagonal"},
    {"cov_re": "diagonal"},
    {"cov_resid": "diagonal", "cov_re": "diagonal"},
    {"cov_re": "full"},
    {"cov_resid": "diagonal", "cov_re": "full"},
    {"cov_resid": "mean", "cov_re": "diagonal"},
]


def fitted(model, form, **options):
    """A fit of a form; what is full has a pattern, of responses with one component each."""
    if form.get("cov_re") == "full":
        pattern = np.zeros((8, 2), dtype=bool)
        pattern[:5, 0] = pattern[3:, 1] = True
        design = model.design
        estimator = MaximumLikelihood(signed=True, n_starts=2, **form, **options)
        estimate = estimator.fit(design, 2, np.random.default_rng(0), pattern)
        return SimpleNamespace(model=model, estimate=estimate)
    return model.fit("ml", signed=True, n_starts=2, n_boot=0, **form, **options)


def along_all(res):
    """Derivatives of such parameters by all of the full coordinates, rotations among them."""
    coordinates = coordinates_of(res)
    axes = coordinates.axes(np.zeros(res.estimate.Theta.size, dtype=bool))
    J = coordinates.jacobian(replace(axes, directions=axes.kept))
    J[coordinates.of_theta] *= coordinates.moments.scale
    return coordinates, J


def unit_loglike(res, psi):
    """Log-densities of the units at such parameters, from SciPy."""
    X, Theta, Psi, Phi = parameters(res, psi)
    centred = (res.model.design.Y - X @ Theta @ res.model.design.A).T
    return stats.multivariate_normal(np.zeros(len(X)), np.diag(Psi) + X @ Phi @ X.T).logpdf(centred)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("df_cap", [None, 0.5])
def test_unit_scores_are_derivatives_of_the_density(bumps, df_cap, form):
    res = fitted(bumps, form, df_cap=df_cap)
    assert res.estimate.cap_binds == (df_cap is not None)
    coordinates, J = along_all(res)
    scores = coordinates.unit_scores(bumps.design.Y, bumps.design.A)
    psi, h = psi_of(res), 1e-5
    for j in range(0, J.shape[1], 3):
        ahead, behind = (unit_loglike(res, psi + sign * h * J[:, j]) for sign in (1, -1))
        np.testing.assert_allclose(scores[:, j], (ahead - behind) / (2 * h), rtol=1e-4, atol=1e-5)
    assert np.abs(scores.mean(axis=0)).max() < 1e-6
    at_maximum = coordinates.score(np.zeros(J.shape[1]))
    np.testing.assert_allclose(scores.mean(axis=0), at_maximum, atol=1e-10)
    assert coordinates.rotations.shape[1] == res.estimate.identification.n_free
    assert np.abs(scores @ coordinates.rotations).max(initial=0.0) < 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_the_hessian_is_that_of_the_density(bumps, form):
    res = fitted(bumps, form)
    coordinates, J = along_all(res)
    hessian = coordinates.hessian()
    psi, h = psi_of(res), 1e-4

    def loglike(step):
        return unit_loglike(res, psi + J @ step).mean()

    axes = h * np.eye(J.shape[1])
    last = len(axes) - 1
    pairs = (0, 0), (3, 9), (13, 13), (14, min(16, last)), (last, last), (last, last - 1), (2, last)
    for i, j in pairs:
        a, b = axes[i], axes[j]
        second = (loglike(a + b) - loglike(a - b) - loglike(b - a) + loglike(-a - b)) / (4 * h**2)
        assert hessian[i, j] == pytest.approx(second, rel=1e-3, abs=1e-5)
    assert np.linalg.eigvalsh(hessian).max() < 0
    assert not coordinates.rotations.size


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_of_the_degrees_of_freedom(bumps, holed, form):
    for model in (bumps, holed):
        res = fitted(model, form)
        coordinates, psi = coordinates_of(res), psi_of(res)

        def df(psi, res=res, model=model):
            X, _, Psi, Phi = parameters(res, psi)
            G = np.array([X[o].T @ (X[o] / Psi[o, None]) for o in (~np.isnan(model.design.Y)).T])
            return np.trace(np.linalg.solve(G + np.linalg.inv(Phi), G), axis1=1, axis2=2).sum()

        steps = 1e-5 * np.eye(len(psi))
        expected = [(df(psi + step) - df(psi - step)) / 2e-5 for step in steps]
        np.testing.assert_allclose(coordinates.df_gradient(), expected, rtol=1e-5, atol=1e-4)
        assert df(psi) == pytest.approx(res.estimate.df_random)


def test_columns_keep_their_sums_and_their_zeros():
    free = np.array([True, False, True, True, False])
    basis = _contrasts(free)
    assert basis.shape == (5, 2)
    np.testing.assert_allclose(basis.sum(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(basis[~free], 0.0)
    np.testing.assert_allclose(basis.T @ basis, np.eye(2), atol=1e-12)
    assert _contrasts(np.array([True, False])).shape == (2, 0)


def alone(moments):
    """The direction of Gamma in which the last effect moves, clear of the one before it."""
    direction = moments.covariates.inverse[:, -1]
    return direction / np.linalg.norm(direction)


@pytest.mark.parametrize(
    ("size", "push", "held"), [(0.9, 1.1, True), (1.1, 1.1, False), (0.9, 0.9, False)]
)
def test_what_is_at_a_bound_and_pushed_against_it(bumps, monkeypatch, size, push, held):
    """Entries of X and Theta of a millionth, and derivatives of a millionth per unit."""
    res = bumps.fit("ml", n_starts=1, n_boot=0)
    X, Theta = res.estimate.X.copy(), res.estimate.Theta.copy()
    moments = moments_of(bumps.design.Y, bumps.design.A)
    scale = moments.covariates.scale
    X[3, 0] = size * 1e-6 / 8
    Theta[1, 1] = 0.0
    Theta[1, 1] = size * 1e-6 * np.max(Theta * scale) / scale[1]
    by_X, by_Gamma = np.zeros(X.shape), np.zeros(Theta.shape)
    by_X[3, 0] = -push * 1e-6
    by_Gamma[1] = -push * 1e-6 / 8 * alone(moments)
    score = Score(X=by_X, Gamma=by_Gamma, F=np.zeros((2, 2)), log_psi=np.zeros(8))
    monkeypatch.setattr(Coordinates, "_score", lambda *args: (score, np.eye(2)))
    found = Coordinates(moments, replace(res.estimate, X=X, Theta=Theta))
    assert found.held_basis[3, 0] == held
    assert found.pushed_theta[3] == held
    assert found.theta_at_bound[3] == (size < 1)


@pytest.mark.parametrize(("push", "at_bound"), [(0.9, True), (1.1, False)])
def test_a_zero_that_the_likelihood_pulls_up_is_not_at_its_bound(
    bumps, monkeypatch, push, at_bound
):
    res = bumps.fit("ml", n_starts=1, n_boot=0)
    moments = moments_of(bumps.design.Y, bumps.design.A)
    Theta, by_Gamma = res.estimate.Theta.copy(), np.zeros(res.estimate.Theta.shape)
    Theta[1, 1] = 0.0
    by_Gamma[1] = push * 1e-6 / 8 * alone(moments)
    score = Score(np.zeros((8, 2)), by_Gamma, F=np.zeros((2, 2)), log_psi=np.zeros(8))
    monkeypatch.setattr(Coordinates, "_score", lambda *args: (score, np.eye(2)))
    assert Coordinates(moments, replace(res.estimate, Theta=Theta)).theta_at_bound[3] == at_bound


@pytest.mark.parametrize(("z", "beyond"), [(-1.94, False), (-1.98, True), (1.98, False)])
def test_effects_two_standard_errors_below_their_bound_are_beyond_it(z, beyond):
    endog, exog = falling()
    coordinates = coordinates_of(nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0))
    assert coordinates.theta_at_bound.tolist() == [False, True]
    size = coordinates.full_axes.shape[1]
    cleared = np.eye(size)[[coordinates.first_theta + 1]]
    information = 4.0 * np.eye(size) / len(endog)
    found = coordinates.beyond_bounds(cleared, 2.0 * z * np.ones(size), -information)
    assert found.tolist() == [False, beyond]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("df_cap", [None, 0.5])
def test_unit_scores_and_hessian_are_derivatives_of_the_density(holed, df_cap, form):
    res = fitted(holed, form, df_cap=df_cap)
    assert res.estimate.cap_binds == (df_cap is not None)
    Y, A = holed.design.Y, holed.design.A
    coordinates, J = along_all(res)
    scores = coordinates.unit_scores(Y, A)
    psi = psi_of(res)

    def density(psi):
        return loglike(Y, A, *parameters(res, psi))

    h = 1e-5
    for j in range(0, J.shape[1], 3):
        ahead, behind = (density(psi + sign * h * J[:, j]) for sign in (1, -1))
        np.testing.assert_allclose(scores[:, j], (ahead - behind) / (2 * h), rtol=1e-4, atol=1e-5)
    assert np.abs(scores.mean(axis=0)).max() < 1e-6
    at_maximum = coordinates.score(np.zeros(J.shape[1]))
    np.testing.assert_allclose(scores.mean(axis=0), at_maximum, atol=1e-10)
    assert coordinates.rotations.shape[1] == res.estimate.identification.n_free
    assert np.abs(scores @ coordinates.rotations).max(initial=0.0) < 1e-6
    if df_cap is None:
        hessian, axes = coordinates.hessian(), 1e-4 * np.eye(J.shape[1])
        last = len(axes) - 1
        for i, j in ((0, 0), (3, 9), (13, 13), (14, min(16, last)), (-1, -1), (-1, -2), (2, -1)):
            a, b = J @ axes[i], J @ axes[j]
            plus, minus, mixed, other = (
                density(psi + step).mean() for step in (a + b, -a - b, a - b, b - a)
            )
            second = (plus + minus - mixed - other) / 4e-8
            assert hessian[i, j] == pytest.approx(second, rel=1e-3, abs=1e-5)
