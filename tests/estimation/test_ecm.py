"""Bases of many entries: accelerated ECM, its start, and rotations under many inequalities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from points import FORMS, covariances, gradient, value
from scipy.sparse import csr_array

import nmfre
from nmfre.estimation import ecm
from nmfre.estimation.complete import OperatorMoments, moments_of
from nmfre.estimation.covariance_forms import Relative, Structure
from nmfre.estimation.initial import leading_eigenvectors, varimax
from nmfre.estimation.maximize import maximize, starting_bases, starting_covariances
from nmfre.estimation.search import Search

P, Q, N = 220, 4, 600
PAPER, DIAGONAL = Structure(), Structure("diagonal", "diagonal")


@pytest.fixture(scope="module")
def counts():
    """Counts of terms by topics that have a quarter of the terms each: (N, P) and (N, 2)."""
    rng = np.random.default_rng(0)
    topics = np.kron(np.eye(Q), np.ones((P // Q, 1))) * rng.random((P, 1)) + 0.01
    topics /= topics.sum(axis=0)
    exog = np.column_stack([np.ones(N), np.arange(N) % 2])
    Theta = np.column_stack([np.full(Q, 25.0), [20.0, 0.0, 0.0, 5.0]])
    scores = np.maximum(exog @ Theta.T + 10.0 * rng.normal(size=(N, Q)), 0.0)
    return rng.poisson(scores @ topics.T).astype(float), exog, topics


@pytest.fixture(scope="module")
def moments(counts):
    return moments_of(counts[0].T, counts[1].T)


@pytest.mark.parametrize(
    ("signed", "structure"),
    [(True, PAPER), (False, PAPER), (True, DIAGONAL), (False, DIAGONAL)],
)
def test_large_bases_reach_the_maximum_that_steps_with_matrices_reach(
    moments, signed, structure, monkeypatch
):
    (basis,) = starting_bases(moments, Q, 1, np.random.default_rng(0))
    found = maximize(moments, basis, structure=structure, signed=signed)
    assert found.stop_reason == "tolerance"
    assert found.gradient_norm < (1e-8 / P if structure is PAPER else 1e-9)
    assert found.n_iter < 150
    for name in ("maximize.DENSE", "search.LARGEST_HESSIAN"):
        monkeypatch.setattr(f"nmfre.estimation.{name}", 10**9)
    options = {"signed": signed, "tol": 1e-8, "polish": False}
    other = maximize(moments, basis, structure=structure, **options)
    assert found.value == pytest.approx(other.value, abs=1e-9)
    np.testing.assert_allclose(found.X, other.X, atol=1e-5)
    psi, expected = found.sigma2 * found.v, other.sigma2 * other.v
    np.testing.assert_allclose(psi, expected, rtol=1e-3)
    Phi, expected = (m.sigma2 * m.relative.Phi for m in (found, other))
    np.testing.assert_allclose(Phi, expected, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(found.X.sum(axis=0), 1.0)
    assert found.X.min() == 0.0


@pytest.mark.parametrize("structure", [PAPER, DIAGONAL])
def test_every_iteration_ascends_and_the_tolerance_is_per_unit(moments, structure):
    search = Search(moments, (P, Q), structure, signed=False, cap=np.inf)
    X = np.random.default_rng(3).random((P, Q))
    X /= X.sum(axis=0)
    start = Relative.identity(P, Q, 1.0)
    if structure is DIAGONAL:
        start = starting_covariances(moments, X, structure)
    ascent = ecm.accelerated_ecm(
        moments,
        X,
        start,
        structure=structure,
        signed=False,
        norm=search.norm_at,
        tol=1e-9,
        maxiter=500,
    )
    assert np.diff(ascent.path).max() <= ecm.ROUNDING
    z = search.pack(ascent.X, ascent.relative)
    Gamma, _ = moments.profiled(ascent.X, ascent.relative, signed=False)
    point = value(moments, ascent.X, Gamma, ascent.relative, structure)
    assert search.gradient_norm(z) == pytest.approx(
        search.norm_at(ascent.X, Gamma, ascent.relative, point)
    )
    assert search.gradient_norm(z) <= 1e-9


@pytest.mark.parametrize("structure", FORMS)
def test_theta_and_the_size_of_phi_are_at_their_maximum_given_the_basis(moments, structure):
    X = np.random.default_rng(1).random((P, Q)) ** 3
    X /= X.sum(axis=0)
    start = covariances(structure, X.shape, 0.0)
    at = ecm._Given.of(moments, X, start.v)
    for signed in (True, False):
        profiled = structure.resid.profiled
        Gamma, relative = ecm._conditional_maximum(at, start, signed, profiled)
        by = gradient(moments, X, Gamma, relative, structure)
        _, Theta = moments.profiled(X, relative, signed=signed)
        np.testing.assert_allclose(moments.covariates.gamma(Theta), Gamma, rtol=1e-8, atol=1e-10)
        by_theta = by["Gamma"] @ moments.covariates.L.T
        assert abs(structure.random.scale(Q) @ by["t"]) < 1e-10
        free = np.ones_like(Theta, dtype=bool) if signed else Theta > 0
        assert np.abs(P * by_theta[free]).max() < 1e-10
        assert (by_theta[~free] > -1e-12).all()
        assert signed or (Theta >= 0).all()


@pytest.mark.parametrize("profiled", [True, False])
def test_the_size_of_phi_stays_in_its_range(monkeypatch, profiled):
    d, low, high = np.array([0.5, 2.0]), -3.0, 3.0
    monkeypatch.setattr(ecm, "RANGE", high)

    def minus_loglike(x, along):
        """Of the logarithm of a factor of Phi."""
        rss = 10.0 - np.sum(along / (d + np.exp(-x)))
        return (10 * np.log(rss) if profiled else rss) + np.sum(np.log(1.0 + d * np.exp(x)))

    for along, expected in (
        (np.zeros(2), low),  # no random effects
        (np.array([1.0, 8.0]), None),
        (np.array([2.4, 9.6]) if profiled else np.array([1e2, 1e3]), high),  # nothing else
    ):
        found = ecm._log_factor(0.0, 10.0, along, d, 10, profiled)
        best = min(np.linspace(low, high, 6001), key=lambda x, a=along: minus_loglike(x, a))
        assert found == pytest.approx(best, abs=1e-3)
        assert expected is None or found == expected


@given(st.lists(st.tuples(st.floats(-5.0, 5.0), st.floats(-3.0, 3.0)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_projection_on_the_simplex(values):
    for log_scale in (0.0, 1.0):
        x, scale = np.array(values).T
        scale = np.exp(log_scale * scale)
        nearest = ecm._on_simplex(x, scale)
        assert nearest.min() >= 0.0
        assert nearest.sum() == pytest.approx(1.0)
        shift = (x - nearest) / scale
        least = shift[nearest > 0][0]
        np.testing.assert_allclose(shift[nearest > 0], least, atol=1e-9)
        assert (shift <= least + 1e-9).all()


def test_a_large_start_finds_the_blocks_of_the_basis(counts, moments):
    topics = counts[2]
    (basis,) = starting_bases(moments, Q, 1, np.random.default_rng(0))
    likeness = np.corrcoef(basis.T, topics.T)[:Q, Q:]
    assert sorted(likeness.argmax(axis=1)) == list(range(Q))
    assert likeness.max(axis=1).min() > 0.9
    u = leading_eigenvectors(moments, Q, np.random.default_rng(0), 1e-3)
    rotated = varimax(u)
    np.testing.assert_allclose(rotated.T @ rotated, np.eye(Q), atol=1e-9)
    np.testing.assert_allclose(rotated @ rotated.T, u @ u.T, atol=1e-9)


def test_sparse_and_dense_fits_of_many_responses_agree(counts):
    endog, exog, _ = counts
    options = {"n_starts": 1, "n_boot": 0, "uncertainty": "conditional"}
    dense = nmfre.NMFRE(endog, exog, rank=Q).fit("ml", **options)
    model = nmfre.NMFRE(csr_array(endog), exog, rank=Q)
    assert isinstance(model.design.moments(), OperatorMoments)
    sparse = model.fit("ml", **options)
    assert sparse.llf == pytest.approx(dense.llf, abs=1e-6)
    np.testing.assert_allclose(sparse.params, dense.params, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sparse.bse, dense.bse, rtol=1e-4)


def test_a_large_fit_that_is_cut_short_or_capped(counts):
    endog, exog, _ = counts
    model = nmfre.NMFRE(endog, exog, rank=Q)
    options = {"n_starts": 1, "n_boot": 0, "uncertainty": "conditional"}
    with pytest.warns(nmfre.ConvergenceWarning, match="iterations was reached"):
        res = model.fit("ml", maxiter=3, **options)
    assert res.n_iter == 3
    capped = model.fit("ml", df_cap=0.5, tol=1e-6, **options)
    assert capped.df_random == pytest.approx(0.5 * N * Q)
    assert capped.converged
