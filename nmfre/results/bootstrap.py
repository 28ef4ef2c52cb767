"""The bootstrap of a fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar, overload

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_bool, check_choice, check_jobs, check_n_boot, check_seed
from nmfre.data.weights import require_no_weights
from nmfre.errors import InvalidArgumentError
from nmfre.inference.multipliers import Multiplier
from nmfre.inference.options import Alternative
from nmfre.inference.refit import refit_replicates
from nmfre.inference.wild_bootstrap import WildBootstrap
from nmfre.report.readable import by_component, headed_html
from nmfre.results import coefficients
from nmfre.results.fit import Fit, infer_again, series
from nmfre.results.rank_bootstrap import RankBootstrap, RankCriterion, bootstrap_with_rank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = TypeVar("Results", bound=Fit)


class Bootstrap(Generic[Results]):
    """
    Bootstrap replicates of params, with their intervals and tests; made by
    `nmfre.NMFREResults.bootstrap`.

    Attributes
    ----------
    results : NMFREResults
        The fit, with these replicates and their options instead of its own.
    multiplier : str
        Distribution of the multipliers.
    seed : int
        Of the multipliers.
    refit : bool
        Whether each replicate is a new fit.
    parametric : bool
        Whether replicates are fits of data simulated from the fit, without multipliers.
    n_failed : int
        Number of refits that did not reach the tolerance; their replicates are kept.
    """

    plot: ClassVar[Callable[..., Axes]]  # attached by nmfre.plotting

    def __init__(self, results: Results, n_failed: int) -> None:
        inference = results.inference
        assert inference.bootstrap is not None
        assert inference.options.seed is not None
        self.results = results
        self.multiplier = inference.options.multiplier
        self.seed = inference.options.seed
        self.refit = inference.bootstrap.refit
        self.parametric = inference.bootstrap.parametric
        self.n_failed = n_failed
        self._draws = inference.bootstrap

    def __repr__(self) -> str:
        n_boot, n_params = self._draws.deviations.shape
        drawn = "" if self.parametric else f"{self.multiplier} multipliers, "
        return (
            f"<Bootstrap: {n_boot} {self._draws.kind} replicates of {n_params} params, "
            f"{drawn}seed {self.seed}>"
        )

    @property
    def n_boot(self) -> int:
        """Number of replicates B."""
        return len(self._draws.deviations)

    @cached_property
    def replicates(self) -> pd.DataFrame:
        """Replicates of params, (B, QK); floored at 0 where effects are bounded."""
        return pd.DataFrame(self._draws.replicates, columns=self.results.params.index)

    @cached_property
    def bse(self) -> pd.Series:
        """Standard deviations of the replicates."""
        return coefficients.bse_boot(self.results).rename("bse")

    @cached_property
    def bias(self) -> pd.Series:
        """Means of the replicates minus the estimates."""
        return series(self.results, self._draws.bias, "bias")

    def conf_int(
        self,
        alpha: float = 0.05,
        method: Literal["percentile", "basic", "normal", "studentized"] = "percentile",
    ) -> pd.DataFrame:
        """
        Confidence intervals from the replicates.

        Parameters
        ----------
        alpha : float
            1 minus the level.
        method : {"percentile", "basic", "normal", "studentized"}
            As in `nmfre.NMFREResults.conf_int`. Refits have no studentized intervals.

        Returns
        -------
        DataFrame, (QK, 2)

        Raises
        ------
        InvalidArgumentError, NotComputedError

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> boot = model.fit(df_cap=0.21).bootstrap(200, multiplier="rademacher")
        >>> boot.conf_int(method="basic").round(1)
                               2.5 %  97.5 %
        component covariate
        comp1     Intercept     86.0    94.7
                  sex[T.Male]    4.0    14.8
        """
        check_choice("method", method, Literal["percentile", "basic", "normal", "studentized"])
        return coefficients.conf_int(self.results, alpha, method)

    def pvalues(self, alternative: Alternative | None = None) -> pd.Series:
        """
        P-values: share of replicates, centred at the estimate, that are at least as extreme as the
        estimate.

        They are (1 + count) / (1 + B), so none is 0.

        Parameters
        ----------
        alternative : {"larger", "two-sided"}, optional
            Default: that of the fit.

        Returns
        -------
        Series

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> model.fit(df_cap=0.21).bootstrap(99).pvalues().to_list()
        [0.01, 0.02]
        """
        kind = self.results.inference.options.alternative if alternative is None else alternative
        check_choice("alternative", kind, Alternative)
        values = self._draws.pvalues(kind)
        values[np.isnan(self._draws.deviations).any(axis=0)] = np.nan
        return series(self.results, values, "pvalues")

    @cached_property
    def summary_frame(self) -> pd.DataFrame:
        """
        Estimates, bias, standard errors, p-values and 95 % percentile limits, (QK, 6).

        Rows are grouped by component; p-values below 0.001 are displayed as ``<0.001``.
        """
        columns = {
            "coef": self.results.params,
            "bias": self.bias,
            "std err": self.bse,
            "p": self.pvalues(),
        }
        return by_component(pd.DataFrame(columns).join(self.conf_int()))

    def _repr_html_(self) -> str:
        """What it is and its table, for notebooks."""
        return headed_html(repr(self).strip("<>"), self.summary_frame)


@overload
def bootstrap(
    self: Results,
    n_boot: int = ...,
    multiplier: Multiplier = ...,
    *,
    seed: int | None = ...,
    refit: bool = ...,
    parametric: bool = ...,
    select: None = ...,
    criterion: RankCriterion = ...,
    n_jobs: int | None = ...,
    progress: bool = ...,
) -> Bootstrap[Results]: ...


@overload
def bootstrap(
    self: Results,
    n_boot: int = ...,
    multiplier: Multiplier = ...,
    *,
    seed: int | None = ...,
    refit: bool = ...,
    parametric: bool = ...,
    select: Iterable[int],
    criterion: RankCriterion = ...,
    n_jobs: int | None = ...,
    progress: bool = ...,
) -> RankBootstrap: ...


def bootstrap(
    self: Results,
    n_boot: int = 1000,
    multiplier: Multiplier = "exponential",
    *,
    seed: int | None = 0,
    refit: bool = False,
    parametric: bool = False,
    select: Iterable[int] | None = None,
    criterion: RankCriterion = "bic",
    n_jobs: int | None = None,
    progress: bool = False,
) -> Bootstrap[Results] | RankBootstrap:
    """
    Wild or parametric bootstrap of params. The fit itself does not change.

    Parameters
    ----------
    n_boot : int
        Number of replicates, at least 2.
    multiplier : {"exponential", "rademacher", "mammen", "normal"}
        Distribution of the multipliers: one per unit and replicate or, with groups, one per group.
    seed : int or None
        Seed of the multipliers. None draws a new one.
    refit : bool
        Whether each replicate is a new fit. If not, it is one step of the linearised estimator, as
        in the paper (Section 5). df-cap is refitted to responses whose residuals around the
        fixed-effect means are multiplied. ml is refitted with weights 1 + multiplier of the units,
        because multiplied residuals would change the variances. Units of one group share a
        multiplier.
    parametric : bool
        Whether each replicate is a fit of data simulated from this fit, as by `simulate` with
        ``nonnegative=False``: negative responses are kept, because setting them to 0 would shift
        the means. There are no multipliers. This assumes normality, the covariances of the fit and
        independent units, also with groups. df-cap simulates with its tau2, estimated or not.
    select : iterable of int, optional
        Ranks to choose from in each replicate of ``refit=True`` (ml); they must include that of the
        fit. Intervals of the mean profiles X Theta then account for the choice of the rank. If the
        data do not determine the rank well, intervals that treat it as known are too narrow.
    criterion : {"bic", "aic"}
        Criterion of this choice.
    n_jobs : int, optional
        Processes for refits, as in joblib. The replicates do not depend on it.
    progress : bool
        Whether to show a progress bar for refits.

    Returns
    -------
    Bootstrap, or RankBootstrap with ``select``

    Raises
    ------
    InvalidArgumentError
        For example ``select`` without ``refit=True``, or refits of ml with normal multipliers,
        whose weights would be negative.
    NotComputedError
        Refits with sparse or chunked responses; ``select`` with df-cap, a cap or a
        ``basis_pattern``; ``select`` or ``parametric`` with weights.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> res = model.fit(df_cap=0.21)
    >>> res.bootstrap(200, refit=True)
    <Bootstrap: 200 refit replicates of 2 params, exponential multipliers, seed 0>
    >>> model.fit("ml").bootstrap(20, parametric=True)
    <Bootstrap: 20 parametric replicates of 2 params, seed 0>
    """
    check_n_boot(n_boot, least=2)
    check_choice("multiplier", multiplier, Multiplier)
    check_bool("refit", refit)
    check_bool("parametric", parametric)
    check_jobs(n_jobs, progress)
    check_seed(seed, optional=True)
    # NumPy integers do not come back as such.
    entropy = np.random.SeedSequence(None if seed is None else int(seed)).entropy
    assert isinstance(entropy, int)
    check_choice("criterion", criterion, RankCriterion)
    if select is not None:
        if not refit or parametric:
            raise InvalidArgumentError("select", select, "None unless refit=True")
        self.model.design.require("bootstrap(refit=True)")
        told = "the rank cannot be chosen within replicates. Use bootstrap(refit=True) alone"
        require_no_weights(self.model.design.weights, "bootstrap(select=...)", told)
        return bootstrap_with_rank(
            self,
            select,
            criterion,
            n_boot=n_boot,
            multiplier=multiplier,
            seed=entropy,
            n_jobs=n_jobs,
            progress=progress,
        )
    options = replace(
        self.inference.options,
        n_boot=int(n_boot),
        multiplier=multiplier,
        multipliers=None,
        seed=entropy,
    )
    draws, n_failed = None, 0
    if refit or parametric:
        design, estimate = self.model.design, self.estimate
        design.require("bootstrap(refit=True)")
        if parametric:
            told = "simulated units have none. bootstrap(refit=True) accounts for weights"
            require_no_weights(design.weights, "bootstrap(parametric=True)", told)
        thetas, n_failed = refit_replicates(
            self.estimator.refit_drawn(design, estimate)
            if parametric
            else self.estimator.refit(design, estimate, multiplier),
            estimate.X,
            len(design.units),
            n_boot=n_boot,
            seed=entropy,
            n_jobs=n_jobs,
            progress=progress,
        )
        deviations = thetas - self.inference.estimate
        deviations[:, np.isnan(self.inference.bse)] = np.nan
        draws = WildBootstrap(
            estimate=self.inference.estimate,
            deviations=deviations,
            floor=self.inference.floor,
            refit=True,
            parametric=parametric,
        )
    else:
        draws = infer_again(self, replace(options, studentize=True)).bootstrap
    inference = replace(self.inference, bootstrap=draws, options=options)
    return Bootstrap(replace(self, inference=inference), n_failed)
