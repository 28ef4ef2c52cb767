"""Results of a fit."""

from __future__ import annotations

import pandas as pd
from statsmodels.iolib.summary import Summary

from nmfre.arguments import known_arguments
from nmfre.estimation.estimate import AlternatingEstimate
from nmfre.results.diagnostics import DiagnosticResults
from nmfre.results.frames import FrameResults
from nmfre.results.inference import InferenceResults
from nmfre.results.parameters import ParameterResults
from nmfre.results.prediction import PredictionResults
from nmfre.results.saving import SavingResults
from nmfre.summary import summarize


class NMFREResults(
    FrameResults,
    SavingResults,
    DiagnosticResults,
    InferenceResults,
    ParameterResults,
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
        Estimator.
    seed : int
        Seed of the start and the multipliers.
    scale : float
        Residual variance: that of conditional standard errors, or sigma2; as ``dispersion``.
    """

    def __repr__(self) -> str:
        n_units, n_responses = self.model.endog.shape
        rank, n_covariates = self.theta.shape
        measure = "objective" if isinstance(self.estimate, AlternatingEstimate) else "llf"
        return (
            f"<NMFREResults: {self.method}, P={n_responses}, N={n_units}, Q={rank}, "
            f"K={n_covariates}, {measure}={getattr(self, measure):.6g}, "
            f"{'converged' if self.converged else 'not converged'}>"
        )

    def _repr_html_(self) -> str:
        """The summary, for notebooks."""
        return str(self.summary().as_html())

    @known_arguments
    def summary(self, alpha: float = 0.05, title: str | None = None) -> Summary:
        """
        Header, table of params with standard errors and intervals, and notes.

        Parameters
        ----------
        alpha : float
            1 minus the level of the intervals.
        title : str, optional
            Title of the table.

        Returns
        -------
        statsmodels.iolib.summary.Summary
            ``print`` it, or call ``as_text()``, ``as_html()``, ``as_latex()``, ``as_csv()``.
        """
        return summarize(self, alpha, title)

    @known_arguments
    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """
        The coefficient table of the summary as a data frame, (QK, ...).

        Parameters
        ----------
        alpha : float
            1 minus the level of the intervals.

        Returns
        -------
        DataFrame
            Columns coef, std err, bootstrap std err (where there is a bootstrap), z, p, and the
            limits, whose names carry the level; rows as `params`.
        """
        columns = {"coef": self.params, "std err": self.bse}
        if self.inference.bootstrap is not None:
            columns["bootstrap std err"] = self.bse_boot
        columns |= {"z": self.tvalues, "p": self.pvalues}
        return pd.DataFrame(columns).join(self.conf_int(alpha))
