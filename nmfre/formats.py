"""Numbers and tables as they are printed; in HTML, labels of the user's stay text."""

from __future__ import annotations

import copy
import html
from typing import Any

import numpy as np
from statsmodels.iolib.summary import Summary, forg
from statsmodels.iolib.table import SimpleTable, default_latex_fmt

LATEX = {"replacements": {**default_latex_fmt["replacements"], "~": r"$\sim$"}}


class Table(SimpleTable):
    """A table of statsmodels whose HTML is escaped."""

    def as_html(self, **formats: Any) -> str:
        """The table as HTML."""
        escaped = copy.deepcopy(self)
        for row in escaped:
            for cell in row:
                if isinstance(cell.data, str):
                    cell.data = html.escape(cell.data)
        if self.title is not None:
            escaped.title = html.escape(self.title)
        return str(SimpleTable.as_html(escaped, **formats))


class TableSummary(Summary):
    """A summary of statsmodels whose HTML is escaped."""

    def as_html(self) -> str:
        """Tables and notes as HTML."""
        escaped = copy.copy(self)
        if self.extra_txt is not None:
            escaped.extra_txt = html.escape(self.extra_txt)
        return str(Summary.as_html(escaped))


def fixed(value: float) -> str:
    """Three decimals; nothing for NaN."""
    return "" if np.isnan(value) else f"{value:.3f}"


def number(value: float) -> str:
    """Three decimals, or an exponent where these would show too little; nothing for NaN."""
    if np.isnan(value):
        return ""
    return "0.000" if value == 0 else str(forg(value, prec=3)).strip()
