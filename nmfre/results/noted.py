"""Tests of statsmodels that print what the summary has in their place."""

from __future__ import annotations

import html

import numpy as np
from statsmodels.iolib.summary import Summary
from statsmodels.iolib.table import SimpleTable
from statsmodels.stats.contrast import ContrastResults, WaldTestResults

from nmfre.core.cells import filled
from nmfre.report.numbers import number, pvalue
from nmfre.report.tables import WIDTH, TableSummary, fitted_table

PVALUES = 4
"""Their column in tables of statsmodels."""


class NotedContrast(ContrastResults):
    """
    A test of statsmodels with notes.

    Parameters
    ----------
    test : statsmodels.stats.contrast.ContrastResults
    notes : list of str
        Sentences below its table.
    """

    notes: list[str]

    def __init__(self, test: ContrastResults, notes: list[str]) -> None:
        vars(self).update(vars(test))
        self.notes = notes

    def summary(
        self, xname: list[str] | None = None, alpha: float = 0.05, title: str | None = None
    ) -> str | SimpleTable | Summary:
        """The table of statsmodels, where no p-value is 0, or its line of text, and the notes."""
        printed = super().summary(xname, alpha, title)
        if isinstance(printed, SimpleTable):
            for row, p in zip(printed[1:], np.atleast_1d(self.pvalue), strict=True):
                row[PVALUES].data = pvalue(p)
        if not self.notes:
            return printed
        text = " ".join(self.notes)
        if isinstance(printed, SimpleTable):
            return TableSummary([printed], [text], WIDTH)
        return f"{printed}\n{filled(text, WIDTH)}"

    def _repr_html_(self) -> str:
        """The table and the notes, for notebooks."""
        printed = self.summary()
        return (
            f"<pre>{html.escape(printed)}</pre>" if isinstance(printed, str) else printed.as_html()
        )


class NotedTests(WaldTestResults):
    """
    A table of joint tests with notes.

    Parameters
    ----------
    test : statsmodels.stats.contrast.WaldTestResults
    notes : list of str
        Sentences below the table.
    """

    notes: list[str]

    def __init__(self, test: WaldTestResults, notes: list[str]) -> None:
        vars(self).update(vars(test))
        self.notes = notes

    def _summary(self) -> TableSummary:
        frame = self.summary_frame()
        rows = [
            [number(statistic), pvalue(p), *(f"{df:.4g}" for df in dfs)]
            for statistic, p, *dfs in frame.to_numpy(dtype=float)
        ]
        table = fitted_table(rows, frame.columns, list(map(str, frame.index)))
        return TableSummary([table], self.notes, WIDTH)

    def __str__(self) -> str:
        return self._summary().as_text()

    def _repr_html_(self) -> str:
        """The table and the notes, for notebooks."""
        return self._summary().as_html()
