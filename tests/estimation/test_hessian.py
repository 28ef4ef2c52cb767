"""Second derivatives of the likelihood, observed and expected."""

from __future__ import annotations

import numpy as np
import pytest
from holes import holes
from hypothesis import given, settings
from hypothesis import strategies as st
from points import FORMS, covariances, draw, forms, of_size, shapes

from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.hessian import second_derivatives
from nmfre.estimation.likelihood import marginal_value, score
from nmfre.estimation.search import Search


def point(shape, structure, missing):
    """Data, and any parameters with sigma2 = 1."""
    Y, A, X, Theta, log_ridge = draw(*shape)
    if missing:
        Y[holes(Y.T.shape, 0.3, np.random.default_rng(0)).T] = np.nan
    moments = moments_of(Y, A)
    relative = covariances(structure, X.shape, log_ridge)
    relative = Relative(0.7 * relative.v, np.sqrt(0.7) * relative.F)
    return Y, A, moments, X, moments.covariates.gamma(Theta / moments.scale), relative


def in_one(X, Gamma, relative, structure):
    log_psi = np.log(structure.resid.of(relative.v))
    t = structure.random.coordinates(relative.F)
    return np.concatenate([X.ravel(), Gamma.ravel(), log_psi, t])


def taken_apart(z, shape, n_covariates, structure):
    (P, Q), n = shape, structure.resid.size(shape[0])
    X, Gamma, log_psi, t = np.split(z, np.cumsum([P * Q, Q * n_covariates, n]))
    ratios = np.ones(P) if structure.cov_resid != "mean" else of_size(structure, P).means
    relative = Relative(np.exp(log_psi) * ratios / ratios[0], structure.random.factor(t, Q))
    return X.reshape(P, Q), Gamma.reshape(Q, n_covariates), relative


@given(shapes, forms, st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_observed_one_is_the_derivative_of_the_score(shape, structure, missing):
    _, _, moments, X, Gamma, relative = point(shape, structure, missing)

    def minus_score(z):
        X_, Gamma_, at = taken_apart(z, X.shape, Gamma.shape[1], structure)
        value = marginal_value(moments, X_, Gamma_, at, profiled=False)
        by = score(moments, X_, Gamma_, at, value)
        of_variances = structure.resid.pull(by.log_psi), structure.random.pull(at.F, by.F)
        return -np.concatenate([by.X.ravel(), by.Gamma.ravel(), *of_variances])

    z = in_one(X, Gamma, relative, structure)
    steps = 1e-5 * np.eye(len(z))
    expected = np.array([minus_score(z + step) - minus_score(z - step) for step in steps]) / 2e-5
    found = second_derivatives(moments, X, Gamma, relative, structure)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("structure", FORMS)
def test_the_expected_one_is_the_information_of_a_normal_distribution(structure, missing):
    Y, A, moments, X, Gamma, relative = point((5, 2, 2, 1), structure, missing)
    W, z = moments.covariates.white(A), in_one(X, Gamma, relative, structure)

    def mean_and_covariance(z):
        X_, Gamma_, at = taken_apart(z, X.shape, 2, structure)
        covariance = np.diag(at.v) + X_ @ at.Phi @ X_.T
        return np.concatenate([(X_ @ Gamma_ @ W).ravel(), covariance.ravel()])

    steps = 1e-5 * np.eye(len(z))
    slopes = [mean_and_covariance(z + step) - mean_and_covariance(z - step) for step in steps]
    slopes = np.array(slopes) / 2e-5
    of_mean = slopes[:, : Y.size].reshape(len(z), *Y.shape)
    of_covariance = slopes[:, Y.size :].reshape(len(z), 5, 5)
    covariance = mean_and_covariance(z)[Y.size :].reshape(5, 5)
    expected = np.zeros((len(z), len(z)))
    for n, o in enumerate((~np.isnan(Y)).T):
        inverse = np.linalg.inv(covariance[np.ix_(o, o)])
        mu, S = of_mean[:, o, n], inverse @ of_covariance[:, o][:, :, o]
        expected += mu @ inverse @ mu.T + 0.5 * np.einsum("ipq,jqp->ij", S, S)
    expected /= Y.shape[1]
    found = second_derivatives(moments, X, Gamma, relative, structure, expected=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("structure", FORMS)
def test_that_of_a_search_is_the_derivative_of_its_gradient(structure, signed, missing):
    """Along what keeps the sums of columns; Theta and a common sigma2 follow."""
    _, _, moments, X, _, relative = point((6, 2, 2, 3), structure, missing)
    search = Search(moments, X.shape, of_size(structure, 6), signed=signed, cap=np.inf)
    z = search.normalised(search.pack(X, relative))
    steps = 1e-5 * np.eye(len(z))
    expected = [
        search.value_and_gradient(z + step)[1] - search.value_and_gradient(z - step)[1]
        for step in steps
    ]
    expected = np.array(expected) / 2e-5
    keeps = np.eye(len(z)) - np.linalg.pinv(search.column_sums) @ search.column_sums
    found = keeps @ search.hessian(search.at(z), expected=False) @ keeps
    expected = keeps @ expected @ keeps
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    information = search.hessian(search.at(z), expected=True)
    assert np.linalg.eigvalsh(information).min() > -1e-9 * np.abs(information).max()
