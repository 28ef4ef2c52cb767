"""The mixed model of Orthodont is that of nlme, whose printed numbers are given here."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import null_space

from nmfre import paper
from nmfre.paper import mixed_model

EFFECTS = {  # REML, age centred: coefficient and standard error
    "Intercept": (24.9687500, 0.4860007),
    "female": (-2.3210227, 0.7614168),
    "age": (0.7843750, 0.0859995),
    "age x female": (-0.3048295, 0.1347353),
}
INTERVALS = {
    "sd of intercepts": (1.8303268, 1.33762546, 2.5045099),
    "sd of slopes": (0.1803454, 0.05857957, 0.5552186),
    "correlation": (0.2064345, -0.54999999, 0.7768076),
    "sd of residuals": (1.310040, 1.084789, 1.582062),
}


def test_fixed_effects_are_those_of_nlme():
    title, table = paper.linear_mixed_model()
    assert title.endswith("REML: log-likelihood -216.29, AIC 448.58, BIC 469.74)")
    np.testing.assert_allclose(table["coef"][list(EFFECTS)], [c for c, _ in EFFECTS.values()], 1e-6)
    np.testing.assert_allclose(
        table["std err"][list(EFFECTS)], [s for _, s in EFFECTS.values()], 1e-5
    )


def test_intervals_of_variances_are_those_of_nlme():
    """The Hessian of nlme is made of coarse differences: its correlation is less precise."""
    _, table = paper.mixed_model_variances()
    for name, expected in INTERVALS.items():
        tolerance = {"atol": 4e-3} if name == "correlation" else {"rtol": 1e-4}
        np.testing.assert_allclose(table.loc[name], expected, **{"rtol": 0.0, **tolerance})


def test_intervals_of_variances_follow_from_the_density_of_contrasts():
    mixed = mixed_model._paper_model()
    K = null_space(mixed.model.exog.T)
    contrasts, Z = K.T @ mixed.model.endog, mixed.model.exog_re[:4]

    def density(params):
        sd, r = np.exp(params[:2]), np.tanh(params[2] / 2.0)
        G = np.array([[1.0, r], [r, 1.0]]) * np.outer(sd, sd)
        V = Z @ G @ Z.T + np.exp(2.0 * params[3]) * np.eye(4)
        return stats.multivariate_normal.logpdf(contrasts, cov=K.T @ np.kron(np.eye(27), V) @ K)

    _, table = paper.mixed_model_variances()
    correlation = ["correlation"]
    scaled = np.log(table.drop(correlation)).reindex(table.index)
    scaled.loc[correlation] = 2.0 * np.arctanh(table.loc[correlation])
    at, lower, upper = scaled.to_numpy().T
    steps, h = np.eye(4), 1e-3
    hessian = [
        [
            sum(a * b * density(at + h * (a * i + b * j)) for a in (-1, 1) for b in (-1, 1))
            / (4.0 * h * h)
            for i in steps
        ]
        for j in steps
    ]
    standard_errors = np.sqrt(np.diag(np.linalg.inv(-np.array(hessian))))
    np.testing.assert_allclose((upper - lower) / (2.0 * 1.959964), standard_errors, rtol=1e-4)
    np.testing.assert_allclose((upper + lower) / 2.0, at, atol=1e-12)


def test_tests_of_fixed_effects_are_sums_of_squares_in_sequence():
    _, table = paper.mixed_model_tests()
    assert table["df of residuals"].to_list() == [79, 79, 25, 79]
    t = table.loc["age x female", ["F", "P"]]  # the last one is that of the summary of nlme
    assert t["F"] == pytest.approx(2.26243**2, rel=1e-5)
    assert t["P"] == pytest.approx(0.0264, abs=5e-5)
    mixed = mixed_model._paper_model()
    Z = mixed.model.exog_re[:4]
    V = Z @ mixed.cov_re.to_numpy() @ Z.T + mixed.scale * np.eye(4)
    whiten = np.kron(np.eye(27), np.linalg.inv(np.linalg.cholesky(V)))
    y, X = whiten @ mixed.model.endog, whiten @ mixed.model.exog[:, [0, 2, 1, 3]]
    rss = [y @ y]
    for k in range(1, 5):
        rss.append(np.sum((y - X[:, :k] @ np.linalg.lstsq(X[:, :k], y)[0]) ** 2))
    np.testing.assert_allclose(table["F"], -np.diff(rss), rtol=1e-6)


def test_comparison_is_that_of_nlme():
    _, table = paper.mixed_model_comparison()
    np.testing.assert_allclose(
        table.loc["age x sex; intercept", ["log-lik.", "params", "AIC", "BIC"]],
        [-214.3195, 6, 440.6391, 456.7318],
        atol=5e-5,
    )
    llf = table["log-lik."]
    np.testing.assert_allclose(table["AIC"], 2.0 * (table["params"] - llf))
    np.testing.assert_allclose(table["BIC"], table["params"] * np.log(108) - 2.0 * llf)
    whole, *others = table.index
    np.testing.assert_allclose(table["LR"][others], 2.0 * (llf[whole] - llf[others]))
    assert np.isnan(table.loc[whole, ["LR", "P"]].astype(float)).all()
    LR = table["LR"]
    expected = [
        (stats.chi2.sf(LR[others[0]], 1) + stats.chi2.sf(LR[others[0]], 2)) / 2.0,
        stats.chi2.sf(LR[others[1]], 1),
        stats.chi2.sf(LR[others[2]], 2),
    ]
    np.testing.assert_allclose(table["P"][others], expected)
