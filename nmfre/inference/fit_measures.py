"""
Measures of fit from likelihoods, degrees of freedom and residual moments: chi-squared, RMSEA, SRMR.

The robust versions are those of Yuan and Bentler (2000), with observed information, as in lavaan's
MLR; RMSEA takes N, not N - 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.orthonormal import Orthonormal
from nmfre.inference.references import References, Traces, covariate_covariance

CLOSE = 0.05
"""RMSEA up to which a fit is called close."""
LEVEL = 0.90
"""Level of the interval of RMSEA."""


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """
    A likelihood-ratio statistic against the saturated model.

    Attributes
    ----------
    statistic : float
    df : int
    scaling : float
        The statistic divided by it has the mean of a chi-squared variable; NaN where it is unknown.
    """

    statistic: float
    df: int
    scaling: float = 1.0

    @property
    def scaled(self) -> ChiSquared:
        """Divided by its scaling."""
        return ChiSquared(self.statistic / self.scaling, self.df)

    @property
    def pvalue(self) -> float:
        """Of a chi-squared variable; NaN without degrees of freedom."""
        return float(stats.chi2.sf(self.statistic, self.df)) if self.df else np.nan

    @property
    def excess(self) -> float:
        """What it has beyond its mean if the model is right; negative if it has less."""
        return self.statistic - self.scaling * self.df

    def rmsea(self, n_units: float) -> tuple[float, float, float]:
        """Root mean square error of approximation, and the limits of its interval."""
        if not self.df or np.isnan(self.scaling):
            return (np.nan,) * 3
        point = np.sqrt(max(self.excess, 0.0) / (self.df * n_units))
        tail = (1.0 - LEVEL) / 2.0
        scaled = self.statistic / self.scaling
        lower, upper = (
            np.sqrt(self.scaling * noncentrality(scaled, self.df, p) / (self.df * n_units))
            for p in (1.0 - tail, tail)
        )
        return float(point), float(lower), float(upper)

    def close(self, n_units: float) -> float:
        """P-value of an RMSEA of at most 0.05."""
        if not self.df:
            return np.nan
        return float(stats.ncx2.sf(self.statistic, self.df, n_units * self.df * CLOSE**2))


def noncentrality(statistic: float, df: int, probability: float) -> float:
    """The noncentrality with which a chi-squared variable is below the statistic so often."""

    def below(size: float) -> float:
        return float(stats.ncx2.cdf(statistic, df, size)) - probability

    if stats.chi2.cdf(statistic, df) <= probability:
        return 0.0
    far = max(statistic, 1.0)
    while below(far) > 0.0:
        far *= 2.0
    return float(brentq(below, 0.0, far, xtol=1e-12 * far, rtol=1e-14))


def cfi(model: ChiSquared, baseline: ChiSquared) -> float:
    """Comparative fit index."""
    beyond = max(model.excess, 0.0)
    most = max(beyond, baseline.excess)
    if np.isnan(model.excess + baseline.excess):
        return np.nan
    return 1.0 - beyond / most if most > 0.0 else 1.0


def tli(model: ChiSquared, baseline: ChiSquared) -> float:
    """Tucker-Lewis index, which is not cut off at 0 and 1."""
    if not (model.df and baseline.df and baseline.excess):
        return np.nan
    return 1.0 - model.excess / model.df / (baseline.excess / baseline.df)


def chi_squared(
    llf: float, n_parameters: int, references: References, found: Traces | None
) -> tuple[ChiSquared, ChiSquared]:
    """Of the model, and of independence; their scaling from the traces, where there are any."""
    llfs, sizes = (llf, references.llf()[1]), (n_parameters, references.n_parameters[1])
    smaller = (np.nan, np.nan) if found is None else (found.model, found.independence)
    saturated = np.nan if found is None else found.saturated
    tests = []
    for value, size, trace in zip(llfs, sizes, smaller, strict=True):
        df = references.n_parameters[0] - size
        scaling = (saturated - trace) / df if df else np.nan
        tests.append(ChiSquared(2.0 * (references.llf()[0] - value), df, scaling))
    return tests[0], tests[1]


def srmr(
    estimate: MarginalEstimate, covariates: Orthonormal, references: References
) -> tuple[float, float]:
    """
    Standardised root mean square residual, over responses and covariates and over responses.

    Bentler's, with means: residuals of means, variances and covariances around the means, in
    standard deviations of the data. Covariates that do not vary are none.
    """
    X, scale, sd = estimate.X, references.scale, np.sqrt(references.variances)
    Gamma = X @ covariates.gamma(estimate.Theta) / scale
    observed, implied = (references.around_mean(effects) for effects in (references.B, Gamma))
    Sigma = (X @ estimate.Phi @ X.T + np.diag(estimate.psi)) / scale**2
    of_covariance = references.R + observed @ observed.T - Sigma - implied @ implied.T
    of_covariance /= np.outer(sd, sd)
    of_mean = (references.B - Gamma) @ references.constant / sd
    squares = float(np.sum(np.tril(of_covariance) ** 2) + of_mean @ of_mean)

    of_A = np.diag(covariate_covariance(covariates, references.constant))
    varies = of_A > 0.0
    across = (observed - implied) @ covariates.L[varies].T / np.outer(sd, np.sqrt(of_A[varies]))
    return (
        _root_mean(squares + float(np.sum(across * across)), len(X) + int(varies.sum())),
        _root_mean(squares, len(X)),
    )


def _root_mean(squares: float, n_variables: int) -> float:
    """Over the means, variances and covariances of some variables."""
    return float(np.sqrt(squares / (n_variables * (n_variables + 1) / 2 + n_variables)))
