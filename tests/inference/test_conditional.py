"""Inference given the basis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmfre.inference.conditional import conditional_inference


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


def test_conditional_inference_uses_the_observed_cells(holed, holed_fit):
    res = holed_fit.with_uncertainty("conditional", cov_type="sandwich")
    Y, A = holed.design.Y, holed.design.A
    X, R = res.basis.to_numpy(), res.resid.to_numpy().T
    Psi, Phi = res.resid_variances.to_numpy(), res.cov_re.to_numpy()
    information, meat = np.zeros((4, 4)), np.zeros((4, 4))
    scores = []
    for y, a, r in zip(Y.T, A.T, R.T, strict=True):
        o = ~np.isnan(y)
        V = np.diag(Psi[o]) + X[o] @ Phi @ X[o].T
        information += np.kron(np.outer(a, a), X[o].T @ np.linalg.solve(V, X[o]))
        scores.append(np.kron(a, X[o].T @ (r[o] / Psi[o])))
        meat += np.outer(scores[-1], scores[-1])
    dispersion = np.nansum(R**2 / Psi[:, None]) / (res.nobs - res.df_random - 4)
    assert res.dispersion == pytest.approx(dispersion * res.sigma2)
    bread = np.linalg.inv(information)
    np.testing.assert_allclose(res.cov_params(), 60 / 59 * bread @ meat @ bread, rtol=1e-6)
    naive = holed.fit(
        "ml", signed=True, n_starts=2, n_boot=0, uncertainty="conditional", cov_type="naive"
    )
    np.testing.assert_allclose(naive.cov_params(), dispersion * bread, rtol=1e-6)
