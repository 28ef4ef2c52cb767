"""Standard errors, tests and intervals of vec(Theta), and the options they were made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy import stats

from nmfre.core.findings import Finding
from nmfre.core.kinds import OfKinds
from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.grouping import patterns_of, squares_by_pattern
from nmfre.estimation.orthonormal import Orthonormal, orthonormal
from nmfre.estimation.patterns import unit_grams
from nmfre.inference.covariance import Parts
from nmfre.inference.equality import ScoreTest
from nmfre.inference.estimands import of_scores
from nmfre.inference.groups import n_independent
from nmfre.inference.leverages import Leverages, Support, Weighted, independent_terms, support
from nmfre.inference.linearized import Linearization, linearize
from nmfre.inference.options import InferenceOptions
from nmfre.inference.prediction import blup_variances
from nmfre.inference.scores import Units, variances_of
from nmfre.inference.wild_bootstrap import (
    Total,
    WildBootstrap,
    one_step,
    parts_of_blocks,
    unit_blocks,
    whole,
)

BOUND = 1e-6
"""Size of Theta times that of its covariate, relative to the largest, up to which it is zero."""
FEW_GROUPS = 20
"""Groups below which standard errors that are summed over them tend to be too small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference(OfKinds):
    """
    Inference on vec(Theta), which stacks columns: entry q + Q k is Theta[q, k].

    Attributes
    ----------
    estimate : (QK,)
        vec(Theta).
    covariance : (QK, QK)
        Covariance of vec(Theta).
    dispersion : float
        The residual variance used.
    bootstrap : WildBootstrap or None
        Bootstrap replicates; None without a bootstrap.
    floor : float
        Lower bound of the parameters: 0, or minus infinity.
    options : InferenceOptions
    at_bound : (QK,)
        Whether entries of Theta are at their boundary 0.
    score_z : (QK,)
        One-sided score statistics of entries at their boundary 0: negative if the likelihood, or
        the penalised sum of squares, favours a negative effect; NaN for other entries, and if the
        likelihood does not determine them.
    equality : dict of ScoreTest
        Tests of variances that the fit assumes to be equal, by name; for marginal inference without
        a binding cap.
    support : Support
        The units, or groups, that the effect of each covariate depends on.
    """

    estimate: FloatArray
    covariance: FloatArray
    dispersion: float
    bootstrap: WildBootstrap | None
    floor: float
    options: InferenceOptions
    at_bound: BoolArray
    score_z: FloatArray
    support: Support
    equality: dict[str, ScoreTest] = field(default_factory=dict)
    scope: ClassVar[str] = "conditional on the estimated basis, random effects and variances."
    """What standard errors and p-values treat as known."""

    def findings(self, estimate: Estimate) -> list[Finding]:
        """Findings on standard errors and tests, in the order of the summary's notes."""
        found = []
        if estimate.X.shape[1] > 1:
            found.append(
                Finding(
                    "caution",
                    "basis treated as known",
                    "For rank 2 and above this ignores the uncertainty of the basis: intervals "
                    "are too narrow, especially those of intercepts.",
                    "standard errors are conditional on the basis, so they are too small, "
                    f"especially those of intercepts. {estimate.marginal_remedy}.",
                )
            )
        what = "the standard error, z and interval of such a coefficient are not valid"
        return [*found, *self._on_support(), *self._on_bounds(what, estimate)]

    def _on_support(self) -> list[Finding]:
        """That effects rest on few units, or groups, or on one of leverage 1."""
        kind = self.options.estimator
        return [*self._on_groups(), *(self.support.findings(kind.rare) if kind.rare else [])]

    def _on_groups(self) -> list[Finding]:
        found: list[Finding] = []
        n_groups = self.support.independent
        if not self.support.grouped:
            return found
        if not self.options.estimator.sums_scores:
            ignored = "cov_type='naive' ignores groups: it treats all units as independent"
            found.append(Finding("problem", "groups", f"{ignored}.", f"{ignored}. Use 'cr3'."))
        elif n_groups < FEW_GROUPS:
            few = f"with only {n_groups} groups, standard errors tend to be too small"
            remedy = "cov_type='cr3' corrects most of this."
            if self.options.estimator.corrects:
                remedy = "Interpret p-values near the significance level with caution."
            found.append(
                Finding("caution", "few groups", f"{few.capitalize()}.", f"{few}. {remedy}")
            )
        return found

    def _on_bounds(self, what: str, estimate: Estimate) -> list[Finding]:
        held = np.flatnonzero(self.at_bound).tolist()
        if not held:
            return []
        return [
            Finding(
                "note",
                "bounds",
                f"(b): at the boundary 0; {what}.",
                f"{{names}} {'is' if len(held) == 1 else 'are'} at the boundary 0. If effects may "
                f"be negative, use {estimate.signed_remedy}.",
                params=held,
            )
        ]

    def variance_bse(self, estimate: Estimate) -> dict[str, FloatArray]:
        """Standard errors of the variances: none, they are treated as known."""
        return {}

    def not_held(self, members: IntArray) -> IntArray:
        """Positions in vec(Theta) less those held at their bound 0, which only ml does."""
        return members

    def profile_covariance(self, X: FloatArray, covariates: list[int]) -> FloatArray:
        """Covariance of the mean profiles X Theta[:, k] of some covariates, stacked; (P n, P n)."""
        n_covariates = len(self.estimate) // X.shape[1]
        J = np.kron(np.eye(n_covariates)[covariates], X)
        return np.asarray(J @ self.covariance @ J.T)

    def score_variances(self, units: Units) -> FloatArray:
        """Variances of the scores of units that come from errors of the parameters, (Q, M)."""
        return variances_of(self.covariance, units.by_theta, units)

    def effect_variances(self, units: Units) -> FloatArray:
        """Of random effects around their predictions: posterior variances, (Q, M)."""
        return units.posterior_variances()

    def blup_variances(self, units: Units) -> FloatArray:
        """Variances of X(Theta a + u) around its BLUP, (P, M)."""
        estimate, A = units.estimate, units.A
        profiles = self.profile_covariance(estimate.X, list(range(len(A))))
        return blup_variances(
            profiles, A, estimate.X, estimate.sigma2, estimate.relative, ~np.isnan(units.Y)
        )

    def covariance_of_effects(self, by_theta: FloatArray) -> FloatArray:
        """Covariance (L, J, J) of functions of Theta, label by label: derivatives (L, J, QK)."""
        return np.asarray(by_theta @ self.covariance @ by_theta.mT)

    def covariance_of_means(self, X: FloatArray, labels: FloatArray, C: FloatArray) -> FloatArray:
        """Covariance (L, J, J) of b' X Theta C, label by label; the b are rows of labels (L, P)."""
        return self.covariance_of_effects(of_scores(labels @ X, C))

    def unknown(self, labels: FloatArray) -> BoolArray:
        """Which sums of components, rows of labels (L, Q), depend on what is not identified."""
        return np.zeros(len(labels), dtype=bool)

    @property
    def bse(self) -> FloatArray:
        """Standard errors, (QK,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def zvalues(self) -> FloatArray:
        """Theta / se, (QK,); infinite where residuals, and so standard errors, are zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.estimate / self.bse

    def pvalues(self) -> FloatArray:
        """P-values of Theta[q, k] = 0, (QK,); one-sided ones from z itself, never from its size."""
        if self.options.alternative == "larger":
            return np.asarray(stats.norm.sf(self.zvalues))
        return np.asarray(2.0 * stats.norm.sf(np.abs(self.zvalues)))

    def wald_interval(self, alpha: float) -> FloatArray:
        """Estimate -+ z se, cut off at the bound of the parameters; (QK, 2)."""
        half_width = stats.norm.isf(alpha / 2.0) * self.bse
        limits = self.estimate[:, None] + np.outer(half_width, [-1.0, 1.0])
        return np.maximum(limits, self.floor)


def conditional_inference(
    Y: Any,
    A: FloatArray,
    estimate: Estimate,
    options: InferenceOptions,
    seeds: np.random.SeedSequence,
    *,
    covariates: Orthonormal | None = None,
    groups: IntArray | None = None,
    weights: FloatArray | None = None,
    total: Total = whole,
) -> Inference:
    """
    Inference conditional on the estimated basis, random effects and variances (paper, Section 5).

    One pass over the units, in blocks.

    Parameters
    ----------
    Y : array or SciPy sparse matrix, (P, N)
        Responses, NaN where missing.
    A : array, (K, N)
        Covariates.
    estimate : Estimate
        A fit of them.
    options : InferenceOptions
        What to compute.
    seeds : numpy.random.SeedSequence
        For the multipliers of the bootstrap.
    covariates : Orthonormal, optional
        How the covariates are made orthonormal, where it is known.
    groups : array of int, (N,), optional
        Codes of groups of units that may depend on each other.
    weights : array, (N,), optional
        Of the units, as in the estimate.
    total : callable
        As in `one_step`.
    """
    theta = estimate.Theta.ravel(order="F")
    floor = -np.inf if estimate.signed else 0.0
    n_columns, n_units = Y.shape[1], estimate.n_units
    X = estimate.X
    covariates = orthonormal(A, weights, n_units)[0] if covariates is None else covariates
    by_pattern: FloatArray = n_units * np.eye(len(covariates.size))[None]
    weighted = estimate.relative.d * X
    XtX: FloatArray = (weighted.T @ weighted)[None]
    counts, n_cells = np.array([n_units]), len(X) * n_units
    observed = ~np.isnan(Y) if isinstance(Y, np.ndarray) else None
    leverages = Leverages(covariates, n_units, slice(None))
    if observed is not None and not observed.all():
        patterns, which = patterns_of(observed)
        by_pattern, XtX = (
            squares_by_pattern(leverages.white(A, weights), which),
            unit_grams(patterns, weighted),
        )
        counts = np.bincount(which, weights)
        n_cells = float(patterns.sum(axis=0) @ counts)
    linearization = linearize(
        X,
        estimate.Theta,
        by_pattern,
        XtX,
        covariates=covariates,
        counts=counts,
        n_cells=n_cells,
        relative=estimate.relative,
        rss=estimate.weighted_rss,
        information=options.information,
        dispersion=options.dispersion,
    )
    of_units, size = unit_blocks(n_columns, options.n_boot), n_independent(n_columns, groups)
    terms, influence, total_of_terms = independent_terms(
        (Y, A, estimate.U),
        linearization.scores,
        leverages=leverages if options.estimator.corrects else None,
        groups=groups,
        blocks=of_units,
        total=total,
        root=-linearization.root,
        weights=weights,
    )
    squares, bootstrap = one_step(
        terms,
        influence,
        options.draws(seeds, unit_blocks(size, options.n_boot)),
        estimate=theta,
        floor=floor,
        total=total_of_terms,
    )
    sized = theta * np.repeat(covariates.scale, X.shape[1])
    at_bound = (sized <= BOUND * np.max(sized)) & (not estimate.signed)
    return Inference(
        estimate=theta,
        covariance=options.estimator.covariance(Parts(linearization.naive, squares, size)),
        dispersion=linearization.dispersion,
        bootstrap=bootstrap,
        floor=floor,
        options=options,
        at_bound=np.asarray(at_bound),
        score_z=_score_tests(
            linearization, squares, at_bound, (Y, A, estimate.U), of_units, total, weights
        ),
        support=support(A, leverages, groups, of_units, total, weights),
    )


def _score_tests(
    linearization: Linearization,
    meat: FloatArray,
    at_bound: BoolArray,
    data: tuple[Any, ...],
    blocks: list[slice],
    total: Total,
    weights: FloatArray | None,
) -> FloatArray:
    """
    One-sided score statistics of entries of Theta at their bound, as those of marginal inference.

    With s the score, I its information, and ``meat`` the sum of squares of I^-1 s_n: an entry's
    score, cleared of those of the entries off their bounds, is c's, and I c has no part in these.
    """
    z = np.full(len(at_bound), np.nan)
    if not at_bound.any():
        return z

    scores: Callable[..., FloatArray] = linearization.scores
    if weights is not None:
        data, scores = (*data, weights[None]), Weighted(scores)

    def summed(start: int, *data: Any) -> tuple[FloatArray]:
        parts = parts_of_blocks(blocks, start, start + data[0].shape[1])
        return (sum(scores(*(x[:, own] for x in data)).sum(axis=0) for _, own, _ in parts),)

    (score,) = total(summed, *data)
    information = np.linalg.inv(linearization.bread)
    free = ~at_bound
    along = information[:, free] @ np.linalg.pinv(information[np.ix_(free, free)])
    cleared = (information[:, at_bound] - along @ information[np.ix_(free, at_bound)]).T
    variances = np.vecdot(cleared @ meat, cleared)
    steps = cleared @ (score @ linearization.root)
    with np.errstate(divide="ignore", invalid="ignore"):  # of an exact fit both are zero
        z[at_bound] = steps / np.sqrt(np.maximum(variances, 0.0))
    return z
