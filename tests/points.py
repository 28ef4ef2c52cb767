"""Points of the likelihood that are not maxima."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from nmfre.estimation.covariance_forms import Relative, Structure, in_proportion
from nmfre.estimation.likelihood import marginal_value, score

shapes = st.tuples(
    st.integers(3, 7), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32 - 1)
)
FORMS = [
    Structure(cov_resid, cov_re)
    for cov_resid in ("identity", "diagonal")
    for cov_re in ("identity", "diagonal", "full")
] + [Structure("mean", "identity"), Structure("mean", "diagonal")]
forms = st.sampled_from(FORMS)


def of_size(structure, P):
    """With means of responses, where the form has variances in proportion to them."""
    if structure.cov_resid != "mean":
        return structure
    return replace(structure, means=in_proportion(np.random.default_rng(P).uniform(0.2, 4.0, P)))


def draw(P, Q, K, seed, N=25):
    rng = np.random.default_rng(seed)
    A = np.vstack([np.ones((1, N)), rng.normal(size=(K - 1, N))])
    X = rng.random((P, Q)) + 0.05
    X /= X.sum(axis=0)
    Y = X @ (P * rng.random((Q, K)) @ A + rng.normal(size=(Q, N))) + rng.normal(size=(P, N))
    return np.abs(Y), A, X, P * rng.random((Q, K)), rng.normal()


def covariances(structure, shape, log_ridge, seed=0):
    """Of a form, the variances of random effects around exp(-log_ridge)."""
    (P, Q), rng = shape, np.random.default_rng(seed)
    relative = Relative.identity(P, Q, np.exp(log_ridge))
    v, F = relative.v, relative.F
    if structure.cov_resid == "mean":
        v = of_size(structure, P).means
    if structure.cov_resid == "diagonal":
        v = 0.3 * np.exp(0.5 * rng.normal(size=P))
    if structure.cov_re != "identity":
        F = F * np.exp(0.5 * rng.normal(size=Q))
    if structure.cov_re == "full":
        F = F + np.tril(rng.normal(size=(Q, Q)), -1) * F[0, 0]
    return Relative(v, F)


def value(moments, X, Gamma, relative, structure):
    return marginal_value(moments, X, Gamma, relative, profiled=structure.resid.profiled)


def gradient(moments, X, Gamma, relative, structure):
    """Derivatives of minus the log-likelihood per cell; t are the coordinates of Phi."""
    point = value(moments, X, Gamma, relative, structure)
    by = score(moments, X, Gamma, relative, point)
    share = -moments.n_units / moments.n_cells
    return {
        "X": share * by.X,
        "Gamma": share * by.Gamma,
        "t": share * structure.random.pull(relative.F, by.F),
        "psi": share * structure.resid.pull(by.log_psi),
    }
