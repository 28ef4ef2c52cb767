"""Data with missing cells, and their likelihood by its definition."""

from __future__ import annotations

import numpy as np
from scipy.stats import multivariate_normal


def holes(shape, share, rng):
    """Cells to hide; every row and every column keeps one."""
    hidden = rng.random(shape) < share
    hidden[np.arange(len(hidden)), np.arange(len(hidden)) % shape[1]] = False
    return hidden


def loglike(Y, A, X, Theta, Psi, Phi):
    """
    The definition: log-densities of the units, those with the same responses together.

    Psi is of the responses (P,) or sigma2; Phi is (Q, Q) or tau2.
    """
    Psi = Psi * np.ones(len(X))
    Phi = Phi * np.eye(X.shape[1]) if np.ndim(Phi) == 0 else Phi
    values = np.empty(Y.shape[1])
    observed = ~np.isnan(Y)
    for o in np.unique(observed, axis=1).T:
        units = (observed == o[:, None]).all(axis=0)
        V = np.diag(Psi[o]) + X[o] @ Phi @ X[o].T
        centred = (Y[:, units] - X @ Theta @ A[:, units])[o]
        values[units] = multivariate_normal(np.zeros(o.sum()), V).logpdf(centred.T)
    return values


def with_holes(endog, share=0.2, seed=0):
    endog = np.array(endog, dtype=float)
    endog[holes(endog.shape, share, np.random.default_rng(seed))] = np.nan
    return endog
