"""The values that effects and loadings can take at the likelihood of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_choice
from nmfre.core.typing import FloatArray
from nmfre.estimation.identified_set import ends, rotations
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.rotation_set import Ends, Entry, Rotations
from nmfre.inference.marginal import MarginalInference
from nmfre.inference.set_intervals import ends_bse, set_interval
from nmfre.report.numbers import number
from nmfre.report.tables import WIDTH, Lines, TableSummary, by_component, fitted_table
from nmfre.results.fit import Fit

NARROW = 1e-6
"""Width of a set, relative to its size, that is rounding."""


@dataclass(frozen=True)
class IdentifiedSet:
    """
    The values that effects and loadings can take at the likelihood of a fit.

    Made by `nmfre.NMFREResults.identified_set`; ``print`` it.

    Attributes
    ----------
    fit : NMFREResults
    cov_re : {"diagonal", "identity"}
        "diagonal": variances of components may differ. "identity": they are equal.
    """

    fit: Fit
    cov_re: Literal["diagonal", "identity"]

    @cached_property
    def rotations(self) -> Rotations:
        """The rotations of the components that make up the set, as plain arrays."""
        estimate = self.fit.estimate.of_kind(MarginalEstimate, "the identified set")
        return rotations(estimate, self.cov_re)

    @cached_property
    def ends(self) -> Ends:
        """Lowest and highest effects in the order of ``params``, and the rotations there."""
        rank, n_covariates = self.fit.theta.shape
        entries = [Entry(q, k, False) for k in range(n_covariates) for q in range(rank)]
        return ends(self.rotations, entries)

    @cached_property
    def theta(self) -> pd.DataFrame:
        """
        Effects, (QK, 4): columns estimate, lower, upper and same sign.

        "same sign" is True if the effect has the same sign over the whole set.
        """
        return _frame(self.fit.params, self.ends)

    @cached_property
    def basis(self) -> pd.DataFrame:
        """
        The same for loadings, (PQ, 4): one row per (component, response).

        It is computed on first use: with three or more components, each entry takes two searches.
        """
        n_responses, rank = self.fit.basis.shape
        entries = [Entry(q, p, True) for q in range(rank) for p in range(n_responses)]
        names = [self.fit.basis.columns, self.fit.basis.index]
        X = pd.Series(self.fit.estimate.X.ravel(order="F"), pd.MultiIndex.from_product(names))
        return _frame(X, ends(self.rotations, entries))

    @property
    def is_point(self) -> bool:
        """Whether the set is a single point."""
        return not len(self.rotations.directions) or self._width <= NARROW

    @property
    def _width(self) -> float:
        limits = self.ends.limits
        return float(np.ptp(limits, axis=1).max() / max(np.abs(limits).max(), 1e-300))

    def summary_frame(self) -> pd.DataFrame:
        """
        The table of effects, ``theta``.

        Returns
        -------
        DataFrame, (QK, 4)
        """
        return self.theta.copy()

    def _summary(self) -> TableSummary:
        convention = {"diagonal": "may differ", "identity": "are equal"}[self.cov_re]
        title = f"Identified set, where variances of random effects {convention}"
        lines: Lines = {}
        for (component, covariate), (*numbers, same) in zip(
            self.theta.index, self.theta.itertuples(index=False), strict=True
        ):
            cells = [*map(number, numbers), "yes" if same else "no"]
            lines[component, covariate] = [(str(covariate), cells)]
        stubs, rows = by_component(lines)
        notes = ["The set is a single point, the estimate."] if self.is_point else []
        return TableSummary([fitted_table(rows, self.theta.columns, stubs, title)], notes, WIDTH)

    def __str__(self) -> str:
        return self._summary().as_text()

    def __repr__(self) -> str:
        n_params = len(self.fit.params)
        what = "a point" if self.is_point else f"intervals of {n_params} effects"
        return f"<IdentifiedSet: {what}, cov_re={self.cov_re!r}>"

    def _repr_html_(self) -> str:
        """The table, for notebooks."""
        return self._summary().as_html()


def identified_set(
    self: Fit, cov_re: Literal["diagonal", "identity"] = "diagonal"
) -> IdentifiedSet:
    """
    Lowest and highest value of each effect and loading at the likelihood of the fit.

    Components can often be rotated without changing the likelihood. The data then determine an
    effect only up to a set of values. The ends of this set are exact for two components; for more,
    they are the best of several searches. Random effects of different components stay uncorrelated.

    Parameters
    ----------
    cov_re : {"diagonal", "identity"}
        "diagonal": variances of components may differ; for a fit with equal variances, the set then
        shows how much the estimates depend on that. "identity": they are equal. If a pattern
        identifies the components of a fit with ``cov_re="full"``, the set is a point.

    Returns
    -------
    IdentifiedSet

    Raises
    ------
    InvalidArgumentError
    NotComputedError
        The fit is by df-cap; or effects are unbounded, because there are no random effects or their
        covariance is unrestricted.

    Examples
    --------
    >>> import numpy as np
    >>> import nmfre
    >>> from nmfre.simulation import BumpDesign
    >>> design = BumpDesign(n_responses=8, rank=2, n_units=200, background=0.5)
    >>> endog, exog = design.draw(np.random.default_rng(0))
    >>> model = nmfre.NMFRE(endog, exog, rank=2)
    >>> res = model.fit("ml", signed=True, n_boot=0)
    >>> res.identified_set().theta.round(1)
                         estimate  lower  upper  same sign
    component covariate
    comp1     const          52.1   35.4   85.7       True
    comp2     const          66.9   33.3   83.5       True
    comp1     x1             10.6    8.3   14.0       True
    comp2     x1              1.9   -1.4    4.2      False
    """
    check_choice("cov_re", cov_re, Literal["diagonal", "identity"])
    found = IdentifiedSet(self, cov_re)
    assert found.ends  # computed now: it may be that there are none
    return found


def set_limits(fit: Fit, alpha: float) -> FloatArray:
    """Intervals of params that join their set with the sampling error of its ends, (QK, 2)."""
    inference = fit.inference.of_kind(MarginalInference, "the interval of the identified set")
    estimate = fit.estimate.of_kind(MarginalEstimate, "the interval of the identified set")
    found = identified_set(fit)
    if not len(found.rotations.directions):
        return inference.wald_interval(alpha)
    bse = ends_bse(found.rotations, found.ends, estimate, inference)
    limits = set_interval(found.ends.limits, bse, alpha)
    width = found.ends.limits[:, 1] - found.ends.limits[:, 0]
    limits[inference.undetermined | (inference.held & (width <= NARROW * np.abs(limits).max()))] = (
        np.nan
    )
    return np.maximum(limits, inference.floor)


def _frame(estimates: pd.Series, ends: Ends) -> pd.DataFrame:
    low, high = ends.limits.T
    rounding = NARROW * np.abs(ends.limits).max()
    same = (low > rounding) | (high < -rounding)
    columns = {"estimate": estimates, "lower": low, "upper": high, "same sign": same}
    return pd.DataFrame(columns, index=estimates.index)
