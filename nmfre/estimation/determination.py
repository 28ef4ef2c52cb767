"""Whether means and covariances of the responses determine the parameters."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import FloatArray, IntArray
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.identification import n_rotations

MOST = 400
"""Parameters up to which derivatives are formed; beyond, only numbers are compared."""
FLAT = 1e-9
"""Eigenvalue, of derivatives of length one, that is zero."""


def n_undetermined(
    n_responses: int, rank: int, n_covariates: int, structure: Structure
) -> tuple[int, int]:
    """
    Number of directions of the variances, and of rotations, that the moments leave free.

    The likelihood sees parameters through the mean X Theta, of P K numbers, and the covariance
    Psi + X Phi X', of P (P + 1)/2 numbers. More parameters than these are never determined; fewer
    may not be either, as where one component has a single response with a residual variance of its
    own. So the rank of the derivatives of these numbers is taken, at any parameters of the
    structure: what it lacks is undetermined for almost all of them. Without a pattern, residual
    variances are determined where (P - Q)^2 >= P + Q (Ledermann's bound), whatever the means.

    Parameters
    ----------
    n_responses, rank, n_covariates : int
    structure : Structure

    Returns
    -------
    n_flat, n_rotations : int
        Directions beyond rotations; rotations, which a pattern may leave.
    """
    P, Q, K = n_responses, rank, n_covariates
    rotations = n_rotations((P, Q), structure)
    if structure.pattern is None and P > Q and (P - Q) ** 2 >= P + Q:
        return 0, rotations
    free = np.argwhere(~structure.held((P, Q)))
    n_parameters = len(free) + Q * K + structure.n_variances(P, Q)
    n_moments = P * (P + 1) // 2 + P * K + Q
    if n_parameters > MOST:
        return max(n_parameters - n_moments - rotations, 0), rotations
    rng = np.random.default_rng(0)  # any parameters
    X = rng.uniform(0.5, 1.5, size=(P, Q)) * ~structure.held((P, Q))
    Theta = rng.uniform(0.5, 1.5, size=(Q, K))
    J = _derivatives(X / X.sum(axis=0), Theta, structure, free)
    J = J / np.linalg.norm(J, axis=1, keepdims=True)
    n_free = int(np.sum(np.linalg.eigvalsh(J @ J.T) < FLAT))
    return max(n_free - rotations, 0), rotations


def resid_determined(n_responses: int, rank: int, structure: Structure) -> bool:
    """
    Whether covariances alone determine a residual variance a response.

    Without a pattern that is Ledermann's bound, (P - Q)^2 >= P + Q. Means may add to it, but
    variances that hang on them are hardly determined.
    """
    return not n_undetermined(n_responses, rank, 0, structure)[0]


def _derivatives(
    X: FloatArray, Theta: FloatArray, structure: Structure, free: IntArray
) -> FloatArray:
    """Of covariance, means and column sums by X, Theta, Psi and Phi, (n_parameters, ...)."""
    (P, Q), K = X.shape, Theta.shape[1]
    n_psi, n_phi = structure.resid.size(P), structure.random.size(Q)
    n_basis, n_fixed = len(free), Q * K
    n = n_basis + n_fixed + n_psi + n_phi
    covariance, mean, sums = np.zeros((n, P, P)), np.zeros((n, P, K)), np.zeros((n, Q))
    i, (p, q) = np.arange(n_basis), free.T
    covariance[i, p] += X.T[q]  # Phi = I
    covariance[i, :, p] += X.T[q]
    mean[i, p], sums[i, q] = Theta[q], 1.0
    rows = slice(n_basis, n_basis + n_fixed)
    mean[rows] = np.einsum("pq,kl->qkpl", X, np.eye(K)).reshape(n_fixed, P, K)
    psi = np.random.default_rng(1).uniform(0.5, 1.5, size=P)  # any, of which one is the multiple
    by_psi = np.einsum("pi,pj->ijp", np.eye(P), np.eye(P))
    if structure.cov_resid == "mean":
        by_psi = by_psi * psi
    rows = slice(n_basis + n_fixed, n - n_phi)
    covariance[rows] = np.moveaxis(structure.resid.pull(by_psi), -1, 0)
    by_F = 2.0 * np.einsum("iq,jr->ijqr", X, X)
    by_F = (by_F + by_F.swapaxes(0, 1)) / 2.0
    covariance[n - n_phi :] = np.moveaxis(structure.random.pull(np.eye(Q), by_F), -1, 0)
    return np.concatenate([covariance.reshape(n, -1), mean.reshape(n, -1), sums], axis=1)
