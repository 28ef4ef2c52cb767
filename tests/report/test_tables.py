"""Tables in text, HTML and LaTeX."""

from __future__ import annotations

import csv
import html
import io
import re
import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmfre
from nmfre.core.cells import cells
from nmfre.report.numbers import number, pvalue
from nmfre.report.readable import ReadableFrame
from nmfre.report.tables import WIDTH, Table, TableSummary, fitted_widths, tex

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


def test_labels_are_text_in_html(simulated):
    evil = "<script>alert(1)</script>"
    endog = simulated[["y1", "y2"]]
    exog = pd.DataFrame({"one": np.ones(40), evil: simulated["age"]})
    res = nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0)
    pages = [
        res._repr_html_(),
        res.summary(title=evil).as_html(),
        nmfre.compare({evil: res}).as_html(),
    ]
    for page in pages:
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert evil in str(res.summary())


PRINTABLE = st.text(st.sampled_from(string.printable), min_size=1, max_size=90)
CONTROL = re.compile(r"\\(?:[a-z]+(?: |\{\})|[#$%&_{}])|\{[\[*]?\}")
"""What an escaped character may become: a control word that is closed, a symbol, a group."""
LIGATURES = ("--", "``", "''", ",,", "?`", "!`")
"""Characters that LaTeX prints as another one where they meet."""


def unescaped(text):
    """What is left of LaTeX that means more than the letters that it has."""
    ligatures = {pair for pair in LIGATURES if pair in text}
    return ligatures | set("\\#$%&_{}^~<>|[*") & set(CONTROL.sub("", text))


@given(PRINTABLE)
def test_whatever_is_printable_is_text_in_latex(name):
    assert not unescaped(tex(name))
    notes = TableSummary([], [name], WIDTH).as_latex()
    assert not unescaped(notes.replace("\\newline\n", ""))
    cells = Table([["1", name]], [10, 5, 5], ["a", name], [name], title=name).as_latex_tabular()
    lines = cells.split("\n")
    assert len(lines) == 9 + bool(name.strip())
    assert lines[0].startswith("%") == bool(name.strip())
    for line in (lines[-6], lines[-4]):
        parts = line.removesuffix(r" \\").removeprefix(r"\quad ").split(" & ")
        assert len(parts) == 3
        assert not any(map(unescaped, parts))


@given(PRINTABLE)
def test_whatever_is_printable_comes_back_from_html_and_csv(name):
    table = Table([["1"]], [5, 5], ["x"], [name])
    line = " ".join(name.splitlines()).strip()
    (shown,) = re.findall(r"<th [^>]*>(.+?)</th> <td>", table.as_html()) or [""]
    assert html.unescape(shown) == line
    assert list(csv.reader(io.StringIO(table.as_csv())))[-1] == [line, "1"]


@given(
    st.lists(PRINTABLE, min_size=1, max_size=5),
    st.lists(st.floats(-1e300, 1e300), min_size=4, max_size=4),
    st.integers(60, 100),
)
def test_no_line_is_wider_than_the_table_and_no_name_is_lost(names, numbers, width):
    rows = [list(map(number, numbers))] * len(names)
    widths = fitted_widths(dict.fromkeys("abcd", 9), rows, names, width)
    text = Table(rows, widths, list("abcd"), names, title=" ".join(names)).as_text()
    assert max(map(len, text.splitlines())) == sum(widths) + len(widths) - 1 == width
    assert all("".join(name.split()) in "".join(text.split()) for name in names)


def test_headings_span_the_table_and_rows_below_are_indented():
    table = Table([["", ""], ["1", "2"]], [8, 3, 3], ["a", "b"], ["comp1", "  age"])
    page = table.as_html()
    assert '<th colspan="3" scope="rowgroup" style="text-align: left">comp1</th>' in page
    assert '<th style="text-align: left; padding-left: 1.5em">age</th> <td>1</td>' in page
    latex = table.as_latex_tabular(center=False)
    assert "\\multicolumn{3}{l}{comp1} \\\\\n\\quad age & 1 & 2 \\\\" in latex
    assert latex.startswith(r"\begin{tabular}{lrr}")


def test_p_values_are_never_printed_as_zero():
    assert [pvalue(p) for p in (0.0, 9.9e-4, 0.001, 0.05, np.nan)] == [
        "<0.001",
        "<0.001",
        "0.001",
        "0.050",
        "",
    ]
    frame = ReadableFrame({"coef": [0.0, 1.0], "p": [1e-9, 0.5], "P>|z| (holm)": [np.nan, 0.2]})
    for shown in (repr(frame), str(frame), frame._repr_html_()):
        assert shown.count("0.001") == 1
        assert "e-" not in shown
    assert frame["p"].iloc[0] == 1e-9
    rows = repr(ReadableFrame({"p": [0.1, 0.2]}, index=["年齢", "ab"])).splitlines()
    assert len({cells(row) for row in rows}) == 1
    assert type(frame.iloc[:1]) is pd.DataFrame
