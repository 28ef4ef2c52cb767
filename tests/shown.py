"""Data that show one thing each, and what `check` finds."""

from __future__ import annotations

import numpy as np

import nmfre
from nmfre.simulation import BumpDesign

X = np.array([[5, 4, 3, 2, 1, 1, 1], [1, 2, 1, 3, 2, 4, 5], [1, 1, 4, 1, 4, 1, 1]]).T / 20


def model_without_random_effects(rank, n_covariates, n_units=60):
    """Residuals of equal variances and negative correlations, so that tau2 is at its bound."""
    rng = np.random.default_rng(rank)
    exog = np.column_stack([np.ones(n_units), rng.random((n_units, n_covariates - 1))])
    Theta = np.array([[30, 10, 0], [20, 5, 15], [40, 0, 20]])[:rank, :n_covariates]
    normal = rng.normal(size=(n_units, n_covariates + len(X)))
    normal[:, :n_covariates] = exog
    residuals = np.linalg.qr(normal)[0][:, n_covariates:]
    residuals @= np.linalg.cholesky(np.eye(len(X)) - 0.1).T
    return nmfre.NMFRE(exog @ Theta.T @ X[:, :rank].T + 2.0 * residuals, exog, rank=rank)


def falling(seed=0, n_units=60, effect=12.0):
    """Responses of one component that fall in one of two groups, and covariates."""
    design = BumpDesign(n_responses=4, rank=1, n_units=n_units)
    endog, exog = design.draw(np.random.default_rng(seed))
    endog = endog - (12.0 - effect) * exog[:, 1:] / 4.0
    exog[:, 1] = 1.0 - exog[:, 1]
    return endog, exog


def growing(n_units=18, n_times=10):
    """Reaction times: about 250 ms, 10 more a day, both different in each person."""
    rng = np.random.default_rng(0)
    start = 250 + 25 * rng.normal(size=(n_units, 1))
    slope = 10 + 6 * rng.normal(size=(n_units, 1))
    return start + slope * np.arange(n_times) + 25 * rng.normal(size=(n_units, n_times))


def unlike():
    """Responses that are less alike within units than by chance, and a group."""
    E = np.random.default_rng(0).normal(size=(60, 4))
    exog = np.column_stack([np.ones(60), np.arange(60) % 2])
    return 10 + E - 0.95 * E.mean(axis=1, keepdims=True), exog


def topics(res):
    """Severities of what `check` found, by topic."""
    return res.check().frame.set_index("topic")["severity"].to_dict()
