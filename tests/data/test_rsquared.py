"""R2, by its definition, of data of every kind and far from zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

import nmfre
from nmfre.data.entry import changed

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


def test_rsquared(res2, simulated):
    Y = simulated.iloc[:, :5]
    r2 = res2.rsquared_table()
    for which, fit in (("blup", res2.fittedvalues), ("fixed", res2.predict())):
        sse = ((Y - fit) ** 2).to_numpy().sum()
        assert r2.loc["uncentered", which] == pytest.approx(1 - sse / (Y**2).to_numpy().sum())
        centred = ((Y - Y.mean()) ** 2).to_numpy().sum()
        assert r2.loc["row-centered", which] == pytest.approx(1 - sse / centred)
        correlation = np.corrcoef(Y.to_numpy().ravel(), fit.to_numpy().ravel())[0, 1]
        assert r2.loc["correlation", which] == pytest.approx(correlation**2)


@pytest.mark.parametrize("kind", ["array", "missing", "sparse", "chunks"])
def test_rsquared_far_from_zero(kind):
    """Of responses that vary by a ten-thousandth of their size."""
    rng = np.random.default_rng(0)
    exog = np.column_stack([np.ones(60), rng.uniform(size=60)])
    Y = 1e4 + exog[:, 1:] + rng.normal(size=(60, 1)) + 0.3 * rng.normal(size=(60, 4))
    if kind == "missing":
        Y[::7, 1] = np.nan
    endog = csr_array(Y) if kind == "sparse" else Y
    if kind == "chunks":
        da = pytest.importorskip("dask.array")
        endog = da.from_array(Y, chunks=(20, 4))
    model = nmfre.NMFRE(endog, exog, rank=1)
    res = model.fit("ml", uncertainty="conditional", n_starts=1, n_boot=0)
    observed = ~np.isnan(Y)
    for which in ("blup", "fixed"):
        fit = np.asarray(res.predict(which=which))
        expected = np.corrcoef(Y[observed], fit[observed])[0, 1] ** 2
        assert res.rsquared_table().loc["correlation", which] == pytest.approx(expected, rel=1e-4)
        sse = np.nansum((Y - fit) ** 2)
        expected = 1 - sse / np.nansum((Y - np.nanmean(Y, axis=0)) ** 2)
        assert res.rsquared_table().loc["row-centered", which] == pytest.approx(expected, rel=1e-4)


def test_rsquared_is_nan_where_sums_do_not_tell():
    rng = np.random.default_rng(0)
    Y = 1e9 + rng.normal(size=(30, 2))
    design = nmfre.NMFRE(Y, rank=1).design
    estimate = nmfre.NMFRE(Y, rank=1).fit(n_boot=0).estimate
    X = np.full((2, 1), 0.5)
    U = 2 * (Y.mean(axis=1) - Y.mean())[None]
    estimate = replace(estimate, X=X, Theta=np.full((1, 1), 2 * Y.mean()), U=U)
    correlation = np.corrcoef(Y.ravel(), np.repeat(Y.mean(axis=1), 2))[0, 1] ** 2
    fit = X, estimate.Theta, estimate.relative, U
    assert design.fit_sums(*fit).rsquared()[0] == pytest.approx(correlation, rel=1e-5)
    in_sums = changed(design, Y=csr_array(design.Y)).fit_sums(*fit)
    np.testing.assert_array_equal(np.isnan(in_sums.rsquared()), [True, False, True])


def test_rsquared_of_constant_responses_is_not_defined():
    res = nmfre.NMFRE(np.full((10, 1), 2.0), rank=1).fit()
    assert res.rsquared_table().loc["row-centered"].isna().all()
    assert np.isnan(res.rsquared_table().loc["correlation", "fixed"])
