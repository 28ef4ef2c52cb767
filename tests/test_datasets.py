from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import CASES

import nmfre
from nmfre import datasets


def test_orthodont_is_the_published_data(orthodont):
    assert list(orthodont.columns) == ["subject", "sex", "age", "distance"]
    assert orthodont.shape == (108, 4)
    assert orthodont["sex"].value_counts().to_dict() == {"Male": 64, "Female": 44}
    reference = json.loads(CASES["orthodont_rank1"].read_text())
    wide = orthodont.pivot(index="age", columns="subject", values="distance")
    np.testing.assert_array_equal(wide[orthodont["subject"].unique()], reference["Y"])
    assert "Potthoff" in orthodont.attrs["DESCR"]


def test_a_copy_is_returned():
    first = nmfre.datasets.load_orthodont()
    first.loc[0, "distance"] = 0.0
    assert nmfre.datasets.load_orthodont().loc[0, "distance"] == 26.0


def test_the_folder_inside_a_wheel_comes_first(tmp_path, monkeypatch, orthodont):
    inside = tmp_path / "_datasets" / "orthodont"
    inside.mkdir(parents=True)
    orthodont.head(8).to_csv(inside / "orthodont.csv", index=False)
    (inside / "README.md").write_text("inside", encoding="utf-8")
    monkeypatch.setattr(datasets, "FOLDERS", (tmp_path / "_datasets", *datasets.FOLDERS))
    assert len(datasets.load_orthodont()) == 8


def test_missing_files_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "FOLDERS", (tmp_path,))
    with pytest.raises(nmfre.errors.DatasetNotFoundError, match="Reinstall"):
        datasets.load_orthodont()
