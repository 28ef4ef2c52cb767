"""Labels that are not unique, missing or at odds are told with their place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from forms import long_model

import nmfre
from nmfre import errors


def test_duplicate_cell(orthodont):
    doubled = pd.concat([orthodont, orthodont.iloc[[5]]], ignore_index=True)
    with pytest.raises(
        errors.DuplicateCellError,
        match=r"\(subject 'M02', age 10\) appears 2 times \(rows 5, 108\)",
    ):
        long_model(doubled)


def test_covariate_that_varies_within_a_unit(orthodont):
    orthodont.loc[6, "sex"] = "Female"
    with pytest.raises(
        errors.VaryingCovariateError,
        match=r"'sex' varies within unit 'M02' \(rows 4, 6\): .* constant",
    ):
        long_model(orthodont)
    with pytest.raises(
        errors.VaryingCovariateError, match=r"'age' varies within unit 'M01' .* the occasion"
    ):
        long_model(orthodont, "distance ~ age")


def test_duplicate_labels(simulated):
    frame = simulated.set_axis([0, *range(39)])
    with pytest.raises(errors.DuplicateCellError, match=r"unit 0 appears 2 times \(rows 0, 1\)"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", frame, rank=1)
    with pytest.raises(
        errors.DuplicateCellError, match="response 'y1' appears 2 times: rename or drop"
    ):
        nmfre.NMFRE.from_formula("y1 + y1 ~ age", simulated, rank=1)
    twice = pd.concat([simulated, simulated[["age"]]], axis=1)
    with pytest.raises(
        errors.DuplicateCellError, match="column 'age' appears 2 times: rename or drop"
    ):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", twice, rank=1)
    with pytest.raises(
        errors.InvalidArgumentError, match=r"unit='age' .* must be the label of one column"
    ):
        nmfre.NMFRE.from_formula("y1 + y2 ~ 1", twice, rank=1, unit="age")


def test_repeated_units_are_told_of_unit_and_occasion(orthodont):
    indexed = orthodont.set_index("subject")
    match = r"'M01' appears 4 times \(rows 0, 1, 2, 3\): .* need .*\(..., unit=, occasion=\)"
    with pytest.raises(errors.DuplicateCellError, match=match):
        nmfre.NMFRE.from_formula("distance ~ sex", orthodont, rank=1, unit="subject")
    with pytest.raises(errors.DuplicateCellError, match=rf"{match}.*reset_index\(drop=True\)"):
        nmfre.NMFRE.from_formula("distance ~ sex", indexed, rank=1)
    with pytest.raises(
        errors.MissingColumnError, match=r"'subject' is in the index: pass data.reset_index"
    ):
        nmfre.NMFRE.from_formula("distance ~ sex", indexed, rank=1, unit="subject", occasion="age")
    many = pd.concat([orthodont] * 30, ignore_index=True)
    with pytest.raises(
        errors.DuplicateCellError, match=r"appears 30 times \(rows 0, .*, ... \(30 in all\)\)"
    ):
        long_model(many)


def test_times_that_units_do_not_share(orthodont):
    noise = np.random.default_rng(0).uniform(0, 0.9, len(orthodont))
    unrounded = orthodont.assign(age=orthodont["age"] + noise)
    with pytest.raises(
        errors.ShapeError, match=r"'age' have 108 .* in 108 rows, .* Round or bin them"
    ):
        long_model(unrounded)
    stray = unrounded["age"].where(noise < 0.1, orthodont["age"])
    pairs = orthodont["age"] + np.arange(len(orthodont)) // 8 * 10  # shared by two units
    for few in (stray, pairs):
        with pytest.warns(errors.NMFREWarning, match="one or two units.* Round or bin") as caught:
            nmfre.NMFRE.from_formula(
                "distance ~ sex", orthodont.assign(age=few), 1, unit="subject", occasion="age"
            )
        assert caught[0].filename == __file__
    assert long_model(unrounded.assign(age=unrounded["age"] // 1)).endog.shape == (27, 4)


def test_missing_unit_labels(simulated):
    frame = simulated.assign(person=[f"p{i}" for i in range(40)])
    frame.loc[[3, 5], "person"] = None
    with pytest.raises(
        errors.NonFiniteError, match=r"Column 'person' is missing at unit 3 \(2 such values"
    ):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", frame, rank=1, unit="person")
    labelled = simulated.set_axis([np.nan, np.nan, *range(38)])
    with pytest.raises(errors.DuplicateCellError, match=r"unit nan appears 2 times \(rows 0, 1\)"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", labelled, rank=1)
