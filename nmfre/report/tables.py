"""Numbers and tables as they are printed; in HTML, labels of the user's stay text."""

from __future__ import annotations

import copy
import html
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.iolib.summary import Summary, forg
from statsmodels.iolib.table import SimpleTable, default_latex_fmt

LATEX = {"replacements": {**default_latex_fmt["replacements"], "~": r"$\sim$"}}

STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


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
    if value == 0:
        return "0.000"
    if abs(value) < 1e-3:
        return f"{value:.3g}"
    return str(forg(value, prec=3)).strip()


def limit_names(alpha: float) -> list[str]:
    """Names of the limits of an interval, which carry its level."""
    return [f"{100 * level:g} %" for level in (alpha / 2, 1 - alpha / 2)]


def side_by_side(low: pd.DataFrame, high: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Limits below the columns that they are of: columns (column, limit)."""
    labels = low.columns
    levels = [labels.get_level_values(level).repeat(2) for level in range(labels.nlevels)]
    columns = pd.MultiIndex.from_arrays(
        [*levels, limit_names(alpha) * len(labels)], names=[*labels.names, None]
    )
    limits = np.stack([low, high], axis=2).reshape(len(low), -1)
    return pd.DataFrame(limits, index=low.index, columns=columns)


def stars(pvalue: float) -> str:
    """Stars of significance; none for NaN."""
    return next((mark for level, mark in STARS if pvalue < level), "")


def meaning_of_stars() -> str:
    """What the stars say."""
    return ", ".join(f"{mark} p < {level:g}" for level, mark in reversed(STARS))
