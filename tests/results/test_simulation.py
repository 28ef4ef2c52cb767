"""Data drawn from a fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from forms import long_model

import nmfre
from nmfre import errors


@pytest.fixture(scope="module")
def res():
    return long_model(nmfre.datasets.load_orthodont()).fit("ml", n_boot=0)


def test_units_of_the_data_and_new_ones(res):
    draws = res.simulate(seed=5)
    assert draws.index.equals(res.model.design.units)
    assert draws.columns.equals(res.model.design.responses)
    pd.testing.assert_frame_equal(draws, res.simulate(seed=5))
    assert not draws.equals(res.simulate(seed=6))
    many = pd.DataFrame({"sex": ["Female", "Male"] * 5000})
    drawn = res.simulate(exog=many)
    X = res.estimate.X
    Sigma = X @ res.estimate.Phi @ X.T + np.diag(res.estimate.psi)
    np.testing.assert_allclose(np.cov((drawn - res.predict(many)).T), Sigma, rtol=0.06)
    np.testing.assert_allclose(drawn[::2].mean(), res.predict(many[:1]).iloc[0], atol=0.15)


def test_missing_cells_stay_missing(holed_fit):
    draws = holed_fit.simulate()
    np.testing.assert_array_equal(draws.isna().to_numpy().T, ~holed_fit.model.design.observed)


def test_negative_draws(model):
    low = nmfre.NMFRE(np.random.default_rng(0).exponential(size=(50, 3)), rank=1)
    res = low.fit("ml", n_boot=0)
    raw, cut = (res.simulate(2000, nonnegative=kept) for kept in (False, True))
    share = float((raw < 0).to_numpy().mean())
    assert raw.attrs["share_negative"] == cut.attrs["share_negative"] == share > 0.05
    pd.testing.assert_frame_equal(raw.clip(lower=0.0), cut)


def test_light_results_draw_new_units(res):
    light = long_model(nmfre.datasets.load_orthodont()).fit("ml", n_boot=0)
    light.remove_data()
    girl = pd.DataFrame({"sex": ["Female"]})
    pd.testing.assert_frame_equal(light.simulate(exog=girl), res.simulate(exog=girl))
    with pytest.raises(errors.DataRemovedError):
        light.simulate()


def test_errors(res):
    with pytest.raises(errors.ShapeError, match="pass exog"):
        res.simulate(5)
    with pytest.raises(errors.InvalidArgumentError, match="n=5"):
        res.simulate(5, exog=pd.DataFrame({"sex": ["Female"]}))
    with pytest.raises(errors.InvalidArgumentError, match="n=0"):
        res.simulate(0)
