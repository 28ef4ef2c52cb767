"""Tests of statsmodels that print what the summary has in their place."""

from __future__ import annotations

import textwrap

from statsmodels.iolib.summary import Summary
from statsmodels.iolib.table import SimpleTable
from statsmodels.stats.contrast import ContrastResults, WaldTestResults

from nmfre.report.tables import WIDTH, TableSummary


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
        """The table of statsmodels, or its line of text, and the notes."""
        printed = super().summary(xname, alpha, title)
        if not self.notes:
            return printed
        text = " ".join(self.notes)
        if isinstance(printed, SimpleTable):
            return TableSummary([printed], [text], WIDTH)
        return f"{printed}\n{textwrap.fill(text, WIDTH)}"


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

    def __str__(self) -> str:
        lines = [
            super().__str__(),
            *([textwrap.fill(" ".join(self.notes), WIDTH)] * bool(self.notes)),
        ]
        return "\n".join(lines)
