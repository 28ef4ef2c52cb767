"""Estimates of ml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from nmfre.core.findings import Finding
from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.determination import resid_determined
from nmfre.estimation.estimate import ALL, Estimate, StopReason
from nmfre.estimation.identification import ZERO, Identification, n_rotations, zeros

FOUND = "the representative that the search found"
"""What is shown where no rule picks one of several."""
STOPPED = {
    StopReason.MAXITER: "at the limit of iterations",
    StopReason.PRECISION: "at numerical precision",
    StopReason.MERGING: "because columns of the basis became collinear",
    StopReason.NON_FINITE: "at values that are not finite",
}
"""How a sentence says why the iteration ended without reaching the tolerance."""
DEGENERATE_CONDITION = 1e3
"""Condition number of the basis from which its columns are called collinear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalEstimate(Estimate):
    """
    Estimates by marginal maximum likelihood, with measures of convergence.

    Attributes
    ----------
    llf : float
        Maximised log-likelihood.
    llf_uncapped : float or None
        Log-likelihood without the cap; None if the cap does not bind.
    gradient_norm : float
        Largest entry of the projected gradient of the log-likelihood per cell with respect to P X
        and log lambda, with Theta and sigma2 at their conditional maximum.
    expected_gain : float
        Gain in log-likelihood of a Newton step within bounds, to second order; infinite if the
        point is not a maximum, NaN if second derivatives were not computed.
    n_starts, n_agree : int
        Number of starts, and of those that reached this log-likelihood within 1e-4 (or 1e-8 per
        cell).
    identification : Identification
        Rotations that do not change the likelihood.
    condition : float
        Condition number of X.
    structure : Structure
        Forms of the covariances, and entries of X that are held at 0.
    resid_at_bound : (P,)
        Whether residual variances are at their boundary 0 (Heywood cases).
    re_at_bound : (Q,)
        Whether variances of random effects are at their boundary 0.
    """

    llf: float
    llf_uncapped: float | None
    gradient_norm: float
    expected_gain: float
    n_starts: int
    n_agree: int
    identification: Identification
    condition: float
    structure: Structure
    resid_at_bound: BoolArray
    re_at_bound: BoolArray
    marginal_remedy: ClassVar[str] = "uncertainty='marginal' includes its uncertainty"
    signed_remedy: ClassVar[str] = "signed=True"
    elsewhere: ClassVar[str] = "df-cap minimises a penalised sum of squares; fit with method='ml'."

    @property
    def covariances(self) -> tuple[str, str]:
        """Names of the forms of Psi and Phi."""
        return self.structure.cov_resid, self.structure.cov_re

    @property
    def cap_binds(self) -> bool:
        """Whether the likelihood was maximised on df_U = cap."""
        return self.llf_uncapped is not None

    @property
    def certificate(self) -> dict[str, str]:
        """Projected gradient, expected gain, and how many starts found this maximum."""
        known = not np.isnan(self.expected_gain)
        gain = {"Expected gain": f"{max(self.expected_gain, 0.0):.1e}"} if known else {}
        return {
            "Gradient norm": f"{self.gradient_norm:.1e}",
            **gain,
            "Starts agreeing": f"{self.n_agree} of {self.n_starts}",
        }

    @property
    def criteria(self) -> dict[str, float]:
        """Log-likelihood, information criteria, and the number of parameters that they count."""
        counts = {"df_model": self.n_parameters, "n_free": self.n_free}
        return {"llf": self.llf, "aic": self.aic, "bic": self.bic, **counts}

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return -2.0 * self.llf + 2.0 * self.n_parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion: units are the observations."""
        return -2.0 * self.llf + float(np.log(self.n_units)) * self.n_parameters

    @property
    def degenerate(self) -> bool:
        """Whether columns of X are so nearly collinear that Theta is not determined."""
        return self.condition > DEGENERATE_CONDITION

    @property
    def tau2_at_bound(self) -> bool:
        """Whether there are no random effects, but for the limit of the search."""
        return bool(self.re_at_bound.all())

    @property
    def n_parameters(self) -> int:
        """
        Dimension of the model: X with its column sums, Theta, variances; less rotations, cap.

        Rotations are those of a basis without zeros but for its pattern, as in factor analysis:
        what data allow at this very estimate has no part in it, so that fits of one size have one
        number.
        """
        n_responses, rank = self.X.shape
        n_basis = int(np.sum(~self.structure.held(self.X.shape))) - rank
        n_variances = self.structure.n_variances(n_responses, rank)
        n_free = n_basis + self.Theta.size + n_variances
        return int(n_free - n_rotations(self.X.shape, self.structure) - self.cap_binds)

    @property
    def n_free(self) -> int:
        """
        The same at this very estimate: less what is at a bound, and mixtures that are left.

        Entries of X, bounded effects and variances at 0 are not free, unless some mixture of the
        components with the same likelihood moves them.
        """
        (n_responses, rank), structure = self.X.shape, self.structure
        n_variances = structure.n_variances(n_responses, rank) - int(self.resid_at_bound.sum())
        n_variances -= structure.random.size(rank)
        if not self.tau2_at_bound:
            n_variances += structure.random.size(rank - int(self.re_at_bound.sum()))
        K = self.identification.directions
        n_held = int(np.sum(zeros(self.X, axis=0) & ~_moved(self.X @ K)))
        if not self.signed:
            n_held += int(np.sum(zeros(self.Theta, axis=None) & ~_moved(K @ self.Theta)))
        n_free = self.X.size - rank + self.Theta.size - n_held + n_variances
        return int(n_free - self.identification.n_free - self.cap_binds)

    def findings(self) -> list[Finding]:
        """
        Findings on the estimates, in the order of the summary's notes.

        Returns
        -------
        list of Finding
        """
        return [*self._on_convergence(), *self._on_identification(), *self._on_random_effects()]

    def _on_convergence(self) -> Iterator[Finding]:
        if self.stop_reason is not StopReason.TOLERANCE:
            cause, remedy = (
                "rounding prevented a further increase",
                "n_starts, or accept a larger tol",
            )
            if self.stop_reason is StopReason.MAXITER:
                cause, remedy = f"the limit of {self.n_iter} iterations was reached", "maxiter"
            if self.stop_reason is StopReason.MERGING:
                cause, remedy = (
                    "columns of the basis became collinear",
                    "n_starts, or lower the rank",
                )
            yield Finding(
                "problem",
                "not converged",
                f"NOT CONVERGED: the gradient norm is {self.gradient_norm:.1e}; the iteration "
                f"stopped {STOPPED[self.stop_reason]}.",
                f"{cause} at a gradient norm of {self.gradient_norm:.1g}. Raise {remedy}.",
            )
        if self.n_agree < self.n_starts:
            yield Finding(
                "caution" if 2 * self.n_agree <= self.n_starts else "note",
                "starts disagree",
                None,
                f"{self.n_agree} of {self.n_starts} starts reached the best likelihood. Raise "
                "n_starts until several agree.",
            )

    def _on_identification(self) -> Iterator[Finding]:
        if self.degenerate:
            remedy = f"Lower the rank{', or use signed=False' if self.signed else ''}."
            yield Finding(
                "problem",
                "components merge",
                "COMPONENTS MERGE: columns of the basis are nearly collinear, and their effects "
                f"cannot be estimated. {remedy}",
                "columns of the basis are nearly collinear (condition number "
                f"{self.condition:.1g}) while Theta diverges: effects have no standard errors. "
                f"{remedy}",
            )
        mixing = np.flatnonzero(self.identification.mixing).tolist()
        if self.identification.by and not self.degenerate:
            yield self._identified()
        if self.tau2_at_bound:
            yield Finding(
                "note",
                "tau2",
                "tau2 is at its boundary 0: the data show no random effects.",
                "it is at its boundary 0: the data show no random effects.",
            )
            found = "tau2 is zero, so {names} can be mixed without changing X Theta"
            if len(mixing) > self.Theta.shape[1]:
                found += "; with fewer covariates than components, lower the rank"
            cause = (
                "without random effects only X Theta enters the likelihood, so {names} can be "
                "mixed without changing the fit."
            )
            shown = "the representative with components as far apart as non-negativity allows"
        else:
            n_free = self.identification.n_free
            how = f"in {n_free} direction{'s' if n_free > 1 else ''}"
            found = f"{{names}} can be rotated {how} without changing the likelihood"
            if self.structure.random.rotated:
                found = (
                    f"{{names}} can be mixed {how} (with other variances) at the same likelihood"
                )
            cause = f"{found}."
            shown = "the representative with the sparsest basis"
            if self.re_at_bound.any():
                shown = FOUND
        if self.structure.pattern is not None:
            shown = FOUND
        if mixing and not self.degenerate:
            yield Finding(
                "caution",
                "not identified",
                f"NOT IDENTIFIED: {cause} The table shows {shown}; its effects have no standard "
                "errors. All representatives have the same X Theta (profiles), fitted values and "
                "joint tests of covariates (wald_test_terms).",
                f"{found}. Their effects and loadings are those of one representative. Profiles, "
                "fitted values and wald_test_terms() remain valid; identified_set() gives the "
                "range of each effect, and a basis_pattern can identify the components.",
                components=mixing,
            )

    def _identified(self) -> Finding:
        """By what components are told apart."""
        means = {
            "pattern": "by the basis pattern.",
            "zeros": "by zeros of the estimated basis.",
            "bounds": "by effects at their boundary 0, together with zeros of the basis.",
            "convention": "only by the convention that their random effects have equal variances, "
            "which the data cannot test. Effects and loadings depend on it; identified_set() "
            "shows what they can be without it.",
        }
        text = f"components are identified {means[self.identification.by]}"
        return Finding("note", "identification", f"C{text[1:]}", text)

    def _on_random_effects(self) -> Iterator[Finding]:
        n_responses, rank = self.X.shape
        wider = replace(self.structure, cov_resid="diagonal")
        equal = self.structure.cov_resid == "identity"
        if equal and not resid_determined(n_responses, rank, wider):
            many = "s" * (n_responses > 1)
            why = (
                f"the covariance{many} of {n_responses} response{many} cannot determine one for "
                f"each response at rank {rank}."
            )
            yield Finding(
                "note",
                "residual variances",
                f"One residual variance for all responses: {why}",
                f"one for all responses: {why}",
            )
        if self.resid_at_bound.any():
            text = (
                "variances at their boundary 0 (Heywood case): {names}. They have no standard "
                "errors, and all other standard errors are conditional on them."
            )
            yield Finding(
                "caution",
                "residual variances",
                f"Residual {text}",
                f"{text} Lower the rank, or use cov_resid='identity'.",
                responses=np.flatnonzero(self.resid_at_bound).tolist(),
            )
        if self.re_at_bound.any() and not self.tau2_at_bound:
            text = "at their boundary 0: the data show no random effects of {names}."
            yield Finding(
                "note",
                "variances of random effects",
                f"Variances of random effects {text}",
                text,
                components=np.flatnonzero(self.re_at_bound).tolist(),
            )
        if self.saturation > ALL:
            yield Finding(
                "note",
                "saturation",
                None,
                f"{self._used}: sigma2 is negligible in comparison.",
            )
        if self.llf_uncapped is not None:
            gain = self.llf_uncapped - self.llf
            yield Finding(
                "caution",
                "cap",
                f"The cap binds: without it the log-likelihood would be {self.llf_uncapped:.3f}, "
                f"higher by {gain:.3f}.",
                f"the cap binds and lowers the log-likelihood by {gain:.1f}; it determines the "
                f"variances.",
            )


def _moved(changes: FloatArray) -> BoolArray:
    """Which entries some of the directions change, (n, ...) to (...)."""
    largest = np.abs(changes).max(axis=0, initial=0.0)
    return np.asarray(largest > ZERO * np.max(largest, initial=0.0))
