"""What inference on all parameters together has in common, whether or not all have errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import stats

from nmfre.core.findings import Finding
from nmfre.core.typing import BoolArray, FloatArray, IntArray
from nmfre.estimation.estimate import Estimate
from nmfre.inference.conditional import Inference
from nmfre.inference.equality import rejected

FEW_UNITS = 50
"""Units up to which sandwich standard errors are called too small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointInference(Inference):
    """
    Inference on Theta with the uncertainty of the basis and the variances in it.

    Attributes
    ----------
    X, Theta : (P, Q), (Q, K)
        The estimates.
    mixing : tuple of bool, length Q
        Components that can be rotated or mixed, or are not determined.
    resid_at_bound, re_at_bound : (P,), (Q,)
        Variances that are zero, and so have no standard error.
    held : (QK,)
        Entries of Theta held at their bound 0, which have no standard error.
    undetermined : bool
        Whether the data leave the likelihood flat in some direction that is no rotation, or
        components merge: nothing has a standard error.
    """

    X: FloatArray
    Theta: FloatArray
    mixing: tuple[bool, ...]
    resid_at_bound: BoolArray
    re_at_bound: BoolArray
    held: BoolArray
    undetermined: bool
    scope: ClassVar[str] = (
        "based on all parameters: they account for the uncertainty of the basis and the variances."
    )

    def findings(self, estimate: Estimate) -> list[Finding]:
        """Findings on standard errors and tests, in the order of the summary's notes."""
        found = []
        n_units = self.support.independent
        if n_units <= FEW_UNITS and self.options.estimator.short_for_few:
            short = "intervals tend to be too narrow; cov_type='cr3' corrects for the leverages"
            found.append(
                Finding(
                    "note",
                    "few units",
                    f"With only {n_units} units, {short} of the units.",
                    f"with only {n_units} units, {short} of the units.",
                )
            )
        found += self._on_support()
        found += self._on_bounds("z and P are from a one-sided score test", estimate)
        if self.undetermined and not estimate.degenerate:
            cause = (
                "there are too few responses for this rank, or some responses are never observed "
                "together. There are no standard errors"
            )
            found.append(
                Finding(
                    "problem",
                    "not determined",
                    f"NOT DETERMINED: the likelihood is flat in some direction: {cause}.",
                    f"the likelihood is flat in some direction: {cause}; lower the rank.",
                )
            )
        if self.held.any():
            why = (
                "are held at their boundary: unconstrained they would be clearly negative, or the "
                "zero is needed to identify the components."
            )
            found.append(
                Finding(
                    "caution",
                    "held at bounds",
                    f"Effects (b) without a standard error {why}",
                    f"effects without a standard error {why}",
                )
            )
        vague = np.flatnonzero(self.variance_bse(estimate)["log_sigma2"] > 1.0)
        if len(vague) and estimate.covariances[0] == "diagonal":
            found.append(
                Finding(
                    "caution",
                    "residual variances",
                    None,
                    "poorly determined, with standard errors larger than the estimates: {names}. "
                    "Their intervals are uninformative. Lower the rank, or use "
                    "cov_resid='identity'.",
                    responses=vague.tolist(),
                )
            )
        return [*found, *rejected(self.equality)]

    @property
    def zvalues(self) -> FloatArray:
        """Theta / se, or the statistic of the score test where Theta is at its bound; (QK,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.at_bound, self.score_z, self.estimate / self.bse)

    def pvalues(self) -> FloatArray:
        """P-values of Theta[q, k] = 0, (QK,); those of entries at their bound are one-sided."""
        z, larger = self.zvalues, self.at_bound | (self.options.alternative == "larger")
        return np.asarray(np.where(larger, stats.norm.sf(z), 2.0 * stats.norm.sf(np.abs(z))))

    def not_held(self, members: IntArray) -> IntArray:
        """Positions in vec(Theta) less those held at their bound 0."""
        return members[~self.held[members]]
