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


def test_a_copy_is_returned():
    first = nmfre.datasets.load_orthodont()
    first.loc[0, "distance"] = 0.0
    assert nmfre.datasets.load_orthodont().loc[0, "distance"] == 26.0
