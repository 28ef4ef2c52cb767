"""Shapes and kinds of arrays that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

import nmfre
from nmfre import errors


def test_data_that_are_no_arrays(simulated):
    for data, name in ((None, "NoneType"), (simulated.to_numpy().tolist(), "list")):
        with pytest.raises(
            errors.InvalidArgumentError, match=f"data='{name}' is invalid: .* DataFrame"
        ):
            nmfre.NMFRE.from_formula("y1 ~ age", data, rank=1)
    for y in ([[1.0, 2.0], [3.0]], 3.0):
        with pytest.raises(errors.ShapeError, match="an entry of data is not an array"):
            nmfre.NMFRE.from_formula("y ~ x", {"y": y, "x": [1.0, 2.0]}, rank=1)
    with pytest.raises(errors.ShapeError, match="endog cannot be converted to an array: its rows"):
        nmfre.NMFRE([[1.0, 2.0], [3.0]], rank=1)
    with pytest.raises(errors.ShapeError, match="exog cannot be converted to an array"):
        nmfre.NMFRE(np.ones((2, 2)), [[1.0, 2.0], [3.0]], rank=1)


def test_shapes(simulated):
    Y, A = simulated[["y1", "y2"]], np.ones((40, 1))
    with pytest.raises(
        errors.TransposedError, match=r"endog has 2 rows and exog 40: .* pass endog.T"
    ):
        nmfre.NMFRE(Y.to_numpy().T, A, rank=1)
    with pytest.raises(errors.ShapeError, match="endog has 40 rows and exog 39"):
        nmfre.NMFRE(Y, A[1:], rank=1)
    with pytest.raises(errors.ShapeError, match=r"endog has shape \(2, 2, 2\)"):
        nmfre.NMFRE(np.ones((2, 2, 2)), rank=1)
    with pytest.raises(errors.ShapeError, match="indices of endog and exog differ"):
        nmfre.NMFRE(Y, simulated[["age"]].iloc[::-1], rank=1)
    with pytest.raises(errors.ShapeError, match=r"lengths \[39, 40\]"):
        nmfre.NMFRE.from_formula("Y ~ x", {"Y": Y.to_numpy(), "x": np.ones(39)}, rank=1)
    other = simulated["y1"].iloc[::-1]
    assert len(other) == 40
    with pytest.raises(errors.ShapeError, match="index of 'other' differs"):
        nmfre.NMFRE.from_formula("other + y2 ~ age", simulated, rank=1)
    array = np.ones(39)
    assert len(array) == 39
    with pytest.raises(errors.ShapeError, match=r"'array' has shape \(39,\), the data 40 rows"):
        nmfre.NMFRE.from_formula("array ~ age", simulated, rank=1)


def test_responses_that_are_not_numbers(simulated):
    with pytest.raises(errors.NonNumericError, match="column 'group' is not numeric"):
        nmfre.NMFRE.from_formula("y1 + group ~ age", simulated, rank=1)
    with pytest.raises(errors.NonNumericError, match="endog is not numeric"):
        nmfre.NMFRE(np.array([["a", "b"]] * 3), rank=1)
