"""Coverage of intervals, in studies."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from scipy import stats

from nmfre import errors
from nmfre.simulation import BumpDesign, coverage_study


@pytest.mark.slow
def test_coverage_of_both_kinds():
    design = BumpDesign(n_responses=8, rank=2, n_units=200)
    study = coverage_study(design, 100, n_boot=100, progress=False)
    assert study.attrs["n_replicates"] == 100
    for name in ("intercepts", "effects"):
        lowest = study.loc[("marginal", f"coverage, wald, {name}"), "lowest"]
        assert lowest >= stats.binom.ppf(1e-4, 100, 0.95) / 100
        ratio = study.loc[("marginal", f"mean se / sd, {name}"), "value"]
        assert 0.8 < ratio < 1.4
    assert study.loc[("conditional", "coverage, wald, intercepts"), "highest"] < 0.75
    assert study.loc[("marginal", "joint test, rejections"), "value"] == 1.0


@pytest.mark.slow
def test_coverage_where_no_entry_of_the_basis_lies_on_its_bound():
    design = BumpDesign(n_responses=8, rank=2, n_units=200, signed=False, background=0.3)
    study = coverage_study(design, 100, n_boot=2, seed=2, progress=False)
    for name in ("intercepts", "effects"):
        coverage = 100 * study.loc[("marginal", f"coverage, wald, {name}"), ["lowest", "highest"]]
        assert coverage["lowest"] >= stats.binom.ppf(1e-4, 100, 0.93)
        ratio = study.loc[("marginal", f"mean se / sd, {name}"), "lowest"]
        assert 0.8 < ratio < 1.2


@pytest.mark.slow
def test_size_of_the_joint_test():
    design = BumpDesign(n_responses=8, rank=2, n_units=60, effects="none", errors="exponential")
    study = coverage_study(design, 100, n_boot=2, progress=False)
    rejections = 100 * study.loc[("marginal", "joint test, rejections"), "value"]
    assert rejections <= stats.binom.ppf(1 - 1e-4, 100, 0.05)


@pytest.mark.bits
def test_the_study_does_not_depend_on_the_number_of_processes():
    design = BumpDesign(n_responses=4, rank=1, n_units=27, signed=False)
    one, two = (coverage_study(design, 12, n_boot=20, n_jobs=n, progress=False) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    with pytest.raises(errors.InvalidArgumentError, match="n_replicates=1"):
        coverage_study(design, 1)
    for arguments, message in (({"seed": -1}, "seed=-1"), ({"n_boot": 0}, "n_boot=0")):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            coverage_study(design, 2, **arguments)
    with pytest.raises(errors.InvalidArgumentError, match="alpha=5"):
        coverage_study(design, 2, alpha=5)
    with pytest.raises(errors.InvalidArgumentError, match=r"background=1\.0"):
        coverage_study(replace(design, background=1.0), 2)


@pytest.mark.parametrize(
    "value", [{"errors": "gauss"}, {"effects": "xx"}, {"background": -0.1}, {"background": "0"}]
)
def test_a_design_checks_its_values(value):
    ((name, given),) = value.items()
    with pytest.raises(errors.InvalidArgumentError, match=f"{name}={given!r} is not allowed"):
        BumpDesign(n_responses=4, rank=1, n_units=27, **value)
