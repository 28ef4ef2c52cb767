"""
Every warning of the package; `nmfre.errors` has them, too.

Their texts are those of `nmfre.NMFREResults.check`, or are written where the warning is issued.
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
    """Effects that are held at 0, although the score test says that they are negative."""


class NegativeCovariateWarning(NMFREWarning):
    """Negative covariates, for which the updates of df-cap need not decrease the objective."""


class SingleResponseWarning(NMFREWarning):
    """A model of one response, which cannot separate random effects from residuals."""


class StatelessTermWarning(NMFREWarning):
    """A term of a formula that depends on all rows, so that predictions may differ from the fit."""


class LevelsWarning(NMFREWarning):
    """A categorical covariate whose levels look like numbers or dates, or are nearly all units."""
