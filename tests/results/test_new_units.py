"""Scores of new units and their standard errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from forms import long_model
from scipy.sparse import csr_array

import nmfre
from nmfre import errors
from nmfre.inference.scores import Units


@pytest.fixture(scope="module")
def two():
    rng = np.random.default_rng(7)
    X = np.array([[5, 3, 1, 0, 0], [0, 0, 1, 4, 5]], dtype=float).T
    exog = pd.DataFrame({"one": 1.0, "x": rng.uniform(0, 1, 200)})
    scores = exog.to_numpy() @ [[8.0, 8.0], [3.0, 1.0]] + rng.normal(size=(200, 2))
    endog = pd.DataFrame(
        np.maximum(scores @ X.T + rng.normal(size=(200, 5)), 0), columns=list("abcde")
    )
    return nmfre.NMFRE(endog, exog, rank=2).fit("ml", signed=True, n_boot=0)


def frames(res):
    design = res.model.design
    endog = pd.DataFrame(res.model.endog, design.units, design.responses)
    return endog, pd.DataFrame(res.model.exog, design.units, design.covariates)


def test_scores_of_the_units_of_the_data(two, holed_fit):
    for res in (two, holed_fit):
        endog, exog = frames(res)
        pd.testing.assert_frame_equal(res.transform(), res.scores())
        pd.testing.assert_frame_equal(res.transform(endog, exog), res.scores(), rtol=1e-9)
        one, other = res.get_scores(), res.get_scores(endog, exog)
        pd.testing.assert_frame_equal(one.se, other.se, rtol=1e-9)
        pd.testing.assert_frame_equal(one.scores, res.scores())
        known = res.with_uncertainty("conditional").random_effects_se
        assert (one.se > known).all(axis=None)


def test_df_cap_but_for_its_last_update(model):
    res = model.fit(df_cap=0.21)
    data = nmfre.datasets.load_orthodont().groupby("subject", sort=False)[["sex"]].first()
    endog, _ = frames(res)
    gap = res.transform(endog, data) - res.scores()
    assert gap.abs().to_numpy().max() < 0.05
    assert (res.get_scores(endog, data).se > 0).all(axis=None)


def test_columns_are_matched_by_name_and_may_be_few(two):
    endog, exog = (frame.iloc[:6] for frame in frames(two))
    some = two.transform(endog[["d", "a"]], exog)
    full = two.transform(endog.assign(b=np.nan, c=np.nan, e=np.nan)[list("abcde")], exog)
    pd.testing.assert_frame_equal(some, full)
    pd.testing.assert_frame_equal(
        two.transform(endog, exog[["x", "one"]]), two.transform(endog, exog)
    )
    assert two.transform(endog, exog).columns.equals(two.model.components)
    nothing = two.get_scores(endog * np.nan, exog)
    pd.testing.assert_frame_equal(nothing.scores, two.transform(exog=exog))
    assert (nothing.se > two.get_scores(endog[["d", "a"]], exog).se).all(axis=None)
    sparse = two.transform(csr_array(endog.to_numpy()), exog)
    np.testing.assert_allclose(sparse, two.transform(endog, exog))


def test_an_intercept_alone_needs_no_exog(two):
    endog, _ = frames(two)
    res = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0)
    pd.testing.assert_frame_equal(res.transform(endog), res.scores(), rtol=1e-9)
    assert res.transform(endog.iloc[0]).shape == (1, 1)
    assert res.transform(endog.to_numpy()[:3]).index.equals(pd.RangeIndex(3))
    assert res.transform(csr_array(endog.to_numpy())).shape == (200, 1)
    written = nmfre.NMFRE.from_formula("a + b + c + d + e ~ 1", endog, rank=1).fit("ml", n_boot=0)
    pd.testing.assert_frame_equal(written.transform(endog), written.scores(), rtol=1e-9)


def moved(res, change):
    """The fit with other parameters (X, Theta, log psi, t), of one variance per component."""
    estimate = res.estimate
    (P, Q), K = estimate.X.shape, estimate.Theta.shape[1]
    X, Theta, log_psi, t = np.split(change, np.cumsum([P * Q, Q * K, P]))
    psi = estimate.psi * np.exp(log_psi)
    Phi = np.diag(estimate.Phi) * np.exp(t)
    return replace(
        estimate,
        X=estimate.X + X.reshape(P, Q, order="F"),
        Theta=estimate.Theta + Theta.reshape(Q, K, order="F"),
        v=psi / estimate.sigma2,
        F=np.diag(np.sqrt(Phi / estimate.tau2)),
    )


def test_derivatives_are_those_of_the_scores(two):
    endog, exog = (frame.iloc[:4].to_numpy().T for frame in frames(two))
    endog = endog.copy()
    endog[[1, 4], 2] = endog[:, 3] = np.nan
    blup = nmfre.results.prediction.conditional_blup

    def scores(estimate):
        fixed = estimate.Theta @ exog
        return fixed + blup(estimate.X, estimate.relative, endog - estimate.X @ fixed)

    units = Units(two.estimate, exog, endog, scores(two.estimate))
    structure = two.estimate.structure
    assert (structure.cov_resid, structure.cov_re) == ("diagonal", "diagonal")
    found = units.by_all(structure, slice(None))
    for i, step in enumerate(np.eye(found.shape[2]) * 1e-5):
        ahead, behind = scores(moved(two, step)), scores(moved(two, -step))
        np.testing.assert_allclose(found[:, :, i].T, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6)
    P, Q = two.estimate.X.shape
    theta = slice(P * Q, P * Q + two.estimate.Theta.size)
    np.testing.assert_array_equal(units.by_theta(slice(None)), found[:, :, theta])


def test_intervals_cover():
    rng = np.random.default_rng(3)
    X = np.array([[0.4, 0.3, 0.2, 0.1, 0.0, 0.0], [0.0, 0.0, 0.2, 0.1, 0.3, 0.4]]).T

    def draw(n):
        exog = np.column_stack([np.ones(n), rng.uniform(0, 1, n)])
        scores = exog @ [[60.0, 60.0], [20.0, 5.0]] + [8, 5] * rng.normal(size=(n, 2))
        return scores @ X.T + rng.normal(size=(n, 6)), exog, scores

    rates = []
    for _ in range(8):
        endog, exog, _ = draw(60)
        res = nmfre.NMFRE(endog, exog, rank=2).fit(
            "ml", cov_resid="identity", signed=True, n_boot=0, n_starts=2
        )
        endog, exog, scores = draw(100)
        endog[:, 2] = np.nan
        limits = res.get_scores(endog, exog).conf_int(0.1).to_numpy()
        if not any(res.estimate.identification.mixing):
            rates.append((limits[:, ::2] <= scores) & (scores <= limits[:, 1::2]))
    assert len(rates) >= 5
    assert 0.85 < np.mean(rates) < 0.95


def test_components_that_mix_have_no_standard_errors():
    rng = np.random.default_rng(1)
    X = rng.uniform(0.5, 1.5, size=(7, 2))
    endog = (40 + [4, 9] * rng.normal(size=(80, 2))) @ X.T + rng.normal(size=(80, 7))
    res = nmfre.NMFRE(endog, rank=2).fit("ml", n_starts=2, n_boot=0)
    assert any(res.estimate.identification.mixing)
    mixing = np.array(res.estimate.identification.mixing)
    np.testing.assert_array_equal(res.get_scores().se.isna().all(), mixing)


def test_conditional_uncertainty_is_that_of_theta(two):
    endog, exog = (frame.iloc[:3] for frame in frames(two))
    res = two.with_uncertainty("conditional")
    conditional = res.get_scores(endog, exog).se
    assert (conditional > res.random_effects_se.iloc[:3]).all(axis=None)
    units = Units(two.estimate, exog.to_numpy().T, endog.to_numpy().T * np.nan, np.zeros((2, 3)))
    variances = res.inference.score_variances(units)
    J = np.kron(exog.to_numpy()[1:2], np.eye(2))
    np.testing.assert_allclose(variances[:, 1], np.diag(J @ res.cov_params() @ J.T))


def test_saved_and_light_results(two, tmp_path):
    endog, exog = (frame.iloc[:3] for frame in frames(two))
    expected = two.get_scores(endog, exog)
    two.to_arrays(tmp_path / "fit.npz")
    loaded = nmfre.from_arrays(tmp_path / "fit.npz")
    pd.testing.assert_frame_equal(loaded.get_scores(endog, exog).se, expected.se)
    loaded.remove_data()
    pd.testing.assert_frame_equal(loaded.transform(endog, exog), expected.scores)
    pd.testing.assert_frame_equal(loaded.get_scores(endog, exog).se, expected.se)
    with pytest.raises(errors.DataRemovedError):
        loaded.transform()


def test_sparse_responses(two):
    endog, exog = frames(two)
    res = nmfre.NMFRE(csr_array(endog.to_numpy()), exog, rank=2).fit("ml", signed=True, n_boot=0)
    np.testing.assert_allclose(res.get_scores().se, two.get_scores().se, rtol=1e-4)


def test_errors(two, orthodont):
    endog, exog = frames(two)
    with pytest.raises(errors.ShapeError, match="pass exog, with one row per unit"):
        two.transform(endog)
    with pytest.raises(errors.MissingColumnError, match="'x'"):
        two.transform(endog, exog[["one"]])
    with pytest.raises(errors.ShapeError, match="columns that are not responses"):
        two.transform(endog.rename(columns={"a": "z"}), exog)
    with pytest.raises(errors.NegativeResponseError):
        two.get_scores(-endog, exog)
    res = long_model(orthodont).fit("ml", n_boot=0)
    with pytest.raises(errors.UnseenLevelError):
        res.transform(pd.DataFrame({8: [20.0]}), pd.DataFrame({"sex": ["X"]}))
    assert repr(res.get_scores()) == "<Scores: 27 units, 1 component>"


def test_units_in_chunks(two):
    dask = pytest.importorskip("dask.array")
    endog, exog = frames(two)
    chunks = dask.from_array(endog.to_numpy(), chunks=(70, 5))
    res = nmfre.NMFRE(chunks, dask.from_array(exog.to_numpy(), chunks=(70, 2)), rank=2).fit(
        "ml", signed=True, n_boot=0
    )
    np.testing.assert_allclose(res.transform().compute(), two.scores(), rtol=1e-4)
    np.testing.assert_allclose(
        res.transform(endog.to_numpy()[:3], exog.to_numpy()[:3]), two.scores()[:3], rtol=1e-4
    )
    with pytest.raises(errors.NotComputedError, match="in chunks"):
        res.get_scores()
