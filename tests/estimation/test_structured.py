"""Bases of many entries: products with Hessians, systems by their structure, certified climbs."""

from __future__ import annotations

import numpy as np
import pytest
from points import FORMS, covariances
from scipy.sparse import csr_array

from nmfre.estimation import structured
from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.curvature import Curvature
from nmfre.estimation.ecm import accelerated_ecm
from nmfre.estimation.fisher import Fisher
from nmfre.estimation.hessian import second_derivatives
from nmfre.estimation.likelihood import marginal_value
from nmfre.estimation.maximize import LEAST_GAIN, maximize, starting_bases
from nmfre.estimation.search import Search

P, Q, K, N = 8, 3, 2, 40


def topics(n_terms, rank, n_documents, seed=0):
    """Sparse counts of terms (P, N), few of each, and covariates (K, N)."""
    rng = np.random.default_rng(seed)
    share = rng.gamma(0.05, size=(n_terms, rank))
    share /= share.sum(axis=0)
    A = np.vstack([np.ones(n_documents), np.arange(n_documents) % 2])
    Theta = np.column_stack([np.full(rank, 40.0), rng.uniform(0.0, 20.0, rank)])
    scores = np.maximum(Theta @ A + 15.0 * rng.normal(size=(rank, n_documents)), 0.0)
    Y = rng.poisson(share @ scores).astype(float)
    return Y[(Y > 0).sum(axis=1) > 1], A


@pytest.fixture(scope="module")
def points():
    """Somewhere, for each form: what is there, and both Hessians in its parameters."""
    rng = np.random.default_rng(0)
    A = np.vstack([np.ones(N), rng.normal(size=N)])
    Y = rng.random((P, Q)) @ (3.0 + rng.random((Q, N))) + rng.random((P, N))
    moments = moments_of(Y, A)
    found = {}
    for structure in FORMS:
        X = rng.random((P, Q))
        X /= X.sum(axis=0)
        relative = covariances(structure, X.shape, 0.3)
        Gamma, _ = moments.profiled(X, relative, signed=True)
        point = marginal_value(moments, X, Gamma, relative, profiled=structure.resid.profiled)
        at = Curvature(moments, structure, X, Gamma, relative, point, np.eye(Q * K))
        dense = [
            second_derivatives(
                moments, X, Gamma, relative.times(point.sigma2), structure, expected=expected
            )
            for expected in (False, True)
        ]
        J = np.zeros((len(dense[0]), len(at.gradient)))
        local = np.arange(at.n_local).reshape(P, at.width)
        J[np.arange(P * Q), local[:, :Q].ravel()] = 1.0
        if not at.common:
            J[P * Q + Q * K + np.arange(P), local[:, Q]] = 1.0
        n_t = structure.random.size(Q)
        J[P * Q : P * Q + Q * K, at.n_local :] = at.others[: Q * K]
        J[len(J) - n_t - at.common :, at.n_local :] = at.others[Q * K :]
        found[structure] = at, [J.T @ H @ J for H in dense]
    return found


@pytest.mark.parametrize("structure", FORMS)
def test_products_are_those_of_the_matrices(points, structure):
    at, (observed, expected) = points[structure]
    unit = np.eye(len(at.gradient))
    for times, matrix in ((at.times, observed), (Fisher(at, 0.0).times, expected)):
        products = np.column_stack([times(e) for e in unit])
        np.testing.assert_allclose(products, matrix, atol=1e-10 * np.abs(matrix).max())


@pytest.mark.parametrize("structure", FORMS)
def test_systems_are_solved_on_a_face_with_given_sums(points, structure):
    at, _ = points[structure]
    rng = np.random.default_rng(1)
    n = len(at.gradient)
    local = np.arange(at.n_local).reshape(P, at.width)[:, :Q]
    E = np.zeros((n, Q))
    E[local.ravel(), np.tile(np.arange(Q), P)] = 1.0
    fisher, face = Fisher(at, 1e-3), None  # rotations have no curvature without
    expected = np.column_stack([fisher.times(e) for e in np.eye(n)])
    for _ in range(2):  # from nothing, and from a face before
        free = rng.random(n) > 0.2
        face = fisher.on(free, face)
        right, sums = rng.normal(size=n), rng.normal(size=Q)
        change, multipliers = face.solve(right, sums)
        assert not change[~free].any()
        np.testing.assert_allclose(E.T @ change, sums, rtol=1e-7, atol=1e-7)
        residual = right - expected @ change - E @ multipliers
        assert np.abs(residual[free]).max() < 1e-7 * np.abs(expected @ change).max()


@pytest.mark.parametrize("structure", [Structure(), Structure("diagonal", "diagonal")])
def test_a_certified_stop_is_where_a_longer_climb_ends(structure):
    Y, A = topics(2_000, 5, 400)
    moments = moments_of(csr_array(Y), A)
    (basis,) = starting_bases(moments, 5, 1, np.random.default_rng(0))
    found = maximize(moments, basis, structure=structure, signed=False)
    assert found.stop_reason == "tolerance"
    assert 0.0 <= found.expected_gain < LEAST_GAIN
    search = Search(moments, basis.shape, structure, signed=False, cap=np.inf)
    z = search.pack(found.X, found.relative)
    longer = structured.climb(search, moments, z, least=0.0, tol=0.0, maxiter=10)
    value, _ = search.value_and_gradient(longer.z)
    gain = moments.n_cells * (found.value - value)
    assert abs(gain) < 1e-4
    # Iterations that need no second derivatives find nothing above it either.
    other = accelerated_ecm(
        moments,
        found.X,
        found.relative,
        structure=structure,
        signed=False,
        norm=lambda *_: 1.0,
        tol=0.0,
        maxiter=30,
    )
    assert moments.n_cells * (found.value - min(other.path)) < 1e-4
