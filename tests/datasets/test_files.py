"""Where files of data are looked for, and what is said of those that are something else."""

from __future__ import annotations

import pickle
import sys

import pytest
from written import write

from nmfre import datasets, errors
from nmfre.datasets import files


def test_the_folder_inside_a_wheel_comes_first(tmp_path, monkeypatch, orthodont):
    """Guards both places of the data: in a wheel and in a checkout."""
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
