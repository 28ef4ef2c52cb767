"""Inference on all parameters together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import Case
from scipy import stats

import nmfre
from nmfre import errors
from nmfre.estimation.complete import moments_of
from nmfre.estimation.likelihood import MarginalScore
from nmfre.estimators import MaximumLikelihood, base
from nmfre.inference.conditional import conditional_inference
from nmfre.inference.coordinates import Coordinates, _contrasts
from nmfre.inference.marginal import marginal_inference
from nmfre.simulation import BumpDesign, coverage_study


@pytest.fixture(scope="module")
def holzinger():
    case = Case.read("holzinger_rank3")
    return nmfre.NMFRE(case.Y.T, case.A.T, rank=3)


@pytest.fixture(scope="module")
def bumps():
    endog, exog = BumpDesign(n_responses=8, rank=2, n_units=60).draw(np.random.default_rng(5))
    return nmfre.NMFRE(endog, exog, rank=2)


def coordinates_of(res):
    design = res.model.design
    return Coordinates(moments_of(design.Y, design.A), res.estimate)


def unit_loglike(res, psi):
    """Log-densities of the units at psi = (X, Theta, log sigma2, log lambda), from SciPy."""
    (P, Q), K = res.basis.shape, len(res.theta.columns)
    X, Theta = psi[: P * Q].reshape(P, Q, order="F"), psi[P * Q : -2].reshape(Q, K, order="F")
    sigma2 = np.exp(psi[-2])
    covariance = sigma2 * (np.eye(P) + X @ X.T / np.exp(psi[-1]))
    centred = (res.model.design.Y - X @ Theta @ res.model.design.A).T
    return stats.multivariate_normal(np.zeros(P), covariance).logpdf(centred)


def psi_of(res):
    return np.concatenate(
        [
            res.estimate.X.ravel(order="F"),
            res.estimate.Theta.ravel(order="F"),
            [np.log(res.sigma2), np.log(res.ridge)],
        ]
    )


def directions(res):
    """d psi / d coordinates, with Theta and sigma2 in the units of Y."""
    coordinates = coordinates_of(res)
    J = coordinates.jacobian(coordinates.axes(coordinates.bounds_needed))
    J[coordinates.X.size : -2] *= coordinates.moments.scale
    return coordinates, J


@pytest.mark.parametrize("df_cap", [None, 0.5])
def test_unit_scores_are_derivatives_of_the_density(bumps, df_cap):
    res = bumps.fit("ml", signed=True, n_starts=2, df_cap=df_cap, n_boot=0)
    coordinates, J = directions(res)
    scores = coordinates.unit_scores(bumps.design.Y, bumps.design.A)
    psi, h = psi_of(res), 1e-5
    for j in range(0, J.shape[1], 3):
        ahead, behind = (unit_loglike(res, psi + sign * h * J[:, j]) for sign in (1, -1))
        np.testing.assert_allclose(scores[:, j], (ahead - behind) / (2 * h), rtol=1e-4, atol=1e-5)
    assert np.abs(scores.mean(axis=0)).max() < 1e-6
    at_maximum = coordinates.score(np.zeros(J.shape[1]))
    np.testing.assert_allclose(scores.mean(axis=0), at_maximum, atol=1e-10)


def test_the_hessian_is_that_of_the_density(bumps):
    res = bumps.fit("ml", signed=True, n_starts=2, n_boot=0)
    coordinates, J = directions(res)
    hessian = coordinates.hessian()
    psi, h = psi_of(res), 1e-4

    def loglike(step):
        return unit_loglike(res, psi + J @ step).mean()

    axes = h * np.eye(J.shape[1])
    last = len(axes) - 1
    for i, j in ((0, 0), (3, 9), (13, 13), (14, 16), (last, last - 1), (2, last)):
        a, b = axes[i], axes[j]
        second = (loglike(a + b) - loglike(a - b) - loglike(b - a) + loglike(-a - b)) / (4 * h**2)
        assert hessian[i, j] == pytest.approx(second, rel=1e-3, abs=1e-5)
    assert np.linalg.eigvalsh(hessian).max() < 0


def test_columns_keep_their_sums_and_their_zeros():
    free = np.array([True, False, True, True, False])
    basis = _contrasts(free)
    assert basis.shape == (5, 2)
    np.testing.assert_allclose(basis.sum(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(basis[~free], 0.0)
    np.testing.assert_allclose(basis.T @ basis, np.eye(2), atol=1e-12)
    assert _contrasts(np.array([True, False])).shape == (2, 0)


def test_covariance_is_the_sandwich_of_the_formula(bumps):
    res = bumps.fit("ml", signed=True, n_starts=2, n_boot=0)
    coordinates, J = directions(res)
    H = 60 * coordinates.hessian()
    s = coordinates.unit_scores(bumps.design.Y, bumps.design.A)
    reduced = np.linalg.inv(H) @ (60 / 59 * s.T @ s) @ np.linalg.inv(H)
    expected = (J @ reduced @ J.T)[16:-2, 16:-2]
    np.testing.assert_allclose(res.cov_params(), expected, rtol=1e-8)
    naive = bumps.fit("ml", signed=True, n_starts=2, n_boot=0, cov_type="naive")
    np.testing.assert_allclose(
        naive.cov_params(), (J @ np.linalg.inv(-H) @ J.T)[16:-2, 16:-2], rtol=1e-8
    )
    largest = bumps.fit("ml", signed=True, n_starts=2, n_boot=0, cov_type="max")
    np.testing.assert_allclose(largest.bse, np.maximum(res.bse, naive.bse))
    h = np.sum(bumps.exog.T * np.linalg.solve(bumps.exog.T @ bumps.exog, bumps.exog.T), axis=0)
    t = s / (1 - h)[:, None]
    cr3 = bumps.fit("ml", signed=True, n_starts=2, n_boot=0, cov_type="cr3")
    expected = J @ np.linalg.inv(H) @ t.T @ t @ np.linalg.inv(H) @ J.T
    np.testing.assert_allclose(cr3.cov_params(), expected[16:-2, 16:-2], rtol=1e-8)


def test_orthodont_agrees_with_conditional_inference(model):
    """With one component its basis and Theta are nearly orthogonal."""
    res = model.fit("ml")
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
        U = np.sqrt(res.tau2) * rng.normal(size=(60, 2))
        scores = bumps.exog @ res.theta.to_numpy().T + U
        Y = scores @ res.basis.to_numpy().T + np.sqrt(res.sigma2) * rng.normal(size=(60, 8))
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
    steps = W @ s @ np.linalg.inv(-60 * coordinates.hessian()) @ J[16:-2].T
    np.testing.assert_allclose(
        res.inference.bootstrap.replicates, res.params.to_numpy() + steps, rtol=1e-7
    )


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
    assert "carry the uncertainty of the basis" in " ".join(str(marginal.summary()).split())
    assert "leaves out the uncertainty" in " ".join(str(conditional.summary()).split())
    for name in ("basis_bse", "profiles_bse"):
        with pytest.raises(errors.NotComputedError, match="uncertainty='marginal'"):
            getattr(conditional, name)


def test_what_does_not_go_with_the_kind_raises(model, monkeypatch):
    with pytest.raises(errors.InvalidArgumentError, match="uncertainty='marginal' is not allowed"):
        model.fit(uncertainty="marginal")
    with pytest.raises(errors.InvalidArgumentError, match="information='plain'"):
        model.fit("ml", information="plain")
    with pytest.raises(errors.InvalidArgumentError, match="dispersion='n'"):
        model.fit("ml", dispersion="n")
    with pytest.raises(errors.InvalidArgumentError, match="cov_type='cr3'"):
        model.fit(cov_type="cr3")
    with pytest.raises(errors.InvalidArgumentError, match="uncertainty='none'"):
        model.fit("ml", uncertainty="none")
    monkeypatch.setattr(base, "LARGEST", 7)
    assert model.fit("ml", uncertainty="conditional").bse.notna().all()
    with pytest.raises(errors.TooManyParametersError, match="8 parameters is not formed"):
        model.fit("ml", uncertainty="conditional").with_uncertainty("marginal")
    monkeypatch.setattr(MaximumLikelihood, "fit", None)  # said before anything is estimated
    with pytest.raises(errors.TooManyParametersError, match="8 parameters is not formed"):
        model.fit("ml")


def test_another_kind_of_inference_may_have_another_covariance(model):
    corrected = model.fit("ml", cov_type="cr3")
    with pytest.raises(errors.InvalidArgumentError, match=r"conditional', cov_type='sandwich'\)"):
        corrected.with_uncertainty("conditional")
    with pytest.raises(errors.InvalidArgumentError, match="cov_type='hc3'"):
        corrected.with_uncertainty("marginal", cov_type="hc3")
    for cov_type in ("sandwich", "naive", "max"):
        expected = model.fit("ml", uncertainty="conditional", cov_type=cov_type)
        res = corrected.with_uncertainty("conditional", cov_type=cov_type)
        np.testing.assert_allclose(res.bse, expected.bse)
    back = res.with_uncertainty("marginal", cov_type="cr3")
    np.testing.assert_allclose(back.bse, corrected.bse)


def test_few_units_are_told(model):
    assert "27 units are few" in " ".join(str(model.fit("ml").summary()).split())
    corrected = model.fit("ml", cov_type="cr3")
    assert (corrected.bse > model.fit("ml").bse).all()
    assert "units are few" not in str(corrected.summary())


# Basis, profiles, variances


def test_profiles_of_means(bumps):
    res = bumps.fit("ml", n_starts=2)
    np.testing.assert_allclose(res.profiles, res.basis.to_numpy() @ res.theta.to_numpy())
    assert list(res.profiles_bse.columns) == ["const", "x1"]
    # The mean profile of a balanced design is least squares of each response.
    ols = np.linalg.lstsq(bumps.exog, bumps.endog, rcond=None)[0]
    residual = bumps.endog - bumps.exog @ ols
    hc = np.linalg.inv(bumps.exog.T @ bumps.exog)
    meat = np.einsum("nk,np,nl->pkl", bumps.exog, residual**2, bumps.exog)
    free = np.sqrt(np.array([np.diag(hc @ m @ hc) for m in meat]))
    assert (res.profiles_bse.to_numpy() < 1.1 * free).all()  # the model only adds information
    limits = res.profiles_conf_int(0.1)
    assert limits.shape == (8, 4)
    assert list(limits["x1"].columns) == ["5 %", "95 %"]
    width = limits["x1"]["95 %"] - limits["x1"]["5 %"]
    np.testing.assert_allclose(width, 2 * stats.norm.isf(0.05) * res.profiles_bse["x1"])


def test_basis_intervals(bumps):
    res = bumps.fit("ml", n_starts=2)
    truth = BumpDesign(n_responses=8, rank=2, n_units=60).basis
    assert res.basis_bse.shape == (8, 2)
    free = res.basis.to_numpy() > 0
    assert not free.all()
    assert ((res.basis_bse.to_numpy() > 0) == free).all()
    assert res.basis_bse.isna().to_numpy()[~free].all()
    limits = res.basis_conf_int(0.01)
    low, high = (limits.xs(name, axis=1, level=1).to_numpy() for name in ("0.5 %", "99.5 %"))
    inside = (low <= truth + 1e-9) & (truth <= high + 1e-9)
    assert inside[free].mean() > 0.9
    assert np.isnan([low[~free], high[~free]]).all()  # of zero width they would cover nothing
    assert (low[free] >= 0).all()
    assert (low[free] < high[free]).all()
    with pytest.raises(errors.InvalidArgumentError, match="alpha"):
        res.basis_conf_int(2.0)


def test_variance_components(bumps):
    res = bumps.fit("ml", n_starts=2)
    table = res.variance_components()
    np.testing.assert_allclose(table["estimate"], [res.sigma2, res.tau2, res.icc, res.df_random])
    assert (table["2.5 %"] < table["estimate"]).all()
    assert (table["97.5 %"] > table["estimate"]).all()
    low, high = table.loc["sigma2", ["2.5 %", "97.5 %"]]
    assert low * high == pytest.approx(res.sigma2**2)  # symmetric on the log scale
    assert low < 1.4**2 < high
    assert table.loc["icc", "97.5 %"] < 1
    # Residual degrees of freedom tell the size of the error of sigma2.
    assert table.loc["sigma2", "std err"] == pytest.approx(
        res.sigma2 * np.sqrt(2 / (60 * 8 - 120)), rel=0.3
    )
    capped = bumps.fit("ml", n_starts=2, df_cap=0.5, n_boot=0).variance_components()
    assert capped.loc["df_random", "std err"] == pytest.approx(0.0, abs=1e-5)


def test_the_summary_shows_errors_of_the_variances(model):
    text = str(model.fit("ml").summary())
    assert "sigma2 (std err):        1.933 (0.679)" in text
    assert max(map(len, text.splitlines())) <= 80


# Bounds and rotations


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
    text = " ".join(str(res.summary()).split())
    assert "x1 (b)" in text
    assert "z and P are those of a one-sided score test" in text
    signed = model.fit("ml", n_starts=2, signed=True)
    assert signed.tvalues["comp1", "x1"] == pytest.approx(z, rel=0.5)


def test_rotations_leave_effects_without_standard_errors(holzinger):
    res = holzinger.fit("ml", signed=True, n_starts=1)
    assert res.bse.isna().all()
    assert res.pvalues.isna().all()
    assert res.conf_int().isna().all(axis=None)
    assert res.basis_bse.isna().all(axis=None)
    assert res.profiles_bse.notna().all(axis=None)
    assert (res.wald_test_terms().table["pvalue"] < 1e-4).all()
    with pytest.raises(errors.NotComputedError, match="rotations of the components"):
        res.t_test("comp1[x1] = 0")
    with pytest.raises(errors.NotComputedError, match="wald_test_terms"):
        res.wald_test("comp1[x1] = comp2[x1]")
    text = " ".join(str(res.summary()).split())
    assert "its effects have no standard errors of their own" in text
    assert "nan" not in text


def test_joint_tests_know_the_bound(model, bumps):
    """With one component the joint test of a bounded effect is its own one-sided test."""
    res = model.fit("ml")
    np.testing.assert_allclose(res.wald_test_terms().table["pvalue"], res.pvalues, rtol=1e-6)
    signed = model.fit("ml", signed=True)
    np.testing.assert_allclose(signed.wald_test_terms().table["pvalue"], signed.pvalues, rtol=1e-6)
    # The bound is the estimator's, whatever the alternative of the single tests.
    larger = model.fit("ml", signed=True, alternative="larger")
    np.testing.assert_allclose(larger.wald_test_terms().table, signed.wald_test_terms().table)
    two = bumps.fit("ml", n_starts=2).wald_test_terms().table.loc["x1"]
    assert two["pvalue"] < stats.chi2.sf(two["statistic"], 2)


def test_what_rotations_leave_alone_is_invariant(holzinger):
    res = holzinger.fit("ml", signed=True, n_starts=1, n_boot=0)
    K = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]]) / np.sqrt(3)
    R = np.eye(3) + np.sin(0.02) * K + (1 - np.cos(0.02)) * K @ K
    e, design = res.estimate, holzinger.design
    turned = replace(e, X=e.X @ R, Theta=R.T @ e.Theta, U=R.T @ e.U)
    inference = marginal_inference(
        design.Y,
        design.A,
        moments_of(design.Y, design.A),
        turned,
        res.inference.options,
        np.random.SeedSequence(0),
    )
    other = res._replaced(estimate=turned, inference=inference)
    np.testing.assert_allclose(other.profiles_bse, res.profiles_bse, rtol=1e-6)
    np.testing.assert_allclose(
        other.wald_test_terms().table, res.wald_test_terms().table, rtol=1e-6
    )
    np.testing.assert_allclose(other.variance_components(), res.variance_components(), rtol=1e-6)


def test_components_that_bounds_alone_tell_apart(holzinger):
    res = holzinger.fit("ml", n_starts=2, n_boot=0)
    assert res.identification.by_bounds
    assert res.identification.n_free == 0
    assert res.at_bound.sum() == 3
    assert (res.bse.isna() == res.at_bound).all()
    assert (res.tvalues[res.at_bound] < 0).all()
    text = " ".join(str(res.summary()).split())
    assert "without a standard error are held at their bound" in text
    assert "held at bounds" in set(res.check().frame["topic"])
    assert (res.wald_test_terms().table["pvalue"] < 1e-3).all()


def falling(seed=0, n_units=60, effect=12.0):
    """Responses of one component that fall in one of two groups, and covariates."""
    design = BumpDesign(n_responses=4, rank=1, n_units=n_units)
    endog, exog = design.draw(np.random.default_rng(seed))
    endog = endog - (12.0 - effect) * exog[:, 1:] / 4.0
    exog[:, 1] = 1.0 - exog[:, 1]
    return endog, exog


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
    text = " ".join(str(res.summary()).split())
    assert "without a standard error are held at their bound" in text


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
    rng = np.random.default_rng(0)
    E = rng.normal(size=(60, 4))
    Y = 10 + E - 0.95 * E.mean(axis=1, keepdims=True)  # less alike within units than by chance
    res = nmfre.NMFRE(Y, np.column_stack([np.ones(60), np.arange(60) % 2]), rank=1).fit("ml")
    assert res.df_random < 1e-6
    assert res.converged
    table = res.variance_components()
    assert table.loc[["tau2", "icc", "df_random"], "std err"].isna().all()
    assert table.loc["sigma2", "std err"] == pytest.approx(res.sigma2 * np.sqrt(2 / 240), rel=0.2)
    assert res.bse.notna().all()
    text = " ".join(str(res.summary()).split())
    assert "tau2 (std err): 0.000 (at its bound)" in text
    assert "tau2 is at its bound 0: the data show no random effects." in text


@pytest.mark.parametrize("cap", [None, 0.4])
def test_errors_of_icc_and_df_follow_from_their_gradients(bumps, cap):
    res = bumps.fit("ml", n_starts=2, n_boot=0, df_cap=cap)
    moments = moments_of(bumps.design.Y, bumps.design.A)

    def of(psi):
        X, ridge = psi[:16].reshape(8, 2, order="F"), np.exp(psi[-1])
        trace = np.sum(X**2)
        return np.array([trace / (trace + 8 * ridge), moments.df_random(X, ridge)])

    psi, steps = psi_of(res), 1e-6 * np.eye(len(psi_of(res)))
    gradients = np.array([(of(psi + step) - of(psi - step)) / 2e-6 for step in steps]).T
    variances = np.diag(gradients @ res.inference.psi_covariance @ gradients.T)
    expected = np.sqrt(np.maximum(variances, 0.0))  # that of df_U on its cap is rounding
    found = res.variance_components().loc[["icc", "df_random"], "std err"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


# Thresholds: what lies a tenth below and above


def alone(moments):
    """The direction of Gamma in which the last effect moves, clear of the one before it."""
    direction = moments.covariates.inverse[:, -1]
    return direction / np.linalg.norm(direction)


@pytest.mark.parametrize(
    ("size", "push", "held"), [(0.9, 1.1, True), (1.1, 1.1, False), (0.9, 0.9, False)]
)
def test_what_is_at_a_bound_and_pushed_against_it(bumps, monkeypatch, size, push, held):
    """Entries of X and Theta of a millionth, and derivatives of a millionth per unit."""
    res = bumps.fit("ml", n_starts=1, n_boot=0)
    X, Theta = res.estimate.X.copy(), res.estimate.Theta.copy()
    moments = moments_of(bumps.design.Y, bumps.design.A)
    scale = moments.covariates.scale
    X[3, 0] = size * 1e-6 / 8
    Theta[1, 1] = 0.0
    Theta[1, 1] = size * 1e-6 * np.max(Theta * scale) / scale[1]
    by_X, by_Gamma = np.zeros(X.shape), np.zeros(Theta.shape)
    by_X[3, 0] = -push * 1e-6
    by_Gamma[1] = -push * 1e-6 / 8 * alone(moments)
    score = MarginalScore(X=by_X, Gamma=by_Gamma, log_sigma2=0.0, log_ridge=0.0)
    monkeypatch.setattr(Coordinates, "_score", lambda *args: score)
    found = Coordinates(moments, replace(res.estimate, X=X, Theta=Theta))
    assert found.held_basis[3, 0] == held
    assert found.pushed_theta[3] == held
    assert found.theta_at_bound[3] == (size < 1)


@pytest.mark.parametrize(("push", "at_bound"), [(0.9, True), (1.1, False)])
def test_a_zero_that_the_likelihood_pulls_up_is_not_at_its_bound(
    bumps, monkeypatch, push, at_bound
):
    res = bumps.fit("ml", n_starts=1, n_boot=0)
    moments = moments_of(bumps.design.Y, bumps.design.A)
    Theta, by_Gamma = res.estimate.Theta.copy(), np.zeros(res.estimate.Theta.shape)
    Theta[1, 1] = 0.0
    by_Gamma[1] = push * 1e-6 / 8 * alone(moments)
    score = MarginalScore(X=np.zeros((8, 2)), Gamma=by_Gamma, log_sigma2=0.0, log_ridge=0.0)
    monkeypatch.setattr(Coordinates, "_score", lambda *args: score)
    assert Coordinates(moments, replace(res.estimate, Theta=Theta)).theta_at_bound[3] == at_bound


@pytest.mark.parametrize(("z", "beyond"), [(-1.94, False), (-1.98, True), (1.98, False)])
def test_effects_two_standard_errors_below_their_bound_are_beyond_it(z, beyond):
    endog, exog = falling()
    coordinates = coordinates_of(nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0))
    assert coordinates.theta_at_bound.tolist() == [False, True]
    size = coordinates.full_axes.shape[1]
    cleared = np.eye(size)[[coordinates.first_theta + 1]]
    information = 4.0 * np.eye(size) / len(endog)
    found = coordinates.beyond_bounds(cleared, 2.0 * z * np.ones(size), -information)
    assert found.tolist() == [False, beyond]


@pytest.mark.parametrize(("share", "at_bound"), [(0.9, True), (1.1, False)])
def test_no_random_effects_are_a_millionth_of_a_degree_of_freedom_per_unit(bumps, share, at_bound):
    res = bumps.fit("ml", n_starts=1, n_boot=0)
    estimate = replace(res.estimate, df_random=share * 1e-6 * 60)
    assert estimate.tau2_at_bound == at_bound


@pytest.mark.parametrize(("size", "at_bound"), [(0.9, True), (1.1, False)])
def test_conditional_effects_of_a_millionth_of_the_largest_are_at_their_bound(
    bumps, size, at_bound
):
    res = bumps.fit("ml", n_starts=1, n_boot=0, uncertainty="conditional")
    Y, A = bumps.design.Y, bumps.design.A
    scale = np.sqrt(np.sum(A**2, axis=1))
    Theta = res.estimate.Theta.copy()
    Theta[0, 1] = size * 1e-6 * np.max(Theta * scale) / scale[1]
    estimate = replace(res.estimate, Theta=Theta)
    seeds = np.random.SeedSequence(0)
    found = conditional_inference(Y, A, estimate, res.inference.options, seeds)
    assert found.at_bound[2] == at_bound


# A Monte Carlo study


@pytest.mark.slow
def test_coverage_of_both_kinds():
    design = BumpDesign(n_responses=8, rank=2, n_units=200)
    study = coverage_study(design, 100, n_boot=100, progress=False)
    assert study.attrs["n_replicates"] == 100
    for name in ("intercepts", "effects"):
        lowest = study.loc[("marginal", f"coverage, wald, {name}"), "lowest"]
        assert lowest >= stats.binom.ppf(1e-4, 100, 0.95) / 100
        ratio = study.loc[("marginal", f"mean se / sd, {name}"), "value"]
        assert 0.8 < ratio < 1.4
    assert study.loc[("conditional", "coverage, wald, intercepts"), "highest"] < 0.75
    assert study.loc[("marginal", "joint test, rejections"), "value"] == 1.0


@pytest.mark.slow
def test_coverage_where_no_entry_of_the_basis_lies_on_its_bound():
    design = BumpDesign(n_responses=8, rank=2, n_units=200, signed=False, background=0.3)
    study = coverage_study(design, 100, n_boot=2, seed=2, progress=False)
    for name in ("intercepts", "effects"):
        coverage = 100 * study.loc[("marginal", f"coverage, wald, {name}"), ["lowest", "highest"]]
        assert coverage["lowest"] >= stats.binom.ppf(1e-4, 100, 0.93)
        ratio = study.loc[("marginal", f"mean se / sd, {name}"), "lowest"]
        assert 0.8 < ratio < 1.2


@pytest.mark.slow
def test_size_of_the_joint_test():
    design = BumpDesign(n_responses=8, rank=2, n_units=60, effects="none", errors="exponential")
    study = coverage_study(design, 100, n_boot=2, progress=False)
    rejections = 100 * study.loc[("marginal", "joint test, rejections"), "value"]
    assert rejections <= stats.binom.ppf(1 - 1e-4, 100, 0.05)


@pytest.mark.bits
def test_the_study_does_not_depend_on_the_number_of_processes():
    design = BumpDesign(n_responses=4, rank=1, n_units=27, signed=False)
    one, two = (coverage_study(design, 12, n_boot=20, n_jobs=n, progress=False) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    with pytest.raises(errors.InvalidArgumentError, match="n_replicates=1"):
        coverage_study(design, 1)
    for arguments, message in (({"seed": -1}, "seed=-1"), ({"n_boot": 0}, "n_boot=0")):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            coverage_study(design, 2, **arguments)
    with pytest.raises(errors.InvalidArgumentError, match="alpha=5"):
        coverage_study(design, 2, alpha=5)
    with pytest.raises(errors.InvalidArgumentError, match=r"background=1\.0"):
        coverage_study(replace(design, background=1.0), 2)


def test_the_jackknife_correction_needs_leverages_below_one(model):
    alone = np.column_stack([model.exog, np.arange(27) == 3])
    with pytest.raises(errors.InvalidArgumentError, match=r"cov_type=.cr3.*leverage 1"):
        nmfre.NMFRE(model.endog, alone, rank=1).fit("ml", cov_type="cr3")


# What the data do not determine


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
    text = " ".join(str(res.summary()).split())
    assert "NOT DETERMINED: the data leave the likelihood flat" in text
    assert "at its bound" not in text
    assert "not determined" in set(res.check().frame["topic"])


def test_no_z_for_effects_of_a_fit_that_is_not_determined():
    rng = np.random.default_rng(0)
    exog = np.column_stack([np.ones(60), np.arange(60) % 2])
    endog = 10 - exog[:, 1:] + rng.normal(size=(60, 1)) + rng.normal(size=(60, 3))
    res = nmfre.NMFRE(endog, exog, rank=3).fit("ml", n_boot=0)
    assert res.inference.undetermined
    assert res.at_bound.any()
    assert res.tvalues.isna().all()
    assert res.pvalues.isna().all()


@pytest.mark.parametrize("signed", [True, False])
def test_advice_names_no_option_that_is_in_use(bumps, signed):
    res = bumps.fit("ml", signed=signed, n_starts=1, n_boot=0)
    merged = replace(res.estimate, condition=1e6)
    other = res._replaced(estimate=merged)
    for text in (str(other.check()), str(other.summary())):
        assert ("use signed=False" in " ".join(text.split())) == signed
    endog, exog = falling()
    bounds = nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0).check().frame
    text = bounds.set_index("topic").loc["bounds", "text"]
    assert text.endswith("Where effects may be negative, use signed=True.")


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


@pytest.mark.parametrize(
    "value", [{"errors": "gauss"}, {"effects": "xx"}, {"background": -0.1}, {"background": "0"}]
)
def test_a_design_checks_its_values(value):
    ((name, given),) = value.items()
    with pytest.raises(errors.InvalidArgumentError, match=f"{name}={given!r} is not allowed"):
        BumpDesign(n_responses=4, rank=1, n_units=27, **value)


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
    res = nmfre.NMFRE(endog, rank=2).fit("ml", n_boot=0)
    assert res.at_bound.sum() == 1
    assert res.tvalues.isna().all()
