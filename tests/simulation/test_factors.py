"""The study of tests of a factor without effect."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats

from nmfre import errors
from nmfre.simulation import FactorDesign, factor_study

GROUPED = FactorDesign(n_groups=40, group_size=5, levels=(20,), group_share=0.6)


@pytest.mark.slow
def test_groups_hold_the_size():
    rejected = factor_study(GROUPED, 120, progress=False)["joint"]
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 120, 0.05) / 120
    assert rejected.xs("groups", level="independent").between(low, high).all()
    assert (rejected.xs("units", level="independent") > 0.15).all()


@pytest.mark.bits
def test_the_study_does_not_depend_on_the_number_of_processes():
    design = FactorDesign(n_groups=12, group_size=2, levels=(4, 4), group_share=0.5)
    one, two = (factor_study(design, 2, n_jobs=n, progress=False) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert one.attrs["n_datasets"] == 2
    assert list(one.index.get_level_values("independent").unique()) == ["units", "groups"]


def test_the_other_estimator_and_arguments():
    design = FactorDesign(n_groups=20, levels=(4,))
    study = factor_study(design, 2, method="df-cap", progress=False)
    assert study.index.to_list() == [
        ("conditional", "units", "sandwich"),
        ("conditional", "units", "cr3"),
    ]
    with pytest.raises(errors.InvalidArgumentError, match="design='bumps'"):
        factor_study("bumps")
    for arguments, message in (
        ({"n_datasets": 1}, "n_datasets=1"),
        ({"alpha": 5}, "alpha=5"),
        ({"seed": -1}, "seed=-1"),
        ({"method": "gee"}, "method='gee'"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            factor_study(design, **arguments)
