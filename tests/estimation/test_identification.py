"""Rotations and mixtures that leave the likelihood as it is: counted, and one of them printed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import Case
from forms import PAPER
from shown import X, model_without_random_effects, topics
from turned import turned

import nmfre
from nmfre.estimation import identification
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.identification import identify, n_rotations
from nmfre.estimation.random_forms import RANDOM_FORMS
from nmfre.estimation.representative import representative, sparsest_rotation, widest_mixture
from nmfre.inference.marginal import marginal_inference


def free_of(X, Theta=None, mean=None, structure=Structure(), Phi=None):  # noqa: B008
    """What is free where Phi is I or, where the mean is given, 0."""
    if Phi is None:
        Phi = np.eye(X.shape[1]) if mean is None else np.zeros((X.shape[1], X.shape[1]))
    return identify(X, Theta, Phi, structure, mean=mean)


def rotated(X, Theta=None):
    """The sparsest rotation that keeps equal variances equal."""
    bounded = np.empty((X.shape[1], 0)) if Theta is None else Theta
    directions = RANDOM_FORMS["identity"].rotations(X.shape[1])
    return sparsest_rotation(X, bounded, directions)


def at_another_mixture(res, R):
    """The same fit with X R for X, and inference on it."""
    e, design = res.estimate, res.model.design
    turned = replace(e, X=e.X @ R, Theta=np.linalg.solve(R, e.Theta), U=np.linalg.solve(R, e.U))
    found = free_of(turned.X, None if e.signed else turned.Theta, mean=turned.Theta)
    turned = replace(turned, identification=found)
    inference = marginal_inference(
        design.Y,
        design.A,
        design.moments(),
        turned,
        res.inference.options,
        np.random.SeedSequence(0),
    )
    return replace(res, estimate=turned, inference=inference)


@pytest.mark.parametrize("signed", [True, False])
def test_without_random_effects_components_mix(signed):
    model = model_without_random_effects(2, 3)
    fits = [model.fit("ml", signed=signed, n_boot=0, n_starts=2, seed=seed) for seed in (0, 7)]
    for res in fits:
        assert res.estimate.tau2_at_bound
        assert (res.identification.n_free, res.identification.mixing) == (2, (True, True))
        assert res.bse.isna().all()
        assert res.basis_bse.isna().all(axis=None)
        np.testing.assert_allclose(res.basis, fits[0].basis, atol=1e-7)
        np.testing.assert_allclose(res.theta, fits[0].theta, rtol=1e-6, atol=1e-5)
        assert (res.basis.min() < 1e-12).all()  # as far apart as they can be
    found = res.check().frame.set_index("topic")["text"]
    assert "tau2 is zero, so comp1, comp2 can be mixed" in found["not identified"]
    assert "not determined" not in found


@pytest.mark.parametrize("signed", [True, False])
def test_what_is_invariant_does_not_depend_on_the_mixture(signed):
    res = model_without_random_effects(2, 3).fit("ml", signed=signed, n_boot=0, n_starts=1)
    other = at_another_mixture(res, np.array([[0.9, 0.2], [0.1, 0.8]]))
    assert (other.profiles_bse > 0).all(axis=None)
    np.testing.assert_allclose(other.profiles, res.profiles, rtol=1e-9)
    np.testing.assert_allclose(other.profiles_bse, res.profiles_bse, rtol=1e-5)
    np.testing.assert_allclose(
        other.wald_test_terms().table, res.wald_test_terms().table, rtol=1e-5
    )
    np.testing.assert_allclose(
        other.get_prediction().se_mean, res.get_prediction().se_mean, rtol=1e-5
    )


@pytest.mark.parametrize(("rank", "n_covariates"), [(2, 2), (2, 1), (3, 2)])
def test_profiles_are_those_of_least_squares(rank, n_covariates):
    """With no more covariates than components, X Theta is any matrix: regressions by response."""
    model = model_without_random_effects(rank, n_covariates)
    res = model.fit("ml", signed=True, n_boot=0, n_starts=2, cov_type="naive")
    design = model.design
    coefficients = np.linalg.lstsq(design.A.T, design.Y.T, rcond=None)[0].T
    np.testing.assert_allclose(res.profiles, coefficients, rtol=1e-5)
    sigma2 = np.mean((design.Y - coefficients @ design.A) ** 2)
    variances = sigma2 * np.diag(np.linalg.inv(design.A @ design.A.T))
    assert res.sigma2 == pytest.approx(sigma2)
    np.testing.assert_allclose(res.profiles_bse, np.tile(variances**0.5, (7, 1)), rtol=1e-4)
    table = res.wald_test_terms().table
    expected = np.sum(coefficients**2, axis=0) / variances
    np.testing.assert_allclose(table["statistic"], expected, rtol=1e-4)
    assert (table["df_constraint"] == n_covariates).all()
    assert res.bse.isna().all()
    text = res.check().frame.set_index("topic")["text"]["not identified"]
    assert ("lower the rank" in text) == (n_covariates < rank)


def test_free_mixtures_are_counted():
    Theta = np.array([[30.0, 10], [20, 5], [40, 1]])
    assert free_of(X, None, mean=Theta).n_free == 6
    assert free_of(X, Theta, mean=Theta).n_free == 6
    blocks = np.kron(np.eye(3), np.ones((3, 1)))
    inward = free_of(blocks, None, mean=Theta)  # no bound of X keeps components from coming closer
    assert (inward.n_free, inward.by_bounds) == (6, False)
    held = free_of(blocks, np.eye(3), mean=np.eye(3))
    assert (held.n_free, held.mixing, held.by_bounds) == (0, (False, False, False), True)
    without_effect = np.diag([1.0, 1.0, 0.0])
    assert free_of(blocks, without_effect, mean=without_effect).mixing[2]


@pytest.mark.parametrize("bounded", [True, False])
def test_the_widest_mixture_is_the_same_from_everywhere(bounded):
    rng = np.random.default_rng(0)
    Theta = rng.uniform(1.0, 5.0, size=(3, 4))
    found = []
    for _ in range(3):
        R = np.eye(3) + rng.uniform(-0.05, 0.05, size=(3, 3))
        R /= R.sum(axis=0)
        basis, effects = X @ R, np.linalg.solve(R, Theta)
        S = widest_mixture(basis, effects if bounded else None)
        np.testing.assert_allclose(S.sum(axis=0), 1.0)
        widest = basis @ S
        assert widest.min() > -1e-9
        if bounded:
            assert np.linalg.solve(S, effects).min() > -1e-9
        assert abs(np.linalg.det(S)) > 1.0
        found.append(widest[:, np.argsort(np.arange(7) @ widest)])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-8)


@pytest.fixture(scope="module")
def holzinger():
    case = Case.read("holzinger_rank3")
    return nmfre.NMFRE(case.Y.T, case.A.T, rank=3)


def test_free_directions_are_counted():
    rng = np.random.default_rng(0)
    full = {Q: rng.random((8, Q)) + 0.2 for Q in range(1, 6)}
    assert [free_of(full[Q], None).n_free for Q in range(1, 6)] == [0, 0, 1, 3, 6]
    assert free_of(full[3], np.ones((3, 2))).n_free == 1
    blocks = np.kron(np.eye(3), np.ones((3, 1)))
    assert free_of(blocks, None).n_free == 0
    two_mix = np.kron(np.eye(2), np.ones((3, 1)))
    mixed = np.column_stack([two_mix[:, 0], full[4][:6, 1:]])
    mixed[:3, 1:] = 0.0
    mixed[3:, 0] = 0.0
    found = free_of(mixed, None)
    assert found.n_free == 1
    assert found.mixing == (False, True, True, True)


@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_free_directions_are_as_many_as_the_form_of_phi_leaves(rank):
    rng = np.random.default_rng(rank)
    X = rng.random((8, rank)) + 0.2
    blocks = np.kron(np.eye(rank), np.ones((2, 1)))
    factor = np.tril(rng.normal(size=(rank, rank))) + 3.0 * np.eye(rank)
    phi = {"identity": np.eye(rank), "diagonal": np.diag(rng.random(rank) + 0.5)}
    phi["full"] = factor @ factor.T
    expected = {
        "identity": (rank - 1) * (rank - 2) // 2,
        "diagonal": rank * (rank - 1) // 2,
        "full": rank * (rank - 1),
    }
    for cov_re, n_free in expected.items():
        structure = Structure(cov_re=cov_re)
        found = free_of(X, structure=structure, Phi=phi[cov_re])
        assert found.n_free == n_rotations(X.shape, structure) == n_free
        for K in found.directions:
            np.testing.assert_allclose(K.sum(axis=0), 0.0, atol=1e-9)
            change = K @ phi[cov_re] + phi[cov_re] @ K.T
            np.testing.assert_allclose(structure.random.residue(change), 0.0, atol=1e-9)
        anchored = free_of(blocks, structure=structure, Phi=phi[cov_re])
        if cov_re != "full":  # which keeps mixtures that bring components closer
            assert (anchored.n_free, anchored.by) == (0, "zeros")
        held = replace(structure, pattern=blocks > 0)
        confirmed = free_of(blocks, structure=held, Phi=phi[cov_re])
        assert (confirmed.n_free, confirmed.by) == (0, "pattern")
        assert n_rotations(blocks.shape, held) == 0


def test_equal_variances_are_a_convention_that_names_two_components():
    X = np.array([[5.0, 4, 3, 2, 1], [1, 2, 1, 3, 2]]).T
    assert free_of(X).by == "convention"
    assert free_of(X, structure=Structure(cov_re="diagonal")).by == ""
    assert free_of(X[:, :1]).by == ""


@pytest.mark.parametrize("rank", [3, 4])
def test_the_representative_is_the_same_from_everywhere_on_the_orbit(rank):
    rng = np.random.default_rng(rank)
    X = rng.random((9, rank)) + 0.3
    Theta = rng.random((rank, 2)) + 1.0
    found = []
    for _ in range(4):
        small = rng.normal(scale=0.05, size=(rank, rank))
        skew = small - small.T
        ones = np.ones((rank, rank)) / rank
        skew = (np.eye(rank) - ones) @ skew @ (np.eye(rank) - ones)
        R = np.linalg.solve(np.eye(rank) + skew, np.eye(rank) - skew)  # Cayley: R 1 = 1
        np.testing.assert_allclose(R.sum(axis=1), 1.0)
        S = rotated(X @ R, R.T @ Theta)
        np.testing.assert_allclose(S @ S.T, np.eye(rank), atol=1e-9)
        basis = X @ R @ S
        assert basis.min() > -1e-6
        found.append(basis[:, np.argsort(np.arange(9) @ basis)])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-5)


@pytest.mark.parametrize("rank", [2, 3])
def test_the_representative_of_different_variances_is_the_same_from_everywhere(rank):
    rng = np.random.default_rng(rank)
    X, F = rng.random((9, rank)) + 0.3, np.diag(rng.random(rank) + 0.5)
    Theta, structure = rng.random((rank, 2)) + 1.0, Structure(cov_re="diagonal")
    X /= X.sum(axis=0)
    found = []
    for _ in range(4):
        small = rng.normal(scale=0.05, size=(rank, rank))
        turn = np.linalg.qr(np.eye(rank) + small - small.T)[0]
        R = F @ turn / (X @ F @ turn).sum(axis=0)
        basis, effects = X @ R, np.linalg.solve(R, Theta)
        Phi = np.linalg.solve(R, np.linalg.solve(R, F @ F).T)
        np.testing.assert_allclose(Phi, np.diag(np.diag(Phi)), atol=1e-9)
        S = representative(basis, None, np.sqrt(np.diag(np.diag(Phi))), structure)
        np.testing.assert_allclose(S.sum(axis=0), 1.0)
        Phi = np.linalg.solve(S, np.linalg.solve(S, Phi).T)
        np.testing.assert_allclose(Phi, np.diag(np.diag(Phi)), atol=1e-9)
        basis = basis @ S
        assert basis.min() > -1e-6
        np.testing.assert_allclose(basis @ Phi @ basis.T, X @ F @ F @ X.T, atol=1e-9)
        np.testing.assert_allclose(basis @ np.linalg.solve(S, effects), X @ Theta, atol=1e-9)
        order = np.argsort(np.arange(9) @ basis)
        found.append(np.vstack([basis[:, order], np.diag(Phi)[order]]))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-5)


@pytest.mark.parametrize(("forms", "n_free", "n_variances"), [(PAPER, 1, 2), ({}, 3, 9 + 3)])
def test_every_start_prints_the_same_table(holzinger, forms, n_free, n_variances):
    """Signed Holzinger-Swineford is not identified: rotations are free, and one is chosen."""
    tables, options = [], {"signed": True, "n_starts": 1, "n_boot": 0, **forms}
    for seed in range(20):
        res = holzinger.fit("ml", seed=seed, **options)
        start = np.random.default_rng(seed).exponential(size=(9, 3))
        random = holzinger.fit("ml", start_basis=start, **options)
        assert res.identification.n_free == random.identification.n_free == n_free
        for fit in (res, random):
            tables.append(fit.summary_frame()[["coef", "std err", "z"]].to_numpy())
    for table in tables:
        np.testing.assert_allclose(table, tables[0], rtol=5e-5, atol=5e-5)
    assert topics(res)["not identified"] == "caution"
    assert res.df_model == 9 * 3 - 3 + 9 + n_variances - n_free


@pytest.mark.parametrize("forms", [PAPER, {}])
def test_what_is_invariant_does_not_depend_on_the_rotation(holzinger, forms):
    options = {"signed": True, "n_starts": 1, "n_boot": 0, "uncertainty": "conditional"}
    res = holzinger.fit("ml", **options, **forms)

    from nmfre.inference.conditional import conditional_inference

    estimate = turned(res.estimate)
    inference = conditional_inference(
        holzinger.design.Y,
        holzinger.design.A,
        estimate,
        res.inference.options,
        np.random.SeedSequence(0),
    )
    other = replace(res, estimate=estimate, inference=inference)
    assert np.abs(other.params.to_numpy() - res.params.to_numpy()).max() > 0.01
    np.testing.assert_allclose(
        other.wald_test_terms().table, res.wald_test_terms().table, rtol=1e-7
    )
    np.testing.assert_allclose(other.fittedvalues, res.fittedvalues, rtol=1e-9)


def test_many_zeros_leave_the_rotations_that_few_leave():
    rng = np.random.default_rng(0)
    for rows, n_free in ((rng.random((1, 4)) + 0.2, 3), (np.eye(4), 0)):
        X = np.repeat(rows, 1_500 if n_free == 0 else 4_000, axis=0) * rng.uniform(
            0.5, 1.5, (6_000 if n_free == 0 else 4_000, 1)
        )
        assert free_of(X, None).n_free == n_free
    mixed = np.zeros((6_000, 4))
    mixed[:2_000, 0] = rng.random(2_000) + 0.1  # alone; the others can be rotated
    mixed[2_000:, 1:] = rng.random((4_000, 3)) + 0.1
    found = free_of(mixed, None)
    assert found.n_free == 1
    assert found.mixing == (False, True, True, True)


@pytest.mark.parametrize("rank", [4, 5])
def test_the_sparsest_rotation_heeds_bounds_of_rows_that_are_added_on_the_way(rank, monkeypatch):
    X = np.random.default_rng(1).beta(0.5, 0.5, size=(400, rank)) + 0.03
    X = X[np.argsort(X.min(axis=1))]
    monkeypatch.setattr("nmfre.estimation.representative.MOST_ROWS", 400)
    whole = X @ rotated(X)
    monkeypatch.setattr("nmfre.estimation.representative.MOST_ROWS", 2)
    found = X @ rotated(X)
    assert -1e-6 < found.min() < 1e-3
    assert np.sum(found**4) == pytest.approx(np.sum(whole**4), rel=1e-6)
    assert np.sum(found**4) > np.sum(X**4)


def test_a_linear_programme_that_fails_in_its_presolve_is_solved_without_it():
    one = [0.0, -0.0780591872, -1.0, 0.0, 0.0, 0.0780591872, 1.0]
    A = np.array(
        [
            one,
            [-0.282842715, 0.0, 1.0, -0.282842715, 0.0, 0.0, 1.0],
            [0.0, 0.665822095, -0.0650163594, 0.0, -0.236299463, -1.0, 0.0650163594],
            [-x for x in one],
            [0.0, -0.282434733, 0.0110065720, 0.0, 1.0, -4.28925822e-4, -0.0110065720],
            one,
            [
                4.96482638e-3,
                -0.490823207,
                -1.0,
                4.96482638e-3,
                0.145863911,
                0.697105928,
                0.964893376,
            ],
        ]
    )
    free, _ = identification._span_of_cone(A)
    np.testing.assert_allclose(A[[0, 3, 5]] @ free, 0.0, atol=1e-12)
    np.testing.assert_allclose(free.T @ free, np.eye(free.shape[1]), atol=1e-12)


def test_parameters_that_are_free_at_the_solution(holzinger):
    """Zeros that rotations can move are free; those that hold the components are not."""
    for forms, n_free, n_variances in ((PAPER, 1, 2), ({}, 3, 9 + 3)):
        res = holzinger.fit("ml", signed=True, n_starts=1, n_boot=0, **forms)
        assert (res.identification.n_free, res.n_free) == (n_free, res.df_model)
        res = holzinger.fit("ml", n_starts=1, n_boot=0, **forms)
        assert res.identification.n_free == 0
        n_positive = np.sum(res.estimate.X > 0) + np.sum(res.estimate.Theta > 0)
        assert res.n_free == n_positive - 3 + n_variances < res.df_model
