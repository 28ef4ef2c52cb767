"""Tables as they are printed: text of a given width, HTML, LaTeX and CSV."""

from __future__ import annotations

import copy
import csv
import html
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import TypeAlias

import pandas as pd
from statsmodels.iolib.summary import Summary
from statsmodels.iolib.table import SimpleTable

from nmfre.core.cells import cells, filled, padded, wrapped
from nmfre.report.numbers import fixed

WIDTH = 78
"""Of printed tables and notes, in cells of a terminal."""
MOST_ROWS = 60
"""Of a table that has one for each response; of longer ones the first and the last are shown."""
LONGEST_HEADER = 20
"""Of a column, on one line."""
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
            shown = [_line(str(cell.data)) for cell in row]
            kind = row.datatype
            if kind == "data" and self.stubs and not any(shown[1:]) and shown[0][:1].strip():
                kind = "heading"
            yield kind, shown

    def as_text(self) -> str:
        """The table as text."""
        printed = [
            (kind, line)
            for kind, row in self._rows()
            for line in (header_lines(row) if kind == "header" else [list(map(_without_tabs, row))])
        ]
        columns = zip(*(row for _, row in printed), strict=True)
        widths = [
            max(least, *map(cells, column))
            for least, column in zip(self.widths, columns, strict=True)
        ]
        if self.stubs:
            widths[0] = self.widths[0]
        width = sum(widths) + len(widths) - 1
        title = (self.title or "").strip()
        lines = [padded(line, width, "c").rstrip() for line in wrapped(title, width)]
        lines = [*lines * bool(title), "=" * width]
        for (kind, row), (after, _) in pairwise([*printed, ("end", [])]):
            if self.stubs and cells(row[0]) > widths[0]:
                lines += _hanging(row[0], width)
                row = ["", *row[1:]]
            if kind != "heading" or row[0]:
                aligned = zip(row, widths, self.aligns, strict=True)
                lines.append(" ".join(padded(*cell) for cell in aligned).rstrip())
            if kind == "header" != after:
                lines.append("-" * width)
        return "\n".join([*lines, "=" * width])

    def as_html(self) -> str:
        """The table as HTML; headings span it, and what is below them is indented."""
        lines = ['<table class="simpletable">']
        if self.title:
            lines.append(f"<caption>{html.escape(self.title)}</caption>")
        for kind, row in self._rows():
            line = " ".join(
                f"<th{_style(cell)}>{html.escape(cell.strip())}</th>"
                if i < self.stubs
                else _cell("th" if kind == "header" else "td", cell.strip())
                for i, cell in enumerate(row)
            )
            if kind == "heading":
                span = f'colspan="{len(row)}" scope="rowgroup"'
                line = f"<th {span}{_style(row[0])}>{html.escape(row[0])}</th>"
            lines += ["<tr>", f"{INDENT}{line}", "</tr>"]
        return "\n".join([*lines, "</table>"])

    def as_latex_tabular(self, center: bool = True) -> str:
        """The table as LaTeX, which needs the package booktabs; the title is a comment in it."""
        return latex_of([self], center)

    def latex_rows(self) -> list[str]:
        """Its rows as LaTeX."""
        lines = []
        for kind, row in self._rows():
            shown = [tex(cell.strip()) for cell in row]
            if self.stubs and row[0].startswith(INDENT):
                shown[0] = rf"\quad {shown[0]}"
            if kind == "heading":
                shown = [rf"\multicolumn{{{len(row)}}}{{l}}{{{shown[0]}}}"]
            lines.append(" & ".join(shown) + r" \\")
            if kind == "header":
                lines.append(r"\midrule")
        return lines

    def as_csv(self) -> str:
        """The table as CSV, with its title in the first line."""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerows([[self.title]] if self.title else [])
        writer.writerows([[cell.strip() for cell in row] for _, row in self._rows()])
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
    return "\n".join([rf"%\caption{{{tex(title)}}}"] * bool(title) + lines)


def tex(text: str) -> str:
    """Text that LaTeX prints as it is, without ligatures of its characters."""
    return re.sub(r"([-`',])(?=\1)|[?!](?=`)", r"\g<0>{}", text.translate(TEX))


def _line(text: str) -> str:
    return " ".join(text.splitlines())


def _without_tabs(text: str) -> str:
    return text.replace("\t", " ")


def header_lines(names: Sequence[str]) -> list[list[str]]:
    """Headers of columns, long ones on several lines, of which the last are the lowest."""
    each = [wrapped(name, LONGEST_HEADER) for name in names]
    most = max(map(len, each))
    return [
        list(row)
        for row in zip(*([""] * (most - len(lines)) + lines for lines in each), strict=True)
    ]


def _hanging(stub: str, width: int) -> list[str]:
    """A stub that is wider than its column on lines of its own, indented as it is, then more."""
    first, *rest = wrapped(stub, width - 2 * len(INDENT))
    indent = INDENT * stub.startswith(INDENT)
    return [f"{indent}{first}", *(f"{2 * INDENT}{line}" for line in rest)]


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
        paragraphs = [filled(note, width) for note in notes]
        if paragraphs:
            self.add_extra_txt(["Notes:", *paragraphs])

    def as_text(self) -> str:
        """Tables and notes as text; a table without a title continues the one above it."""
        lines: list[str] = []
        for table in self.tables:
            if table.title:
                lines += [""] * bool(lines)
            else:
                del lines[-1:]  # the rule below the table that it continues
            lines += table.as_text().splitlines()
        return "\n".join([*lines, *(["", self.extra_txt] if self.extra_txt else [])])

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
            parts.append(tex(self.extra_txt).replace("\n", " \\newline\n "))
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
    headers = list(zip(*header_lines(list(columns)), strict=True))
    content = [
        max(map(cells, (*header, *column))) for header, *column in zip(headers, *rows, strict=True)
    ]
    wide = [
        max(size, least, max(map(cells, header)) + 1)
        for size, header, least in zip(content, headers, columns.values(), strict=True)
    ]
    room = width - max(map(cells, stubs)) - len(content)
    spare = max(room - sum(content), 0) // len(content)
    sizes = [min(size + spare, most) for size, most in zip(content, wide, strict=True)]
    if sum(wide) <= room:
        sizes = wide
    return [max(width - sum(sizes) - len(sizes), len(INDENT)), *sizes]


def fitted_table(
    rows: Sequence[Sequence[str]],
    headers: Iterable[object],
    stubs: Sequence[str],
    title: str | None = None,
) -> Table:
    """A table of numbers that is `WIDTH` wide where its cells fit into that."""
    names = list(map(str, headers))
    widths = fitted_widths(dict.fromkeys(names, 9), rows, stubs, WIDTH)
    return Table(rows, widths, names, stubs, title)


def abreast(widths: list[int], room: int) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) of the columns that fit side by side into this room."""
    first = 0
    while first < len(widths):
        last, taken = first, 0
        while last < len(widths) and (last == first or taken + widths[last] + 1 <= room):
            taken += widths[last] + 1
            last += 1
        yield first, last
        first = last


def frame_tables(frame: pd.DataFrame, title: str) -> list[Table]:
    """A frame of numbers, as tables below each other where it is too wide for one."""
    stubs, headers = list(map(str, frame.index)), list(map(str, frame.columns))
    rows = [list(map(fixed, row)) for row in frame.to_numpy()]
    if len(rows) > MOST_ROWS:
        half = MOST_ROWS // 2
        stubs = [*stubs[:half], "...", *stubs[-half:]]
        rows = [*rows[:half], ["..."] * len(headers), *rows[-half:]]
    columns = zip(*header_lines(headers), *rows, strict=True)
    sizes = [max(9, *map(cells, column)) for column in columns]
    stub = min(max(map(cells, stubs)), WIDTH // 2)
    return [
        Table(
            [row[first:last] for row in rows],
            [stub, *sizes[first:last]],
            headers[first:last],
            stubs,
            title if first == 0 else None,
        )
        for first, last in abreast(sizes, WIDTH - stub)
    ]


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
    columns = [max(map(cells, column)) for column in zip(*pairs, strict=True)]
    if sum(columns) + 3 <= width:
        columns[1] = max(columns[1], (width - 3) // 2 - columns[0])
        columns[3] = width - 3 - sum(columns[:3])
        head = Table(pairs, columns, title=title, aligns="lrlr")
    else:
        names = max(cells(name) for name, _ in left + right)
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
