from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from forms import PAPER, long_model

import nmfre
from nmfre import errors
from nmfre.inference.multipliers import MULTIPLIERS


@pytest.fixture(scope="module")
def model():
    data = nmfre.datasets.load_orthodont()
    return nmfre.NMFRE.from_formula("distance ~ sex", data, rank=1, unit="subject", occasion="age")


@pytest.fixture(scope="module")
def two_components():
    rng = np.random.default_rng(7)
    X = np.array([[5, 3, 1, 0, 0], [0, 0, 1, 4, 5]], dtype=float).T
    exog = np.column_stack([np.ones(200), rng.uniform(0, 1, 200)])
    scores = exog @ [[8.0, 8.0], [3.0, 1.0]] + rng.normal(size=(200, 2))
    return nmfre.NMFRE(np.maximum(scores @ X.T + rng.normal(size=(200, 5)), 0), exog, rank=2)


@pytest.mark.parametrize("method", ["df-cap", "ml"])
def test_one_step_bootstrap_leaves_the_fit_alone(model, method):
    res = model.fit(method, n_boot=0)
    before = res.params.copy(), res.conf_int()
    boot = res.bootstrap(300, "mammen", seed=5)
    assert boot.replicates.shape == (300, 2)
    assert list(boot.replicates.columns) == list(res.params.index)
    again = model.fit(method, n_boot=300, multiplier="mammen", seed=5)
    pd.testing.assert_series_equal(boot.bse, again.bse_boot, check_names=False)
    pd.testing.assert_frame_equal(boot.conf_int(), again.conf_int())
    pd.testing.assert_frame_equal(
        boot.conf_int(method="studentized"), again.conf_int(method="studentized")
    )
    np.testing.assert_allclose(boot.bias, boot.replicates.mean() - res.params)
    assert res.inference.bootstrap is None
    pd.testing.assert_series_equal(res.params, before[0])
    pd.testing.assert_frame_equal(res.conf_int(), before[1])
    frame = boot.summary_frame
    assert list(frame.columns) == ["coef", "bias", "std err", "p", "2.5 %", "97.5 %"]
    assert "300 one-step replicates" in repr(boot)


def test_seeds(model):
    res = model.fit(df_cap=0.21, n_boot=0)
    one, same, other = (res.bootstrap(50, seed=s).replicates for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one, same)
    assert not np.allclose(one, other)
    fresh = res.bootstrap(50, seed=None)
    pd.testing.assert_frame_equal(fresh.replicates, res.bootstrap(50, seed=fresh.seed).replicates)


def test_seeds_may_be_numpy_integers(model):
    res = model.fit(df_cap=0.21, n_boot=0)
    boot = res.bootstrap(20, seed=np.int64(1))
    pd.testing.assert_frame_equal(boot.replicates, res.bootstrap(20, seed=1).replicates)
    assert type(boot.seed) is int


@pytest.mark.parametrize("method", ["df-cap", "ml"])
def test_the_results_of_a_bootstrap_say_what_it_was_made_with(model, method, tmp_path):
    res = model.fit(method, n_boot=30, multipliers=np.ones((30, 27)))
    step, refit = (res.bootstrap(50, "rademacher", seed=7, refit=r) for r in (False, True))
    for boot in (step, refit):
        options = boot.results.inference.options
        assert (options.n_boot, options.multiplier, options.seed) == (50, "rademacher", 7)
        assert options.multipliers is None
        boot.results.save(tmp_path / "a.pickle", remove_data=True)
        boot.results.to_arrays(tmp_path / "a.npz")
        for loaded in (nmfre.load(tmp_path / "a.pickle"), nmfre.from_arrays(tmp_path / "a.npz")):
            assert str(loaded.summary()) == str(boot.results.summary())
    # Inference made again draws the bootstrap's multipliers, not those of the fit.
    again = step.results.with_uncertainty("conditional")
    expected = res.with_uncertainty("conditional").bootstrap(50, "rademacher", seed=7)
    pd.testing.assert_series_equal(again.bse_boot, expected.results.bse_boot)
    with pytest.raises(errors.NotComputedError, match="refits have no standard errors"):
        refit.results.conf_int(method="studentized")


@pytest.mark.parametrize(
    ("options", "multiplier"),
    [
        ({"df_cap": 0.21}, "rademacher"),
        pytest.param({"method": "ml"}, "mammen", marks=pytest.mark.slow),
        ({"method": "ml"}, "exponential"),
    ],
)
def test_refits_agree_with_one_step(model, options, multiplier):
    res = model.fit(**options, n_boot=0)
    refit = res.bootstrap(400, multiplier, refit=True, seed=1)
    step = res.bootstrap(400, multiplier, seed=1)
    np.testing.assert_allclose(refit.bse, step.bse, rtol=0.12)
    assert refit.n_failed == 0
    assert (refit.pvalues() < 0.05).all()
    with pytest.raises(errors.NotComputedError, match="studentized"):
        refit.conf_int(method="studentized")
    assert "refit" in repr(refit)


@pytest.mark.parametrize(
    ("signed", "multiplier", "options", "share"),
    [
        (True, "exponential", PAPER, 0.6),
        (True, "exponential", {}, 1.0),
        pytest.param(True, "rademacher", PAPER, 0.6, marks=pytest.mark.slow),
        pytest.param(True, "mammen", PAPER, 0.6, marks=pytest.mark.slow),
        pytest.param(False, "exponential", PAPER, 0.6, marks=pytest.mark.slow),
    ],
)
def test_refits_of_two_components_agree_with_marginal_errors(
    two_components, signed, multiplier, options, share
):
    res = two_components.fit("ml", signed=signed, n_boot=0, **options)
    refit = res.bootstrap(200, multiplier, refit=True)
    np.testing.assert_allclose(refit.bse, res.bse, rtol=0.25)
    # The conditional errors of the intercepts are a different matter.
    assert (res.with_uncertainty("conditional").bse < share * refit.bse).iloc[:2].all()


def test_refits_of_ml_have_no_negative_weights(two_components):
    res = two_components.fit("ml", n_boot=0)
    with pytest.raises(errors.InvalidArgumentError, match=r"multiplier='normal'.*weights 1 \+ w"):
        res.bootstrap(5, "normal", refit=True)


@pytest.mark.bits
def test_refits_do_not_depend_on_the_number_of_processes(two_components):
    res = two_components.fit("ml", n_boot=0)
    one = res.bootstrap(6, refit=True)
    two = res.bootstrap(6, refit=True, n_jobs=2)
    pd.testing.assert_frame_equal(one.replicates, two.replicates, check_exact=True)


def test_refits_use_the_options_of_the_fit(model):
    free = model.fit(df_cap=0.05, start_tau2=1000.0, n_boot=0)
    refit = free.bootstrap(20, refit=True, seed=1)
    with pytest.warns(nmfre.ConvergenceWarning):
        short = model.fit(df_cap=0.05, start_tau2=1000.0, n_boot=0, maxiter=2)
    assert short.bootstrap(20, refit=True, seed=1).n_failed == 20
    assert refit.n_failed == 0


def test_components_of_refits_are_matched():
    from nmfre.inference.refit import _matching

    X = np.array([[0.6, 0.1, 0.3], [0.3, 0.1, 0.3], [0.1, 0.8, 0.4]])
    np.testing.assert_array_equal(_matching(X, X[:, [2, 0, 1]]), [1, 2, 0])


def test_bootstrap_errors(model):
    res = model.fit(df_cap=0.21, n_boot=0)
    for arguments, message in (
        ({"n_boot": 1}, "n_boot=1"),
        ({"multiplier": "poisson"}, "multiplier='poisson'"),
        ({"seed": -1}, "seed=-1"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            res.bootstrap(**arguments)
    boot = res.bootstrap(20)
    with pytest.raises(errors.InvalidArgumentError, match="method='wald'"):
        boot.conf_int(method="wald")
    with pytest.raises(errors.InvalidArgumentError, match="alternative"):
        boot.pvalues("smaller")


def test_what_rotations_change_has_no_replicates(two_components):
    design = two_components
    res = nmfre.NMFRE(design.endog, design.exog, rank=3).fit("ml", signed=True, n_boot=0)
    unknown = res.bse.isna()
    boot = res.bootstrap(20, refit=True)
    assert boot.replicates.loc[:, unknown.to_numpy()].isna().all(axis=None)
    assert boot.pvalues()[unknown].isna().all()


def test_refits_leave_missing_cells_missing(model):
    Y = model.endog.copy()
    Y[3, 1] = Y[7, 2] = np.nan
    res = nmfre.NMFRE(Y, model.exog, rank=1).fit("ml", n_boot=0)
    boot = res.bootstrap(60, "mammen", refit=True)
    assert boot.n_failed == 0
    np.testing.assert_allclose(boot.bse, res.bse, rtol=0.25)


def test_equal_weights_of_units_are_no_weights(model, monkeypatch):
    """Only the ratios of weights count: with missing cells others would move lambda."""
    Y = model.endog.copy()
    Y[3, 1] = Y[7, 2] = np.nan
    res = nmfre.NMFRE(Y, model.exog, rank=1).fit("ml", n_boot=0)
    monkeypatch.setitem(MULTIPLIERS, "exponential", lambda rng, shape: np.full(shape, 2.0))
    replicates = res.bootstrap(2, refit=True).replicates
    np.testing.assert_allclose(replicates, np.tile(res.params, (2, 1)), rtol=1e-7)


@pytest.mark.parametrize("options", [{"df_cap": None, "tol": 1e-11}, {"method": "ml"}])
def test_parametric_replicates(model, options, tmp_path):
    res = model.fit(**options, cov_resid="identity", cov_re="identity", n_boot=0)
    boot = res.bootstrap(60, parametric=True, seed=3)
    assert boot.n_failed == 0
    np.testing.assert_allclose(boot.bse, res.bse, rtol=0.35)
    pd.testing.assert_frame_equal(
        boot.replicates.iloc[:5], res.bootstrap(5, parametric=True, seed=3).replicates
    )
    assert repr(boot) == "<Bootstrap: 60 parametric replicates of 2 params, seed 3>"
    shown = str(boot.results.summary())
    assert "from 60 parametric bootstrap replicates (seed 3)" in " ".join(shown.split())
    boot.results.to_arrays(tmp_path / "a.npz")
    assert str(nmfre.from_arrays(tmp_path / "a.npz").summary()) == shown


def test_parametric_replicates_of_missing_and_of_data_that_are_not_there(model, gaps):
    res = long_model(gaps).fit("ml", n_boot=0)
    assert np.isfinite(res.bootstrap(4, parametric=True).replicates).all(axis=None)
    light = model.fit("ml", n_boot=0)
    light.remove_data()
    with pytest.raises(errors.DataRemovedError):
        light.bootstrap(4, parametric=True)
