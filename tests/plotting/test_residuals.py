from __future__ import annotations

import numpy as np
import pytest
from plots import plt, ticks
from scipy import stats

import nmfre
from nmfre import errors
from nmfre.simulation import BumpDesign


def test_fitted(fits, ax):
    res = fits["2 ml"]
    res.plot_residuals(ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), res.fittedvalues.to_numpy().ravel())
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), res.resid.to_numpy().ravel())


def test_response(fits, ax):
    res = fits["2 df-cap"]
    res.plot_residuals("response", ax=ax)
    assert len(ax.patches) == 2
    assert ticks(ax.xaxis) == ["low", "high"]
    medians = [line.get_ydata()[0] for line in ax.lines if line.get_linewidth() == 1.5]
    np.testing.assert_allclose(medians, res.resid.median())


def test_qq(fits, ax):
    res = fits["growth df-cap"]
    res.plot_residuals("qq", ax=ax)
    points, line = ax.lines
    np.testing.assert_array_equal(points.get_ydata(), np.sort(res.resid.to_numpy().ravel()))
    assert stats.norm.cdf(points.get_xdata()).mean() == pytest.approx(0.5)
    slope = np.diff(line.get_ydata()) / np.diff(line.get_xdata())
    assert slope == pytest.approx(res.resid.to_numpy().std(), rel=0.05)


def test_heatmap(fits, ax):
    res = fits["60 ml"]
    res.plot_residuals("heatmap", ax=ax)
    np.testing.assert_array_equal(ax.images[0].get_array(), res.resid)
    low, high = ax.images[0].get_clim()
    assert -low == high == res.resid.abs().to_numpy().max()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("item", "person")


def test_missing_responses(growth):
    Y = growth.endog.copy()
    Y[::4, 1] = Y[1, 2] = Y[2, 0] = np.nan
    res = nmfre.NMFRE(Y, growth.exog, rank=1).fit("ml", n_boot=0)
    values = res.resid.to_numpy()
    observed = values[~np.isnan(values)]
    axes = {kind: plt.subplots()[1] for kind in ("fitted", "response", "qq", "heatmap")}
    for kind, ax in axes.items():
        res.plot_residuals(kind, ax=ax)
        ax.figure.canvas.draw()
    shown = axes["fitted"].lines[0].get_ydata()
    np.testing.assert_array_equal(shown[~np.isnan(shown)], observed)
    lines = axes["response"].lines
    medians = [line.get_ydata()[0] for line in lines if line.get_linewidth() == 1.5]
    np.testing.assert_allclose(medians, np.nanmedian(values, axis=0))
    points, line = axes["qq"].lines
    standardised = (values / np.sqrt(res.estimate.v))[~np.isnan(values)]
    np.testing.assert_array_equal(points.get_ydata(), np.sort(standardised))
    assert np.isfinite(line.get_ydata()).all()
    assert axes["heatmap"].images[0].get_clim()[1] == np.abs(observed).max()
    plt.close("all")


def test_errors(fits):
    with pytest.raises(errors.InvalidArgumentError, match="'fitted', 'response', 'qq'"):
        fits["2 ml"].plot_residuals("scale")


def test_quantiles_are_of_residuals_over_the_variances_of_their_responses(ax):
    design = BumpDesign(n_responses=4, rank=1, n_units=60, sigma2=(0.5, 1.0, 4.0, 9.0))
    model = nmfre.NMFRE(*design.draw(np.random.default_rng(0)), rank=1)
    res = model.fit("ml", cov_resid="diagonal", n_boot=0)
    res.plot_residuals("qq", ax=ax)
    standardised = res.resid / np.sqrt(res.resid_variances / res.sigma2)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.sort(standardised.to_numpy().ravel()))
