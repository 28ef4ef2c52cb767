"""Missing responses: the likelihood of the observed ones, and all that follows from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from forms import PAPER, long_model
from holes import holes, loglike, with_holes
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from points import FORMS, covariances, forms, gradient, of_size, value
from scipy.optimize import approx_fprime, check_grad, minimize
from shown import topics

import nmfre
from nmfre import errors
from nmfre.estimation.complete import DenseMoments, moments_of
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.hessian import second_derivatives
from nmfre.estimation.maximize import starting_bases
from nmfre.estimation.patterns import MANY_DIGITS, PatternMoments
from nmfre.estimation.search import Search
from nmfre.simulation import BumpDesign

shapes = st.tuples(
    st.integers(3, 7), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32 - 1)
)


def draw(P, Q, K, seed, N=40):
    """Data with few patterns and many, at a point that is not a maximum."""
    rng = np.random.default_rng(seed)
    A = np.vstack([np.ones((1, N)), rng.normal(size=(K - 1, N))])
    X = rng.random((P, Q)) + 0.05
    X /= X.sum(axis=0)
    Y = X @ (P * rng.random((Q, K)) @ A + rng.normal(size=(Q, N))) + rng.normal(size=(P, N))
    Y = np.abs(Y)
    hidden = holes((N, P), 0.4, rng).T
    hidden[:, : N // 2] = False
    if P > 1:
        hidden[-1, : N // 4] = True  # one pattern of many units; the next N / 4 are complete
    Y[hidden] = np.nan
    return Y, A, X, P * rng.random((Q, K)), rng.normal()


@given(shapes, forms, st.booleans())
@settings(max_examples=80, deadline=None)
def test_value_is_the_normal_density(shape, structure, signed):
    Y, A, X, Theta, log_ridge = draw(*shape)
    m = moments_of(Y, A)
    assert isinstance(m, PatternMoments)
    assert m.n_cells == np.sum(~np.isnan(Y))
    relative = covariances(structure, X.shape, log_ridge)
    if signed:
        _, Theta = m.profiled(X, relative, signed=True)
    point = value(m, X, m.covariates.gamma(Theta), relative, structure)
    sigma2, Theta = point.sigma2 * m.scale**2, Theta * m.scale
    expected = -loglike(Y, A, X, Theta, sigma2 * relative.v, sigma2 * relative.Phi).sum()
    assert m.n_cells * (point.value + np.log(m.scale)) == pytest.approx(expected, rel=1e-9)


@given(shapes, forms, st.booleans(), st.sampled_from([np.inf, 15.0]))
@settings(max_examples=80, deadline=None)
def test_gradient_is_that_of_finite_differences(shape, structure, signed, cap):
    Y, A, X, _, log_ridge = draw(*shape)
    search = Search(moments_of(Y, A), X.shape, of_size(structure, len(X)), signed=signed, cap=cap)
    z = search.pack(X, covariances(structure, X.shape, log_ridge))
    _, gradient = search.value_and_gradient(z)
    error = check_grad(
        lambda z: search.value_and_gradient(z)[0], lambda z: search.value_and_gradient(z)[1], z
    )
    assert error < 2e-5 * max(1.0, np.abs(gradient).max())


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("structure", FORMS)
def test_degrees_of_freedom_and_their_derivatives(structure, missing):
    Y, A, X, _, _ = draw(6, 2, 2, 3)
    Y = Y if missing else np.where(np.isnan(Y), 1.0, Y)
    m = moments_of(Y, A)
    relative = covariances(structure, X.shape, np.log(0.3))

    def df(X, relative):
        total = 0.0
        for o in (~np.isnan(Y)).T:
            G = X[o].T @ (X[o] / relative.v[o, None])
            total += np.trace(np.linalg.solve(G + np.linalg.inv(relative.Phi), G))
        return total

    Z = relative.loadings(X)
    assert m.df_random(Z) == pytest.approx(df(X, relative), rel=1e-12)
    by_Z, by_log_factor = m.df_slopes(Z)
    by_X = 40 * relative.d * (by_Z @ relative.F.T)
    np.testing.assert_allclose(
        by_X.ravel(), approx_fprime(X.ravel(), lambda x: df(x.reshape(6, 2), relative)), rtol=1e-4
    )
    ahead, behind = (df(X, relative.scaled(np.exp(step))) for step in (1e-5, -1e-5))
    assert 40 * by_log_factor == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)
    on_cap = relative.scaled(np.exp(m.log_factor_on_cap(Z, 20.0)))
    assert df(X, on_cap) == pytest.approx(20.0)


@given(shapes, forms, st.booleans())
@settings(max_examples=60, deadline=None)
def test_profiled_theta_is_the_maximum_over_theta(shape, structure, signed):
    Y, A, X, _, log_ridge = draw(*shape)
    m = moments_of(Y, A)
    relative = covariances(structure, X.shape, log_ridge)
    Gamma, Theta = m.profiled(X, relative, signed=signed)
    by_theta = gradient(m, X, Gamma, relative, structure)["Gamma"] @ m.covariates.L.T
    free = np.ones_like(Theta, dtype=bool) if signed else Theta > 0.0
    tol = 1e-8 * max(1.0, np.abs(Theta).max())
    assert np.abs(by_theta[free]).max(initial=0.0) < tol
    assert by_theta[~free].min(initial=0.0) > -tol
    assert signed or Theta.min() >= 0.0


@given(shapes, forms)
@settings(max_examples=60, deadline=None)
def test_complete_units_give_what_moments_give(shape, structure):
    """The two forms of the likelihood, where both exist."""
    Y, A, X, Theta, log_ridge = draw(*shape)
    # Rounding in the profiled Theta grows with the square of the condition number.
    assume(np.linalg.cond(X) < 1e3)
    Y = np.where(np.isnan(Y), 1.0, Y)
    dense, patterns = moments_of(Y, A), PatternMoments.of(Y, A)
    assert isinstance(dense, DenseMoments)
    assert patterns.Y.shape[1] == Y.shape[0] + len(A)  # not one column a unit
    relative = covariances(structure, X.shape, log_ridge)
    for signed in (None, True, False):
        at = []
        for m in (dense, patterns):
            Gamma = m.covariates.gamma(Theta)
            if signed is not None:
                Gamma, _ = m.profiled(X, relative, signed=signed)
            at.append((m, X, Gamma, relative, structure))
        a, b = (value(*point).value for point in at)
        assert b == pytest.approx(a, rel=1e-9)
        a, b = (gradient(*point) for point in at)
        np.testing.assert_allclose(b["t"], a["t"], rtol=1e-7, atol=1e-12)
        for name in ("X", "Gamma", "psi"):
            np.testing.assert_allclose(b[name], a[name], rtol=1e-7, atol=1e-10)
    Z = covariances(structure, X.shape, np.log(0.2)).loadings(X)
    assert patterns.df_random(Z) == pytest.approx(dense.df_random(Z), rel=1e-10)
    for a, b in zip(dense.df_slopes(Z), patterns.df_slopes(Z), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-10)
    np.testing.assert_allclose(patterns.unexplained, dense.unexplained, rtol=1e-9)
    u = np.linalg.qr(X)[0]
    np.testing.assert_allclose(patterns.times_squares(u), dense.times_squares(u), rtol=1e-9)
    a, b = (m.blup(Y, A, X, Theta, relative) for m in (dense, patterns))
    np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-10)
    Phi_X = relative.Phi @ X.T
    expected = Phi_X @ np.linalg.solve(np.diag(relative.v) + X @ Phi_X, Y - X @ Theta @ A)
    np.testing.assert_allclose(b, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("factor", [1.0, 1e-6])
def test_small_residual_variances_cost_no_digits(factor):
    """The covariance of the responses is as well conditioned as with larger ones."""
    Y, A, X, _, _ = draw(6, 3, 2, 0)
    m, structure = PatternMoments.of(Y, A), FORMS[4]
    relative = covariances(structure, X.shape, 0.0)
    relative.F[0, 0] *= factor
    relative.v[0] = 1e-7
    Gamma, Theta = m.profiled(X, relative, signed=True)
    by = gradient(m, X, Gamma, relative, structure)
    expected, by_theta = np.zeros_like(X), np.zeros_like(Theta)
    for y, a in zip(Y.T / m.scale, A.T, strict=True):
        o = ~np.isnan(y)
        inverse = np.linalg.inv(np.diag(relative.v[o]) + X[o] @ relative.Phi @ X[o].T)
        z = inverse @ (y[o] - X[o] @ Theta @ a)
        by_theta += np.outer(X[o].T @ z, a) / m.n_cells
        expected[o] += inverse @ X[o] @ relative.Phi
        expected[o] -= np.outer(z, Theta @ a + relative.Phi @ X[o].T @ z)
    np.testing.assert_allclose(by["X"], expected / m.n_cells, rtol=1e-8, atol=1e-9)
    assert np.abs(by_theta).max() < 1e-9


@given(shapes, forms, st.floats(1e-6, 1e2))
@settings(max_examples=20, deadline=None)
def test_effects_are_the_same_by_roots_and_by_eigenvalues(shape, structure, times):
    Y, A, X, _, _ = draw(*shape)
    m = PatternMoments.of(Y, A)
    relative = covariances(structure, X.shape, 0.0).scaled(np.float64(times) ** 2)
    Gamma, information = m.free_gamma_and_information(X, relative)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nmfre.estimation.patterns.MANY_DIGITS", 0.0)
        other, other_information = m.free_gamma_and_information(X, relative)
    np.testing.assert_allclose(Gamma, other, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(information, other_information, rtol=1e-8, atol=1e-10)


def test_members_of_a_stack_that_need_eigenvalues_do_not_change_the_others():
    Y, A, X, _, _ = draw(6, 2, 2, 0)
    m = PatternMoments.of(Y, A)
    sizes = np.array([1.0, 1e4])
    stack = Relative(np.ones((2, 6)), sizes[:, None, None] * np.eye(2))
    assert sizes[1] ** 2 * np.square(X).sum() > MANY_DIGITS
    Gamma = m.free_gamma(np.stack([X, X]), stack)
    for i in range(2):
        np.testing.assert_array_equal(Gamma[i], m.free_gamma(X, stack.members(i)))


def test_few_patterns_have_about_the_information_of_all():
    rng = np.random.default_rng(0)
    Y, A = 1.0 + rng.random((8, 400)), np.vstack([np.ones(400), rng.normal(size=400)])
    Y[rng.random(Y.shape) < 0.2] = np.nan
    m = PatternMoments.of(Y, A)
    X, few = rng.dirichlet(np.ones(8), 2).T, m.thinned()
    assert len(few.shares) < len(m.shares) / 2
    assert few.shares.sum() == pytest.approx(1.0)
    relative = Relative.identity(8, 2, 1e-2)
    one, other = (
        second_derivatives(each, X, np.ones((2, 2)), relative, FORMS[0], expected=True)
        for each in (m, few)
    )
    d = np.linalg.eigvals(np.linalg.lstsq(one, other, rcond=1e-9)[0]).real
    d = d[d > 1e-3]
    assert len(d) >= len(one) - 2
    assert 0.5 < d.min() <= d.max() < 2.0


def test_all_patterns_are_kept_where_few_would_miss_a_response():
    rng = np.random.default_rng(0)
    Y = 1.0 + rng.random((8, 400))
    Y[rng.random(Y.shape) < 0.2] = np.nan
    Y[0, 3:] = np.nan
    m = PatternMoments.of(Y, np.ones((1, 400)))
    assert m.thinned() is m


def test_the_number_of_units_does_not_matter_for_few_patterns():
    rng = np.random.default_rng(0)
    Y, A = rng.random((6, 3000)), np.vstack([np.ones(3000), rng.random(3000)])
    Y[4:, :1000], Y[5:, 1000:1500] = np.nan, np.nan
    assert moments_of(Y, A).Y.shape == (6, (4 + 2) + (5 + 2) + (6 + 2))


def test_starts_do_not_depend_on_the_order_of_units():
    Y, A, *_ = draw(6, 2, 2, 0)
    order = np.random.default_rng(1).permutation(40)
    a, b = (
        starting_bases(moments_of(Y[:, i], A[:, i]), 2, 3, np.random.default_rng(1))
        for i in (np.arange(40), order)
    )
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-10)
        assert (x > 0).all()


@pytest.mark.parametrize(("forms", "n_resid"), [(PAPER, 1), ({}, 4)])
@pytest.mark.parametrize("signed", [True, False])
def test_orthodont_against_a_direct_maximisation(gaps, signed, forms, n_resid):
    model = long_model(gaps)
    res = model.fit("ml", signed=signed, **forms)
    Y, A = model.design.Y, model.design.A

    def minus(z):
        X = np.exp(z[:4, None])
        return -loglike(Y, A, X / X.sum(), z[None, 4:6], np.exp(z[7:]), np.exp(z[6])).sum()

    start = np.concatenate([np.log([0.22, 0.24, 0.26, 0.28]), [90.0, 8.0, 4.0], [0.5] * n_resid])
    direct = minimize(minus, start, method="BFGS", options={"gtol": 1e-6})
    assert res.llf == pytest.approx(-direct.fun, abs=1e-8)
    np.testing.assert_allclose(res.params, direct.x[4:6], rtol=1e-5)
    np.testing.assert_allclose(res.resid_variances, np.exp(direct.x[7:]) * np.ones(4), rtol=1e-4)
    assert res.tau2 == pytest.approx(np.exp(direct.x[6]), rel=1e-4)
    assert res.converged
    assert res.n_agree == 5


@pytest.mark.parametrize("signed", [True, False])
def test_the_maximum_is_one_of_the_density(holed, signed):
    res = holed.fit("ml", signed=signed, n_starts=3, n_boot=0)
    assert res.gradient_norm < 1e-8
    assert res.n_agree == 3
    X, Theta, Psi, Phi = (
        found.to_numpy() for found in (res.basis, res.theta, res.resid_variances, res.cov_re)
    )
    Y, A = holed.design.Y, holed.design.A
    assert loglike(Y, A, X, Theta, Psi, Phi).sum() == pytest.approx(res.llf, rel=1e-10)
    rng = np.random.default_rng(0)
    for _ in range(20):
        Z = X * np.exp(0.02 * rng.normal(size=X.shape))
        shaken = [V * np.exp(0.02 * rng.normal(size=len(V))) for V in (Psi, Phi)]
        other = Theta * np.exp(0.02 * rng.normal(size=Theta.shape))
        assert loglike(Y, A, Z / Z.sum(axis=0), other, *shaken).sum() < res.llf


def test_nothing_missing_is_the_same_fit(orthodont):
    """The complete data keep their code to the bit; the other form gives the same maximum."""
    complete = long_model(orthodont)
    assert complete.design.n_missing == 0
    res = complete.fit("ml", n_boot=0)
    m = PatternMoments.of(complete.design.Y, complete.design.A)
    Gamma = m.covariates.gamma(res.estimate.Theta / m.scale)
    structure = res.estimate.structure
    relative = structure.relative(res.estimate.absolute, m.scale)
    at = m, res.estimate.X, Gamma, relative, structure
    assert -m.n_cells * (value(*at).value + np.log(m.scale)) == pytest.approx(res.llf, rel=1e-12)
    assert np.abs(gradient(*at)["t"]) < 1e-10
    assert np.abs(gradient(*at)["psi"]).max() < 1e-10


@pytest.mark.parametrize("scale", [1e-6, 1e3])
@pytest.mark.parametrize("signed", [True, False])
def test_units_of_y_do_not_matter(holed, signed, scale):
    """Guards the same where cells are missing."""
    options = {"signed": signed, "n_starts": 2, "n_boot": 20}
    a = holed.fit("ml", **options)
    b = nmfre.NMFRE(scale * holed.endog, holed.exog, rank=2).fit("ml", **options)
    for name in ("tvalues", "pvalues", "theta"):
        unit = scale if name == "theta" else 1.0
        np.testing.assert_allclose(getattr(b, name), unit * getattr(a, name), rtol=1e-6)
    for name in ("icc", "df_random", "ridge"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-6)
    np.testing.assert_allclose(b.rsquared_table(), a.rsquared_table(), rtol=1e-6)
    assert b.llf == pytest.approx(a.llf - a.nobs * np.log(scale), rel=1e-9)


def test_order_and_labels_of_units_do_not_matter(holed):
    a = holed.fit("ml", n_starts=2, n_boot=0)
    order = np.random.default_rng(1).permutation(60)
    labels = [f"unit {i}" for i in order]
    endog = pd.DataFrame(holed.endog[order], index=labels)
    b = nmfre.NMFRE(endog, holed.exog[order], rank=2).fit("ml", n_starts=2, n_boot=0)
    assert b.llf == pytest.approx(a.llf, abs=1e-8)
    np.testing.assert_allclose(b.params, a.params, rtol=1e-6)
    np.testing.assert_allclose(b.bse, a.bse, rtol=1e-5)
    np.testing.assert_allclose(b.random_effects, a.random_effects.iloc[order], atol=1e-5)
    assert b.random_effects.index[0] == labels[0]


def test_cells_that_are_missing_at_random_do_not_bias():
    """Other responses are missing where the first one is low."""
    design = BumpDesign(n_responses=6, rank=2, n_units=3000)
    endog, exog = design.draw(np.random.default_rng(0))
    low = endog[:, 0] < np.median(endog[:, 0])
    hidden = np.zeros(endog.shape, dtype=bool)
    hidden[low, 1:3], hidden[low & (exog[:, 1] == 0), 3:5] = True, True
    model = nmfre.NMFRE(np.where(hidden, np.nan, endog), exog, rank=2)
    res = model.fit("ml", signed=True, n_starts=2, n_boot=0)
    assert (np.abs(res.theta - design.theta).to_numpy().T.ravel() < 4 * res.bse).all()
    error = np.abs(res.basis - design.basis).to_numpy()
    held_at_zero = res.basis_bse.isna().to_numpy()
    assert (error[held_at_zero] < 1e-9).all()
    assert (error <= 4 * res.basis_bse.to_numpy())[~held_at_zero].all()
    table = res.variance_components()
    for name, truth, n in (("sigma2", 1.4**2, 6), ("tau2", 49.0, 2)):
        found = table[table.index.str.startswith(name)]
        assert len(found) == n
        assert (np.abs(found["estimate"] - truth) < 4 * found["std err"]).all()
    # Zeros that are known: others than these two fits would find may make errors shorter.
    fewer, complete = (
        nmfre.NMFRE(Y, exog, rank=2, basis_pattern=design.basis > 0.0)
        .fit("ml", signed=True, n_starts=2, n_boot=0)
        .bse.to_numpy()[2:]
        for Y in (model.endog, endog)
    )
    assert (fewer > complete).all()
    means = np.nanmean(model.endog, axis=0)
    assert means[1] > 1.05 * endog[:, 1].mean()  # what is observed misleads


def test_units_with_one_response_and_every_share_complete(holed):
    for share in (0.02, 0.95):
        endog = with_holes(holed.endog, share) if share > 0.5 else holed.endog
        res = nmfre.NMFRE(endog, holed.exog, rank=2).fit("ml", n_starts=2, n_boot=0)
        assert res.converged
        assert np.isfinite(res.llf)
        assert res.random_effects.notna().all(axis=None)
    assert (np.sum(~np.isnan(with_holes(holed.endog, 0.95)), axis=1) == 1).any()


def test_the_cap_is_met_and_certified(holed):
    free = holed.fit("ml", n_starts=2, n_boot=0)
    capped = holed.fit("ml", n_starts=2, n_boot=0, df_cap=0.5)
    assert capped.df_random == pytest.approx(60.0, rel=1e-9)
    assert capped.cap_binds
    assert capped.gradient_norm < 1e-8
    assert capped.llf < free.llf == pytest.approx(capped.llf_uncapped)
    assert capped.variance_components().loc["df_random", "std err"] == pytest.approx(0.0, abs=1e-5)


def test_random_effects_are_blups_of_the_observed_cells(holed, holed_fit):
    res = holed_fit
    Y, A = holed.design.Y, holed.design.A
    X, Theta = res.basis.to_numpy(), res.theta.to_numpy()
    Psi, Phi = res.resid_variances.to_numpy(), res.cov_re.to_numpy()
    df = 0.0
    for n, (y, a) in enumerate(zip(Y.T, A.T, strict=True)):
        o = ~np.isnan(y)
        V = np.diag(Psi[o]) + X[o] @ Phi @ X[o].T
        u = Phi @ X[o].T @ np.linalg.solve(V, y[o] - (X @ Theta @ a)[o])
        np.testing.assert_allclose(res.random_effects.iloc[n], u, rtol=1e-7, atol=1e-9)
        df += np.trace(X[o] @ Phi @ X[o].T @ np.linalg.inv(V))
    assert res.df_random == pytest.approx(df, rel=1e-9)
    assert res.saturation == pytest.approx(df / 120)
    assert res.nobs == np.sum(~np.isnan(Y)) < Y.size
    assert res.df_resid == pytest.approx(res.nobs - df - 4)
    assert res.bic == pytest.approx(-2 * res.llf + np.log(60) * res.df_model)


def test_a_coefficient_at_its_bound_gets_a_score_test():
    rng = np.random.default_rng(0)
    group = np.arange(80) % 2.0
    X = BumpDesign(n_responses=8, rank=2, n_units=80).basis
    Theta = np.array([[60.0, -6.0], [60.0, 6.0]])  # the first effect would be negative
    exog = np.column_stack([np.ones(80), group])
    scores = exog @ Theta.T + 3.0 * rng.normal(size=(80, 2))
    model = nmfre.NMFRE(with_holes(scores @ X.T + rng.normal(size=(80, 8))), exog, rank=2)
    res = model.fit("ml", n_starts=2)
    assert res.at_bound.to_list() == [False, False, True, False]
    signed = model.fit("ml", n_starts=2, signed=True)
    assert signed.tvalues["comp1", "x1"] == pytest.approx(res.tvalues["comp1", "x1"], rel=0.5)
    assert res.pvalues["comp1", "x1"] > 0.99


def test_responses_that_are_never_observed_together():
    """Their halves of a basis of three can be turned against each other: no standard errors."""
    endog, _ = BumpDesign(n_responses=8, rank=2, n_units=100).draw(np.random.default_rng(5))
    endog[:50, :4] = np.nan
    endog[50:, 4:] = np.nan
    res = nmfre.NMFRE(endog, rank=3).fit("ml", signed=True, n_starts=2, n_boot=0)
    assert res.inference.undetermined
    for errors_of in (res.bse, res.basis_bse, res.profiles_bse):
        assert np.isnan(errors_of.to_numpy()).all()
    with pytest.raises(errors.NotComputedError, match="no covariance"):
        res.wald_test_terms()
    assert topics(res)["not determined"] == "problem"
    one = nmfre.NMFRE(endog, rank=1).fit("ml", n_starts=2, n_boot=0)
    assert not one.inference.undetermined
    assert one.bse.notna().all()
