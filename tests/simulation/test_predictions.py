"""Coverage of variances, random effects and predictions, in a study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors
from nmfre.simulation import BumpDesign, prediction_study


def test_errors_of_the_parameters_are_needed_with_many_responses():
    design = BumpDesign(n_responses=30, rank=2, n_units=40, intercept=225.0, tau=26.25)
    study = prediction_study(design, 4, cov_resid="identity", progress=False)
    coverage = study["coverage"]
    assert coverage["BLUPs, parameters known"] < 0.85 < coverage["BLUPs"] < 0.99
    assert coverage["random effects, parameters known"] < 0.85 < coverage["random effects"]
    ratio = study["estimate / truth"]
    assert abs(ratio["residual variances, df correction"] - 1) < 0.04
    assert ratio["residual variances"] < 0.98
    other = prediction_study(design, 4, cov_resid="identity", n_jobs=2, progress=False)
    pd.testing.assert_frame_equal(study, other, check_exact=True)


def test_what_is_not_allowed(monkeypatch):
    design = BumpDesign(n_responses=4, rank=1, n_units=27)
    counts = BumpDesign(n_responses=4, rank=1, n_units=27, errors="poisson")
    with pytest.raises(errors.InvalidArgumentError, match="design"):
        prediction_study(counts)
    for arguments, message in (({"alpha": 5}, "alpha=5"), ({"cov_re": "any"}, "cov_re='any'")):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            prediction_study(design, 2, progress=False, **arguments)
    monkeypatch.setattr(nmfre.NMFREResults, "stop_reason", "maxiter")
    with pytest.raises(errors.NotComputedError, match="no fit reached"):
        prediction_study(design, 2, progress=False)


def test_random_effects_that_are_told_are_those_of_the_data():
    design = BumpDesign(n_responses=4, rank=2, n_units=27, sigma2=1e-12)
    endog, exog, U = design.draw_with_effects(np.random.default_rng(0))
    np.testing.assert_allclose(endog, (exog @ design.theta.T + U) @ design.basis.T, atol=1e-4)
    np.testing.assert_array_equal(endog, design.draw(np.random.default_rng(0))[0])
