"""Marginal maximum likelihood: the likelihood itself, its maxima, what they say."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import Case
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, check_grad
from scipy.sparse import csr_array
from scipy.stats import chi2, multivariate_normal

import nmfre
from nmfre import errors
from nmfre.estimation import complete as moments_module
from nmfre.estimation.complete import DenseMoments, OperatorMoments, moments_of
from nmfre.estimation.effective_df import effective_df
from nmfre.estimation.identification import identify, sparsest_rotation
from nmfre.estimation.likelihood import marginal_value
from nmfre.estimation.maximize import _Search, maximize, starting_bases
from nmfre.simulation import BumpDesign

shapes = st.tuples(
    st.integers(3, 7), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32 - 1)
)


def draw(P, Q, K, seed, N=25):
    rng = np.random.default_rng(seed)
    A = np.vstack([np.ones((1, N)), rng.normal(size=(K - 1, N))])
    X = rng.random((P, Q)) + 0.05
    X /= X.sum(axis=0)
    Y = X @ (P * rng.random((Q, K)) @ A + rng.normal(size=(Q, N))) + rng.normal(size=(P, N))
    return np.abs(Y), A, X, P * rng.random((Q, K)), rng.normal()


@pytest.fixture(scope="module")
def holzinger():
    case = Case.read("holzinger_rank3")
    return nmfre.NMFRE(case.Y.T, case.A.T, rank=3)


# The likelihood


@given(shapes, st.booleans())
@settings(max_examples=60, deadline=None)
def test_value_is_the_normal_density(shape, signed):
    Y, A, X, Theta, log_ridge = draw(*shape)
    (P, N), m = Y.shape, moments_of(Y, A)
    if signed:
        _, Theta = m.profiled(X, np.exp(log_ridge), signed=True)
    point = marginal_value(m, X, m.covariates.gamma(Theta), log_ridge)
    sigma2, Theta = point.sigma2 * m.scale**2, Theta * m.scale
    covariance = sigma2 * (np.eye(P) + X @ X.T / np.exp(log_ridge))
    centred = (Y - X @ Theta @ A).T
    expected = -multivariate_normal(np.zeros(P), covariance).logpdf(centred).sum()
    assert N * P * (point.value + np.log(m.scale)) == pytest.approx(expected, rel=1e-9)


@given(shapes, st.booleans())
@settings(max_examples=60, deadline=None)
def test_gradient_is_that_of_finite_differences(shape, signed):
    Y, A, X, _, log_ridge = draw(*shape)
    m = moments_of(Y, A)
    search = _Search(m, X.shape[1], signed=signed, cap=np.inf)
    z = search.pack(X, log_ridge)
    _, gradient = search.value_and_gradient(z)
    error = check_grad(
        lambda z: search.value_and_gradient(z)[0], lambda z: search.value_and_gradient(z)[1], z
    )
    assert error < 1e-5 * max(1.0, np.abs(gradient).max())


@pytest.mark.parametrize("signed", [True, False])
def test_gradient_on_the_cap(signed):
    Y, A, X, _, _ = draw(6, 3, 2, 1)
    search = _Search(moments_of(Y, A), 3, signed=signed, cap=20.0)
    z = search.pack(X, 0.0)
    X, log_ridge = search.unpack(z)
    d = np.linalg.eigvalsh(X.T @ X)
    assert effective_df(d, np.exp(log_ridge), 25) == pytest.approx(20.0)
    difference = approx_fprime(z, lambda z: search.value_and_gradient(z)[0], 1e-7)
    np.testing.assert_allclose(search.value_and_gradient(z)[1], difference, atol=1e-6)


@given(shapes, st.booleans(), st.floats(0.0, 2e3))
@settings(max_examples=40, deadline=None)
def test_profiled_theta_is_the_maximum_over_theta(shape, signed, shift):
    Y, A, X, _, log_ridge = draw(*shape)
    A[1:] += shift
    m = moments_of(Y, A)
    Gamma, Theta = m.profiled(X, np.exp(log_ridge), signed=signed)
    np.testing.assert_allclose(Theta @ A, Gamma @ m.covariates.white(A), rtol=1e-8, atol=1e-8)
    point = marginal_value(m, X, Gamma, log_ridge)
    rng = np.random.default_rng(0)
    size = np.abs(Theta).max(axis=0)
    for _ in range(10):
        other = Theta + 0.1 * size * rng.normal(size=Theta.shape)
        other = other if signed else np.maximum(other, 0.0)
        worse = marginal_value(m, X, m.covariates.gamma(other), log_ridge).value
        assert worse >= point.value - 1e-12
    assert signed or Theta.min() >= 0.0


@given(shapes)
@settings(max_examples=30, deadline=None)
def test_operator_and_dense_moments_agree(shape):
    Y, A, X, Theta, log_ridge = draw(*shape)
    Y = np.where(Y < 1.0, 0.0, Y) + 0.0
    Y[0] += 1e-3
    dense = moments_of(Y, A)
    sparse = moments_of(csr_array(Y), A)
    assert isinstance(sparse, OperatorMoments)
    Gamma = dense.covariates.gamma(Theta)
    a, b = (marginal_value(m, X, Gamma, log_ridge) for m in (dense, sparse))
    assert b.value == pytest.approx(a.value, rel=1e-10, abs=1e-10)
    np.testing.assert_allclose(b.X_gradient, a.X_gradient, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(b.Gamma_gradient, a.Gamma_gradient, rtol=1e-8, atol=1e-10)


def test_the_form_of_the_moments_is_chosen_by_cost(monkeypatch):
    Y, A, *_ = draw(6, 2, 2, 0)
    assert isinstance(moments_of(Y, A), DenseMoments)
    assert isinstance(moments_of(Y[:, :5], A[:, :5]), OperatorMoments)  # P > N
    monkeypatch.setattr(moments_module, "LARGEST_DENSE", 5)
    assert isinstance(moments_of(Y, A), OperatorMoments)


def test_sparse_and_dense_responses_give_the_same_fit(monkeypatch):
    rng = np.random.default_rng(3)
    Y = csr_array((rng.poisson(3.0, (60, 8)) + 1.0) * (rng.random((60, 8)) < 0.4))
    exog = np.column_stack([np.ones(60), rng.random(60)])
    options = {"n_boot": 50, "uncertainty": "conditional"}
    dense = nmfre.NMFRE(Y.toarray(), exog, rank=2).fit("ml", **options)

    def refuse(*args, **kwargs):
        raise AssertionError("the responses were made dense")

    for name in ("toarray", "todense"):
        monkeypatch.setattr(type(Y), name, refuse)
    sparse = nmfre.NMFRE(Y, exog, rank=2).fit("ml", **options)
    str(sparse.summary())
    np.testing.assert_allclose(sparse.llf, dense.llf, rtol=1e-10)
    np.testing.assert_allclose(sparse.params, dense.params, rtol=1e-6)
    np.testing.assert_allclose(sparse.bse_boot, dense.bse_boot, rtol=1e-5)
    np.testing.assert_allclose(sparse.rsquared_table(), dense.rsquared_table(), rtol=1e-6)
    monkeypatch.undo()
    np.testing.assert_allclose(sparse.resid, dense.resid, atol=1e-5)
    marginal = [res.with_uncertainty("marginal").bse for res in (sparse, dense)]
    np.testing.assert_allclose(*marginal, rtol=1e-5)


def test_sparse_responses_in_parts_are_added():
    Y = np.random.default_rng(0).poisson(3.0, (30, 5)).astype(float)
    whole = csr_array(Y)
    split = csr_array(
        (np.repeat(whole.data / 2, 2), np.repeat(whole.indices, 2), 2 * whole.indptr), Y.shape
    )
    one, two = (
        nmfre.NMFRE(part, rank=1).fit("ml", n_starts=1, n_boot=0) for part in (whole, split)
    )
    assert two.llf == pytest.approx(one.llf, rel=1e-12)
    assert len(split.data) == 2 * len(whole.data)


def test_sparse_responses_are_checked():
    Y = np.eye(6, 3) + np.eye(6, 3, -3)
    for value, error in ((-1.0, errors.NegativeResponseError), (np.nan, errors.NonFiniteError)):
        bad = Y.copy()
        bad[4, 1] = value
        with pytest.raises(error, match=r"unit 4, response 'y2'|'y2' is nan at unit 4"):
            nmfre.NMFRE(csr_array(bad), rank=1)
    bad = Y.copy()
    bad[:, 2] = 0.0
    with pytest.raises(errors.ZeroResponseError, match="'y3'"):
        nmfre.NMFRE(csr_array(bad), rank=1)
    with pytest.raises(errors.SparseResponsesError, match="method='ml'"):
        nmfre.NMFRE(csr_array(Y), rank=1).fit()
    block = csr_array(Y)
    assert block.shape == (6, 3)
    with pytest.raises(errors.FormulaError, match="'block' is sparse"):
        nmfre.NMFRE.from_formula("block ~ x", pd.DataFrame({"x": range(6)}), rank=1)


# Known maxima


def test_orthodont(model):
    for signed in (False, True):
        res = model.fit("ml", signed=signed)
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

    def loglike(X, Theta, sigma2, tau2):
        normal = multivariate_normal(np.zeros(4), sigma2 * np.eye(4) + tau2 * X @ X.T)
        return normal.logpdf((Y - X @ Theta @ A).T).sum()

    X, Theta = res.basis.to_numpy(), res.theta.to_numpy()
    assert loglike(X, Theta, res.sigma2, res.tau2) == pytest.approx(res.llf, rel=1e-10)
    rng = np.random.default_rng(0)
    for _ in range(30):
        Z = X * np.exp(0.02 * rng.normal(size=X.shape))
        shaken = [v * np.exp(0.02 * rng.normal()) for v in (res.sigma2, res.tau2)]
        other = Theta * np.exp(0.02 * rng.normal(size=Theta.shape))
        assert loglike(Z / Z.sum(axis=0), other, *shaken) < res.llf


# Equivariance


@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6])
@pytest.mark.parametrize("signed", [True, False])
def test_units_of_y_do_not_matter(holzinger, signed, scale):
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


# Random effects, cap, starts


def test_random_effects_are_blups_and_not_centred(holzinger):
    res = holzinger.fit("ml", signed=True, n_starts=1, n_boot=0)
    Y, A = holzinger.design.Y, holzinger.design.A
    X, Theta = res.basis.to_numpy(), res.theta.to_numpy()
    V = res.sigma2 * np.eye(9) + res.tau2 * X @ X.T
    U = res.tau2 * X.T @ np.linalg.solve(V, Y - X @ Theta @ A)
    np.testing.assert_allclose(res.random_effects.T, U, rtol=1e-6, atol=1e-9)
    assert np.abs(U @ A.T).max() < 1e-8 * np.abs(U).sum()
    assert np.abs(U.mean(axis=1)).max() > 1e-3  # 1 is not in the row space of A
    assert res.mean_squared_residual == pytest.approx(np.mean(res.resid.to_numpy() ** 2))


def test_the_cap_is_met_certified_and_priced(model):
    free, capped = model.fit("ml"), model.fit("ml", df_cap=0.5)
    assert capped.df_random == pytest.approx(13.5, rel=1e-9)
    assert capped.cap_binds
    assert capped.converged
    assert capped.gradient_norm < 1e-8
    assert capped.llf_uncapped == pytest.approx(free.llf)
    assert capped.llf < free.llf
    assert capped.df_model == free.df_model - 1
    text = " ".join(str(capped.summary()).split())
    assert "The cap binds: without it the log-likelihood is -215.587, higher by 9.876." in text
    assert "Cap: 13.50, bound" in text
    loose = model.fit("ml", df_cap=0.95)
    assert not loose.cap_binds
    assert loose.llf == pytest.approx(free.llf)
    np.testing.assert_allclose(
        model.fit("ml", df_cap=nmfre.Cap(absolute=13.5)).params, capped.params
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
    res = model.fit("ml", n_starts=1)
    start = {"start_basis": res.basis, "start_sigma2": res.sigma2}
    again = model.fit("ml", n_starts=1, **start, start_tau2=res.tau2)
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


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"method": "df-cap", "signed": True}, "signed=True is not allowed: it takes False with"),
        ({"method": "df-cap", "n_starts": 3}, "n_starts=3 is not allowed: it takes 1 with df-cap"),
        ({"method": "ml", "n_starts": 0}, "n_starts=0"),
        ({"method": "ml", "update_tau2": False}, "update_tau2=False is not allowed"),
        ({"method": "ml", "start_theta": np.ones((1, 2))}, "start_theta='array'"),
        ({"method": "ml", "df_cap": 2.0}, "df_cap=2.0"),
    ],
)
def test_arguments_that_do_not_go_with_the_method(model, arguments, match):
    with pytest.raises(errors.InvalidArgumentError, match=match):
        model.fit(**arguments)


def test_a_search_that_is_cut_short_warns(holzinger):
    with pytest.warns(nmfre.ConvergenceWarning, match="the limit of .* at a gradient norm of"):
        res = holzinger.fit("ml", maxiter=5, n_starts=1)
    assert (res.stop_reason, res.converged) == ("maxiter", False)
    assert "NOT CONVERGED" in str(res.summary())


def test_components_that_merge_are_told():
    """Signed effects that only a difference of two equal columns could give."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 60)
    rising, falling = np.array([1.0, 2.0, 3.0, 4.0]), np.array([4.0, 3.0, 2.0, 1.0])
    Y = 50 * rising + np.outer(x, falling - rising) + 0.5 * rng.normal(size=(60, 4))
    model = nmfre.NMFRE(Y, np.column_stack([np.ones(60), x]), rank=2)
    with pytest.warns(nmfre.NMFREWarning) as caught:
        res = model.fit("ml", signed=True, maxiter=20_000)
    assert res.bse.isna().all()
    assert res.basis_bse.isna().all(axis=None)
    assert res.profiles_bse.isna().all(axis=None)
    assert res.get_prediction().se_mean.isna().all(axis=None)
    with pytest.raises(errors.NotComputedError, match="no covariance"):
        res.wald_test_terms()
    assert "COMPONENTS MERGE" in str(res.summary())
    assert any(issubclass(w.category, errors.DegenerateBasisWarning) for w in caught)


def test_an_exact_fit_has_no_likelihood():
    rng = np.random.default_rng(0)
    group = np.arange(20) % 2.0
    Y = np.column_stack([np.ones(20), group]) @ rng.random((2, 3)) * 10
    model = nmfre.NMFRE(Y, np.column_stack([np.ones(20), group]), rank=2)
    with pytest.raises(errors.ExactFitError, match="rank=2 reproduces the responses to rounding"):
        model.fit("ml")


def test_df_cap_attributes_belong_to_df_cap(model):
    res = model.fit("ml")
    for name in ("cap_hits", "first_cap_hit", "fixed_point_residual", "fixed_point_distance"):
        with pytest.raises(errors.NotComputedError, match="iteration of df-cap"):
            getattr(res, name)


# Identification


def test_free_directions_are_counted():
    rng = np.random.default_rng(0)
    full = {Q: rng.random((8, Q)) + 0.2 for Q in range(1, 6)}
    assert [identify(full[Q], None).n_free for Q in range(1, 6)] == [0, 0, 1, 3, 6]
    assert identify(full[3], np.ones((3, 2))).n_free == 1
    blocks = np.kron(np.eye(3), np.ones((3, 1)))
    assert identify(blocks, None).n_free == 0
    two_mix = np.kron(np.eye(2), np.ones((3, 1)))
    mixed = np.column_stack([two_mix[:, 0], full[4][:6, 1:]])
    mixed[:3, 1:] = 0.0
    mixed[3:, 0] = 0.0
    found = identify(mixed, None)
    assert found.n_free == 1
    assert found.mixing == (False, True, True, True)


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
        S = sparsest_rotation(X @ R, R.T @ Theta)
        np.testing.assert_allclose(S @ S.T, np.eye(rank), atol=1e-9)
        basis = X @ R @ S
        assert basis.min() > -1e-6
        found.append(basis[:, np.argsort(np.arange(9) @ basis)])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-5)


def test_every_start_prints_the_same_table(holzinger):
    """Signed Holzinger-Swineford is not identified: a rotation is free, and one is chosen."""
    tables = []
    for seed in range(20):
        res = holzinger.fit("ml", signed=True, n_starts=1, seed=seed, n_boot=0)
        start = np.random.default_rng(seed).exponential(size=(9, 3))
        random = holzinger.fit("ml", signed=True, n_starts=1, start_basis=start, n_boot=0)
        assert res.identification.n_free == random.identification.n_free == 1
        for fit in (res, random):
            tables.append(fit.summary_frame()[["coef", "std err", "z"]].to_numpy())
    for table in tables:
        np.testing.assert_allclose(table, tables[0], rtol=5e-5, atol=5e-5)
    text = " ".join(str(res.summary()).split())
    assert "NOT IDENTIFIED: rotations of comp1, comp2, comp3 in 1 direction(s)" in text
    assert res.df_model == 9 * 3 - 3 + 9 + 2 - 1


def test_what_is_invariant_does_not_depend_on_the_rotation(holzinger):
    res = holzinger.fit("ml", signed=True, n_starts=1, n_boot=0, uncertainty="conditional")
    angle = 0.02
    K = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]]) / np.sqrt(3)
    R = np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K
    from dataclasses import replace

    from nmfre.inference.conditional import conditional_inference

    e = res.estimate
    turned = replace(e, X=e.X @ R, Theta=R.T @ e.Theta, U=R.T @ e.U)
    inference = conditional_inference(
        holzinger.design.Y,
        holzinger.design.A,
        turned,
        res.inference.options,
        np.random.SeedSequence(0),
    )
    other = res._replaced(estimate=turned, inference=inference)
    assert np.abs(other.params.to_numpy() - res.params.to_numpy()).max() > 0.01
    np.testing.assert_allclose(
        other.wald_test_terms().table, res.wald_test_terms().table, rtol=1e-7
    )
    np.testing.assert_allclose(other.fittedvalues, res.fittedvalues, rtol=1e-9)


# Likelihood-based comparison


def test_information_criteria_and_likelihood_ratio(simulated):
    formula = "y1 + y2 + y3 + y4 + y5 ~ {}"
    large, small = (
        nmfre.NMFRE.from_formula(formula.format(right), simulated, rank=2).fit("ml", n_boot=0)
        for right in ("age + group", "age")
    )
    assert large.df_model == 2 * 5 - 2 + 2 * 4 + 2
    assert large.aic == pytest.approx(-2 * large.llf + 2 * large.df_model)
    assert large.bic == pytest.approx(-2 * large.llf + np.log(40) * large.df_model)
    statistic, pvalue, df = large.compare_lr_test(small)
    assert statistic == pytest.approx(2 * (large.llf - small.llf))
    assert df == 4
    assert pvalue == pytest.approx(chi2.sf(statistic, 4))
    with pytest.raises(
        errors.InvalidArgumentError, match="restricted=None is not allowed: it takes results"
    ):
        large.compare_lr_test(None)
    with pytest.raises(errors.InvalidArgumentError, match="restricted="):
        small.compare_lr_test(large)
    other = simulated.assign(y1=simulated["y2"])
    different = nmfre.NMFRE.from_formula(formula.format("age"), other, rank=2).fit("ml", n_boot=0)
    with pytest.raises(errors.InvalidArgumentError, match="same responses"):
        large.compare_lr_test(different)


def test_inference_is_one_sided_for_bounded_and_two_sided_for_signed(model):
    bounded, signed = model.fit("ml"), model.fit("ml", signed=True)
    assert (bounded.alternative, signed.alternative) == ("larger", "two-sided")
    np.testing.assert_allclose(signed.pvalues, 2 * bounded.pvalues, rtol=1e-4)
    assert signed.inference.floor == -np.inf
    assert not signed.at_bound.any()
    assert "ml, signed" in str(signed.summary())
    same = model.fit("ml", signed=True, alternative="larger")
    np.testing.assert_allclose(same.pvalues, bounded.pvalues, rtol=1e-4)


def test_centred_covariates_work_with_signed_theta(simulated):
    frame = simulated.assign(age=simulated["age"] - simulated["age"].mean())
    res = nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ age", frame, rank=1).fit("ml", signed=True)
    assert res.converged
    raw = nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ age", simulated, rank=1).fit("ml", signed=True)
    assert res.llf == pytest.approx(raw.llf)
    assert res.params["comp1", "age"] == pytest.approx(raw.params["comp1", "age"], rel=1e-5)


@pytest.mark.bits
def test_starts_are_reproducible():
    Y, A, *_ = draw(6, 2, 2, 0)
    m = moments_of(Y, A)
    a, b = (starting_bases(m, 2, 3, np.random.default_rng(1)) for _ in range(2))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
        assert (x > 0).all()
    one = maximize(m, a[0], signed=False)
    two = maximize(m, b[0], signed=False)
    np.testing.assert_array_equal(one.X, two.X)


@pytest.mark.bits
def test_starts_on_two_processes_are_those_on_one(simulated):
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age", simulated, rank=2)
    one = model.fit("ml", n_boot=0)
    with joblib.parallel_config("loky", n_jobs=2):
        two = model.fit("ml", n_boot=0)
    pd.testing.assert_series_equal(one.params, two.params, check_exact=True)
    assert one.n_agree == two.n_agree


# Weights of units, units of covariates


@pytest.mark.parametrize("missing", [False, True])
def test_a_weight_counts_a_unit_as_often(missing):
    endog, exog = BumpDesign(n_responses=6, rank=2, n_units=40).draw(np.random.default_rng(3))
    if missing:
        endog[::3, 1] = endog[1::4, 4] = np.nan
    weights = np.tile([0.0, 2.0, 1.0, 1.0], 10)
    often = np.repeat(np.arange(40), weights.astype(int))
    weighted = moments_of(endog.T, exog.T, weights)
    repeated = moments_of(endog[often].T, exog[often].T)
    X = np.random.default_rng(1).random((6, 2))
    profiled, expected = (m.profiled(X, np.exp(-0.5), signed=True)[1] for m in (weighted, repeated))
    np.testing.assert_allclose(profiled, expected, rtol=1e-9)
    for Theta in (profiled, np.array([[8.0, 2.0], [6.0, 1.0]])):
        one, other = (
            marginal_value(m, X, m.covariates.gamma(Theta), -0.5) for m in (weighted, repeated)
        )
        assert one.value == pytest.approx(other.value, rel=1e-12)
        np.testing.assert_allclose(one.X_gradient, other.X_gradient, atol=1e-12)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("missing", [False, True])
def test_units_of_covariates_do_not_matter(signed, missing):
    rng = np.random.default_rng(0)
    endog, exog = BumpDesign(n_responses=6, rank=2, n_units=100).draw(rng)
    x = rng.random(100)
    if missing:
        endog[rng.random(endog.shape) < 0.1] = np.nan
    fits = [
        nmfre.NMFRE(endog, np.column_stack([exog, size * x]), rank=2).fit("ml", signed=signed)
        for size in (1.0, 1e-6, 1e6)
    ]
    for fit in fits[1:]:
        assert fit.converged
        assert fit.llf == pytest.approx(fits[0].llf, abs=1e-6)
        assert fit.n_agree == fits[0].n_agree
        for kind in ("marginal", "conditional"):
            one, other = fits[0].with_uncertainty(kind), fit.with_uncertainty(kind)
            np.testing.assert_allclose(other.tvalues, one.tvalues, rtol=1e-5, atol=1e-8)
            assert (other.at_bound == one.at_bound).all()


def test_a_shift_of_a_covariate_leaves_its_effect_alone():
    rng = np.random.default_rng(0)
    year = rng.integers(2000, 2011, 200)
    growth = (year[:, None] - 2000) * np.linspace(0.1, 0.3, 4) + 3 * rng.normal(size=(200, 1))
    endog = np.maximum(20 + growth + rng.normal(size=(200, 4)), 0)
    fits = [
        nmfre.NMFRE(endog, np.column_stack([np.ones(200), size * (year - shift)]), rank=1).fit(
            "ml", signed=True, n_boot=0
        )
        for size, shift in ((1.0, 2000), (1.0, 0), (1e6, 0))
    ]
    for fit in fits[1:]:
        assert fit.llf == pytest.approx(fits[0].llf, abs=1e-6)
        for kind in ("marginal", "conditional"):
            one, other = fits[0].with_uncertainty(kind), fit.with_uncertainty(kind)
            assert other.tvalues.iloc[1] == pytest.approx(one.tvalues.iloc[1], rel=1e-5)
