"""Profiles, loadings and effects in standard deviations, communalities, reliability of scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_bool, check_choice
from nmfre.core.findings import listed
from nmfre.data.weights import by_unit
from nmfre.estimation.boundary import re_at_bound
from nmfre.inference.references import constant_of, covariate_covariance
from nmfre.inference.scores import Units
from nmfre.report.tables import WIDTH, TableSummary, frame_tables
from nmfre.results.fit import Fit

Kind = Literal["total", "conditional"]
UNITS = {
    "total": "standard deviations over all units",
    "conditional": "standard deviations given the covariates",
}


@dataclass(frozen=True, repr=False)
class Standardized:
    """
    A fit in standard deviations; made by `nmfre.NMFREResults.standardized`, ``print`` it.

    Attributes
    ----------
    profiles : DataFrame, (P, K)
        X Theta divided by the standard deviations of the responses. Profiles and communalities do
        not depend on the rotation of components.
    communalities : Series, (P,)
        Share of the scores in the variance of each response.
    loadings : DataFrame, (P, Q)
        Basis times the standard deviations of the scores, divided by those of the responses. If
        scores are uncorrelated, loadings are correlations of responses with scores.
    effects : DataFrame, (Q, K)
        Theta divided by the standard deviations of the scores.
    scores : DataFrame, (Q, 3)
        Standard deviation, reliability and determinacy of each score. Reliability is the squared
        correlation of predicted and true scores of a unit without missing responses, with the
        estimates treated as known; determinacy is its square root.
    sd : {"total", "conditional"}
    notes : tuple of str
        Notes on the numbers.
    """

    profiles: pd.DataFrame
    communalities: pd.Series
    loadings: pd.DataFrame
    effects: pd.DataFrame
    scores: pd.DataFrame
    sd: Kind
    notes: tuple[str, ...]

    def _summary(self) -> TableSummary:
        communality = self.communalities.rename("communality")
        parts = {
            "Profiles": pd.concat([self.profiles, communality], axis=1),
            "Loadings": self.loadings,
            "Effects": self.effects,
            "Scores": self.scores,
        }
        tables = [table for title, frame in parts.items() for table in frame_tables(frame, title)]
        return TableSummary(tables, [f"In {UNITS[self.sd]}.", *self.notes], WIDTH)

    def __repr__(self) -> str:
        return self._summary().as_text()

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self._summary().as_html()


def standardized(self: Fit, sd: Kind = "total", *, covariates: bool = False) -> Standardized:
    """
    Profiles, loadings and effects in standard deviations; communalities; reliability of scores.

    Parameters
    ----------
    sd : {"total", "conditional"}
        Which standard deviations of responses and scores to use, as implied by the model. "total":
        over all units, including differences explained by covariates, as lavaan's ``std.all``.
        "conditional": given the covariates; communalities are then those of `communalities`.
    covariates : bool
        Whether to standardize covariates, too. If not, profiles and effects are per unit of a
        covariate (``std.nox``), which is sensible for factors.

    Returns
    -------
    Standardized
        ``print`` it. For components that are not identified, loadings, effects and scores are those
        of one representative; profiles and communalities are the same for all.

    Raises
    ------
    InvalidArgumentError
    DataRemovedError
        The result has no data, which standard deviations of covariates need.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> print(model.fit("ml", n_boot=0).standardized())
                   Profiles
    ====================================
       Intercept sex[T.Male] communality
    ------------------------------------
    8      8.241       0.889       0.586
    10     9.114       0.983       0.717
    12     8.901       0.960       0.684
    14     9.590       1.035       0.794
    ====================================
    <BLANKLINE>
      Loadings
    ============
           comp1
    ------------
    8      0.766
    10     0.847
    12     0.827
    14     0.891
    ============
    <BLANKLINE>
             Effects
    ===========================
          Intercept sex[T.Male]
    ---------------------------
    comp1    10.763       1.161
    ===========================
    <BLANKLINE>
                    Scores
    =======================================
                 sd reliability determinacy
    ---------------------------------------
    comp1     8.391       0.913       0.955
    =======================================
    <BLANKLINE>
    Notes:
    In standard deviations over all units.
    """
    check_choice("sd", sd, Kind)
    check_bool("covariates", covariates)
    estimate, design, components = self.estimate, self.model.design, self.model.components
    X, Theta = estimate.X, estimate.Theta
    size, there = np.ones(Theta.shape[1]), ~re_at_bound(X, estimate.absolute)
    of_scores = np.where(np.outer(there, there), estimate.Phi, 0.0)
    if sd == "total" or covariates:
        transform = design.orthonormal()
        constant = constant_of(transform, design.A, design.total, by_unit(design.weights))
        of_A = covariate_covariance(transform, constant)
        if covariates:
            size = np.where(np.diag(of_A) > 0.0, np.sqrt(np.diag(of_A)), 1.0)
        if sd == "total":
            of_scores = of_scores + Theta @ of_A @ Theta.T
    explained = np.vecdot(X @ of_scores, X)
    of_responses = np.sqrt(explained + estimate.psi)[:, None]
    of_score = np.sqrt(np.diag(of_scores))
    none = of_score == 0.0  # neither random effects nor effects of covariates
    complete = Units(estimate, *(np.zeros((n, 1)) for n in (Theta.shape[1], *X.shape)))
    left = complete.posterior_variances()[:, 0] * there
    divisor = np.where(none, np.nan, of_score)
    reliability = 1.0 - left / divisor**2
    of_components = {"sd": of_score, "reliability": reliability, "determinacy": reliability**0.5}
    names = self.theta.columns
    return Standardized(
        profiles=pd.DataFrame(X @ Theta * size / of_responses, design.responses, names),
        communalities=pd.Series(
            explained / of_responses[:, 0] ** 2, design.responses, name="communalities"
        ),
        loadings=pd.DataFrame(X * of_score / of_responses, design.responses, components),
        effects=pd.DataFrame(Theta * size / divisor[:, None], components, names),
        scores=pd.DataFrame(of_components, components),
        sd=sd,
        notes=tuple(_notes(self)),
    )


def _notes(fit: Fit) -> Iterator[str]:
    for found in fit.estimate.findings():
        if found.topic == "not identified":
            names = listed(fit.model.components[list(found.components)])
            yield (
                f"Not identified: {names}. Their loadings, effects and scores are those of one "
                "representative; profiles and communalities are the same for all."
            )
    if not fit.estimate.tau2_estimated:
        yield (
            "tau2 was not estimated: everything but ratios of profiles depends on its starting "
            "value, or on the cap."
        )
