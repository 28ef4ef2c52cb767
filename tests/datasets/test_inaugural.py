"""Counts of words from the files of a user."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from written import edited, write

from nmfre import datasets, errors
from nmfre.datasets.od_flow import PREFECTURES


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
    "repeated term": (lambda x: edited(x, 1, 4, "people"), "the term 'people' appears twice"),
    "repeated document": (lambda x: [*x, x[1]], "the document '1789-Washington' appears twice"),
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
