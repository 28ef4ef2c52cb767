from __future__ import annotations

import numpy as np
import pytest

from nmfre import errors
from nmfre.simulation import BumpDesign, covariance_designs, identified_set_study


def test_the_table_of_a_study():
    design = BumpDesign(n_responses=6, rank=2, n_units=100, background=0.5)
    study = identified_set_study(design, 4, progress=False)
    assert study.index.to_list()[0] == ("comp1", "const")
    np.testing.assert_array_equal(study["truth"], design.theta.ravel(order="F"))
    assert (study["lower"] < study["upper"]).all()
    assert (study["in set"] <= study["coverage"]).all()
    assert study["coverage"].mean() > 0.8
    assert study.attrs["n_replicates"] == 4
    assert study.attrs["points"] < 0.5


@pytest.mark.slow
def test_true_effects_are_covered():
    design = covariance_designs()["both, background 0.3"]
    study = identified_set_study(design, 60, progress=False)
    assert (study["coverage"] >= 0.93).all()


def test_errors():
    with pytest.raises(errors.InvalidArgumentError, match="a BumpDesign"):
        identified_set_study("bumps")
    design = BumpDesign(n_responses=6, rank=2, n_units=60)
    for wrong in ({"n_replicates": 1}, {"alpha": 2.0}, {"seed": -1}):
        with pytest.raises(errors.InvalidArgumentError, match=next(iter(wrong))):
            identified_set_study(design, **wrong)
