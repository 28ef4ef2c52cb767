"""The paper's benchmark of Holzinger-Swineford: a MIMIC model."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from nmfre.datasets import load_holzinger_swineford
from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.maximum_likelihood import fit_marginal
from nmfre.inference.marginal import marginal_inference
from nmfre.inference.options import InferenceOptions

TESTS = [f"x{j}" for j in range(1, 10)]
FACTORS = {"visual": TESTS[:3], "textual": TESTS[3:6], "speed": TESTS[6:]}
COVARIATES = ["age_reversed", "female", "grant_white"]


def mimic_model() -> tuple[str, pd.DataFrame]:
    """
    The paper's benchmark of Holzinger-Swineford: a MIMIC model (Table 6).

    Visual (x1 to x3), textual (x4 to x6) and speed (x7 to x9) on age, reversed, female and
    Grant-White, all in their own units: the numerics of ``method="ml"`` with a variance for every
    test, any covariance of the factors and known zeros of X. Every test has an intercept of its
    own, as in lavaan, because tests and covariates are centred.

    Returns
    -------
    title, table : str, DataFrame
        Effects per standard deviation of what the covariates leave of a factor; z of the effects in
        units of the tests, with robust standard errors; and, in rows "jointly", chi-squared
        statistics (3 degrees of freedom) of each covariate over all factors.

    Examples
    --------
    >>> from nmfre import paper
    >>> _, table = paper.mimic_model()
    >>> table.loc[("textual", "grant_white"), ["coef", "z"]].round(2).to_list()
    [0.52, 4.16]
    >>> table.loc["jointly", "chi2"].round(2).to_list()
    [34.48, 13.82, 27.59]
    """
    data = holzinger_swineford_data()
    data = data - data.mean()
    Y, A = (np.ascontiguousarray(data[names].to_numpy().T) for names in (TESTS, COVARIATES))
    pattern = np.array([[test in tests for tests in FACTORS.values()] for test in TESTS])
    moments = moments_of(Y, A)
    estimate = fit_marginal(
        Y,
        A,
        moments,
        [pattern / pattern.sum(axis=0)],
        signed=True,
        cap=np.inf,
        structure=Structure("diagonal", "full", pattern),
    )
    options = InferenceOptions(uncertainty="marginal", n_boot=0, alternative="two-sided")
    inference = marginal_inference(Y, A, moments, estimate, options, np.random.SeedSequence(0))
    n, chi2 = len(FACTORS), []
    for k in range(0, len(inference.estimate), n):
        theta, V = inference.estimate[k : k + n], inference.covariance[k : k + n, k : k + n]
        chi2.append(float(theta @ np.linalg.solve(V, theta)))
    coef = inference.estimate / np.sqrt(np.tile(np.diag(estimate.Phi), len(COVARIATES)))
    effects = pd.DataFrame(
        {"coef": coef, "z": inference.zvalues, "P": inference.pvalues()},
        pd.MultiIndex.from_product([COVARIATES, FACTORS]).swaplevel(),
    )
    joint = pd.DataFrame(
        {"chi2": chi2, "P": stats.chi2.sf(chi2, n)},
        pd.MultiIndex.from_product([["jointly"], COVARIATES]),
    )
    rows = pd.MultiIndex.from_product([[*FACTORS, "jointly"], COVARIATES])
    table = pd.concat([effects, joint]).loc[rows, ["coef", "z", "chi2", "P"]]
    return "MIMIC model (maximum likelihood, robust standard errors)", table


def holzinger_swineford_data() -> pd.DataFrame:
    """Tests and covariates of the pupils with complete records, in their own units."""
    pupils = load_holzinger_swineford().dropna()
    return pupils[TESTS].assign(
        age_reversed=-(pupils["ageyr"] + pupils["agemo"] / 12),
        female=(pupils["sex"] == 2).astype(float),
        grant_white=(pupils["school"] == "Grant-White").astype(float),
    )
