"""Coverage of intervals, in studies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from forms import PAPER
from scipy import stats

import nmfre
from nmfre import errors
from nmfre.simulation import BumpDesign, covariance_designs, coverage_study


@pytest.mark.slow
def test_coverage_of_both_kinds():
    design = BumpDesign(n_responses=8, rank=2, n_units=200)
    study = coverage_study(design, 100, n_boot=100, progress=False, **PAPER)
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
    study = coverage_study(design, 100, n_boot=2, seed=2, progress=False, **PAPER)
    for name in ("intercepts", "effects"):
        coverage = 100 * study.loc[("marginal", f"coverage, wald, {name}"), ["lowest", "highest"]]
        assert coverage["lowest"] >= stats.binom.ppf(1e-4, 100, 0.93)
        ratio = study.loc[("marginal", f"mean se / sd, {name}"), "lowest"]
        assert 0.8 < ratio < 1.2


@pytest.mark.slow
def test_size_of_the_joint_test():
    design = BumpDesign(n_responses=8, rank=2, n_units=60, effects="none", errors="exponential")
    study = coverage_study(design, 100, n_boot=2, progress=False, **PAPER)
    rejections = 100 * study.loc[("marginal", "joint test, rejections"), "value"]
    assert rejections <= stats.binom.ppf(1 - 1e-4, 100, 0.05)


@pytest.mark.bits
def test_the_study_does_not_depend_on_the_number_of_processes():
    design = BumpDesign(n_responses=4, rank=1, n_units=27, signed=False)
    one, two = (coverage_study(design, 12, n_boot=20, n_jobs=n, progress=False) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    with pytest.raises(errors.InvalidArgumentError, match="n_replicates=1"):
        coverage_study(design, 1)
    for arguments, message in (
        ({"seed": -1}, "seed=-1"),
        ({"n_boot": 1}, "n_boot=1"),
        ({"cov_re": "any"}, "cov_re='any'"),
        ({"cov_resid": "full"}, "cov_resid='full'"),
        ({"method": "df-cap", "cov_re": "diagonal"}, "method='df-cap'"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            coverage_study(design, 2, **arguments)
    with pytest.raises(errors.InvalidArgumentError, match="alpha=5"):
        coverage_study(design, 2, alpha=5)


def test_the_study_of_df_cap():
    design = BumpDesign(n_responses=4, rank=1, n_units=27, signed=False)
    study = coverage_study(design, 10, method="df-cap", n_boot=20, progress=False)
    assert set(study.index.get_level_values("uncertainty")) == {"conditional"}
    assert study.loc[("conditional", "coverage, wald, effects"), "value"] >= 0.6
    with pytest.raises(errors.InvalidArgumentError, match="method='df-cap'"):
        coverage_study(replace(design, signed=True), 2, method="df-cap")


def test_a_study_of_fits_that_do_not_converge(monkeypatch):
    monkeypatch.setattr(nmfre.NMFREResults, "stop_reason", "maxiter")
    with pytest.raises(errors.NotComputedError, match="no fit reached"):
        coverage_study(BumpDesign(n_responses=4, rank=1, n_units=27), 2, n_boot=0, progress=False)


def test_the_study_shows_what_a_wrong_covariance_does():
    design = covariance_designs()["tau 7 and 4"]
    wrong, right = (
        coverage_study(design, 6, cov_resid="diagonal", cov_re=form, n_boot=0, progress=False)
        for form in ("identity", "full")
    )
    assert wrong.loc[("marginal", "coverage, wald, intercepts"), "highest"] == 0.0
    assert wrong.loc[("marginal", "bias, intercepts"), "highest"] > 15.0
    assert np.abs(right.loc[("marginal", "bias, intercepts"), ["lowest", "highest"]]).max() < 2.0
    for study in (wrong, right):
        assert study.loc[("marginal", "coverage, wald, profiles"), "value"] > 0.8
        assert study.loc[("marginal", "with std err, intercepts"), "value"] == 1.0
        assert not study.index.get_level_values("quantity").str.contains("percentile").any()


@pytest.mark.filterwarnings("error")
def test_components_that_are_not_identified_are_counted():
    design = BumpDesign(n_responses=8, rank=2, n_units=60, background=0.3)
    study = coverage_study(
        design, 3, cov_resid="identity", cov_re="diagonal", n_boot=0, progress=False
    )
    assert study.loc[("marginal", "with std err, intercepts"), "value"] == 0.0
    assert np.isnan(study.loc[("marginal", "coverage, wald, intercepts"), "value"])
    assert study.loc[("marginal", "coverage, wald, profiles"), "value"] > 0.8
