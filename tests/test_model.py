"""Arguments of fit, reproducibility, warnings."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from forms import PAPER, long_model
from shown import topics

import nmfre
from nmfre import errors


def test_start_values_are_used(model):
    res = model.fit(df_cap=0.21)
    with pytest.warns(nmfre.ConvergenceWarning, match="sigma2 is its starting value, 2.95, not an"):
        again = model.fit(
            df_cap=0.21,
            start_basis=res.basis,
            start_theta=res.theta,
            start_sigma2=res.sigma2,
            start_tau2=res.tau2,
        )
    assert again.n_iter < res.n_iter
    assert again.sigma2 == res.sigma2
    np.testing.assert_allclose(again.theta, res.theta, rtol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"method": "ecm"}, "method='ecm' is invalid: it must be one of 'df-cap', 'ml'"),
        ({"method": "df"}, "method='df' is invalid"),
        ({"df_cap": 0.0}, r"df_cap=0.0 is invalid: it must be a rate in \(0, 1\]"),
        ({"df_cap": 1.5}, "df_cap=1.5"),
        ({"df_cap": True}, "df_cap=True"),
        ({"df_cap": "0.1"}, "df_cap='0.1'"),
        ({"tol": -1.0}, "tol=-1.0 is invalid: it must be a number >= 0"),
        ({"maxiter": 0}, "maxiter=0 is invalid: it must be a whole number between 1"),
        ({"maxiter": 10.0}, "maxiter=10.0"),
        ({"start_sigma2": 0.0}, "start_sigma2=0.0 is invalid: it must be a number > 0"),
        ({"start_tau2": np.inf}, "start_tau2=inf"),
        ({"cov_type": "hc3"}, "cov_type='hc3' is invalid: it must be one of 'sandwich', 'naive',"),
        ({"information": "full"}, "information='full'"),
        ({"dispersion": "PN"}, "dispersion='PN'"),
        ({"multiplier": "gamma"}, "multiplier='gamma'"),
        ({"alternative": "smaller"}, "alternative='smaller'"),
        ({"n_boot": -1}, "n_boot=-1"),
        ({"n_boot": 1}, "n_boot=1 is invalid: it must be 0 \\(no bootstrap\\), or at least 2"),
        ({"signed": "no"}, "signed='no' is invalid: it must be True or False"),
        ({"update_tau2": 0}, "update_tau2=0 is invalid: it must be True or False"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"start_basis": np.ones((3, 1))}, r"array of shape \(3, 1\)' .*shape \(4, 1\)"),
        ({"start_basis": -np.ones((4, 1))}, "NaN, infinite or negative entries"),
        ({"start_theta": np.full((1, 2), np.nan)}, "start_theta='array with NaN"),
        ({"multipliers": np.ones((5, 26))}, r"multipliers='array of shape \(5, 26\)'"),
        ({"multipliers": np.ones((1, 27))}, "multipliers"),
        ({"df_cap": np.array([0.1, 0.2])}, r"df_cap=array\(\[0.1, 0.2\]\) is invalid"),
        ({"start_basis": [[1.0], [1.0, 2.0]]}, r"start_basis='rows of unequal.*shape \(4, 1\)"),
        ({"start_theta": [[1.0], [1.0, 2.0]]}, "start_theta='rows of unequal lengths'"),
        ({"multipliers": [[1.0], [1.0, 2.0]]}, r"multipliers='rows of unequal.*\(n_boot, N\)"),
    ],
)
def test_arguments_that_are_not_allowed(model, arguments, match):
    with pytest.raises(errors.InvalidArgumentError, match=match):
        model.fit(**arguments)


def test_unknown_arguments_name_the_nearest(model):
    """Guards against misspelt options that statsmodels would swallow."""
    with pytest.raises(
        errors.UnknownArgumentError,
        match=r"fit\(\) got an unknown argument 'max_iter'; did you mean 'maxiter'\?",
    ):
        model.fit(max_iter=3)
    with pytest.raises(errors.UnknownArgumentError, match="unknown argument 'zzz'"):
        model.fit(zzz=1)
    with pytest.raises(errors.UnknownArgumentError, match="rank"):
        nmfre.NMFRE(np.ones((5, 2)), rnk=1)


def test_every_stop_but_the_tolerance_warns(model):
    """Guards against fits that end at a limit and look finished."""
    with pytest.warns(nmfre.ConvergenceWarning, match="Not converged: the limit of 1 iterations"):
        res = model.fit(maxiter=1)
    assert (res.n_iter, res.stop_reason, res.converged) == (1, "maxiter", False)
    assert topics(res)["not converged"] == "problem"
    done = model.fit(df_cap=0.21)
    assert (done.stop_reason, done.converged) == ("tolerance", True)
    assert done.fixed_point_residual < done.fixed_point_distance < 5e-4
    with pytest.warns(nmfre.ConvergenceWarning, match="fixed point of the updates: .* Lower tol"):
        res = model.fit(df_cap=0.21, tol=1e-3)
    assert res.fixed_point_distance > 5e-4
    assert topics(res)["stopped early"] == "caution"


@pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")
def test_negative_covariates_warn(simulated):
    frame = simulated.assign(age=simulated["age"] - 0.5)
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ age", frame, rank=1)
    with pytest.warns(errors.NegativeCovariateWarning, match=r"negative values \(age\)"):
        model.fit(tol=1e-4)


def test_warnings_point_at_the_line_of_the_user(simulated):
    frame = simulated.assign(age=simulated["age"] - 0.5)
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ age", frame, rank=1)
    x = np.linspace(-1, 1, 60)
    rising, falling = np.array([1.0, 2.0, 3.0, 4.0]), np.array([4.0, 3.0, 2.0, 1.0])
    Y = 50 * rising + np.outer(x, falling - rising)
    Y += 0.5 * np.random.default_rng(0).normal(size=(60, 4))
    merging = nmfre.NMFRE(Y, np.column_stack([np.ones(60), x]), rank=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(maxiter=3)
        nmfre.scan_cap(model, [0.1, 0.2], maxiter=3)
        model.fit("ml", maxiter=1, n_starts=1, n_boot=0)
        merging.fit("ml", signed=True, n_boot=0, maxiter=20_000, **PAPER)
    kinds = [warning.category.__name__ for warning in caught]
    assert kinds.count("NegativeCovariateWarning") == 2
    assert {"ConvergenceWarning", "DegenerateBasisWarning"} < set(kinds)
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")
def test_the_seed_decides_and_the_global_state_is_not_touched(simulated):
    """Guards the caller's random numbers: none is drawn from the global state, nor set."""
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age", simulated, rank=2)
    np.random.seed(3)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    a, b, c = model.fit(seed=1), model.fit(seed=1), model.fit(seed=2)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_array_equal(a.theta, b.theta)
    np.testing.assert_array_equal(a.bse_boot, b.bse_boot)
    assert not np.array_equal(a.bse_boot, c.bse_boot)
    fresh = model.fit(seed=None)
    assert fresh.seed != 0
    np.testing.assert_array_equal(model.fit(seed=fresh.seed).bse_boot, fresh.bse_boot)


def test_the_bootstrap_does_not_change_the_start(model):
    few, many = model.fit(n_boot=10), model.fit(n_boot=100, multiplier="mammen")
    np.testing.assert_array_equal(few.params, many.params)


def test_given_multipliers_are_used(model):
    W = np.random.default_rng(0).normal(size=(50, 27))
    res = model.fit(df_cap=0.21, multipliers=W)
    assert len(res.inference.bootstrap.replicates) == 50
    again = model.fit(df_cap=0.21, multipliers=W, seed=9)
    np.testing.assert_array_equal(res.bse_boot, again.bse_boot)


def test_fitting_does_not_change_the_model(model):
    before = set(vars(model))
    first = model.fit(df_cap=0.21)
    model.fit(df_cap=0.05, n_boot=0)
    assert set(vars(model)) == before
    np.testing.assert_array_equal(model.fit(df_cap=0.21).params, first.params)


def test_multipliers_are_copied(model):
    w = np.random.default_rng(0).exponential(size=(30, 27))
    res = model.fit(df_cap=0.21, multipliers=w)
    assert not np.shares_memory(res.inference.options.multipliers, w)


@pytest.mark.parametrize(
    ("name", "in_formula", "in_fit"),
    [
        ("cluster", "; use 'groups'", ". Pass groups to the model"),
        ("sample_weight", "; use 'weights'", ". Pass weights to the model"),
        ("random_state", r". fit\(\) takes 'seed'", "; use 'seed'"),
        ("reml", ". REML is not available.*method='ml'", ". REML is not available"),
        ("REML", ". REML is not available", ". REML is not available.*corrected for few units"),
        ("n_components", "; use 'rank'", ". Pass rank to the model"),
    ],
)
def test_arguments_of_other_packages_lead_to_ours(model, orthodont, name, in_formula, in_fit):
    with pytest.raises(errors.UnknownArgumentError, match=f"unknown argument '{name}'{in_formula}"):
        long_model(orthodont, **{name: 1})
    with pytest.raises(errors.UnknownArgumentError, match=f"unknown argument '{name}'{in_fit}"):
        model.fit(**{name: 1})


@pytest.mark.parametrize("rank", [0, -1, 5, 1.0, True, "1", None])
def test_rank(orthodont, rank):
    """Guards against ranks of 0, of more than the data have, and that are no whole numbers."""
    with pytest.raises(errors.RankError, match=r"whole number from 1 to min\(P, N\) = 4"):
        long_model(orthodont, rank=rank)


def test_what_a_notebook_shows_of_a_model_and_what_is_made_of_it(model):
    assert repr(model) == "<NMFRE: distance ~ sex, P=4, N=27, Q=1, K=2>"
    page = model._repr_html_()
    for part in (
        "distance ~ sex",
        "27",
        "Responses (P = 4)",
        "8, 10, 12, 14",
        "sex[T.Male]",
        "comp1",
    ):
        assert part in page
    named = nmfre.NMFRE(model.endog, rank=1, components=["<b>"], groups=np.arange(27) % 9)
    page = named._repr_html_()
    assert "none (arrays)" in page
    assert "9 of 3 units" in page
    assert "&lt;b&gt;" in page
    res = model.fit(df_cap=0.21)
    for shown, part in (
        (res.bootstrap(50), "50 one-step replicates"),
        (res.get_prediction(), "27 units"),
        (res.get_scores(), "Scores: 27 units, 1 component"),
        (res.wald_test_terms(), "&lt;0.001"),
        (res.t_test("comp1[sex[T.Male]] = 0"), "Test for Constraints"),
    ):
        page = shown._repr_html_()
        assert "<table" in page
        assert part in page
        assert "color" not in page  # which would not go with a dark theme
