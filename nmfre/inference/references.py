"""
What a fit by marginal maximum likelihood is compared with: saturated and independence model.

Saturated: every response on all covariates, with a free covariance. Independence: a mean and a
variance for each response, no covariance, no effect. In units of the scaled responses, with the
coefficients B on orthonormal covariates W and the residual moments R of `CompleteMoments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray, IntArray
from nmfre.estimation.complete import CompleteMoments
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.orthonormal import Orthonormal
from nmfre.inference.concavity import does_not_fall
from nmfre.inference.coordinates import Coordinates
from nmfre.inference.groups import group_sums
from nmfre.inference.marginal import BLOCK_VALUES
from nmfre.inference.wild_bootstrap import Total, unit_blocks

COLLINEAR = 1e-10
"""Smallest eigenvalue of correlations given the covariates that is told from zero."""
CONSTANT = 1e-8
"""Squared distance of a constant from the covariates, in its square, that is rounding."""
STILL = 1e-12
"""Variance of a covariate, in its mean square, that is rounding."""


def constant_of(
    covariates: Orthonormal, A: FloatArray, total: Total, weights: FloatArray | None = None
) -> FloatArray:
    """Means of the orthonormal covariates of A (K, N) over units: their share in a constant."""
    if weights is not None:
        return np.average(covariates.white(A), axis=1, weights=weights)
    (sums,) = total(lambda start, A: (covariates.white(A).sum(axis=1),), A)
    return np.asarray(sums / A.shape[1])


def around_mean(effects: FloatArray, constant: FloatArray) -> FloatArray:
    """Effects (J, K) of orthonormal covariates less what is constant over units."""
    return effects - np.outer(effects @ constant, constant)


def covariate_covariance(covariates: Orthonormal, constant: FloatArray) -> FloatArray:
    """Covariance of the covariates over units, (K, K); zero where one does not vary."""
    L = around_mean(covariates.L, constant)
    L[np.vecdot(L, L) <= STILL * covariates.scale**2] = 0.0
    return np.asarray(L @ L.T)


@dataclass(frozen=True, slots=True)
class References(LaidOut):
    """
    The two models at their maxima, where covariates span a constant.

    Attributes
    ----------
    n_units : int or float
    scale : float
        What responses were divided by.
    B, R : (P, K), (P, P)
        Coefficients and residual covariance of the saturated model.
    constant : (K,)
        Means of the orthonormal covariates over units, of length one where they span a constant.
    """

    n_units: float
    scale: float
    B: FloatArray
    R: FloatArray
    constant: FloatArray

    @classmethod
    def of(cls, moments: CompleteMoments, A: FloatArray, total: Total) -> References:
        """Of moments of Y and A (K, N), and sums over the units."""
        R = moments.times(np.eye(moments.n_responses))
        constant = constant_of(moments.covariates, A, total)
        return cls(moments.n_units, moments.scale, moments.B, (R + R.T) / 2.0, constant)

    @property
    def determined(self) -> bool:
        """Whether the covariance of the saturated model is positive definite."""
        n_responses, n_covariates = self.B.shape
        sd = np.sqrt(np.diag(self.R))
        if self.n_units - n_covariates < n_responses or not (sd > 0.0).all():
            return False
        return bool(np.linalg.eigvalsh(self.R / np.outer(sd, sd))[0] > COLLINEAR)

    @property
    def with_constant(self) -> bool:
        """Whether covariates span a constant: else independence is no special case of saturated."""
        return bool(abs(1.0 - self.constant @ self.constant) < CONSTANT)

    @property
    def n_parameters(self) -> tuple[int, int]:
        """Of the saturated model, and of independence."""
        n_responses, n_covariates = self.B.shape
        saturated = n_responses * n_covariates + n_responses * (n_responses + 1) // 2
        return saturated, 2 * n_responses

    @property
    def root(self) -> FloatArray:
        """Lower triangular root of R."""
        return np.asarray(cholesky(self.R, lower=True))

    @property
    def mean(self) -> FloatArray:
        """Means of the responses, (P,)."""
        return np.asarray(self.B @ self.constant)

    def around_mean(self, effects: FloatArray) -> FloatArray:
        """Effects of W (J, K) less what is constant over units: their means are zero."""
        return around_mean(effects, self.constant)

    @property
    def variances(self) -> FloatArray:
        """Of the responses around their means, (P,)."""
        centred = self.around_mean(self.B)
        return np.asarray(np.diag(self.R) + np.vecdot(centred, centred))

    def llf(self) -> tuple[float, float]:
        """Log-likelihoods of the saturated model and of independence, of the responses."""
        log_dets = 2.0 * np.log(np.diag(self.root)).sum(), np.log(self.variances).sum()
        each = len(self.B) * (np.log(2.0 * np.pi) + 1.0 + 2.0 * np.log(self.scale))
        saturated, independence = (-0.5 * self.n_units * (each + log_det) for log_det in log_dets)
        return float(saturated), float(independence)


@dataclass(frozen=True, slots=True)
class Traces:
    """
    tr(I^-1 J) of the model and of its references, the information I observed, J of unit scores.

    With normal responses each is a number of parameters.

    Attributes
    ----------
    model : float
        NaN where the likelihood is flat in some direction that is no rotation.
    saturated, independence : float
    """

    model: float
    saturated: float
    independence: float


def traces(
    Y: Any,
    A: FloatArray,
    moments: CompleteMoments,
    estimate: MarginalEstimate,
    references: References,
    *,
    groups: IntArray | None = None,
    total: Total,
) -> Traces:
    """
    Traces from one pass over the units.

    Zeros of X that the likelihood pushes against, and of a bounded Theta, stay zero; rotations are
    left out.

    Parameters
    ----------
    Y : array or SciPy sparse matrix, (P, N)
    A : array, (K, N)
    moments : CompleteMoments
        Of Y and A.
    estimate : MarginalEstimate
        The maximum, off its cap.
    references : References
    groups : array of int, (N,), optional
        Codes of groups of units, whose scores are added before they are squared.
    total : callable
        As in `nmfre.inference.wild_bootstrap.one_step`.
    """
    coordinates = Coordinates(moments, estimate)
    axes, hessian = coordinates.axes(coordinates.theta_at_bound), coordinates.hessian()
    free = axes.directions
    of_units = _Units(coordinates, references, free)
    if groups is None:
        squares, saturated, independence = total(of_units.sums, Y, A)
    else:
        blocks = unit_blocks(A.shape[1], 0, BLOCK_VALUES // coordinates.X.size)
        terms = group_sums((Y, A), of_units.terms, groups, blocks, total)
        n_scores, n_means = free.shape[1], 2 * len(references.B)
        scores, rest = terms[:, :n_scores], np.sum(terms[:, n_scores:] ** 2, axis=0)
        squares = scores.T @ scores
        independence, saturated = rest[:n_means].sum(), rest[n_means:].sum()
    model = np.nan
    if not (estimate.degenerate or does_not_fall(axes, hessian)):
        information = -moments.n_units * (free.T @ hessian @ free)
        model = float(np.trace(np.linalg.solve(information, squares)))
    return Traces(model, float(saturated), float(independence))


@dataclass(frozen=True, slots=True)
class _Units:
    """What units add to the traces; ``free`` are the directions of the model."""

    coordinates: Coordinates
    references: References
    free: FloatArray

    def sums(self, start: int, Y: Any, A: FloatArray) -> tuple[FloatArray, float, float]:
        """
        Sums over units of products of scores, and of the terms of the other traces.

        With leverages h_n and Mahalanobis squares d_n, the information of the saturated model being
        one block of coefficients and one of covariances, these are h_n d_n + (d_n^2 - 2 d_n + P) /
        2N.
        """
        N, P = self.references.n_units, len(self.references.B)
        squares, saturated, independence = np.zeros((self.free.shape[1],) * 2), 0.0, 0.0
        for block in unit_blocks(A.shape[1], 0, BLOCK_VALUES // self.coordinates.X.size):
            scores, W, white, z = self._standardised(Y[:, block], A[:, block])
            squares += scores.T @ scores
            d, leverages = np.vecdot(white, white), np.vecdot(W, W) / N
            saturated += float(np.sum(leverages * d + (d * d - 2.0 * d + P) / (2.0 * N)))
            independence += float(np.sum(z * z / N + (z * z - 1.0) ** 2 / (2.0 * N)))
        return squares, saturated, independence

    def terms(self, Y: Any, A: FloatArray) -> FloatArray:
        """Scores (n, d), and those of independence (2P) and saturated models, times I^-1/2."""
        N, P = self.references.n_units, len(self.references.B)
        scores, W, white, z = self._standardised(Y, A)
        products = white[:, :, None] * white[:, None, :] - np.eye(P)
        rows, columns = np.tril_indices(P)
        twice = np.where(rows == columns, 1.0, np.sqrt(2.0))
        coefficients = (white[:, :, None] * W[:, None, :]).reshape(len(W), -1)
        return np.column_stack(
            [
                scores,
                z / np.sqrt(N),
                (z * z - 1.0) / np.sqrt(2.0 * N),
                coefficients / np.sqrt(N),
                products[:, rows, columns] * (twice / np.sqrt(2.0 * N)),
            ]
        )

    def _standardised(self, Y: Any, A: FloatArray) -> tuple[FloatArray, ...]:
        """
        Of units (n, ...): scores, orthonormal covariates, and responses in standard deviations.

        The latter are residuals of the saturated model, made uncorrelated, and of independence.
        """
        known = self.references
        scores = self.coordinates.unit_scores(Y, A) @ self.free
        dense = np.asarray(Y.toarray() if hasattr(Y, "toarray") else Y) / known.scale
        W = self.coordinates.moments.covariates.white(A)
        white = solve_triangular(known.root, dense - known.B @ W, lower=True)
        z = (dense - known.mean[:, None]) / np.sqrt(known.variances)[:, None]
        return scores, W.T, white.T, z.T
