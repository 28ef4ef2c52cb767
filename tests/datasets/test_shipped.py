"""Data that ship are the published ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from conftest import CASES

import nmfre
from nmfre import datasets


def test_orthodont_is_the_published_data(orthodont):
    """Guards the file that ships against the data of the golden case."""
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
    """Guards the file that ships, and its missing grade, against the data of the golden case."""
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


WRITTEN_SINCE_1913 = {
    "Wilson": [1919, 1920],
    "Coolidge": [1924, 1925, 1926, 1927, 1928],
    "Hoover": [1929, 1930, 1931, 1932],
    "Roosevelt": [1944, 1945],
    "Truman": [1946, 1953],
    "Eisenhower": [1956, 1961],
    "Nixon": [1972, 1973, 1974],
    "Carter": [1978, 1979, 1980, 1981],
}
"""In the House of Representatives' list, and in three years with a speech as well."""


def test_messages_are_counted_once_and_told_apart_by_delivery():
    messages = datasets.load_state_of_the_union()
    about = ["year", "president", "party", "delivery", "words"]
    terms = messages.columns[5:]
    assert messages.shape == (237, 105)
    assert list(messages.columns[:5]) == about
    assert messages.index.name == "document"
    assert messages.index.is_unique
    assert terms.is_unique
    assert list(terms) == sorted(terms)
    assert set(messages[terms].dtypes) == {np.dtype("int64")}
    assert messages[terms].to_numpy().min() == 0
    assert (messages[terms].sum(axis=1) < messages["words"]).all()
    assert messages.notna().to_numpy().all()
    written = messages[(messages["delivery"] == "written") & (messages["year"] >= 1913)]
    surnames = written.index.str.split("-").str[1]
    assert written["year"].groupby(surnames).apply(list).to_dict() == WRITTEN_SINCE_1913
    spoken = messages.loc[messages["delivery"] == "spoken", "year"]
    assert sorted(spoken[spoken <= 1912].unique()) == list(range(1790, 1801))
    assert (spoken <= 2020).sum() == 97  # the Historian of the House counts as many
    assert messages["president"].nunique() == 43  # of 45: two died before their first message
    assert "American Presidency Project" in messages.attrs["DESCR"]


def test_flights_are_among_the_airports_of_the_list():
    flights, airports = datasets.load_us_flights(), datasets.load_us_airports()
    assert (flights.index.name, flights.columns.name) == ("origin", "destination")
    assert list(flights.index) == list(flights.columns) == list(airports.index)
    assert flights.shape == (60, 60)
    assert set(flights.dtypes) == {np.dtype("int64")}
    assert np.diag(flights).sum() == 0
    assert flights.to_numpy().min() == 0
    assert flights.to_numpy().sum() == 4_576_700
    assert airports["flights"].is_monotonic_decreasing
    assert (flights.sum() + flights.sum(axis=1) <= airports["flights"]).all()
    np.testing.assert_allclose(flights.sum(), flights.sum(axis=1), rtol=0.02)  # who comes, leaves
    assert airports.loc["HNL", "longitude"] == airports["longitude"].min()
    for frame in (flights, airports):
        assert "Department of Transportation" in frame.attrs["DESCR"]


def test_a_copy_is_returned():
    first = nmfre.datasets.load_orthodont()
    first.loc[0, "distance"] = 0.0
    assert nmfre.datasets.load_orthodont().loc[0, "distance"] == 26.0
