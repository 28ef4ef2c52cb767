"""Inference on all parameters together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bumps import directions
from conftest import Case
from forms import PAPER
from scipy import stats
from shown import falling, topics, unlike
from turned import turned

import nmfre
from nmfre import errors
from nmfre.estimation.complete import moments_of
from nmfre.inference.marginal import marginal_inference
from nmfre.simulation import BumpDesign


@pytest.fixture(scope="module")
def holzinger():
    case = Case.read("holzinger_rank3")
    return nmfre.NMFRE(case.Y.T, case.A.T, rank=3)


def test_orthodont_agrees_with_conditional_inference(model):
    """With one component its basis and Theta are nearly orthogonal."""
    res = model.fit("ml", **PAPER, cov_type="sandwich")
    conditional = res.with_uncertainty("conditional")
    np.testing.assert_allclose(res.bse, conditional.bse, rtol=2e-3)
    np.testing.assert_allclose(res.bse, [2.470, 3.056], atol=5e-4)


def test_model_based_standard_errors_are_those_of_a_mixed_model():
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(4)
    x = rng.random(80)
    level = 10 + 3 * x + rng.normal(size=80)
    noise = rng.normal(size=(80, 4))
    Y = np.vstack([level[:, None] + np.roll(noise, k, axis=1) for k in range(4)])
    x = np.tile(x, 4)
    res = nmfre.NMFRE(Y, np.column_stack([np.ones(320), x]), rank=1).fit("ml", cov_type="naive")
    long = pd.DataFrame(
        {"y": Y.ravel(), "x": np.repeat(x, 4), "unit": np.repeat(np.arange(320), 4)}
    )
    mixed = smf.mixedlm("y ~ x", long, groups="unit").fit(reml=False)
    np.testing.assert_allclose(res.bse / 4, mixed.bse_fe, rtol=5e-3)


@pytest.mark.slow
def test_a_parametric_bootstrap_by_refitting_agrees(bumps):
    res = bumps.fit("ml", signed=True, n_starts=2, cov_type="naive", n_boot=0)
    rng = np.random.default_rng(0)
    refits = []
    for _ in range(150):
        U = rng.normal(size=(60, 2)) * np.sqrt(np.diag(res.cov_re))
        scores = bumps.exog @ res.theta.to_numpy().T + U
        E = rng.normal(size=(60, 8)) * np.sqrt(res.resid_variances.to_numpy())
        Y = scores @ res.basis.to_numpy().T + E
        again = nmfre.NMFRE(np.maximum(Y, 0), bumps.exog, rank=2).fit(
            "ml", signed=True, n_starts=1, start_basis=res.basis, n_boot=0
        )
        refits.append(again.params.to_numpy())
    ratio = np.std(refits, axis=0, ddof=1) / res.bse
    assert (np.abs(np.log(ratio)) < 4 / np.sqrt(2 * 150) + 0.1).all()  # and first-order theory
    assert (res.with_uncertainty("conditional").bse.iloc[:2] < 0.5 * res.bse.iloc[:2]).all()


def test_replicates_are_one_newton_step_on_all_parameters(bumps):
    W = np.random.default_rng(1).normal(size=(40, 60))
    res = bumps.fit("ml", signed=True, n_starts=2, multipliers=W)
    coordinates, J = directions(res)
    s = coordinates.unit_scores(bumps.design.Y, bumps.design.A)
    left = 1.0 - coordinates.leverages.of_units(bumps.design.A)[:, None]
    newton = np.linalg.inv(-60 * coordinates.hessian()) @ J[coordinates.of_theta].T
    plain = res.with_uncertainty("marginal", cov_type="sandwich")
    for fit, scores in ((res, s / left), (plain, s)):
        expected = fit.params.to_numpy() + W @ scores @ newton
        np.testing.assert_allclose(fit.inference.bootstrap.replicates, expected, rtol=1e-7)


@pytest.mark.bits
def test_the_kind_of_uncertainty_is_changed_without_refitting(bumps):
    marginal = bumps.fit("ml", n_starts=2)
    assert marginal.uncertainty == "marginal"
    conditional = marginal.with_uncertainty("conditional")
    assert conditional.estimate is marginal.estimate
    again = bumps.fit("ml", n_starts=2, uncertainty="conditional")
    np.testing.assert_array_equal(conditional.bse, again.bse)
    np.testing.assert_array_equal(conditional.bse_boot, again.bse_boot)
    back = conditional.with_uncertainty("marginal")
    np.testing.assert_array_equal(back.bse_boot, marginal.bse_boot)
    assert conditional.uncertainty == "conditional"
    for name in ("basis_bse", "profiles_bse"):
        with pytest.raises(errors.NotComputedError, match="uncertainty='marginal'"):
            getattr(conditional, name)


def test_a_coefficient_at_its_bound_gets_a_score_test():
    rng = np.random.default_rng(0)
    group = np.arange(80) % 2.0
    X = BumpDesign(n_responses=8, rank=2, n_units=80).basis
    Theta = np.array([[60.0, -6.0], [60.0, 6.0]])  # the first effect would be negative
    scores = np.column_stack([np.ones(80), group]) @ Theta.T + 3.0 * rng.normal(size=(80, 2))
    Y = scores @ X.T + rng.normal(size=(80, 8))
    model = nmfre.NMFRE(Y, np.column_stack([np.ones(80), group]), rank=2)
    res = model.fit("ml", n_starts=2)
    assert res.at_bound.to_list() == [False, False, True, False]
    z, p = res.tvalues["comp1", "x1"], res.pvalues["comp1", "x1"]
    assert z < -3
    assert p == pytest.approx(stats.norm.sf(z))
    assert p > 0.99
    assert res.pvalues["comp2", "x1"] < 1e-4
    assert "bounds" in topics(res)
    signed = model.fit("ml", n_starts=2, signed=True)
    assert signed.tvalues["comp1", "x1"] == pytest.approx(z, rel=0.5)


@pytest.mark.parametrize(("forms", "largest"), [(PAPER, 1e-4), ({}, 2e-4)])
def test_rotations_leave_effects_without_standard_errors(holzinger, forms, largest):
    res = holzinger.fit("ml", signed=True, n_starts=1, **forms)
    assert res.bse.isna().all()
    assert res.pvalues.isna().all()
    assert res.conf_int().isna().all(axis=None)
    assert res.basis_bse.isna().all(axis=None)
    assert res.profiles_bse.notna().all(axis=None)
    assert (res.wald_test_terms().table["pvalue"] < largest).all()
    with pytest.raises(errors.NotComputedError, match="rotations of the components"):
        res.t_test("comp1[x1] = 0")
    with pytest.raises(errors.NotComputedError, match="wald_test_terms"):
        res.wald_test("comp1[x1] = comp2[x1]")
    assert topics(res)["not identified"] == "caution"


@pytest.mark.parametrize("forms", [PAPER, {}])
def test_what_rotations_leave_alone_is_invariant(holzinger, forms):
    res = holzinger.fit("ml", signed=True, n_starts=1, n_boot=0, **forms)
    design, estimate = holzinger.design, turned(res.estimate)
    inference = marginal_inference(
        design.Y,
        design.A,
        moments_of(design.Y, design.A),
        estimate,
        res.inference.options,
        np.random.SeedSequence(0),
    )
    other = replace(res, estimate=estimate, inference=inference)
    np.testing.assert_allclose(other.profiles_bse, res.profiles_bse, rtol=1e-6)
    np.testing.assert_allclose(
        other.wald_test_terms().table, res.wald_test_terms().table, rtol=1e-6
    )
    one, same = (
        table[~table.index.str.startswith("tau2[")]
        for table in (res.variance_components(), other.variance_components())
    )
    np.testing.assert_allclose(same, one, rtol=1e-6)


def test_components_that_bounds_alone_tell_apart(holzinger):
    res = holzinger.fit("ml", n_starts=2, n_boot=0)
    assert res.identification.by_bounds
    assert res.identification.n_free == 0
    assert res.at_bound.sum() == 3
    assert (res.bse.isna() == res.at_bound).all()
    assert (res.tvalues[res.at_bound] < 0).all()
    assert topics(res)["held at bounds"] == "caution"
    assert (res.wald_test_terms().table["pvalue"] < 1e-3).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cov_type", ["sandwich", "naive"])
def test_an_effect_far_below_its_bound_leaves_the_model_without_it(seed, cov_type):
    """Freed in the linearisation, it would make standard errors up to a hundred times as long."""
    endog, exog = falling(seed)
    res = nmfre.NMFRE(endog, exog, rank=1).fit("ml", cov_type=cov_type, seed=1)
    without = nmfre.NMFRE(endog, exog[:, :1], rank=1).fit("ml", cov_type=cov_type, seed=1)
    assert res.inference.held.tolist() == [False, True]
    assert res.llf == pytest.approx(without.llf, abs=1e-8)
    for name in ("bse", "bse_boot"):
        mine, other = getattr(res, name), getattr(without, name)
        assert mine.iloc[0] == pytest.approx(other.iloc[0], rel=1e-5)
        assert np.isnan(mine.iloc[1])
    np.testing.assert_allclose(res.conf_int().iloc[0], without.conf_int().iloc[0], rtol=1e-6)
    np.testing.assert_allclose(
        res.variance_components()["std err"], without.variance_components()["std err"], rtol=1e-5
    )
    assert res.tvalues.iloc[1] < -3
    assert res.pvalues.iloc[1] > 0.99
    terms = res.wald_test_terms().table
    assert terms["pvalue"].iloc[1] == 1.0
    assert terms["df_constraint"].tolist() == [1, 1]
    assert res.wald_test_terms(by="component").table.loc["comp1", "pvalue"] == 1.0
    assert float(res.t_test("comp1[const] = 0").sd.item()) == pytest.approx(res.bse.iloc[0])
    assert float(res.wald_test("comp1[const] = 0").pvalue) < 1e-6
    with pytest.raises(errors.NotComputedError, match="held at their bound"):
        res.t_test("comp1[x1] = 0")
    assert topics(res)["held at bounds"] == "caution"


def test_an_effect_a_little_below_its_bound_stays_free():
    endog, exog = falling(seed=4, effect=0.0)
    res = nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0)
    assert res.at_bound.tolist() == [False, True]
    assert -1.9 < res.tvalues.iloc[1] < 0
    assert res.bse.notna().all()


@pytest.mark.slow
def test_refits_agree_where_an_effect_is_held_at_its_bound():
    endog, exog = falling()
    res = nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0)
    refits = res.bootstrap(n_boot=200, refit=True, seed=0)
    assert refits.bse.iloc[0] == pytest.approx(res.bse.iloc[0], rel=0.2)


def test_no_random_effects_at_all():
    res = nmfre.NMFRE(*unlike(), rank=1).fit("ml", **PAPER)
    assert res.df_random < 1e-6
    assert res.converged
    table = res.variance_components()
    assert table.loc[["tau2", "icc", "df_random"], "std err"].isna().all()
    assert table.loc["sigma2", "std err"] == pytest.approx(res.sigma2 * np.sqrt(2 / 240), rel=0.2)
    assert res.bse.notna().all()
    assert topics(res)["tau2"] == "note"


@pytest.mark.parametrize(("n_responses", "rank"), [(1, 1), (2, 2), (3, 3)])
def test_too_few_responses_for_the_rank(n_responses, rank):
    rng = np.random.default_rng(0)
    exog = np.column_stack([np.ones(60), np.arange(60) % 2])
    endog = 10 + exog[:, 1:] + rng.normal(size=(60, 1)) + rng.normal(size=(60, n_responses))
    res = nmfre.NMFRE(endog, exog, rank=rank).fit("ml", signed=True, n_boot=5)
    assert res.inference.undetermined
    for values in (res.bse, res.bse_boot, res.profiles_bse, res.variance_components()["std err"]):
        assert values.isna().all(axis=None)
    with pytest.raises(errors.NotComputedError, match="no covariance"):
        res.wald_test_terms()
    assert topics(res)["not determined"] == "problem"
    assert "bounds" not in topics(res)


def test_no_z_for_effects_of_a_fit_that_is_not_determined():
    rng = np.random.default_rng(0)
    exog = np.column_stack([np.ones(60), np.arange(60) % 2])
    endog = 10 - exog[:, 1:] + rng.normal(size=(60, 1)) + rng.normal(size=(60, 3))
    res = nmfre.NMFRE(endog, exog, rank=3).fit("ml", n_boot=0)
    assert res.inference.undetermined
    assert res.at_bound.any()
    assert res.tvalues.isna().all()
    assert res.pvalues.isna().all()


def test_nearly_collinear_covariates_are_determined():
    rng = np.random.default_rng(0)
    seconds = 1.7e9 + rng.uniform(0, 1e6, 80)
    endog = 20 + (seconds[:, None] - 1.7e9) / 1e6 + rng.normal(size=(80, 1))
    endog = endog + rng.normal(size=(80, 4))
    res = nmfre.NMFRE(endog, np.column_stack([np.ones(80), seconds]), rank=1).fit("ml", signed=True)
    assert not res.inference.undetermined
    centred = np.column_stack([np.ones(80), seconds - 1.7e9])
    other = nmfre.NMFRE(endog, centred, rank=1).fit("ml", signed=True)
    assert res.tvalues.iloc[1] == pytest.approx(other.tvalues.iloc[1], rel=1e-3)


def test_a_score_of_which_nothing_is_left_has_no_test():
    """Two responses do not determine two components: cleared of all else, the score is rounding."""
    endog = np.array(
        [
            *([1.6202023, 2.4302382], [6.2603526, 4.481454], [4.5117097, 4.062139]),
            *([6.514512, 7.1132793], [4.8530626, 5.5756197], [3.5484197, 3.58284]),
            *([9.748013, 7.4933248], [8.09371, 6.388182], [4.6416807, 5.074063]),
            *([7.448144, 7.154254], [4.95727, 5.503217]),
        ],
        dtype="f4",
    )
    corner = np.array([[0.66735766, 0.51378896], [0.33264234, 0.48621104]])
    start = {"start_basis": corner, "start_sigma2": 0.21299994, "start_tau2": 6.26169711}
    res = nmfre.NMFRE(endog, rank=2).fit("ml", n_starts=1, n_boot=0, **start, **PAPER)
    assert res.at_bound.sum() == 1
    assert res.tvalues.isna().all()
