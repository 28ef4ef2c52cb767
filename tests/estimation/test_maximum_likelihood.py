"""Maxima of the marginal likelihood: known ones, and what they say."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import Case
from forms import PAPER
from holes import loglike
from shown import topics

import nmfre
from nmfre import errors


@pytest.fixture(scope="module")
def holzinger():
    case = Case.read("holzinger_rank3")
    return nmfre.NMFRE(case.Y.T, case.A.T, rank=3)


def test_orthodont(model):
    """Guards the known maximum: likelihood, effects, variances, and that all starts find it."""
    for signed in (False, True):
        res = model.fit("ml", signed=signed, **PAPER)
        assert res.llf == pytest.approx(-215.58690, abs=5e-6)
        np.testing.assert_allclose(res.params, [90.506, 9.423], atol=5e-4)
        assert res.sigma2 == pytest.approx(1.9328, abs=5e-5)
        assert res.tau2 == pytest.approx(48.191, abs=5e-4)
        assert res.converged
        assert res.n_agree == res.n_starts == 5
        assert res.icc == pytest.approx(0.610, abs=5e-4)


def test_rank_one_with_a_flat_basis_is_a_random_intercept_model():
    """With a basis that the data make flat, the fit is the linear mixed model's."""
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(4)
    x = rng.random(80)
    level = 10 + 3 * x + rng.normal(size=80)
    noise = rng.normal(size=(80, 4))
    # Responses whose moments are exchangeable: every order of the four columns, all at once.
    orders = [np.roll(np.arange(4), k) for k in range(4)]
    Y = np.vstack([level[:, None] + noise[:, order] for order in orders])
    exog = np.column_stack([np.ones(320), np.tile(x, 4)])
    res = nmfre.NMFRE(Y, exog, rank=1).fit("ml")
    np.testing.assert_allclose(res.basis, 0.25, atol=1e-7)
    long = pd.DataFrame(
        {"y": Y.ravel(), "x": np.repeat(np.tile(x, 4), 4), "unit": np.repeat(np.arange(320), 4)}
    )
    mixed = smf.mixedlm("y ~ x", long, groups="unit").fit(reml=False)
    assert res.llf == pytest.approx(mixed.llf, abs=1e-5)
    np.testing.assert_allclose(res.params / 4, mixed.fe_params, rtol=1e-4)
    assert res.sigma2 == pytest.approx(mixed.scale, rel=1e-4)
    assert res.tau2 / 16 == pytest.approx(mixed.cov_re.iloc[0, 0], rel=1e-3)
    assert res.icc == pytest.approx(
        mixed.cov_re.iloc[0, 0] / (mixed.cov_re.iloc[0, 0] + mixed.scale), rel=1e-3
    )


@pytest.mark.parametrize(("signed", "llf"), [(True, 1022.05569), (False, 1013.62360)])
def test_holzinger_from_twenty_starts(holzinger, signed, llf):
    """Guards the best likelihoods known of these data, and that nearly all starts reach them."""
    res = holzinger.fit("ml", signed=signed, n_starts=20, n_boot=0)
    assert res.llf >= llf
    assert res.n_agree >= 18
    assert res.gradient_norm < 1e-8
    assert res.estimate.objective_path[-1] == pytest.approx(-res.llf)
    assert (np.diff(res.objective_path[:5]) < 0).all()


def test_the_maximum_is_one_of_the_density(model):
    """Perturbed parameters have a lower log-likelihood, computed without our formulas."""
    res = model.fit("ml")
    Y, A = model.design.Y, model.design.A
    X, Theta, Psi, Phi = (
        found.to_numpy() for found in (res.basis, res.theta, res.resid_variances, res.cov_re)
    )
    assert loglike(Y, A, X, Theta, Psi, Phi).sum() == pytest.approx(res.llf, rel=1e-10)
    rng = np.random.default_rng(0)
    for _ in range(30):
        Z = X * np.exp(0.02 * rng.normal(size=X.shape))
        shaken = [V * np.exp(0.02 * rng.normal(size=len(V))) for V in (Psi, Phi)]
        other = Theta * np.exp(0.02 * rng.normal(size=Theta.shape))
        assert loglike(Y, A, Z / Z.sum(axis=0), other, *shaken).sum() < res.llf


@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6])
@pytest.mark.parametrize("signed", [True, False])
def test_units_of_y_do_not_matter(holzinger, signed, scale):
    """Guards ml against variances or tolerances that are in the units of Y."""
    options = {"signed": signed, "n_starts": 2, "n_boot": 20}
    a = holzinger.fit("ml", **options)
    b = nmfre.NMFRE(scale * holzinger.endog, holzinger.exog, rank=3).fit("ml", **options)
    inside = ~a.at_bound.to_numpy()
    np.testing.assert_array_equal(a.at_bound, b.at_bound)
    for name in ("tvalues", "pvalues"):
        x, y = (getattr(res, name).to_numpy()[inside] for res in (a, b))
        np.testing.assert_allclose(y, x, rtol=1e-6, atol=1e-12)
    for name in ("icc", "df_random", "saturation", "ridge"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-6)
    np.testing.assert_allclose(b.theta, scale * a.theta, rtol=1e-6, atol=1e-9 * scale)
    assert b.llf == pytest.approx(a.llf - 2700 * np.log(scale), rel=1e-9)


def test_order_of_units_and_responses_does_not_matter(holzinger):
    rng = np.random.default_rng(1)
    units, responses = rng.permutation(300), rng.permutation(9)
    a = holzinger.fit("ml", n_starts=2, n_boot=0)
    shuffled = holzinger.endog[units][:, responses]
    b = nmfre.NMFRE(shuffled, holzinger.exog[units], rank=3).fit("ml", n_starts=2, n_boot=0)
    assert b.llf == pytest.approx(a.llf, abs=1e-8)
    match = [
        int(np.argmin(np.abs(b.basis.to_numpy().T - column[responses]).sum(axis=1)))
        for column in a.basis.to_numpy().T
    ]
    assert sorted(match) == [0, 1, 2]
    np.testing.assert_allclose(b.theta.to_numpy()[match], a.theta, atol=1e-6)
    np.testing.assert_allclose(
        b.random_effects.to_numpy()[:, match], a.random_effects.to_numpy()[units], atol=1e-6
    )


def test_random_effects_are_blups_and_not_centred(holzinger):
    res = holzinger.fit("ml", signed=True, n_starts=1, n_boot=0)
    Y, A = holzinger.design.Y, holzinger.design.A
    X, Theta = res.basis.to_numpy(), res.theta.to_numpy()
    Psi, Phi = np.diag(res.resid_variances), res.cov_re.to_numpy()
    U = Phi @ X.T @ np.linalg.solve(Psi + X @ Phi @ X.T, Y - X @ Theta @ A)
    np.testing.assert_allclose(res.random_effects.T, U, rtol=1e-6, atol=1e-9)
    assert np.abs(U @ A.T).max() < 1e-8 * np.abs(U).sum()
    assert np.abs(U.mean(axis=1)).max() > 1e-3  # 1 is not in the row space of A
    assert res.mean_squared_residual == pytest.approx(np.mean(res.resid.to_numpy() ** 2))


def test_the_cap_is_met_certified_and_priced(model):
    free, capped = model.fit("ml", **PAPER), model.fit("ml", df_cap=0.5, **PAPER)
    assert capped.df_random == pytest.approx(13.5, rel=1e-9)
    assert capped.cap_binds
    assert capped.converged
    assert capped.gradient_norm < 1e-8
    assert capped.llf_uncapped == pytest.approx(free.llf)
    assert capped.llf < free.llf
    assert capped.df_model == free.df_model - 1
    assert capped.llf_uncapped - capped.llf == pytest.approx(9.876, abs=5e-4)
    assert topics(capped)["cap"] == "caution"
    loose = model.fit("ml", df_cap=0.95, **PAPER)
    assert not loose.cap_binds
    assert loose.llf == pytest.approx(free.llf)
    np.testing.assert_allclose(
        model.fit("ml", df_cap=nmfre.Cap(absolute=13.5), **PAPER).params, capped.params
    )
    assert model.fit("ml").df_cap is None
    assert model.fit("ml").estimator.df_cap is None


def test_starts_that_the_user_gives(model):
    res = model.fit("ml", n_starts=1)
    again = model.fit(
        "ml",
        n_starts=1,
        start_basis=res.basis,
        start_sigma2=res.sigma2,
        start_tau2=res.tau2,
    )
    assert again.n_iter < res.n_iter
    np.testing.assert_allclose(again.params, res.params, rtol=1e-6)
    ratio = model.fit("ml", n_starts=1, start_sigma2=2.0, start_tau2=50.0)
    assert not np.array_equal(ratio.objective_path[:1], res.objective_path[:1])


@pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")
def test_variances_that_are_given_are_used_whatever_they_are(model):
    """1 and 1 are values like any others; not given is None."""
    options = {"n_starts": 1, "n_boot": 0, "maxiter": 1}
    ones = model.fit("ml", start_sigma2=1.0, start_tau2=1.0, **options)
    near = model.fit("ml", start_sigma2=1.0, start_tau2=1.0000001, **options)
    default = model.fit("ml", **options)
    half = model.fit("ml", start_sigma2=1.0, **options)
    assert ones.objective == pytest.approx(near.objective, rel=1e-5)
    assert ones.objective != pytest.approx(default.objective, rel=1e-3)
    assert half.objective == ones.objective
    df_cap = [model.fit(n_boot=0, **given) for given in ({}, {"start_sigma2": 1, "start_tau2": 1})]
    np.testing.assert_array_equal(df_cap[0].params, df_cap[1].params)


def test_the_objective_of_a_fit_without_iterations(model, simulated):
    res = model.fit("ml", n_starts=1, **PAPER)
    start = {"start_basis": res.basis, "start_sigma2": res.sigma2}
    again = model.fit("ml", n_starts=1, **start, start_tau2=res.tau2, **PAPER)
    one = nmfre.NMFRE(simulated["y1"], simulated["age"], rank=1).fit("ml")
    for fit in (again, one):
        assert fit.n_iter == 0
        assert fit.objective == fit.objective_path.item() == pytest.approx(-fit.llf)


def test_edge_cases(model, simulated):
    with pytest.warns(nmfre.ConvergenceWarning):
        assert model.fit("ml", maxiter=1, n_starts=1).n_iter == 1
    with pytest.warns(errors.SingleResponseWarning):
        one = nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1).fit("ml")
    assert one.basis.to_numpy().item() == 1.0
    line = np.polynomial.polynomial.polyfit(simulated["age"], simulated["y1"], 1)
    np.testing.assert_allclose(one.params, line, rtol=1e-6)
    mean = nmfre.NMFRE(simulated[["y1", "y2"]], rank=1).fit("ml")
    assert mean.converged
    assert mean.theta.shape == (1, 1)


def test_a_search_that_is_cut_short_warns(holzinger):
    with pytest.warns(nmfre.ConvergenceWarning, match="the limit of .* at a gradient norm of"):
        res = holzinger.fit("ml", maxiter=5, n_starts=1)
    assert (res.stop_reason, res.converged) == ("maxiter", False)
    assert topics(res)["not converged"] == "problem"


def test_components_that_merge_are_told():
    """Signed effects that only a difference of two equal columns could give."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 60)
    rising, falling = np.array([1.0, 2.0, 3.0, 4.0]), np.array([4.0, 3.0, 2.0, 1.0])
    Y = 50 * rising + np.outer(x, falling - rising) + 0.5 * rng.normal(size=(60, 4))
    model = nmfre.NMFRE(Y, np.column_stack([np.ones(60), x]), rank=2)
    with pytest.warns(nmfre.NMFREWarning) as caught:
        res = model.fit("ml", signed=True, n_starts=1, maxiter=3_000, **PAPER)
    assert res.bse.isna().all()
    assert res.basis_bse.isna().all(axis=None)
    assert res.profiles_bse.isna().all(axis=None)
    assert res.get_prediction().se_mean.isna().all(axis=None)
    with pytest.raises(errors.NotComputedError, match="no covariance"):
        res.wald_test_terms()
    assert topics(res)["components merge"] == "problem"
    assert any(issubclass(w.category, errors.DegenerateBasisWarning) for w in caught)


def test_an_exact_fit_has_no_likelihood():
    rng = np.random.default_rng(0)
    group = np.arange(20) % 2.0
    Y = np.column_stack([np.ones(20), group]) @ rng.random((2, 3)) * 10
    model = nmfre.NMFRE(Y, np.column_stack([np.ones(20), group]), rank=2)
    with pytest.raises(errors.ExactFitError, match="rank=2 reproduces the responses to rounding"):
        model.fit("ml")


def test_centred_covariates_work_with_signed_theta(simulated):
    frame = simulated.assign(age=simulated["age"] - simulated["age"].mean())
    res = nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ age", frame, rank=1).fit("ml", signed=True)
    assert res.converged
    raw = nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ age", simulated, rank=1).fit("ml", signed=True)
    assert res.llf == pytest.approx(raw.llf)
    assert res.params["comp1", "age"] == pytest.approx(raw.params["comp1", "age"], rel=1e-5)


@pytest.mark.bits
def test_starts_on_two_processes_are_those_on_one(simulated):
    """Guards the starts against the number of processes."""
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age", simulated, rank=2)
    one = model.fit("ml", n_boot=0)
    with joblib.parallel_config("loky", n_jobs=2):
        two = model.fit("ml", n_boot=0)
    pd.testing.assert_series_equal(one.params, two.params, check_exact=True)
    assert one.n_agree == two.n_agree
