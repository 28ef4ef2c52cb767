"""Numbers and tables as they are printed; in HTML, labels of the user's stay text."""

from __future__ import annotations

import copy
import html
import textwrap
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
from statsmodels.iolib.summary import Summary, forg
from statsmodels.iolib.table import SimpleTable, default_latex_fmt
from statsmodels.iolib.tableformatting import fmt_params

WIDTH = 78
LATEX = {"replacements": {**default_latex_fmt["replacements"], "~": r"$\sim$"}}

Lines: TypeAlias = dict[tuple[str, str], list[tuple[str, list[str]]]]
"""Of each (component, covariate): stubs and cells of its lines in a table."""
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
STARS_MEAN = ", ".join(f"{mark} p < {level:g}" for level, mark in reversed(STARS))


class Table(SimpleTable):
    """
    A table of statsmodels in columns of given widths, whose HTML is escaped.

    Parameters
    ----------
    rows : sequence of sequences of str
    widths : list of int
        Of the stubs, where there are any, and of the columns.
    headers, stubs : sequence of str, optional
    title : str, optional
    aligns : str
        "l" or "r" for each column, or one for all.
    """

    def __init__(
        self,
        rows: Sequence[Sequence[str]],
        widths: list[int],
        headers: Sequence[str] | None = None,
        stubs: Sequence[str] | None = None,
        title: str | None = None,
        aligns: str = "r",
    ) -> None:
        text = {"data_fmts": ["%s"], "data_aligns": aligns, "colwidths": widths}
        super().__init__(rows, headers, stubs, title, txt_fmt={**fmt_params, **text}, ltx_fmt=LATEX)

    def as_html(self, **formats: object) -> str:
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
    """A summary of statsmodels of tables and notes, ``width`` wide, whose HTML is escaped."""

    def __init__(self, tables: Sequence[SimpleTable], notes: Iterable[str], width: int) -> None:
        super().__init__()
        self.tables = list(tables)
        self.add_extra_txt(["Notes:", *(textwrap.fill(note, width) for note in notes)])

    def as_html(self) -> str:
        """Tables and notes as HTML."""
        escaped = copy.copy(self)
        if self.extra_txt is not None:
            escaped.extra_txt = html.escape(self.extra_txt)
        return str(Summary.as_html(escaped))


def headed_summary(
    title: str,
    left: list[tuple[str, str]],
    right: list[tuple[str, str]],
    headers: dict[str, int],
    coefficients: tuple[list[str], list[list[str]]],
    notes: Iterable[str],
) -> TableSummary:
    """
    A header of pairs in two columns, coefficients and notes, all of one width.

    Parameters
    ----------
    title : str
    left, right : list of (name, value)
        The header.
    headers : dict
        Headers of the columns, and their least widths.
    coefficients : stubs, rows
        As `by_component` makes them.
    notes : iterable of str
    """
    left = left + [("", "")] * (len(right) - len(left))
    right = right + [("", "")] * (len(left) - len(right))
    pairs = [(*a, f"  {name}", value) for a, (name, value) in zip(left, right, strict=True)]
    columns = [max(map(len, column)) for column in zip(*pairs, strict=True)]
    stubs, rows = coefficients
    cells = [max(least, len(name) + 1) for name, least in headers.items()]
    taken = sum(cells) + len(cells)
    width = max(WIDTH, sum(columns) + 3, max(map(len, stubs)) + taken)
    columns[1] = max(columns[1], (width - 3) // 2 - columns[0])
    columns[3] = width - 3 - sum(columns[:3])
    tables = [
        Table(pairs, columns, title=title, aligns="lrlr"),
        Table(rows, [width - taken, *cells], list(headers), stubs),
    ]
    return TableSummary(tables, notes, width)


def by_component(lines: Lines) -> tuple[list[str], list[list[str]]]:
    """Stubs and rows of a table of coefficients, with a heading for every component."""
    stubs: list[str] = []
    rows: list[list[str]] = []
    for component in dict.fromkeys(name for name, _ in lines):
        below = [line for key, of_key in lines.items() if key[0] == component for line in of_key]
        stubs += [str(component), *(f"  {stub}".rstrip() for stub, _ in below)]
        rows += [[""] * len(below[0][1]), *(cells for _, cells in below)]
    return stubs, rows


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
