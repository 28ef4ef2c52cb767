"""Numbers and tables as they are printed: text of a given width, HTML, LaTeX and CSV."""

from __future__ import annotations

import copy
import csv
import html
import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

import numpy as np
import pandas as pd
from statsmodels.iolib.summary import Summary, forg
from statsmodels.iolib.table import SimpleTable

WIDTH = 78
"""Of printed tables and notes, in characters."""
INDENT = "  "
"""Before the stubs below a heading; HTML and LaTeX have a space of their own instead."""
TEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "#$%&_{}"},
        **{character: f"{{{character}}}" for character in "[*"},  # after \\\\ they are arguments
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
    }
)
"""What LaTeX prints for each character that means something else to it."""

Lines: TypeAlias = dict[tuple[str, str], list[tuple[str, list[str]]]]
"""Of each (component, covariate): stubs and cells of its lines in a table."""
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
STARS_MEAN = ", ".join(f"{mark} p < {level:g}" for level, mark in reversed(STARS))
SMALLEST_P = 0.001
"""P-values below it are printed as such: none is 0."""


class Table(SimpleTable):
    """
    A table of statsmodels that keeps to its width and escapes what the user named.

    In text, a stub that is wider than its column stands on a line of its own, above its cells.

    Parameters
    ----------
    rows : sequence of sequences of str
        A row whose cells are all empty, and whose stub is not indented, is a heading.
    widths : list of int
        Least widths: of the stubs, where there are any, and of the columns.
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
        flat = None if headers is None else list(map(_line, headers))  # statsmodels splits them
        super().__init__(rows, flat, stubs, title)
        self.stubs = len(widths) - len(rows[0])
        self.widths = widths
        self.aligns = "l" * self.stubs + aligns * (len(rows[0]) // len(aligns))

    def _rows(self) -> Iterator[tuple[str, list[str]]]:
        """Whether each row is the "header", a "heading" or "data", and its cells, a line each."""
        for row in self:
            cells = [_line(str(cell.data)) for cell in row]
            kind = row.datatype
            if kind == "data" and self.stubs and not any(cells[1:]) and cells[0][:1].strip():
                kind = "heading"
            yield kind, cells

    def as_text(self) -> str:
        """The table as text."""
        rows = list(self._rows())
        columns = zip(*(cells for _, cells in rows), strict=True)
        widths = [max(w, *map(len, column)) for w, column in zip(self.widths, columns, strict=True)]
        if self.stubs:
            widths[0] = self.widths[0]
        width = sum(widths) + len(widths) - 1
        lines = [
            line.center(width).rstrip()
            for line in textwrap.wrap(self.title or "", width, break_on_hyphens=False)
        ]
        lines.append("=" * width)
        for kind, cells in rows:
            if self.stubs and len(cells[0]) > widths[0]:
                lines += textwrap.wrap(cells[0], width, subsequent_indent=2 * INDENT)
                cells = ["", *cells[1:]]
            if kind != "heading" or cells[0]:
                padded = [
                    cell.ljust(size) if align == "l" else cell.rjust(size)
                    for cell, size, align in zip(cells, widths, self.aligns, strict=True)
                ]
                lines.append(" ".join(padded).rstrip())
            if kind == "header":
                lines.append("-" * width)
        return "\n".join([*lines, "=" * width])

    def as_html(self) -> str:
        """The table as HTML; headings span it, and what is below them is indented."""
        lines = ['<table class="simpletable">']
        if self.title:
            lines.append(f"<caption>{html.escape(self.title)}</caption>")
        for kind, cells in self._rows():
            line = " ".join(
                f"<th{_style(cell)}>{html.escape(cell.strip())}</th>"
                if i < self.stubs
                else _cell("th" if kind == "header" else "td", cell.strip())
                for i, cell in enumerate(cells)
            )
            if kind == "heading":
                span = f'colspan="{len(cells)}" scope="rowgroup"'
                line = f"<th {span}{_style(cells[0])}>{html.escape(cells[0])}</th>"
            lines += ["<tr>", f"{INDENT}{line}", "</tr>"]
        return "\n".join([*lines, "</table>"])

    def as_latex_tabular(self, center: bool = True) -> str:
        """The table as LaTeX, which needs the package booktabs; the title is a comment in it."""
        return latex_of([self], center)

    def latex_rows(self) -> list[str]:
        """Its rows as LaTeX."""
        lines = []
        for kind, cells in self._rows():
            shown = [cell.strip().translate(TEX) for cell in cells]
            if self.stubs and cells[0].startswith(INDENT):
                shown[0] = rf"\quad {shown[0]}"
            if kind == "heading":
                shown = [rf"\multicolumn{{{len(cells)}}}{{l}}{{{shown[0]}}}"]
            lines.append(" & ".join(shown) + r" \\")
            if kind == "header":
                lines.append(r"\midrule")
        return lines

    def as_csv(self) -> str:
        """The table as CSV, with its title in the first line."""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerows([[self.title]] if self.title else [])
        writer.writerows([[cell.strip() for cell in cells] for _, cells in self._rows()])
        return written.getvalue().removesuffix("\n")


def latex_of(tables: Sequence[Table], center: bool = True) -> str:
    """Tables with the same columns as one of LaTeX."""
    lines = [rf"\begin{{tabular}}{{{tables[0].aligns}}}"]
    for rule, table in zip([r"\toprule", *[r"\midrule"] * len(tables)], tables, strict=False):
        lines += [rule, *table.latex_rows()]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if center:
        lines = [r"\begin{center}", *lines, r"\end{center}"]
    title = " ".join((tables[0].title or "").split())
    return "\n".join([rf"%\caption{{{title.translate(TEX)}}}"] * bool(title) + lines)


def _line(text: str) -> str:
    return " ".join(text.splitlines())


def _cell(tag: str, text: str) -> str:
    return f"<{tag}>{html.escape(text)}</{tag}>"


def _style(stub: str) -> str:
    indent = "; padding-left: 1.5em" if stub.startswith(INDENT) else ""
    return f' style="text-align: left{indent}"'


class TableSummary(Summary):
    """A summary of statsmodels of tables and notes, ``width`` wide, which is escaped."""

    def __init__(self, tables: Sequence[SimpleTable], notes: Iterable[str], width: int) -> None:
        super().__init__()
        self.tables = list(tables)
        filled = [textwrap.fill(note, width) for note in notes]
        if filled:
            self.add_extra_txt(["Notes:", *filled])

    def as_html(self) -> str:
        """Tables and notes as HTML."""
        escaped = copy.copy(self)
        if self.extra_txt is not None:
            escaped.extra_txt = html.escape(self.extra_txt)
        return str(Summary.as_html(escaped))

    def as_latex(self) -> str:
        """Tables and notes as LaTeX, which needs the package booktabs."""
        parts: list[str] = []
        for _, group in groupby(self.tables, lambda table: getattr(table, "aligns", id(table))):
            same = list(group)
            ours = [table for table in same if isinstance(table, Table)]
            parts.append(latex_of(ours) if ours else same[0].as_latex_tabular())
        if self.extra_txt is not None:
            parts.append(self.extra_txt.translate(TEX).replace("\n", " \\newline\n "))
        return "\n\n".join(parts)


def fitted_widths(
    columns: dict[str, int], rows: Sequence[Sequence[str]], stubs: Iterable[str], width: int
) -> list[int]:
    """
    Widths of stubs and columns of a table that is ``width`` wide, or as wide as its cells.

    Columns are narrower than they should be where that makes room for stubs.

    Parameters
    ----------
    columns : dict
        Headers, and the widths that the columns should have.
    rows : sequence of sequences of str
    stubs : iterable of str
    width : int
    """
    content = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    wide = [
        max(size, least, len(name) + 1)
        for size, (name, least) in zip(content, columns.items(), strict=True)
    ]
    room = width - max(map(len, stubs)) - len(content)
    spare = max(room - sum(content), 0) // len(content)
    cells = [min(size + spare, most) for size, most in zip(content, wide, strict=True)]
    if sum(wide) <= room:
        cells = wide
    return [max(width - sum(cells) - len(cells), len(INDENT)), *cells]


def headed_summary(
    title: str,
    left: list[tuple[str, str]],
    right: list[tuple[str, str]],
    headers: dict[str, int],
    coefficients: tuple[list[str], list[list[str]]],
    notes: Iterable[str],
    width: int = WIDTH,
) -> TableSummary:
    """
    A header of pairs in two columns, coefficients and notes, all of one width.

    Parameters
    ----------
    title : str
    left, right : list of (name, value)
        The header; one below the other where they are too wide to stand side by side.
    headers : dict
        Headers of the columns, and the widths that these should have.
    coefficients : stubs, rows
        As `by_component` makes them.
    notes : iterable of str
    width : int
        Of all of it, unless numbers need more.
    """
    stubs, rows = coefficients
    widths = fitted_widths(headers, rows, stubs, width)
    width = sum(widths) + len(widths) - 1
    table = Table(rows, widths, list(headers), stubs)
    n_rows = max(len(left), len(right))
    sides = [side + [("", "")] * (n_rows - len(side)) for side in (left, right)]
    pairs = [(*a, f"  {name}", value) for a, (name, value) in zip(*sides, strict=True)]
    columns = [max(map(len, column)) for column in zip(*pairs, strict=True)]
    if sum(columns) + 3 <= width:
        columns[1] = max(columns[1], (width - 3) // 2 - columns[0])
        columns[3] = width - 3 - sum(columns[:3])
        head = Table(pairs, columns, title=title, aligns="lrlr")
    else:
        names = max(len(name) for name, _ in left + right)
        head = Table(left + right, [names, width - 1 - names], title=title, aligns="lr")
    return TableSummary([head, table], notes, width)


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


def pvalue(value: float) -> str:
    """Three decimals; "<0.001" below; nothing for NaN."""
    return f"<{SMALLEST_P:g}" if value < SMALLEST_P else fixed(value)


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
