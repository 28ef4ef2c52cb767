"""The test of no random effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.arguments import check_jobs, check_n_boot, check_seed
from nmfre.core.parallel import run_tasks
from nmfre.core.typing import FloatArray
from nmfre.data.weights import RATIOS, require_no_weights
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.maximize import Maximum, starting_bases
from nmfre.estimation.moments import Moments
from nmfre.inference.random_effects import (
    NullModel,
    RandomEffectsModel,
    bootstrap_pvalue,
    chi_bar_pvalue,
    ratio,
)
from nmfre.report.numbers import pvalue
from nmfre.report.tables import WIDTH, Table, TableSummary
from nmfre.results.fit import Fit

REPLICATES = 99
"""Bootstrap data sets for rank 2 and above."""
LEAST_REPLICATES = 19
"""With which the smallest p-value is .05."""
CHUNK = 10
"""Data sets of a task."""
WIDTHS = [24, 12, 12, 9, 7]


@dataclass(frozen=True, repr=False)
class RandomEffectsTest:
    """
    Test of tau2 = 0; made by `nmfre.NMFREResults.test_random_effects`.

    Attributes
    ----------
    statistic : float
        Twice the log of the likelihood ratio.
    pvalue : float
        P-value of the bootstrap, if there is one; otherwise of the chi-bar-squared mixture.
    pvalue_chibar : float
        P-value of the mixture; NaN for rank 2 and above, for which it is not valid.
    llf_null, llf : float
        Log-likelihoods without and with random effects.
    converged : bool
        Whether the fit without random effects reached its tolerance.
    null_statistics : array, (n_boot,)
        Statistics of data sets simulated from the fit without random effects.
    seed : int
        Of these.
    """

    statistic: float
    pvalue: float
    pvalue_chibar: float
    llf_null: float
    llf: float
    converged: bool
    null_statistics: FloatArray
    seed: int

    @property
    def n_boot(self) -> int:
        """Number of bootstrap data sets; 0 if the p-value is that of the mixture."""
        return len(self.null_statistics)

    def _summary(self) -> TableSummary:
        cells = [f"{value:.2f}" for value in (self.llf_null, self.llf, self.statistic)]
        headers = ["without", "with", "LR", "P"]
        title = "Likelihood-ratio test of no random effects"
        row = [*cells, pvalue(self.pvalue)]
        return TableSummary(
            [Table([row], WIDTHS, headers, ["tau2 = 0"], title)], self._notes(), WIDTH
        )

    def _notes(self) -> list[str]:
        notes = ["Without, with: log-likelihoods without and with random effects."]
        if not self.n_boot:
            notes.append("P: of the mixture of chi2_0 and chi2_1, half of each; assumes normality.")
        else:
            notes.append(
                f"P: parametric bootstrap, {self.n_boot} data sets drawn from the fit without "
                f"random effects (seed {self.seed}); assumes normality."
            )
        if np.isnan(self.pvalue_chibar):
            notes.append(
                "For rank 2 and above there is no chi-bar-squared mixture: without random effects "
                "the components can be mixed."
            )
        if not self.converged:
            notes.append(
                "NOT CONVERGED: the fit without random effects did not reach its tolerance."
            )
        return notes

    def __repr__(self) -> str:
        return str(self._summary().as_text())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return str(self._summary().as_html())


@dataclass(frozen=True)
class Likelihoods:
    """
    The fits without and with random effects.

    Attributes
    ----------
    model : RandomEffectsModel
    moments : Moments
    null, full : Maximum
    seeds : numpy.random.SeedSequence
        Of draws.
    """

    model: RandomEffectsModel
    moments: Moments
    null: Maximum
    full: Maximum
    seeds: np.random.SeedSequence

    def source(self, fit: Fit) -> NullModel:
        """What draws from the fit without random effects."""
        design = fit.model.design
        return NullModel(self.model, self.null, self.moments.scale, design.A, design.observed)


def likelihoods(fit: Fit, seed: int) -> Likelihoods:
    """
    The fits without random effects, from as many starts as the fit, and with them.

    The latter from the basis of the fit, and once more from that of the fit without.
    """
    estimate = fit.estimate.of_kind(MarginalEstimate, "test_random_effects")
    for_starts, for_draws = np.random.SeedSequence(seed).spawn(2)
    model = RandomEffectsModel(
        structure=estimate.structure,
        signed=estimate.signed,
        maxiter=fit.estimator.maxiter,
        X=estimate.X,
    )
    moments, rng = fit.model.design.moments(), np.random.default_rng(for_starts)
    n_random = max(estimate.n_starts - 1, 1)
    bases = [estimate.X, *starting_bases(moments, fit.model.rank, n_random, rng)]
    null = model.highest(moments, bases, model.null)
    full = model.highest(moments, [estimate.X, null.X], model.structure)
    return Likelihoods(model, moments, null, full, for_draws)


def test_random_effects(
    self: Fit,
    n_boot: int | None = None,
    *,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> RandomEffectsTest:
    """
    Likelihood-ratio test of no random effects, tau2 = 0.

    A variance of 0 lies on the boundary. For rank 1, if there are no random effects, the statistic
    is 0 in half of all data sets and chi-squared with one degree of freedom in the others. For rank
    2 and above this mixture is not valid, because without random effects the components can be
    mixed and the basis is not identified. The p-value is then from a parametric bootstrap: data
    sets are simulated from the fit without random effects, and both models are fitted to each of
    them.

    Both p-values assume independent normal residuals with the variances of the fit's ``cov_resid``.
    In simulations without random effects, the test at level .05 rejected 4.3 % of 300 data sets for
    rank 1 (4 responses, 50 units; standard error 1.2 %), and 8.6 % of 500 for rank 2 (6 responses,
    60 units; 1.8 %): p-values for rank 2 are somewhat too small.
    `nmfre.simulation.random_effects_test_study` repeats this study.

    Parameters
    ----------
    n_boot : int, optional
        Number of bootstrap data sets; 0 for none. Default: 0 for rank 1, 99 for rank 2 and above.
    seed : int
        Of these.
    n_jobs : int, optional
        Processes for the fits, as in joblib. The p-value does not depend on it.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    RandomEffectsTest
        ``print`` it; ``statistic`` and ``pvalue`` have the numbers.

    Raises
    ------
    NotComputedError
        The fit is by df-cap, its cap binds, or units have weights; or a bootstrap is needed and the
        data are in chunks.
    InvalidArgumentError
        For example ``n_boot`` below 19 where the bootstrap is needed.
    DataRemovedError
        The result has no data.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> print(model.fit("ml", n_boot=0).test_random_effects())
                 Likelihood-ratio test of no random effects
    ====================================================================
                                  without         with        LR       P
    --------------------------------------------------------------------
    tau2 = 0                      -239.11      -214.76     48.71  <0.001
    ====================================================================
    <BLANKLINE>
    Notes:
    Without, with: log-likelihoods without and with random effects.
    P: of the mixture of chi2_0 and chi2_1, half of each; assumes normality.
    """
    estimate = self.estimate.of_kind(MarginalEstimate, "test_random_effects")
    if estimate.cap_binds:
        raise NotComputedError(
            name="test_random_effects", reason="the cap determines tau2; fit without it."
        )
    design, needed = self.model.design, self.model.rank > 1
    require_no_weights(design.weights, "test_random_effects", RATIOS)
    n_boot = REPLICATES * needed if n_boot is None else n_boot
    check_n_boot(n_boot, least=0)
    if (needed or n_boot) and n_boot < LEAST_REPLICATES:
        allowed = f"at least {LEAST_REPLICATES} data sets" + ", or 0" * (not needed)
        raise InvalidArgumentError("n_boot", n_boot, allowed)
    check_seed(seed)
    check_jobs(n_jobs, progress)
    if n_boot:
        design.require("test_random_effects")
    compared = likelihoods(self, int(seed))
    null, full, moments = compared.null, compared.full, compared.moments
    statistic = ratio(moments, null, full)
    drawn = np.empty(0)
    if n_boot:
        source, seeds = compared.source(self), compared.seeds.spawn(n_boot)
        parts = run_tasks(
            source.statistics,
            [seeds[first : first + CHUNK] for first in range(0, n_boot, CHUNK)],
            n_jobs=n_jobs,
            progress=progress,
            description="data sets in parts",
        )
        drawn = np.concatenate(parts)
    chibar = np.nan if needed else chi_bar_pvalue(statistic)
    constant = moments.n_cells * float(np.log(moments.scale))
    llf_null, llf = (-moments.n_cells * one.value - constant for one in (null, full))
    return RandomEffectsTest(
        statistic=statistic,
        pvalue=bootstrap_pvalue(statistic, drawn) if n_boot else chibar,
        pvalue_chibar=chibar,
        llf_null=float(llf_null),
        llf=float(llf),
        converged=null.stop_reason is StopReason.TOLERANCE,
        null_statistics=drawn,
        seed=int(seed),
    )
