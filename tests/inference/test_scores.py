"""Errors of predictions that the errors of the parameters make, against differences."""

from __future__ import annotations

import numpy as np
import pytest

import nmfre
from nmfre.estimation.covariance_forms import CovResid
from nmfre.estimation.random_forms import CovRe


def drawn(n_units=30):
    rng = np.random.default_rng(0)
    X = np.array([[0.4, 0.3, 0.2, 0.1, 0.0], [0.0, 0.1, 0.2, 0.3, 0.4]]).T
    exog = np.column_stack([np.ones(n_units), rng.uniform(size=n_units)])
    scores = exog @ [[60.0, 50.0], [10.0, 5.0]] + rng.normal(size=(n_units, 2)) * [7.0, 4.0]
    Y = scores @ X.T + rng.normal(size=(n_units, 5)) * [1.0, 2.0, 1.0, 0.5, 1.5]
    Y[3, 1:3] = Y[7, 4] = np.nan
    return Y, exog


def predictions(parameters, estimate, Y, A):
    """Random effects and BLUPs at any parameters, by the joint normal distribution."""
    (P, Q), K = estimate.X.shape, len(A)
    structure = estimate.structure
    X, Theta, of_psi, t = np.split(parameters, np.cumsum([P * Q, Q * K, structure.resid.size(P)]))
    X, Theta = X.reshape(P, Q, order="F"), Theta.reshape(Q, K, order="F")
    psi = np.exp(structure.resid.pull(np.eye(P)) @ of_psi)
    F = structure.random.factor(t, Q)
    U = np.empty((Q, A.shape[1]))
    for n, y in enumerate(Y.T):
        seen = ~np.isnan(y)
        Sigma = X[seen] @ F @ F.T @ X[seen].T + np.diag(psi[seen])
        r = y[seen] - X[seen] @ Theta @ A[:, n]
        U[:, n] = F @ F.T @ X[seen].T @ np.linalg.solve(Sigma, r)
    return np.vstack([U, X @ (Theta @ A + U)])


@pytest.mark.parametrize(
    ("cov_resid", "cov_re"),
    [("identity", "identity"), ("diagonal", "diagonal"), ("diagonal", "full")],
)
def test_the_delta_method(cov_resid: CovResid, cov_re: CovRe):
    Y, exog = drawn()
    pattern = None
    if cov_re == "full":
        pattern = np.array([[1, 1, 1, 1, 0], [0, 1, 1, 1, 1]], dtype=bool).T
    res = nmfre.NMFRE(Y, exog, rank=2, basis_pattern=pattern).fit(
        "ml", cov_resid=cov_resid, cov_re=cov_re, signed=True, n_starts=1, n_boot=0
    )
    estimate = res.estimate
    structure = estimate.structure
    t = structure.random.coordinates(np.sqrt(estimate.tau2) * estimate.F)
    at = np.concatenate(
        [
            estimate.X.ravel(order="F"),
            estimate.Theta.ravel(order="F"),
            np.log(structure.resid.of(estimate.psi)),
            t,
        ]
    )
    np.testing.assert_allclose(predictions(at, estimate, Y.T, exog.T)[:2], estimate.U, atol=1e-9)
    slopes = []
    for step in np.eye(len(at)) * 1e-5 * np.maximum(np.abs(at), 0.1):
        ahead, behind = (predictions(at + s, estimate, Y.T, exog.T) for s in (step, -step))
        slopes.append((ahead - behind) / (2.0 * step.sum()))
    J = np.array(slopes)
    errors = np.einsum("inm,ij,jnm->nm", J, res.inference.psi_covariance, J)
    known = res.with_uncertainty("conditional")
    posterior = known.random_effects_se.T**2
    np.testing.assert_allclose(res.random_effects_se.T**2, posterior + errors[:2], rtol=1e-6)
    X, of_fit = estimate.X, []
    for y in Y:
        seen = ~np.isnan(y)
        G = X @ estimate.Phi @ X.T
        Sigma = G[np.ix_(seen, seen)] + np.diag(estimate.psi[seen])
        of_fit.append(np.diag(G - G[:, seen] @ np.linalg.solve(Sigma, G[seen])))
    se = res.get_prediction(which="blup").se_mean
    np.testing.assert_allclose(se.T**2, np.array(of_fit).T + errors[2:], rtol=1e-6)


def test_where_nothing_is_observed_it_is_the_error_of_the_mean():
    Y, exog = drawn()
    res = nmfre.NMFRE(Y, exog, rank=2).fit("ml", n_starts=1, n_boot=0)
    none = res.get_prediction(exog[:3], endog=np.full((3, 5), np.nan))
    np.testing.assert_allclose(none.se_obs, res.get_prediction(exog[:3]).se_obs)


def test_blocks_of_units_change_nothing(monkeypatch):
    Y, exog = drawn()
    res = nmfre.NMFRE(Y, exog, rank=2).fit("ml", n_starts=1, n_boot=0)
    whole = res.get_prediction(which="blup").se_mean
    monkeypatch.setattr("nmfre.inference.scores.BLOCK_VALUES", 600)
    np.testing.assert_allclose(res.get_prediction(which="blup").se_mean, whole, rtol=1e-12)
