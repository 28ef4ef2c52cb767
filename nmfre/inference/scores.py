"""
Standard errors of the scores s = Theta a + u of units, of which some responses are observed.

The BLUP is u = M^-1 X'W(y - X Theta a) with W = Psi^-1 over the observed responses and
M = Phi^-1 + X'WX. With L = I - M^-1 X'WX and e = y - X s, its change with the parameters is

    ds = L dTheta a + M^-1 (dX'W e - X'W dX s - X'W diag(e) dlog psi) + L dPhi X'W e.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.grouping import patterns_of
from nmfre.estimation.patterns import unit_inverses

Derivatives: TypeAlias = Callable[[Structure, slice], FloatArray]
BLOCK_VALUES = 1 << 20
"""Entries of an array of derivatives that are held at a time."""


@dataclass(frozen=True, slots=True)
class Units:
    """
    Units and what is known of them.

    Attributes
    ----------
    estimate : Estimate
    A : (K, M)
        Covariates.
    Y : (P, M)
        Responses, NaN where not observed.
    scores : (Q, M)
        Theta a + u.
    """

    estimate: Estimate
    A: FloatArray
    Y: FloatArray
    scores: FloatArray

    def _at(self, block: slice) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """W X (m, P, Q), M^-1 and L (m, Q, Q), and W e (m, P) of some units."""
        X = self.estimate.X
        Y = self.Y[:, block]
        observed = ~np.isnan(Y)
        W = observed / self.estimate.psi[:, None]
        WX = W.T[:, :, None] * X
        M_inv = self._posterior(observed)
        L = np.eye(X.shape[1]) - M_inv @ (X.T @ WX)
        return WX, M_inv, L, (np.nan_to_num(Y - X @ self.scores[:, block]) * W).T

    def _posterior(self, observed: BoolArray) -> FloatArray:
        """M^-1 of units with these responses observed, (m, Q, Q)."""
        relative = self.estimate.relative
        patterns, which = patterns_of(observed)
        M_inv = unit_inverses(patterns, relative.loadings(self.estimate.X))[which]
        return np.asarray(self.estimate.sigma2 * (relative.F @ M_inv @ relative.F.T))

    def by_theta(self, block: slice) -> FloatArray:
        """Derivatives of the scores of some units by vec(Theta), (m, Q, Q K)."""
        _, _, L, _ = self._at(block)
        return self._by_theta(L, block)

    def _by_theta(self, L: FloatArray, block: slice) -> FloatArray:
        a = self.A[:, block].T
        return np.asarray(a[:, None, :, None] * L[:, :, None, :]).reshape(len(a), len(L[0]), -1)

    def by_all(self, structure: Structure, block: slice) -> FloatArray:
        """By the parameters of `MarginalInference`: X, Theta, log psi and t; (m, Q, D)."""
        X, s = self.estimate.X, self.scores[:, block].T
        WX, M_inv, L, We = self._at(block)
        B = M_inv @ np.swapaxes(WX, 1, 2)
        by_X = M_inv[:, :, :, None] * We[:, None, None, :] - s[:, None, :, None] * B[:, :, None, :]
        e = We * self.estimate.psi
        by_psi = structure.resid.pull(-B * e[:, None, :])
        F = np.sqrt(self.estimate.tau2) * self.estimate.F
        by_t = L @ np.einsum("qrt,mr->mqt", structure.random.of_phi(F), We @ X)
        flat = (len(s), X.shape[1], -1)
        return np.concatenate(
            [by_X.reshape(flat), self._by_theta(L, block), by_psi.reshape(flat), by_t], axis=2
        )

    def effects_by_all(self, structure: Structure, block: slice) -> FloatArray:
        """The same of the random effects s - Theta a."""
        derivatives = self.by_all(structure, block)
        m, rank = derivatives.shape[:2]
        still = np.broadcast_to(np.eye(rank), (m, rank, rank))
        first = self.estimate.X.size
        derivatives[:, :, first : first + self.estimate.Theta.size] -= self._by_theta(still, block)
        return derivatives

    def responses_by_all(self, structure: Structure, block: slice) -> FloatArray:
        """The same of the responses X s that are predicted, (m, P, D)."""
        (P, Q), X = self.estimate.X.shape, self.estimate.X
        derivatives = X @ self.by_all(structure, block)
        of_X = derivatives[:, :, : X.size].reshape(-1, P, Q, P)
        of_X[:, np.arange(P), :, np.arange(P)] += self.scores[:, block].T
        derivatives[:, :, : X.size] = of_X.reshape(len(of_X), P, -1)
        return np.asarray(derivatives)

    def posterior_of_responses(self) -> FloatArray:
        """Variances of X u given the responses, parameters known; (P, M)."""
        X = self.estimate.X
        patterns, which = patterns_of(~np.isnan(self.Y))
        variances = np.vecdot(X @ self._posterior(patterns), X)
        return np.asarray(variances[which].T)

    def posterior_variances(self) -> FloatArray:
        """Diagonals of M^-1: variances of u given the responses, parameters known; (Q, M)."""
        return np.diagonal(self._posterior(~np.isnan(self.Y)), axis1=1, axis2=2).T


def variances_of(
    covariance: FloatArray, derivatives: Callable[[slice], FloatArray], units: Units
) -> FloatArray:
    """
    Variances of the scores, or of what is made of them, by the delta method, (Q, M) or (P, M).

    Parameters
    ----------
    covariance : array, (D, D)
        Of the parameters.
    derivatives : callable
        Of a block of units: derivatives of their scores, (m, Q, D), or responses, (m, P, D).
    units : Units
    """
    rank, n_units = units.scores.shape
    size = max(BLOCK_VALUES // (rank * len(covariance)), 1)
    variances = []
    for start in range(0, n_units, size):
        gradients = derivatives(slice(start, start + size))
        variances.append(np.vecdot(gradients @ covariance, gradients))
    return np.asarray(np.maximum(np.concatenate(variances).T, 0.0))
