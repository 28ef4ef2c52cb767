"""Flows from the files of a user."""

from __future__ import annotations

import numpy as np
import pytest
from written import edited, write

from nmfre import datasets, errors
from nmfre.datasets import od_flow
from nmfre.datasets.od_flow import PREFECTURES


@pytest.fixture
def few_flows(flows, monkeypatch):
    """Flows of a country of five prefectures, whose files are written and read quickly."""
    monkeypatch.setattr(od_flow, "PREFECTURES", PREFECTURES[:5])
    return flows[:5, :5]


def e_stat_lines(flows, text=True):
    """Lines as e-Stat lays them out: two days, two purposes, totals, names with spaces."""

    def code(value, width=2):
        return f"{value:0{width}d}" if text else value

    lines = [["表 題"], [], [f"見出し{k}" for k in range(1, 10)]]
    ends = [*range(1, len(flows) + 1), 100]
    for day, purpose in ((2, 2), (1, 1), (1, 2)):
        read = (day, purpose) == (1, 2)
        for origin in reversed(ends if read else ends[:2]):
            for end in ends:
                value = int(flows[origin - 1, end - 1]) if read and max(origin, end) < 100 else 9999
                pair = [code(origin), f"県{origin}\u3000", code(end), f"\u3000県 {end}"]
                lines.append([code(day, 1), "平日", code(purpose), "業務", *pair, value])
    return lines


def check_flows(frame, flows):
    assert frame.shape == (47, 47)
    assert (frame.index.name, frame.columns.name) == ("origin", "destination")
    assert list(frame.index) == list(frame.columns) == list(PREFECTURES)
    np.testing.assert_array_equal(frame, np.log1p(flows))
    tokyo, osaka = 12, 26
    assert frame.loc["Tokyo", "Osaka"] == np.log1p(flows[tokyo, osaka])
    assert "000040170612" in frame.attrs["DESCR"]


def test_flows_from_csv(tmp_path, flows, csv_lines, monkeypatch):
    file = write(tmp_path / "od_flow_log1p.csv", csv_lines)
    check_flows(datasets.load_od_flow(file), flows)
    check_flows(datasets.load_od_flow(path=str(file)), flows)
    monkeypatch.setenv("NMFRE_DATA", str(tmp_path))
    check_flows(datasets.load_od_flow(), flows)


@pytest.mark.parametrize("text", [True, False])
def test_flows_from_excel(text, tmp_path, flows):
    file = write(tmp_path / "downloaded.XLSX", e_stat_lines(flows, text))
    check_flows(datasets.load_od_flow(file), flows)


def test_cells_of_excel_may_be_typed_in_any_way(tmp_path, few_flows):
    lines = e_stat_lines(few_flows)
    last = lines[-1]
    assert last[4] == "01"
    assert last[6] == "100"
    last = lines[-2]  # Hokkaido to Akita
    # With spaces, in full-width digits, and as a number.
    last[0], last[2], last[4], last[6] = " 1 ", "\uff10\uff12", 1.0, "\u30005"
    last[8] = "1,234"
    few_flows[0, 4] = 1234
    lines.insert(9, [])  # an empty line
    lines.append(["注: 0 を含む"])  # a footnote
    frame = datasets.load_od_flow(write(tmp_path / "od.xlsx", lines))
    np.testing.assert_array_equal(frame, np.log1p(few_flows))


CSV_FAULTS = {
    "label": (lambda x: edited(x, 1, 5, "Sendai"), "column 5 is 'Sendai', not 'Miyagi'"),
    "transposed header": (lambda x: edited(x, 1, 1, "destination"), "is 'destination', not 'orig"),
    "order": (lambda x: [x[0], x[2], x[1], *x[3:]], "line 2 is 'Aomori', not 'Hokkaido'"),
    "missing line": (lambda x: x[:-1], "line 48 is None, not 'Okinawa'"),
    "repeated line": (lambda x: [*x[:9], x[8], *x[9:]], "line 10 is 'Ibaraki', not 'Tochigi'"),
    "short line": (lambda x: [*x[:9], x[9][:-1], *x[10:]], "line 10 has 47 cells, the first 48"),
    "text": (lambda x: edited(x, 4, 3, "many"), "line 4, column 'Aomori' is 'many', not a number"),
    "empty cell": (lambda x: edited(x, 4, 3, ""), r"column 'Aomori' is ''.*\(1 such cells in all"),
    "negative": (lambda x: edited(x, 4, 3, "-1"), "is '-1', not a number >= 0"),
    "infinite": (lambda x: edited(x, 4, 3, "inf"), "is 'inf', not a number >= 0"),
    "header alone": (lambda x: x[:1], "no lines of data"),
    "empty": (lambda x: [], "no lines of data"),
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_faults_of_csv_are_named(fault, tmp_path, csv_lines):
    change, message = CSV_FAULTS[fault]
    file = write(tmp_path / "od.csv", change(csv_lines))
    with pytest.raises(errors.DatasetLayoutError, match=message) as info:
        datasets.load_od_flow(file)
    assert str(file) in str(info.value)
    assert "log(1 + flow) each" in str(info.value)


LAST = 3 + 2 * 2 * 6 + 6 * 6 - 1  # the line of Hokkaido to Akita, the last one that is read


EXCEL_FAULTS = {
    "narrow": (lambda x: [line[:8] for line in x], "has 8 columns, not 9"),
    "no such purpose": (lambda x: [x for x in x if x[2:3] != ["02"]], "no line has 1 in column 1"),
    "missing pair": (lambda x: x[:-2], r"from Hokkaido to Akita is missing \(1 in all\)"),
    "repeated pair": (lambda x: [*x, x[-2]], rf"lines {LAST} and {LAST + 2} hold the same pair"),
    "code": (lambda x: edited(x, LAST, 7, "48"), rf"line {LAST} has the codes \['01', '48'\]"),
    "no code": (lambda x: edited(x, LAST, 5, None), rf"line {LAST} has the codes \[nan, '05'\]"),
    "text": (lambda x: edited(x, LAST, 9, "…"), rf"line {LAST}, column 9 is '…', not a number"),
    "empty cell": (lambda x: edited(x, LAST, 9, None), "column 9 is nan, not a number"),
    "negative": (lambda x: edited(x, LAST, 9, -5), "column 9 is -5, not a number >= 0"),
}


@pytest.mark.parametrize("fault", EXCEL_FAULTS)
def test_faults_of_excel_are_named(fault, tmp_path, few_flows):
    change, message = EXCEL_FAULTS[fault]
    file = write(tmp_path / "od.xlsx", change(e_stat_lines(few_flows)))
    with pytest.raises(errors.DatasetLayoutError, match=message) as info:
        datasets.load_od_flow(file)
    assert str(file) in str(info.value)
    assert "000040170612 as downloaded" in str(info.value)
