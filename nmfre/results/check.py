"""Plain advice on a fit: what to look at before trusting it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd

from nmfre.core.typing import FloatArray
from nmfre.data.checks import require_memory
from nmfre.data.chunked import ChunkedDesign
from nmfre.errors import NotComputedError
from nmfre.estimation.estimate import AlternatingEstimate, MarginalEstimate, StopReason
from nmfre.inference.marginal import MarginalInference
from nmfre.report.summary import FEW_UNITS
from nmfre.results.advice import Advice, Check, Severity, listed
from nmfre.results.diagnostics import DiagnosticResults
from nmfre.results.hypotheses import HypothesisResults
from nmfre.results.residuals import on_residuals

MOST_UNITS = 5_000
"""Units up to which the deletion of each is looked at."""
NEARLY_ALL, ALL = 0.9, 0.99
INFLUENTIAL = 0.5
"""Standard errors by which the deletion of a unit may move an effect: a quarter of its variance."""


class CheckResults(HypothesisResults, DiagnosticResults):
    """Advice, and what it rests on."""

    @cached_property
    def dfbetas(self) -> pd.DataFrame:
        """
        Params less what they are without a unit, in standard errors; (N, QK), one step.

        The sign is that of statsmodels: positive where the unit raises the param. From the unit
        scores, as a replicate of the one-step bootstrap whose only multiplier is -1 for that unit.
        Up to 5,000 units.
        """
        n_units = self.n_units
        require_memory(self.model.design.A, "dfbetas")
        if n_units > MOST_UNITS:
            raise NotComputedError(
                name="dfbetas", reason=f"there are more than {MOST_UNITS} units ({n_units})."
            )
        deleted = self._infer_again(n_boot=n_units, multipliers=-np.eye(n_units)).bootstrap
        assert deleted is not None
        return pd.DataFrame(
            -deleted.deviations / self.inference.bse,
            index=self.model.design.units,
            columns=self.params.index,
        )

    def check(self) -> Check:
        """
        One page of plain advice, each with a severity.

        On convergence, identification, bounds, saturation, cap, starts, units of measurement,
        variances and tails of residuals, and influential units.

        Returns
        -------
        Check
            ``print`` it; ``frame`` has the same as a table.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> print(model.fit("ml").check())
        CAUTION, heavy tails: the excess kurtosis of residuals is 4.3 (0 under
            normality). Look at plot_residuals(kind='qq'); the bootstrap does not need
            normality.
        CAUTION, influential units: deleting F10 (0.6), F11 (0.6) moves an effect by
            more than half a standard error (in brackets). See dfbetas.
        NOTE, few units: 27 units: intervals tend to be somewhat short; cov_type='cr3'
            corrects for the leverages of the units.
        """
        advice = [
            *self._on_convergence(),
            *self._on_identification(),
            *self._on_random_effects(),
            *self._on_bounds(),
            *self._on_residuals(),
            *self._on_units(),
        ]
        return Check(advice)

    def _on_convergence(self) -> Iterator[Advice]:
        estimate = self.estimate
        if estimate.stop_reason is StopReason.MAXITER:
            yield Advice(
                "problem",
                "not converged",
                f"the limit of {self.n_iter} iterations was reached. Raise maxiter.",
            )
        elif isinstance(estimate, MarginalEstimate) and not self.converged:
            yield Advice(
                "problem",
                "not converged",
                "rounding allowed no further ascent at a gradient norm of "
                f"{estimate.gradient_norm:.1g}. Raise n_starts, or accept a larger tol.",
            )
        elif isinstance(estimate, AlternatingEstimate) and estimate.far_from_fixed_point:
            yield Advice(
                "caution",
                "stopped early",
                f"X and Theta are {estimate.distance_in_words} from the fixed point of the "
                "updates: printed digits may still move. Lower tol, for example to 1e-12.",
            )
        if isinstance(estimate, MarginalEstimate) and estimate.n_agree < estimate.n_starts:
            grave: Severity = "caution" if 2 * estimate.n_agree <= estimate.n_starts else "note"
            yield Advice(
                grave,
                "starts disagree",
                f"{estimate.n_agree} of {estimate.n_starts} starts reached the best likelihood. "
                "Raise n_starts until several agree.",
            )

    def _on_identification(self) -> Iterator[Advice]:
        estimate = self.estimate
        if isinstance(estimate, AlternatingEstimate):
            if len(self.model.components) > 2:
                yield Advice(
                    "note",
                    "identification",
                    "with three components and more rotations may fit as well; df-cap does not "
                    "look for them, method='ml' does.",
                )
            if len(self.model.components) > 1:
                yield Advice(
                    "caution",
                    "basis taken for known",
                    "standard errors are conditional on the basis, and so too short, above all "
                    "those of intercepts. method='ml' includes its uncertainty.",
                )
            return
        assert isinstance(estimate, MarginalEstimate)
        if estimate.degenerate:
            yield Advice(
                "problem",
                "components merge",
                "columns of the basis are nearly collinear while Theta diverges: effects have no "
                f"standard errors. {estimate.remedy_of_degenerate}",
            )
            return
        inference = self.inference
        if isinstance(inference, MarginalInference) and inference.undetermined:
            yield Advice(
                "problem",
                "not determined",
                "the likelihood is flat in some direction: there are too few responses for this "
                "rank, or responses that are never observed together. No standard errors; lower "
                "the rank.",
            )
        mixing = self.model.components[np.array(estimate.identification.mixing)]
        if len(mixing):
            cause = f"{listed(mixing)} can be rotated without changing the likelihood"
            if estimate.tau2_at_bound:
                cause = f"tau2 is zero, so {listed(mixing)} can be mixed without changing X Theta"
            if estimate.tau2_at_bound and len(mixing) > self.theta.shape[1]:
                cause += "; with fewer covariates than components, lower the rank"
            yield Advice(
                "caution",
                "not identified",
                f"{cause}: their effects and loadings are those of one representative. Profiles, "
                "fitted values and wald_test_terms() stay valid.",
            )
        elif isinstance(inference, MarginalInference) and inference.held.any():
            yield Advice(
                "caution",
                "held at bounds",
                "effects without a standard error are held at their bound: the data would have "
                "them far below it, or it is what tells components apart.",
            )

    def _on_random_effects(self) -> Iterator[Advice]:
        saturation = self.saturation
        used = f"random effects use {100 * saturation:.3g} % of their degrees of freedom"
        if isinstance(self.estimate, MarginalEstimate):
            if saturation > ALL:
                yield Advice(
                    "note",
                    "saturation",
                    f"{used}: sigma2 is next to nothing beside them.",
                )
            if self.estimate.tau2_at_bound:
                yield Advice("note", "tau2", "it is at its bound 0: there are no random effects.")
            if self.estimate.cap_binds:
                gain = self.estimate.llf_uncapped
                assert gain is not None
                yield Advice(
                    "caution",
                    "cap",
                    f"it binds, at the price of {gain - self.llf:.1f} in log-likelihood: variances "
                    "are what it makes of them.",
                )
            return
        if saturation > NEARLY_ALL:
            yield Advice(
                "problem" if saturation > ALL else "caution",
                "saturation",
                f"{used} (ridge {self.ridge:.2g}): they follow the data, residuals and what rests "
                "on them say little. Lower the cap or the rank.",
            )
        if self.estimate.cap_binds:
            yield Advice(
                "note",
                "cap",
                "it bound: tau2 is what the cap made of its start value, not an estimate.",
            )
        if not self.tau2_estimated:
            moment = float(np.mean(self.estimate.U**2))
            yield Advice(
                "caution",
                "scale",
                f"tau2 is not estimated ({self.tau2:.3g}; mean square of U {moment:.3g}), so that "
                "the fit depends on the units of Y. Scale Y so that tau2 = 1 is sensible, set "
                "start_tau2, or use method='ml', which does not depend on them.",
            )
        settled = self.mean_squared_residual
        if self.estimate.variance_fault is not None:
            yield Advice("problem", "variances", self.estimate.variance_fault)
        elif abs(settled / self.sigma2 - 1.0) > 0.1:
            yield Advice(
                "note",
                "sigma2",
                f"it has not settled ({self.sigma2:.3g}; mean squared residual {settled:.3g}): the "
                "paper's updates of it are damped.",
            )

    def _on_bounds(self) -> Iterator[Advice]:
        names = [
            name
            for name, at_bound in zip(self.model.data.param_names, self.at_bound, strict=True)
            if at_bound
        ]
        if names:
            other = "" if isinstance(self.estimate, MarginalEstimate) else "method='ml', "
            yield Advice(
                "note",
                "bounds",
                f"{listed(names)} at the bound 0. Where effects may be negative, use "
                f"{other}signed=True.",
            )

    def _on_residuals(self) -> Iterator[Advice]:
        if isinstance(self.model.design, ChunkedDesign):
            yield Advice("note", "residuals", "not looked at: the data are in chunks.")
        else:
            yield from on_residuals(self.resid, self.fittedvalues)

    def _on_units(self) -> Iterator[Advice]:
        if isinstance(self.model.design, ChunkedDesign) or self.n_units > MOST_UNITS:
            yield Advice(
                "note",
                "influence",
                f"not looked at: there are more than {MOST_UNITS} units, or data are in chunks.",
            )
        else:
            largest = self._largest_changes()
            influential = largest[largest > INFLUENTIAL].sort_values(ascending=False)
            if len(influential):
                shown = [f"{unit} ({change:.1f})" for unit, change in influential.items()]
                yield Advice(
                    "caution",
                    "influential units",
                    f"deleting {listed(shown)} moves an effect by more than half a standard "
                    "error (in brackets). See dfbetas.",
                )
        few = self.n_units <= FEW_UNITS and self.inference.options.cov_type == "sandwich"
        if few and self.uncertainty == "marginal":
            yield Advice(
                "note",
                "few units",
                f"{self.n_units} units: intervals tend to be somewhat short; cov_type='cr3' "
                "corrects for the leverages of the units.",
            )

    def _largest_changes(self) -> pd.Series:
        """The largest change of an effect off its bound by the deletion of each unit."""
        changes: FloatArray = self.dfbetas.abs().to_numpy()
        changes = np.where(self.at_bound.to_numpy() | ~np.isfinite(changes), 0.0, changes)
        return pd.Series(changes.max(axis=1), index=self.dfbetas.index)
