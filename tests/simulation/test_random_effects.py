"""The study of the test of no random effects."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats

from nmfre import errors
from nmfre.simulation import BumpDesign, random_effects_test_study

DESIGN = BumpDesign(n_responses=4, rank=1, n_units=50, tau=0.0)


@pytest.mark.slow
def test_size_of_one_component():
    study = random_effects_test_study(DESIGN, 100, progress=False)
    assert study.attrs["n_datasets"] == 100
    low, high = stats.binom.ppf([1e-3, 1 - 1e-3], 100, 0.05)
    assert study["rejected"].between(low / 100, high / 100).all()


def test_power_and_number_of_processes():
    arguments = {"n_datasets": 4, "progress": False}
    one, two = (random_effects_test_study(DESIGN, n_jobs=n, **arguments) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    design = BumpDesign(n_responses=4, rank=1, n_units=50, tau=7.0)
    assert (random_effects_test_study(design, **arguments)["rejected"] == 1.0).all()


def test_arguments_of_the_study():
    with pytest.raises(errors.InvalidArgumentError, match="design='bumps'"):
        random_effects_test_study("bumps")
    for arguments, message in (
        ({"n_datasets": 1}, "n_datasets=1"),
        ({"alpha": 5}, "alpha=5"),
        ({"seed": -1}, "seed=-1"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            random_effects_test_study(DESIGN, **arguments)
