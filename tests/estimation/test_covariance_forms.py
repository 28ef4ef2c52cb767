"""Forms of the covariances and their coordinates."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from points import FORMS, covariances, of_size

from nmfre.estimation.covariance_forms import (
    RESIDUAL_FORMS,
    MeanResidual,
    Relative,
    Structure,
    in_proportion,
)
from nmfre.estimation.random_forms import RANDOM_FORMS, CovRe

RANKS = (1, 2, 4)
OF_FITS = get_args(CovRe)
"""Without that of the test of no random effects, which has no coordinates."""
random_forms = pytest.mark.parametrize("form", [RANDOM_FORMS[n] for n in OF_FITS], ids=OF_FITS)
residual_forms = pytest.mark.parametrize("form", RESIDUAL_FORMS.values(), ids=RESIDUAL_FORMS)


def drawn(form, rank):
    """F of a form, and its coordinates."""
    F = covariances(Structure(cov_re=form.name), (3, rank), 0.7, seed=rank).F
    return F, form.coordinates(F)


@random_forms
@pytest.mark.parametrize("rank", RANKS)
def test_coordinates_of_phi_are_those_of_its_factor(form, rank):
    F, t = drawn(form, rank)
    assert len(t) == form.size(rank)
    np.testing.assert_allclose(form.factor(t, rank), F, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(form.nearest(F @ F.T), F, rtol=1e-9, atol=1e-12)
    scaled = form.factor(t + np.log(3.0) * form.scale(rank), rank)
    np.testing.assert_allclose(scaled @ scaled.T, 3.0 * F @ F.T, rtol=1e-12, atol=1e-14)
    low, high = form.limits(rank)
    assert (low < t).all()
    assert (t < high).all()


@random_forms
@pytest.mark.parametrize("rank", RANKS)
def test_derivatives_by_coordinates_are_those_of_differences(form, rank):
    F, t = drawn(form, rank)
    by_F = np.tril(np.random.default_rng(0).normal(size=(2, rank, rank)))
    steps = 1e-6 * np.eye(len(t))
    ahead, behind = (np.array([form.factor(t + s * step, rank) for step in steps]) for s in (1, -1))
    slopes = (ahead - behind) / 2e-6
    expected = np.einsum("bqr,nqr->bn", by_F, slopes)
    np.testing.assert_allclose(form.pull(F, by_F), expected, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(form.pull(F, by_F[0]), expected[0], rtol=1e-7, atol=1e-8)
    for i, slope in enumerate(slopes):
        change = slope @ F.T + F @ slope.T
        found = form.of_change(F, change)
        np.testing.assert_allclose(found, np.eye(len(t))[i], atol=1e-7)
        if form.name != "identity":
            np.testing.assert_allclose(form.residue(change), 0.0, atol=1e-8)


@random_forms
def test_what_of_a_change_is_not_of_the_form(form):
    change = np.random.default_rng(0).normal(size=(5, 3, 3))
    change = change + change.mT
    assert form.residue(change).shape == (5, {"identity": 9, "diagonal": 3, "full": 0}[form.name])
    diagonal = np.eye(3) * change
    allowed = {"identity": 0.0 * diagonal, "diagonal": diagonal, "full": change}[form.name]
    np.testing.assert_allclose(form.residue(allowed), 0.0)


@random_forms
@pytest.mark.parametrize("rank", RANKS)
def test_rotations_are_skew_and_keep_sums_where_variances_are_equal(form, rank):
    K = form.rotations(rank)
    np.testing.assert_allclose(K, -K.mT, atol=1e-12)
    n = (rank - 1) * (rank - 2) // 2 if form.name == "identity" else rank * (rank - 1) // 2
    assert len(K) == n
    assert np.linalg.matrix_rank(K.reshape(n, -1)) == n if n else True
    if form.name == "identity":
        np.testing.assert_allclose(K.sum(axis=2), 0.0, atol=1e-12)


def test_variances_at_their_bound_hold_their_coordinates():
    some, all_of_them = np.array([False, True, False]), np.ones(3, dtype=bool)
    assert RANDOM_FORMS["identity"].held(some).tolist() == [False]
    assert RANDOM_FORMS["identity"].held(all_of_them).tolist() == [True]
    assert RANDOM_FORMS["diagonal"].held(some).tolist() == some.tolist()
    assert RANDOM_FORMS["full"].held(some).tolist() == [False, True, False, False, False, False]


@residual_forms
def test_residual_variances_of_a_form(form):
    psi, means = np.array([0.5, 2.0, 3.5]), np.array([0.4, 1.6, 1.0])
    form = MeanResidual(means) if form.name == "mean" else form
    sigma2, v = form.nearest(psi)
    assert form.size(3) == len(form.of(psi))
    if form.name == "identity":
        assert (sigma2, v.tolist()) == (2.0, [1.0, 1.0, 1.0])
    elif form.name == "mean":
        assert sigma2 == pytest.approx((0.5 / 0.4 + 2.0 / 1.6 + 3.5) / 3.0)
        np.testing.assert_array_equal(v, means)
    else:
        np.testing.assert_array_equal(sigma2 * v, psi)
    by_log_psi = np.random.default_rng(0).normal(size=(4, 3))
    found = form.pull(by_log_psi)
    expected = by_log_psi if form.name == "diagonal" else by_log_psi.sum(axis=1)[:, None]
    np.testing.assert_array_equal(found, expected)
    if form.profiled:
        np.testing.assert_array_equal(form.given((2, 3)), np.stack([v, v]))


def test_proportions_have_the_mean_one_and_are_not_zero():
    v = in_proportion(np.array([0.0, 1.0, 3.0]))
    assert v.mean() == pytest.approx(1.0)
    assert v[2] / v[1] == pytest.approx(3.0)
    assert 0.0 < v[0] < 1e-5


@pytest.mark.parametrize("structure", FORMS)
def test_relative_covariances(structure):
    rng = np.random.default_rng(0)
    X, relative = rng.random((5, 3)), covariances(structure, (5, 3), 0.4)
    Z = relative.loadings(X)
    Sigma = np.diag(relative.v) + X @ relative.Phi @ X.T
    root = np.sqrt(relative.v)[:, None]
    np.testing.assert_allclose(root * (np.eye(5) + Z @ Z.T) * root.T, Sigma, rtol=1e-12)
    blup = relative.Phi @ X.T @ np.linalg.inv(Sigma)
    np.testing.assert_allclose(relative.blup_of(X), blup, rtol=1e-10, atol=1e-12)
    order = np.array([2, 0, 1])
    ordered = relative.ordered(order)
    np.testing.assert_allclose(ordered.Phi, relative.Phi[np.ix_(order, order)], rtol=1e-12)
    np.testing.assert_array_equal(np.triu(ordered.F, 1), 0.0)
    np.testing.assert_allclose(relative.scaled(2.5).Phi, 2.5 * relative.Phi)
    np.testing.assert_allclose(relative.times(2.5).v, 2.5 * relative.v)
    absolute = Relative(4.0 * relative.v, 2.0 * relative.F)
    again = of_size(structure, 5).relative(absolute, 2.0)
    np.testing.assert_allclose(again.v / again.v[0], relative.v / relative.v[0])
    np.testing.assert_allclose(again.Phi / again.v[0], relative.Phi / relative.v[0], atol=1e-12)


def test_the_paper_has_one_variance_of_each():
    relative = Relative.identity(4, 2, 0.25)
    np.testing.assert_array_equal(relative.v, np.ones(4))
    np.testing.assert_array_equal(relative.Phi, 4.0 * np.eye(2))
    assert Structure().n_variances(4, 2) == 2
    assert Structure("mean").n_variances(4, 2) == 2
    assert Structure("diagonal", "full").n_variances(4, 2) == 7
    assert not Structure().held((4, 2)).any()
