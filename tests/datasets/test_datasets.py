from __future__ import annotations

import json
import os
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import CASES

import nmfre
from nmfre import datasets, errors
from nmfre.datasets import files, od_flow
from nmfre.datasets.od_flow import PREFECTURES

# --- data that ship ---


def test_orthodont_is_the_published_data(orthodont):
    assert list(orthodont.columns) == ["subject", "sex", "age", "distance"]
    assert orthodont.shape == (108, 4)
    assert orthodont["sex"].value_counts().to_dict() == {"Male": 64, "Female": 44}
    reference = json.loads(CASES["orthodont_rank1"].read_text())
    distance = orthodont["distance"].to_numpy().reshape(27, 4)
    np.testing.assert_array_equal(distance.T, reference["Y"])
    assert "Potthoff" in orthodont.attrs["DESCR"]


def test_holzinger_swineford_has_301_pupils_and_one_missing_grade():
    pupils = datasets.load_holzinger_swineford()
    tests = [f"x{j}" for j in range(1, 10)]
    assert list(pupils.columns) == ["id", "sex", "ageyr", "agemo", "school", "grade", *tests]
    assert len(pupils) == 301
    assert pupils.isna().sum().sum() == 1
    assert pupils.loc[pupils["grade"].isna(), "id"].item() == 351
    assert pupils["school"].value_counts().to_dict() == {"Pasteur": 156, "Grant-White": 145}
    assert "Swineford" in pupils.attrs["DESCR"]


def test_holzinger_swineford_is_what_the_paper_scales():
    reference = json.loads(CASES["holzinger_rank3"].read_text())
    pupils = datasets.load_holzinger_swineford().dropna()
    covariates = pd.DataFrame(
        {
            "age.rev": -(pupils["ageyr"] + pupils["agemo"] / 12),
            "female": pupils["sex"] == 2,
            "Grant-White": pupils["school"] == "Grant-White",
        },
        dtype=float,
    )
    for frame, expected in ((pupils.loc[:, "x1":"x9"], "Y"), (covariates, "A")):
        scaled = (frame - frame.min()) / (frame.max() - frame.min())
        np.testing.assert_allclose(scaled.T, reference[expected], rtol=0, atol=1e-14)


def test_a_copy_is_returned():
    first = nmfre.datasets.load_orthodont()
    first.loc[0, "distance"] = 0.0
    assert nmfre.datasets.load_orthodont().loc[0, "distance"] == 26.0


def test_the_folder_inside_a_wheel_comes_first(tmp_path, monkeypatch, orthodont):
    inside = tmp_path / "_datasets" / "orthodont"
    inside.mkdir(parents=True)
    orthodont.head(8).to_csv(inside / "orthodont.csv", index=False)
    (inside / "README.md").write_text("inside", encoding="utf-8")
    monkeypatch.setattr(files, "FOLDERS", (tmp_path / "_datasets", *files.FOLDERS))
    assert len(datasets.load_orthodont()) == 8


def test_missing_files_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FOLDERS", (tmp_path,))
    with pytest.raises(errors.DatasetNotFoundError, match="Reinstall"):
        datasets.load_orthodont()


# --- data of the user: where the files are ---

LOADERS = [
    (datasets.load_od_flow, "od_flow_log1p.csv", "table 000040170612.*e-stat.go.jp"),
    (datasets.load_inaugural, "inaugural_counts.csv", "quanteda.*stop words of Snowball"),
]


@pytest.mark.parametrize(("load", "file", "source"), LOADERS)
def test_without_a_file_the_error_tells_where_to_get_one(load, file, source, tmp_path, monkeypatch):
    monkeypatch.delenv("NMFRE_DATA", raising=False)
    remedy = f"{source}.*Pass the file as path, or set.*NMFRE_DATA.*{file}"
    with pytest.raises(FileNotFoundError, match=f"NMFRE_DATA is not set.*{remedy}"):
        load()
    with pytest.raises(errors.DatasetFileNotFoundError, match=f"no_such.csv'.*{remedy}"):
        load(tmp_path / "no_such.csv")
    with pytest.raises(errors.DatasetFileNotFoundError, match="There is no file"):
        load(tmp_path)  # a folder
    monkeypatch.setenv("NMFRE_DATA", str(tmp_path))
    with pytest.raises(errors.DatasetFileNotFoundError, match=f"{file}', in the folder of NMFRE"):
        load()
    with pytest.raises(errors.InvalidArgumentError, match="path=3"):
        load(3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'paht'"):
        load(paht="x.csv")


# --- flows ---


@pytest.fixture
def flows():
    """Whole flows, other in each direction."""
    return np.random.default_rng(1).integers(0, 500, size=(47, 47))


@pytest.fixture
def few_flows(flows, monkeypatch):
    """Flows of a country of five prefectures, whose files are written and read quickly."""
    monkeypatch.setattr(od_flow, "PREFECTURES", PREFECTURES[:5])
    return flows[:5, :5]


@pytest.fixture
def csv_lines(flows):
    """The lines of the CSV file, as lists of cells."""
    lines = [["origin", *PREFECTURES]]
    for name, line in zip(PREFECTURES, np.log1p(flows), strict=True):
        lines.append([name, *map(repr, line.tolist())])
    return lines


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


def write(path, lines):
    """Write lines of cells as the suffix says."""
    if path.suffix == ".csv":
        path.write_text("\n".join(",".join(line) for line in lines) + "\n", encoding="utf-8")
    else:
        import openpyxl

        book = openpyxl.Workbook()
        for line in lines:
            book.active.append(line)
        book.create_sheet("another").append(["1"])
        book.save(path)
    return path


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


def edited(lines, line, column, value):
    """Lines with one cell changed; counted from 1, as in the messages."""
    lines[line - 1][column - 1] = value
    return lines


CSV_FAULTS = {
    "label": (lambda x: edited(x, 1, 5, "Sendai"), "column 5 is 'Sendai', not 'Miyagi'"),
    "transposed header": (lambda x: edited(x, 1, 1, "destination"), "is 'destination', not 'orig"),
    "order": (lambda x: [x[0], x[2], x[1], *x[3:]], "line 2 is 'Aomori', not 'Hokkaido'"),
    "missing line": (lambda x: x[:-1], "line 48 is None, not 'Okinawa'"),
    "repeated line": (lambda x: [*x[:9], x[8], *x[9:]], "line 10 is 'Ibaraki', not 'Tochigi'"),
    "short line": (lambda x: [*x[:9], x[9][:-1], *x[10:]], "line 10 has 47 cells, the first 48"),
    "text": (lambda x: edited(x, 4, 3, "many"), "line 4, column 'Aomori' is 'many', not a number"),
    "empty cell": (lambda x: edited(x, 4, 3, ""), r"column 'Aomori' is ''.*\(1 such cells in all"),
    "negative": (lambda x: edited(x, 4, 3, "-1"), "is '-1', not a number from 0"),
    "infinite": (lambda x: edited(x, 4, 3, "inf"), "is 'inf', not a number from 0"),
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
    "negative": (lambda x: edited(x, LAST, 9, -5), "column 9 is -5, not a number from 0"),
}


@pytest.mark.parametrize("fault", EXCEL_FAULTS)
def test_faults_of_excel_are_named(fault, tmp_path, few_flows):
    change, message = EXCEL_FAULTS[fault]
    file = write(tmp_path / "od.xlsx", change(e_stat_lines(few_flows)))
    with pytest.raises(errors.DatasetLayoutError, match=message) as info:
        datasets.load_od_flow(file)
    assert str(file) in str(info.value)
    assert "000040170612 as downloaded" in str(info.value)


def test_files_that_are_something_else(tmp_path, csv_lines):
    page = tmp_path / "page.xlsx"
    page.write_text("<html>not found</html>", encoding="utf-8")
    with pytest.raises(errors.DatasetLayoutError, match="not an Excel workbook"):
        datasets.load_od_flow(page)
    cut = write(tmp_path / "cut.xlsx", csv_lines)
    cut.write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(errors.DatasetLayoutError, match="not an Excel workbook"):
        datasets.load_od_flow(cut)
    damaged = write(tmp_path / "damaged.xlsx", csv_lines)
    whole = damaged.read_bytes()
    for place in range(100, len(whole), len(whole) // 12):  # zlib, zipfile and XML each raise
        damaged.write_bytes(whole[:place] + b"\xff" * 40 + whole[place + 40 :])
        with pytest.raises(errors.DatasetLayoutError, match=r"damaged\.xlsx: "):
            datasets.load_od_flow(damaged)
    latin = tmp_path / "od.csv"
    latin.write_bytes("origin,Köln\n".encode("latin-1"))
    with pytest.raises(errors.DatasetLayoutError, match="not CSV text in UTF-8"):
        datasets.load_od_flow(latin)


def test_a_missing_openpyxl_is_named(tmp_path, csv_lines, monkeypatch):
    file = write(tmp_path / "od.xlsx", csv_lines)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(errors.MissingReaderError, match="pip install --upgrade openpyxl") as info:
        datasets.load_od_flow(file)
    assert str(pickle.loads(pickle.dumps(info.value))) == str(info.value)


# --- words ---


@pytest.fixture
def counts():
    """Lines of a small file of counts."""
    return [
        ["document", "year", "people", "null"],
        ["1789-Washington", "1789", "4", "0"],
        ["1793-Washington", "1793", "1", "12"],
    ]


def test_counts_from_csv(tmp_path, counts, monkeypatch):
    file = write(tmp_path / "inaugural_counts.csv", counts)
    frame = datasets.load_inaugural(file)
    assert list(frame.columns) == ["year", "people", "null"]
    assert frame.index.name == "document"
    assert frame.loc["1793-Washington"].tolist() == [1793, 1, 12]
    assert set(frame.dtypes) == {np.dtype("int64")}
    assert "quanteda" in frame.attrs["DESCR"]
    file.write_text("\ufeff" + file.read_text(encoding="utf-8"), encoding="utf-8")  # as Excel saves
    monkeypatch.setenv("NMFRE_DATA", str(tmp_path))
    pd.testing.assert_frame_equal(datasets.load_inaugural(), frame)


COUNT_FAULTS = {
    "first column": (lambda x: edited(x, 1, 1, "text"), "the first line starts text, year"),
    "year": (lambda x: edited(x, 1, 2, "Year"), "the first line starts document, Year"),
    "no terms": (lambda x: [line[:2] for line in x], "the first line starts document, year"),
    "repeated term": (lambda x: edited(x, 1, 4, "people"), "the term 'people' is there twice"),
    "repeated document": (lambda x: [*x, x[1]], "the document '1789-Washington' is there twice"),
    "fraction": (lambda x: edited(x, 3, 4, "1.5"), "line 3, column 'null' is '1.5', not a whole"),
    "negative": (lambda x: edited(x, 3, 3, "-1"), "column 'people' is '-1', not a whole number"),
    "text": (lambda x: edited(x, 3, 2, "long ago"), "column 'year' is 'long ago'"),
}


@pytest.mark.parametrize("fault", COUNT_FAULTS)
def test_faults_of_counts_are_named(fault, tmp_path, counts):
    change, message = COUNT_FAULTS[fault]
    file = write(tmp_path / "counts.csv", change(counts))
    with pytest.raises(errors.DatasetLayoutError, match=message) as info:
        datasets.load_inaugural(file)
    assert "'document,year,'" in str(info.value)


@pytest.mark.skipif("NMFRE_DATA" not in os.environ, reason="NMFRE_DATA is not set")
def test_the_papers_own_files():
    flow = datasets.load_od_flow()
    assert flow.shape == (47, 47)
    assert list(flow.index) == list(flow.columns) == list(PREFECTURES)
    np.testing.assert_allclose(np.expm1(flow), np.round(np.expm1(flow)), rtol=1e-12)
    inaugural = datasets.load_inaugural()
    assert inaugural.shape == (59, 1 + 67)
    assert (inaugural.index[0], inaugural.index[-1]) == ("1789-Washington", "2021-Biden")
    assert (inaugural["year"].iloc[0], inaugural["year"].iloc[-1]) == (1789, 2021)
    assert inaugural.drop(columns="year").sum().min() >= 100
