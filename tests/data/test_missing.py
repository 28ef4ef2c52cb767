"""Cells that are missing: counted, told, and left out of fits and statistics."""

from __future__ import annotations

import numpy as np
import pytest
from forms import long_model

import nmfre
from nmfre import errors


def test_masked_cells_are_missing(simulated):
    Y, A = simulated[["y1", "y2"]].to_numpy(), np.column_stack([np.ones(40), simulated["age"]])
    masked = np.ma.masked_array(Y, mask=np.zeros(Y.shape, dtype=bool))
    masked[3, 1] = np.ma.masked
    counts = np.ma.masked_array(np.ceil(Y + 1).astype(int), mask=masked.mask)
    for model in (
        nmfre.NMFRE(masked, A, rank=1),
        nmfre.NMFRE(counts, A, rank=1),
        nmfre.NMFRE.from_formula("Y ~ age", {"Y": masked, "age": A[:, 1]}, rank=1),
        nmfre.NMFRE.from_formula("masked ~ age", simulated, rank=1),
        nmfre.NMFRE.from_formula(
            "y + z ~ age", {"y": Y[:, 0], "z": masked[:, 1], "age": A[:, 1]}, rank=1
        ),
    ):
        assert model.design.n_missing == 1
        assert np.isnan(model.endog[3, 1])
    assert np.isfinite(masked.data).all()
    covariate = np.ma.masked_array(A, mask=False)
    covariate[5, 1] = np.ma.masked
    with pytest.raises(errors.NonFiniteError, match="Covariate 'x1' is nan at unit 5"):
        nmfre.NMFRE(Y, covariate, rank=1)
    with pytest.raises(errors.NonFiniteError, match="Covariate 'age' is missing at unit 5"):
        nmfre.NMFRE.from_formula("Y ~ age", {"Y": Y, "age": covariate[:, 1]}, rank=1)


def test_missing_cells_are_counted(orthodont):
    assert long_model(orthodont).design.n_missing == 0
    holed = orthodont.drop(index=5).assign(distance=lambda d: d["distance"].mask(d.index == 3))
    design = long_model(holed).design
    assert (design.n_missing, design.n_cells) == (2, 106)
    assert list(zip(*np.nonzero(np.isnan(design.Y)), strict=True)) == [(1, 1), (3, 0)]
