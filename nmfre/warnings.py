"""
Every warning of the package; `nmfre.errors` has them, too.

The texts are those of the findings that they report, or stand where they are given.
"""

from __future__ import annotations

from statsmodels.tools.sm_exceptions import ConvergenceWarning as StatsmodelsConvergenceWarning


class NMFREWarning(UserWarning):
    """Base of every warning that the package gives."""


class ConvergenceWarning(NMFREWarning, StatsmodelsConvergenceWarning):
    """Estimates that have not converged."""


class DegenerateBasisWarning(NMFREWarning):
    """A basis whose columns are nearly collinear, so that Theta is not determined."""


class BoundaryWarning(NMFREWarning):
    """Effects that are held at 0 although the data say that they are negative."""


class NegativeCovariateWarning(NMFREWarning):
    """Covariates below zero where multiplicative updates of Theta are not guaranteed to descend."""


class SingleResponseWarning(NMFREWarning):
    """One response, of which nothing tells random effects and residuals apart."""


class StatelessTermWarning(NMFREWarning):
    """A term of a formula that depends on all rows of the data, new data included."""


class LevelsWarning(NMFREWarning):
    """A categorical covariate whose levels look like numbers or dates, or are nearly all units."""
