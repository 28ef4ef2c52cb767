"""
Inference on all parameters together, (X, Theta, log psi, t), from the marginal likelihood: the
uncertainty of the basis and the variances is part of every standard error.

What rotations of the components (where tau2 is zero: mixtures) leave alone has a covariance, what
they change has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.moments import Moments
from nmfre.inference.concavity import does_not_fall
from nmfre.inference.coordinates import Coordinates
from nmfre.inference.covariance import Parts
from nmfre.inference.equality import equality_tests
from nmfre.inference.estimands import with_basis
from nmfre.inference.groups import n_independent
from nmfre.inference.joint import JointInference
from nmfre.inference.leverages import independent_terms, support
from nmfre.inference.options import InferenceOptions
from nmfre.inference.scores import Derivatives, Units, variances_of
from nmfre.inference.wild_bootstrap import Total, one_step, unit_blocks, whole

LARGEST = 3_000
"""Parameters P Q + Q K + 2 up to which their joint covariance is formed."""
BLOCK_VALUES = 1 << 19
"""Entries of an array of unit scores that are held at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalInference(JointInference):
    """
    Inference on Theta, and on all else, from the joint covariance of the parameters.

    Entry p + P q of the first block is X[p, q], entry q + Q k of the second Theta[q, k].

    Attributes
    ----------
    psi_covariance : (D, D), D = PQ + QK and the number of variances
        Joint covariance of (X, Theta, log psi, t), t the coordinates of Phi, in one gauge where
        rotations are free. Standard errors of Theta are NaN where a rotation changes them.
    df_gradient : (D,)
        Derivatives of df_U by these parameters.
    held_basis : (P, Q)
        Entries of X that do not move, and so have none either: those that the likelihood pushes
        against their bound 0, and the 1 that others at 0 leave to the last one of a column.
    """

    psi_covariance: FloatArray
    df_gradient: FloatArray
    held_basis: BoolArray
    elsewhere: ClassVar[str] = (
        "it needs the joint covariance of all parameters, which method='ml' with "
        f"uncertainty='marginal' computes for up to {LARGEST:,} of them."
    )

    @property
    def basis_bse(self) -> FloatArray:
        """Standard errors of X, (P, Q); NaN for entries held at zero, and for mixing components."""
        variances = np.diag(self.psi_covariance)[: self.X.size].reshape(self.X.shape, order="F")
        bse = np.sqrt(np.maximum(variances, 0.0))
        return np.where(np.array(self.mixing) | self.held_basis, np.nan, bse)

    def profile_covariance(self, X: FloatArray, covariates: list[int]) -> FloatArray:
        """Covariance of the mean profiles; NaN where the likelihood is flat in some direction."""
        n_responses, rank = X.shape
        if self.undetermined:
            return np.full(2 * (n_responses * len(covariates),), np.nan)
        rows = []
        for k in covariates:
            J = np.zeros((n_responses, len(self.psi_covariance)))
            J[:, : X.size] = np.kron(self.Theta[:, k], np.eye(n_responses))
            first = X.size + rank * k
            J[:, first : first + rank] = X
            rows.append(J)
        stacked = np.vstack(rows)
        return np.asarray(stacked @ self.psi_covariance @ stacked.T)

    def score_variances(self, units: Units) -> FloatArray:
        """With the errors of the basis and the variances; NaN for components that mix."""
        known = np.where(np.array(self.mixing), np.nan, 1.0)[:, None]
        return known * self._variances_of(units, units.by_all)

    def effect_variances(self, units: Units) -> FloatArray:
        """The same of random effects, and their posterior variances."""
        return units.posterior_variances() + self._variances_of(units, units.effects_by_all)

    def blup_variances(self, units: Units) -> FloatArray:
        """The same of X(Theta a + u); NaN where nothing is determined."""
        return units.posterior_of_responses() + self._variances_of(units, units.responses_by_all)

    def _variances_of(self, units: Units, derivatives: Derivatives) -> FloatArray:
        structure = units.estimate.of_kind(MarginalEstimate, "structure").structure
        known = np.nan if self.undetermined else 1.0
        return known * variances_of(self.psi_covariance, partial(derivatives, structure), units)

    def covariance_of_effects(self, by_theta: FloatArray) -> FloatArray:
        """The same with all parameters; effects held at their bound count as known."""
        theta = slice(self.X.size, self.X.size + self.Theta.size)
        moving = np.where(self.held, 0.0, by_theta)
        return np.asarray(moving @ self.psi_covariance[theta, theta] @ moving.mT)

    def covariance_of_means(self, X: FloatArray, labels: FloatArray, C: FloatArray) -> FloatArray:
        """The same with the uncertainty of the basis; NaN where the likelihood is flat."""
        known = np.nan if self.undetermined else 1.0
        return known * with_basis(self.psi_covariance, X, self.Theta, labels, C, self.held)

    def unknown(self, labels: FloatArray) -> BoolArray:
        """The same: mixtures of some components keep the sum of their scores, and the others."""
        of_mixing = labels[:, np.array(self.mixing)]
        return np.asarray((of_mixing != of_mixing[:, :1]).any(axis=1) | self.undetermined)

    def variance_bse(self, estimate: Estimate) -> dict[str, FloatArray]:
        """
        Standard errors of variances and what is made of them (delta method); NaN at a bound.

        Returns
        -------
        dict
            Of arrays: log_sigma2 (1 or P), log_tau2 (1 or Q), the logarithms of the different
            variances; cov_re (Q, Q); icc and df_random, (1,).
        """
        (P, Q) = self.X.shape
        structure = estimate.of_kind(MarginalEstimate, "structure").structure
        random, resid = structure.random, structure.resid
        F, Phi = np.sqrt(estimate.tau2) * estimate.F, estimate.Phi
        n_resid, first = resid.size(P), self.X.size + self.Theta.size
        D = len(self.psi_covariance)
        of_phi = np.zeros((Q, Q, D))
        of_phi[:, :, first + n_resid :] = random.of_phi(F)
        by_icc = np.zeros(D)
        random_part, residual = float(np.sum((self.X @ F) ** 2)), float(estimate.psi.sum())
        total = (random_part + residual) ** 2
        by_icc[: self.X.size] = 2.0 * residual / total * (self.X @ Phi).ravel(order="F")
        by_icc[first : first + n_resid] = resid.pull(-random_part / total * estimate.psi)
        by_F = np.tril(2.0 * residual / total * (self.X.T @ self.X @ F))
        by_icc[first + n_resid :] = random.pull(F, by_F)
        of_log = np.diagonal(of_phi).T / np.diag(Phi)[:, None]
        bse = {
            "log_sigma2": self._bse(np.eye(D)[first : first + n_resid]),
            "log_tau2": self._bse(of_log)[: len(random.distinct(Q))],
            "cov_re": self._bse(of_phi),
            "icc": self._bse(by_icc[None]),
            "df_random": self._bse(self.df_gradient[None]),
        }
        if self.undetermined:
            return {name: np.full_like(values, np.nan) for name, values in bse.items()}
        bse["log_sigma2"][resid.of(self.resid_at_bound)] = np.nan
        bse["log_tau2"][self.re_at_bound[random.distinct(Q)]] = np.nan
        bse["cov_re"][self.re_at_bound] = bse["cov_re"][:, self.re_at_bound] = np.nan
        if self.re_at_bound.all():
            bse |= {name: np.full(1, np.nan) for name in ("icc", "df_random")}
        if random.rotated:
            mixing = np.array(self.mixing)
            bse["log_tau2"][mixing] = np.nan
            bse["cov_re"][mixing] = bse["cov_re"][:, mixing] = np.nan
        return bse

    def _bse(self, gradients: FloatArray) -> FloatArray:
        """Of functions of the parameters, (...), with gradients (..., D)."""
        variances = np.vecdot(gradients @ self.psi_covariance, gradients)
        return np.asarray(np.sqrt(np.maximum(variances, 0.0)))


def n_parameters(n_responses: int, rank: int, n_covariates: int, structure: Structure) -> int:
    """P Q + Q K, and the variances."""
    n_variances = structure.n_variances(n_responses, rank)
    return n_responses * rank + rank * n_covariates + n_variances


def marginal_inference(
    Y: Any,
    A: FloatArray,
    moments: Moments,
    estimate: MarginalEstimate,
    options: InferenceOptions,
    seeds: np.random.SeedSequence,
    *,
    groups: IntArray | None = None,
    weights: FloatArray | None = None,
    total: Total = whole,
) -> MarginalInference:
    """
    Sandwich covariance and one-step wild bootstrap of all parameters.

    The information is minus the Hessian H of the log-likelihood; the unit scores take one pass over
    the units.

    Parameters
    ----------
    Y : array or SciPy sparse matrix, (P, N)
        Missing cells are NaN.
    A : array, (K, N)
    moments : Moments
        Of Y and A.
    estimate : MarginalEstimate
        The maximum.
    options : InferenceOptions
    seeds : numpy.random.SeedSequence
        For the multipliers of the bootstrap.
    groups : array of int, (N,), optional
        Codes of groups of units that may depend on each other.
    weights : array, (N,), optional
        Of the units, as in the moments.
    total : callable
        As in `one_step`.
    """
    coordinates = Coordinates(moments, estimate)
    n_units = Y.shape[1]
    theta, floor = estimate.Theta.ravel(order="F"), -np.inf if estimate.signed else 0.0
    hessian = coordinates.hessian()
    # An effect that wants to be negative is at its bound in every sample; were it free, the
    # likelihood would be taken where it is hardly concave any more.
    cleared, total_score = coordinates.cleared_scores(hessian)
    held = coordinates.bounds_needed | coordinates.beyond_bounds(cleared, total_score, hessian)
    axes = coordinates.axes(held)
    flat = does_not_fall(axes, hessian)
    if flat and coordinates.pushed_theta.any():
        axes = coordinates.axes(held | coordinates.pushed_theta)
        flat = does_not_fall(axes, hessian)
    free = axes.directions
    reduced_hessian = free.T @ hessian @ free
    # Negative definite, but for what gets no standard errors: components that merge, flatness.
    undetermined = estimate.degenerate or flat
    invert = np.linalg.pinv if undetermined else np.linalg.inv
    hessian_inv = invert(reduced_hessian) / moments.n_units

    J = coordinates.jacobian(axes)
    theta_rows = coordinates.of_theta
    unit = np.ones(len(J))
    unit[theta_rows] = moments.scale
    most = BLOCK_VALUES // coordinates.X.size
    blocks = unit_blocks(n_units, options.n_boot, most)
    terms, influence, total_of_terms = independent_terms(
        (Y, A),
        coordinates.unit_scores,
        leverages=coordinates.leverages if options.estimator.corrects else None,
        groups=groups,
        blocks=blocks,
        total=total,
        weights=weights,
    )
    size = n_independent(n_units, groups)
    squares, bootstrap = one_step(
        terms,
        influence,
        options.draws(seeds, unit_blocks(size, options.n_boot, most)),
        estimate=theta,
        floor=floor,
        projection=moments.scale * free @ hessian_inv @ J[theta_rows].T,
        total=total_of_terms,
    )
    covariance = options.estimator.covariance(
        Parts(
            -hessian_inv,
            hessian_inv @ free.T @ squares @ free @ hessian_inv,
            size,
            lambda reduced: (J @ reduced @ J.T) * np.outer(unit, unit),
        )
    )
    equality = {}
    if not (undetermined or estimate.cap_binds):
        equality = equality_tests(
            Y, A, moments, estimate, coordinates, groups, blocks, total, weights
        )
    unknown = coordinates.mixing_theta | axes.held | undetermined
    theta_covariance = covariance[theta_rows, theta_rows].copy()
    theta_covariance[unknown] = np.nan
    theta_covariance[:, unknown] = np.nan
    if bootstrap is not None:
        bootstrap.deviations[:, unknown] = np.nan
    return MarginalInference(
        estimate=theta,
        covariance=theta_covariance,
        dispersion=estimate.sigma2,
        bootstrap=bootstrap,
        floor=floor,
        options=options,
        psi_covariance=covariance,
        X=estimate.X,
        Theta=estimate.Theta,
        mixing=tuple(m or undetermined for m in estimate.identification.mixing),
        resid_at_bound=estimate.resid_at_bound,
        re_at_bound=estimate.re_at_bound,
        at_bound=coordinates.theta_at_bound,
        support=support(A, coordinates.leverages, groups, blocks, total, weights),
        score_z=np.where(
            undetermined, np.nan, coordinates.score_tests(cleared, total_score, squares)
        ),
        df_gradient=coordinates.df_gradient(),
        held=axes.held & (not undetermined),
        held_basis=coordinates.held_basis,
        undetermined=undetermined,
        equality=equality,
    )
