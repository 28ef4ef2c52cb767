"""Habits of users of other packages: what works, and what says what to use here."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from statsmodels.iolib.summary2 import summary_col

import nmfre
from nmfre import errors
from nmfre.core.hints import OF_MODELS, OF_RESULTS


@pytest.fixture
def res(model):
    return model.fit("ml", n_boot=0)


def test_summary_col_of_statsmodels(model, res):
    fits = {"ml": res, "df-cap": model.fit(n_boot=0)}
    table = summary_col(list(fits.values()), model_names=list(fits)).tables[0]
    for name, fit in fits.items():
        assert table.loc["comp1[Intercept]", name] == f"{fit.params.iloc[0]:.4f}"
        assert table.loc["R-squared", name] == f"{fit.rsquared:.4f}"


def test_rsquared_is_that_of_the_residuals(res):
    endog = res.model.endog
    total = ((endog - endog.mean(axis=0)) ** 2).sum()
    assert res.rsquared == pytest.approx(1 - (res.resid**2).to_numpy().sum() / total)


def test_cov_re_is_the_covariance_of_the_random_effects(simulated):
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age", simulated, rank=2)
    res = model.fit("ml", n_starts=1, n_boot=0)
    labels = pd.Index(["comp1", "comp2"], name="component")
    expected = pd.DataFrame(res.tau2 * np.eye(2), labels, labels)
    pd.testing.assert_frame_equal(res.cov_re, expected)


@pytest.mark.parametrize("name", OF_RESULTS)
def test_names_of_other_packages_lead_to_what_exists(res, name):
    with pytest.raises(errors.UnknownAttributeError, match=re.escape(OF_RESULTS[name])):
        getattr(res, name)
    first = re.search(r"(?:print\(|model\.|\()?([a-z_0-9]+)", OF_RESULTS[name])[1]
    assert hasattr(res, first) or hasattr(res.model, first)


@pytest.mark.parametrize("name", OF_MODELS)
def test_names_of_models_of_statsmodels_lead_to_the_results(res, name):
    with pytest.raises(errors.UnknownAttributeError, match=re.escape(OF_MODELS[name])):
        getattr(res.model, name)(res.params)
    named = re.match(r"\w+", OF_MODELS[name])[0]
    assert hasattr(res if "of the result" in OF_MODELS[name] else res.model, named)


def test_other_unknown_names(res):
    with pytest.raises(errors.UnknownAttributeError, match=r"'parms'; did you mean 'params'\?"):
        _ = res.parms
    with pytest.raises(errors.UnknownAttributeError, match=r"has no attribute 'zzzz'\."):
        _ = res.model.zzzz
    assert not hasattr(res, "_repr_png_")
    with pytest.raises(errors.NotComputedError, match="df-cap"):  # what a property says is kept
        _ = res.cap_hits
