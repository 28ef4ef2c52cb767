"""The identified set: exact for two components, searched for more, the same from everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm
from shown import model_without_random_effects

import nmfre
from nmfre import errors
from nmfre.estimation.covariance_forms import Relative, Structure
from nmfre.estimation.identified_set import arc, ends, rotations
from nmfre.estimation.likelihood import marginal_value
from nmfre.estimation.rotation_search import Search
from nmfre.estimation.rotation_set import Entry, Rotations
from nmfre.simulation import BumpDesign

FAST = {"cov_resid": "diagonal", "n_boot": 0, "n_starts": 2}


def overlapping_bumps(rank, holes=False):
    rng = np.random.default_rng(0)
    size = {2: 8, 3: 9}[rank]
    design = BumpDesign(n_responses=size, rank=rank, n_units=200, background=0.5)
    endog, exog = design.draw(rng)
    if holes:
        endog[rng.random(endog.shape) < 0.05] = np.nan
    return nmfre.NMFRE(endog, exog, rank=rank)


@pytest.fixture(scope="module")
def estimates():
    return {
        (rank, cov_re): overlapping_bumps(rank).fit("ml", signed=True, cov_re=cov_re, **FAST)
        for rank in (2, 3)
        for cov_re in ("diagonal", "identity")
    }


def all_entries(found):
    rank, n_covariates = found.effects.shape
    effects = [Entry(q, k, False) for k in range(n_covariates) for q in range(rank)]
    return effects + [Entry(q, p, True) for q in range(rank) for p in range(len(found.loadings))]


def effects_of(found):
    return [entry for entry in all_entries(found) if not entry.of_basis]


def log_likelihood(res, found, R):
    moments, e = res.model.design.moments(), res.estimate
    relative = Relative(e.psi / moments.scale**2, np.sqrt(found.Phi(R)) / moments.scale)
    Gamma = moments.covariates.gamma(found.theta(R) / moments.scale)
    value = marginal_value(moments, found.basis(R), Gamma, relative, profiled=False).value
    return -moments.n_cells * (value + np.log(moments.scale))


def plane(angle):
    return expm(angle * np.array([[0.0, -1.0], [1.0, 0.0]]))


def wander(found, n_steps=3000):
    """Rotations of the set, one a short turn from the other."""
    rng = np.random.default_rng(1)
    R = found.start
    for _ in range(n_steps):
        k = rng.normal(size=len(found.directions)) * 10.0 ** rng.uniform(-3, -0.5)
        turned = R @ expm(np.tensordot(k, found.directions, axes=1))
        if (found.rows @ turned).min() >= 0.0:
            R = turned
            yield R


@pytest.mark.parametrize("signed", [True, False])
def test_two_components_agree_with_a_fine_grid(signed):
    L = np.array([[4.0, 1.0], [3.0, 1.5], [1.0, 3.0], [0.8, 5.0]])
    effects = np.array([[9.0, 0.3, 4.0], [5.0, 4.0, -3.5]])
    effects = effects if signed else np.abs(effects)
    K = np.array([[[0.0, -1.0], [1.0, 0.0]]])
    found = Rotations(L, effects, np.eye(2), not signed, K, np.eye(2))
    grid = np.array([plane(angle) for angle in np.linspace(-np.pi, np.pi, 20_001)])
    inside = np.all(grid.mT @ L.T >= 0.0, axis=(1, 2))
    if not signed:
        inside &= np.all(grid.mT @ effects >= 0.0, axis=(1, 2))
    of_set = ends(found, all_entries(found))
    for entry, (low, high) in zip(of_set.entries, of_set.limits, strict=True):
        values = found.value(entry, grid[inside])
        assert low <= values.min() + 1e-12
        assert values.max() <= high + 1e-12
        scale = np.ptp(values) + 1e-9
        assert values.min() - low < 0.01 * scale
        assert high - values.max() < 0.01 * scale
    corners = np.array([plane(angle) for angle in arc(found)])
    at_corners = np.array([found.value(entry, corners) for entry in of_set.entries])
    beyond = np.abs(np.sort(at_corners) - of_set.limits).max(axis=1) > 1e-9
    assert beyond.any() == signed  # an end that is none of the arc: a turning point of a sinusoid
    assert not beyond[effects.size :].any()


@pytest.mark.parametrize("cov_re", ["diagonal", "identity"])
@pytest.mark.parametrize("rank", [2, 3])
def test_every_end_has_the_likelihood_of_the_fit(estimates, rank, cov_re):
    res = estimates[rank, cov_re]
    for form in ("diagonal", "identity"):
        found = rotations(res.estimate, form)
        of_set = ends(found, effects_of(found))
        for R in of_set.rotations.reshape(-1, rank, rank):
            assert log_likelihood(res, found, R) == pytest.approx(res.llf, rel=1e-9)
            assert found.basis(R).min() > -1e-9
            assert np.linalg.det(R) == pytest.approx(1.0)
            if form == "identity":
                np.testing.assert_allclose(found.sums @ R, np.mean(found.sums @ R), rtol=1e-8)


def test_likelihoods_of_incomplete_units_are_equal_too():
    res = overlapping_bumps(2, holes=True).fit("ml", cov_re="diagonal", **FAST)
    found = rotations(res.estimate, "diagonal")
    for R in ends(found, effects_of(found)).rotations.reshape(-1, 2, 2):
        assert log_likelihood(res, found, R) == pytest.approx(res.llf, rel=1e-9)


@pytest.mark.parametrize("form", ["diagonal", "identity"])
def test_no_rotation_of_three_components_leads_beyond_the_ends(estimates, form):
    found = rotations(estimates[3, "diagonal"].estimate, form)
    sample = np.array(list(wander(found)))
    assert len(sample) > 200
    of_set = ends(found, effects_of(found))
    for entry, (low, high) in zip(of_set.entries, of_set.limits, strict=True):
        values = found.value(entry, sample)
        assert low - 1e-9 * abs(low) <= values.min()
        assert values.max() <= high + 1e-9 * abs(high)
        assert np.ptp(values) > 0.5 * (high - low)  # the sample says something


@pytest.mark.parametrize("rank", [2, 3])
def test_the_set_does_not_depend_on_the_representative(estimates, rank):
    found = rotations(estimates[rank, "diagonal"].estimate, "diagonal")
    of_set = ends(found, all_entries(found)[: 2 * rank + 6])
    *_, R = wander(found, 40)
    turned = replace(found, loadings=found.loadings @ R, effects=R.T @ found.effects)
    np.testing.assert_allclose(
        ends(turned, of_set.entries).limits, of_set.limits, rtol=1e-6, atol=1e-8
    )
    other = rotations(estimates[rank, "identity"].estimate, "diagonal")
    np.testing.assert_allclose(
        ends(other, of_set.entries).limits, of_set.limits, rtol=1e-3, atol=1e-5
    )


def test_unequal_variances_have_a_twin_with_equal_ones(estimates):
    fits = [estimates[2, cov_re] for cov_re in ("diagonal", "identity")]
    assert fits[0].llf == pytest.approx(fits[1].llf, abs=1e-8)
    found = rotations(fits[0].estimate, "identity")
    assert not len(found.directions)
    twin = found.theta(found.start)
    np.testing.assert_allclose(twin, fits[1].theta, rtol=1e-4, atol=1e-4)
    assert log_likelihood(fits[0], found, found.start) == pytest.approx(fits[0].llf, rel=1e-10)
    every = rotations(fits[0].estimate, "diagonal")
    low, high = ends(every, effects_of(every)).limits.T
    assert ((low <= twin.ravel(order="F")) & (twin.ravel(order="F") <= high)).all()


@pytest.mark.parametrize("rank", [2, 3])
def test_ends_move_with_the_parameters_as_the_envelope_says(estimates, rank):
    found = rotations(estimates[rank, "diagonal"].estimate, "diagonal")
    of_set = ends(found, all_entries(found)[: 2 * rank + 2])
    rng = np.random.default_rng(0)
    change = [rng.normal(size=a.shape) * a.max() for a in (found.loadings, found.effects)]

    def limits(step):
        moved = replace(
            found,
            loadings=found.loadings + step * change[0],
            effects=found.effects + step * change[1],
        )
        return ends(replace(moved, start=Search(moved).nearest(moved.start)), of_set.entries).limits

    numerical = (limits(1e-5) - limits(-1e-5)) / 2e-5
    for entry, R, slopes in zip(of_set.entries, of_set.rotations, numerical, strict=True):
        for side, sign in enumerate((1.0, -1.0)):
            by = found.envelope(entry, R[side], sign)
            slope = sum(np.vdot(a, b) for a, b in zip(by, change, strict=True))
            assert slope == pytest.approx(
                slopes[side], rel=1e-3, abs=1e-3 * np.abs(numerical).max()
            )


def test_zeros_and_patterns_leave_a_point(estimates):
    endog, exog = BumpDesign(n_responses=8, rank=2, n_units=200).draw(np.random.default_rng(1))
    res = nmfre.NMFRE(endog, exog, rank=2).fit("ml", cov_re="diagonal", **FAST)
    assert res.identification.by == "zeros"
    found = rotations(res.estimate, "diagonal")
    assert not len(found.directions)
    of_set = ends(found, effects_of(found))
    np.testing.assert_allclose(of_set.limits, np.tile(res.params.to_numpy()[:, None], 2))
    with pytest.raises(errors.NotComputedError, match="no parameters with equal variances"):
        rotations(res.estimate, "identity")

    free = estimates[3, "diagonal"].estimate
    pattern = np.ones((9, 3), dtype=bool)
    pattern[:2, 1:] = False  # the first has responses of its own; the others can be rotated
    X = free.X * pattern
    held = replace(free, X=X / X.sum(axis=0), structure=Structure("diagonal", "diagonal", pattern))
    found = rotations(held, "diagonal")
    assert len(found.directions) == 1
    for R in ends(found, effects_of(found)).rotations.reshape(-1, 3, 3):
        assert not found.basis(R)[~pattern].any()
        assert found.basis(R).min() > -1e-9


def test_a_full_covariance_must_be_identified(estimates):
    free = estimates[2, "diagonal"].estimate
    full = replace(free, structure=Structure("diagonal", "full", np.ones((8, 2), dtype=bool)))
    with pytest.raises(errors.NotComputedError, match="cov_re='full'"):
        rotations(full, "diagonal")
    by_pattern = replace(free.identification, n_free=0, mixing=(False, False), by="pattern")
    found = rotations(replace(full, identification=by_pattern), "diagonal")
    np.testing.assert_allclose(found.theta(found.start), free.Theta)


def test_without_random_effects_there_are_no_limits():
    res = model_without_random_effects(2, 3).fit("ml", cov_re="diagonal", **FAST)
    with pytest.raises(errors.NotComputedError, match="no variance"):
        rotations(res.estimate, "diagonal")
