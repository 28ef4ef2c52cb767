"""Standard errors and intervals of the basis, of profiles and of variances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bumps import parameters, psi_of
from forms import PAPER, long_model
from scipy import stats
from shown import unlike

import nmfre
from nmfre import errors
from nmfre.estimation.complete import moments_of
from nmfre.simulation import BumpDesign


def test_cov_re_is_the_covariance_of_the_random_effects(simulated):
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age", simulated, rank=2)
    res = model.fit("ml", n_starts=1, n_boot=0, **PAPER)
    labels = pd.Index(["comp1", "comp2"], name="component")
    expected = pd.DataFrame(res.tau2 * np.eye(2), labels, labels)
    pd.testing.assert_frame_equal(res.cov_re, expected)


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
    bse, positive = res.profiles_bse.to_numpy(), res.profiles.to_numpy() > 0
    assert (bse < 1.1 * free)[positive].all()  # the model only adds information
    assert (np.isnan(bse) == ~positive).all()  # what is held at 0
    assert positive.sum() > 12
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
    res = bumps.fit("ml", n_starts=2, **PAPER)
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
    capped = bumps.fit("ml", n_starts=2, df_cap=0.5, n_boot=0, **PAPER).variance_components()
    assert capped.loc["df_random", "std err"] == pytest.approx(0.0, abs=1e-5)


def test_degrees_of_freedom_of_variances(bumps):
    res = bumps.fit("ml", n_starts=1, n_boot=0, **PAPER)
    plain, corrected = res.variance_components(), res.variance_components(df_correction=True)
    assert list(corrected.index) == ["sigma2", "tau2", "icc"]
    # Directions in which the entries that are free move the span of the basis.
    X = res.basis.to_numpy()
    outside = np.eye(8) - X @ np.linalg.pinv(X)
    moves = np.eye(16).reshape(16, 8, 2)[(X > 0).ravel()]
    columns = [moves[moves[:, :, q].any(axis=1)] for q in (0, 1)]
    moves = np.concatenate([column[1:] - column[:1] for column in columns])  # keep the sums
    n_basis = np.linalg.matrix_rank((outside @ moves).reshape(len(moves), -1))
    left = 60 * 8 - 60 * 2
    ratio = corrected.loc["sigma2"] / plain.loc["sigma2"]
    np.testing.assert_allclose(ratio, left / (left - n_basis))
    G = res.basis.to_numpy().T @ res.basis.to_numpy()
    C = corrected.loc["sigma2", "estimate"] * np.diag(np.linalg.inv(G)).mean()
    tau2 = (res.tau2 + C) * 60 / 58 - C
    np.testing.assert_allclose(corrected.loc["tau2", "estimate"], tau2)


def test_of_scores_without_noise_it_is_the_usual_correction():
    rng = np.random.default_rng(0)
    endog = 60 + 7 * rng.normal(size=(20, 1)) + 0.01 * rng.normal(size=(20, 4))
    res = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0, **PAPER)
    corrected = res.variance_components(df_correction=True)["estimate"]
    np.testing.assert_allclose(corrected["tau2"], endog.sum(axis=1).var(ddof=1), rtol=1e-4)
    few = endog[:8, :3].copy()  # a response of each unit, and two more
    few[:6, 1:] = few[6:, 2] = few[4:6, 0] = np.nan
    few[4:6, 2] = endog[4:6, 2]
    few = nmfre.NMFRE(few, rank=1).fit("ml", n_boot=0, **PAPER)
    with pytest.raises(errors.NotComputedError, match="all degrees of freedom"):
        few.variance_components(df_correction=True)


def test_variances_that_differ_have_a_row_each(bumps):
    res = bumps.fit("ml", n_starts=1, n_boot=0)
    table = res.variance_components()
    names = [f"sigma2[y{p}]" for p in range(1, 9)]
    assert list(table.index) == [*names, "tau2[comp1]", "tau2[comp2]", "icc", "df_random"]
    sizes = [*res.resid_variances, *np.diag(res.cov_re), res.icc, res.df_random]
    np.testing.assert_allclose(table["estimate"], sizes)
    assert (table["2.5 %"] < table["estimate"]).all()
    assert (table["97.5 %"] > table["estimate"]).all()


def test_variances_at_their_bound_are_zero():
    """What the search leaves of them is rounding."""
    res = nmfre.NMFRE(*unlike(), rank=1).fit("ml", n_boot=0)
    table = res.variance_components()
    assert table.loc["tau2", "estimate"] == 0.0
    assert table.loc["tau2"].iloc[1:].isna().all()


@pytest.mark.parametrize("cap", [None, 0.4])
def test_errors_of_icc_and_df_follow_from_their_gradients(bumps, cap):
    res = bumps.fit("ml", n_starts=2, n_boot=0, df_cap=cap)
    moments = moments_of(bumps.design.Y, bumps.design.A)

    def of(psi):
        X, _, Psi, Phi = parameters(res, psi)
        trace = np.vdot(X @ Phi, X)
        df = moments.df_random(X @ np.linalg.cholesky(Phi) / np.sqrt(Psi)[:, None])
        return np.array([trace / (trace + Psi.sum()), df])

    psi, steps = psi_of(res), 1e-6 * np.eye(len(psi_of(res)))
    gradients = np.array([(of(psi + step) - of(psi - step)) / 2e-6 for step in steps]).T
    variances = np.diag(gradients @ res.inference.psi_covariance @ gradients.T)
    expected = np.sqrt(np.maximum(variances, 0.0))  # that of df_U on its cap is rounding
    found = res.variance_components().loc[["icc", "df_random"], "std err"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_communalities_are_shares_of_the_implied_variances(orthodont):
    res = long_model(orthodont).fit("ml", n_boot=0)
    X, Phi, psi = res.estimate.X, res.cov_re.to_numpy(), res.resid_variances
    between = np.diag(X @ Phi @ X.T)
    np.testing.assert_allclose(res.communalities, between / (between + psi))
    assert list(res.communalities.index) == list(res.basis.index)
    one = long_model(orthodont).fit("ml", n_boot=0, **PAPER)
    between = np.diag(one.estimate.X @ one.cov_re @ one.estimate.X.T).sum()
    np.testing.assert_allclose(one.icc, between / (between + one.resid_variances.sum()))
