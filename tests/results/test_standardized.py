"""Fits in standard deviations: against covariances of all units, and what they do not depend on."""

from __future__ import annotations

import confirmatory
import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors
from nmfre.simulation import BumpDesign


def test_conditional_ones_are_those_of_the_covariances():
    res = confirmatory.fitted()
    found = res.standardized("conditional")
    X, Phi, psi = res.basis.to_numpy(), res.cov_re.to_numpy(), res.resid_variances.to_numpy()
    Sigma = X @ Phi @ X.T + np.diag(psi)
    sd, of_score = np.sqrt(np.diag(Sigma)), np.sqrt(np.diag(Phi))
    np.testing.assert_allclose(found.loadings, X * of_score / sd[:, None], rtol=1e-12)
    pd.testing.assert_series_equal(found.communalities, res.communalities, rtol=1e-12)
    pd.testing.assert_frame_equal(found.profiles, res.profiles.div(sd, axis=0), rtol=1e-12)
    pd.testing.assert_frame_equal(found.effects, res.theta.div(of_score, axis=0), rtol=1e-12)
    # Squared correlations of scores with their regressions on the responses.
    explained = Phi @ X.T @ np.linalg.solve(Sigma, X @ Phi)
    np.testing.assert_allclose(found.scores["reliability"], np.diag(explained) / np.diag(Phi))
    np.testing.assert_allclose(found.scores["determinacy"] ** 2, found.scores["reliability"])
    np.testing.assert_allclose(found.scores["sd"], of_score)
    assert str(found).endswith("In standard deviations given the covariates.")
    assert found.notes == ()


def test_total_ones_have_the_spread_of_the_means():
    res = confirmatory.fitted()
    found = res.standardized(covariates=True)
    X, psi, g = res.basis.to_numpy(), res.resid_variances.to_numpy(), confirmatory.battery()["g"]
    scores = res.theta.to_numpy() @ res.model.design.A
    of_scores = res.cov_re.to_numpy() + np.cov(scores, bias=True)
    Sigma = X @ of_scores @ X.T + np.diag(psi)
    sd, of_score = np.sqrt(np.diag(Sigma)), np.sqrt(np.diag(of_scores))
    np.testing.assert_allclose(found.loadings, X * of_score / sd[:, None], rtol=1e-12)
    np.testing.assert_allclose(found.communalities, 1.0 - psi / sd**2, rtol=1e-12)
    sizes = [1.0, g.std(ddof=0)]  # constants have no standard deviation
    np.testing.assert_allclose(found.effects, res.theta * sizes / of_score[:, None], rtol=1e-12)
    np.testing.assert_allclose(found.profiles, res.profiles * sizes / sd[:, None], rtol=1e-12)
    alone = res.standardized()
    pd.testing.assert_frame_equal(alone.effects * sizes, found.effects, rtol=1e-12)
    pd.testing.assert_frame_equal(alone.loadings, found.loadings)
    conditional = res.standardized("conditional")
    assert (found.scores["reliability"] >= conditional.scores["reliability"]).all()


def test_units_of_responses_do_not_matter():
    endog, exog = BumpDesign(n_responses=6, rank=1, n_units=80).draw(np.random.default_rng(0))
    found, other = (
        nmfre.NMFRE(scale * endog, exog, rank=1).fit("ml", n_boot=0).standardized()
        for scale in (1.0, 10.0)
    )
    for name in ("profiles", "loadings", "effects", "communalities"):
        np.testing.assert_allclose(getattr(other, name), getattr(found, name), rtol=1e-5)


def test_notes_say_what_the_numbers_rest_on(model):
    capped = model.fit(df_cap=0.21)
    with_start = capped.standardized("conditional")
    assert "tau2 was not estimated" in str(with_start)
    pd.testing.assert_series_equal(with_start.communalities, capped.communalities)
    design = BumpDesign(n_responses=8, rank=2, n_units=100, background=0.5)
    free = nmfre.NMFRE(*design.draw(np.random.default_rng(0)), rank=2).fit(
        "ml", signed=True, n_boot=0, n_starts=1
    )
    assert "Not identified: comp1, comp2." in str(free.standardized())


def test_without_random_effects_scores_are_those_of_covariates():
    rng = np.random.default_rng(0)
    exog = np.column_stack([np.ones(60), rng.uniform(size=60)])
    x, noise = np.array([0.2, 0.3, 0.5]), 0.3 * rng.normal(size=(60, 3))
    endog = np.outer(exog @ [9.0, 4.0], x) + noise - np.outer(noise @ x, x) / (x @ x)
    res = nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0, cov_resid="identity")
    assert res.estimate.tau2_at_bound
    given = res.standardized("conditional")
    assert (given.loadings == 0.0).all(axis=None)
    assert (given.communalities == 0.0).all()
    assert given.effects.isna().all(axis=None)
    assert given.scores["reliability"].isna().all()
    np.testing.assert_allclose(res.standardized().scores["reliability"], 1.0)


def test_chunks_have_those_of_arrays():
    array = pytest.importorskip("dask.array")
    design = BumpDesign(n_responses=6, rank=1, n_units=80)
    data = design.draw(np.random.default_rng(0))
    one = nmfre.NMFRE(*data, rank=1).fit("ml", n_boot=0)
    lazy = [array.from_array(part, chunks=(30, -1)) for part in data]
    other = nmfre.NMFRE(*lazy, rank=1).fit("ml", n_boot=0)
    for name in ("profiles", "loadings", "effects", "scores"):
        a, b = (getattr(res.standardized(covariates=True), name) for res in (one, other))
        np.testing.assert_allclose(b, a, rtol=1e-6)


def test_what_it_refuses(model):
    res = model.fit("ml", n_boot=0)
    given = res.standardized("conditional")
    for bad in ({"sd": "all"}, {"covariates": 1}):
        with pytest.raises(errors.InvalidArgumentError):
            res.standardized(**bad)
    res.remove_data()
    with pytest.raises(errors.DataRemovedError):
        res.standardized()
    pd.testing.assert_frame_equal(res.standardized("conditional").profiles, given.profiles)
