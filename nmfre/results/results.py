"""Results of a fit."""

from __future__ import annotations

import pandas as pd
from statsmodels.iolib.summary import Summary

from nmfre.core.arguments import known_arguments
from nmfre.report.summary import summarize
from nmfre.results.bootstrap import BootstrapResults
from nmfre.results.check import CheckResults
from nmfre.results.frames import FrameResults
from nmfre.results.parameters import ParameterResults
from nmfre.results.plots import PlotResults
from nmfre.results.prediction import PredictionResults
from nmfre.results.saving import SavingResults


class NMFREResults(
    FrameResults,
    SavingResults,
    BootstrapResults,
    CheckResults,
    ParameterResults,
    PlotResults,
    PredictionResults,
):
    """
    Results of `nmfre.NMFRE.fit`; everything is labelled as the data were.

    Attributes
    ----------
    params : Series of length QK
        Theta as a vector; MultiIndex (component, covariate), components running fastest.
    model : NMFRE
        The model, with its data.
    estimate : AlternatingEstimate or MarginalEstimate
        The estimates as plain arrays in the paper's orientation.
    inference : Inference
        Covariance and replicates as plain arrays, and the options they were made with.
    method : str
        Name of the estimator.
    estimator : Estimator
        The estimator, `DfCap` or `MaximumLikelihood`, with the options of the fit.
    seed : int
        Seed of the start and the multipliers.
    scale : float
        Residual variance: that of conditional standard errors, or sigma2; as ``dispersion``.
    """

    def __repr__(self) -> str:
        n_units, n_responses = self.model.endog.shape
        rank, n_covariates = self.theta.shape
        criteria = self.estimate.criteria
        measure, value = next(iter(criteria.items()), ("objective", self.objective))
        return (
            f"<NMFREResults: {self.method}, P={n_responses}, N={n_units}, Q={rank}, "
            f"K={n_covariates}, {measure}={value:.6g}, "
            f"{'converged' if self.converged else 'not converged'}>"
        )

    def _repr_html_(self) -> str:
        """The summary, for notebooks."""
        return str(self.summary().as_html())

    @known_arguments
    def summary(
        self, alpha: float = 0.05, title: str | None = None, *, multipletests: str | None = None
    ) -> Summary:
        """
        Header, table of params with standard errors and intervals, and notes.

        Parameters
        ----------
        alpha : float
            1 minus the level of the intervals.
        title : str, optional
            Title of the table.
        multipletests : str, optional
            Adjustment of the p-values for multiple tests, as in `adjusted_pvalues`.

        Returns
        -------
        statsmodels.iolib.summary.Summary
            ``print`` it, or call ``as_text()``, ``as_html()``, ``as_latex()``, ``as_csv()``.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> summary = model.fit(df_cap=0.21).summary(title="Growth")
        >>> summary.as_text().splitlines()[0].strip()
        'Growth'
        """
        return summarize(self, alpha, title, multipletests)

    @known_arguments
    def summary_frame(
        self, alpha: float = 0.05, *, multipletests: str | None = None
    ) -> pd.DataFrame:
        """
        The coefficient table of the summary as a data frame, (QK, ...).

        Parameters
        ----------
        alpha : float
            1 minus the level of the intervals.
        multipletests : str, optional
            Adjustment of the p-values for multiple tests, as in `adjusted_pvalues`.

        Returns
        -------
        DataFrame
            Columns coef, std err, bootstrap std err (where there is a bootstrap), z, p, adjusted p
            (where asked for), and the limits, whose names carry the level; rows as ``params``.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> res = model.fit(df_cap=0.21)
        >>> res.summary_frame(multipletests="holm").columns.to_list()
        ['coef', 'std err', 'bootstrap std err', 'z', 'p', 'p (holm)', '2.5 %', '97.5 %']
        """
        columns = {"coef": self.params, "std err": self.bse}
        if self.inference.bootstrap is not None:
            columns["bootstrap std err"] = self.bse_boot
        columns |= {"z": self.tvalues, "p": self.pvalues}
        if multipletests is not None:
            columns[f"p ({multipletests})"] = self.adjusted_pvalues(multipletests)
        return pd.DataFrame(columns).join(self.conf_int(alpha))
