"""The study of the tests of equal variances."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats

from nmfre import errors
from nmfre.simulation import BumpDesign, variance_test_study

DESIGN = BumpDesign(n_responses=8, rank=2, n_units=200)


@pytest.mark.slow
def test_size():
    study = variance_test_study(DESIGN, 80, progress=False)
    assert study.attrs["n_datasets"] == 80
    assert (80 * study["rejected"] <= stats.binom.ppf(1 - 1e-4, 80, 0.05)).all()
    assert (80 * study["rejected"].xs("equal residual variances", level=1) >= 1).all()


@pytest.mark.bits
def test_the_study_does_not_depend_on_the_number_of_processes():
    arguments = {"likelihood_ratio": False, "progress": False}
    one, two = (variance_test_study(DESIGN, 4, n_jobs=n, **arguments) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_arguments_of_the_study():
    with pytest.raises(errors.InvalidArgumentError, match="design='bumps'"):
        variance_test_study("bumps")
    for arguments, message in (
        ({"n_datasets": 1}, "n_datasets=1"),
        ({"alpha": 5}, "alpha=5"),
        ({"seed": -1}, "seed=-1"),
        ({"likelihood_ratio": "no"}, "likelihood_ratio='no'"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            variance_test_study(DESIGN, **arguments)
