from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from plots import plt, segments, ticks

import nmfre
from nmfre import errors
from nmfre.simulation import BumpDesign


@pytest.fixture(scope="module")
def res():
    design = BumpDesign(n_responses=8, rank=2, n_units=200, background=0.5)
    endog, exog = design.draw(np.random.default_rng(0))
    options = {"cov_resid": "diagonal", "cov_re": "diagonal", "signed": True, "n_boot": 0}
    return nmfre.NMFRE(endog, exog, rank=2).fit("ml", **options)


def test_bands_intervals_and_points(res, ax):
    assert res.plot_identified_set(alpha=0.1, intercept=True, ax=ax) is ax
    order = [(f"comp{q}", name) for q in (1, 2) for name in ("const", "x1")]
    found, limits = res.identified_set().theta.loc[order], res.conf_int(0.1, "set").loc[order]
    band, line = ax.collections
    np.testing.assert_array_equal(segments(band)[:, :, 0], found[["lower", "upper"]])
    np.testing.assert_array_equal(segments(line)[:, :, 0], limits)
    assert ticks(ax.yaxis) == ["comp1", "const", "x1", "comp2", "const", "x1"]
    what, note = ax.get_xlabel().split("\n")
    assert what == "coefficient, identified set, 90 % interval"
    assert note == "open: the sign is not the same over the set"
    filled, opened = ax.lines[:2]
    assert list(filled.get_xdata()) == found["estimate"][found["same sign"]].to_list()
    assert list(opened.get_xdata()) == found["estimate"][~found["same sign"]].to_list()
    assert opened.get_markerfacecolor() == to_rgba("white")


def test_some_covariates_and_no_intervals(res, ax):
    light = res.with_uncertainty("conditional")
    light.plot_identified_set(covariates=["x1"], ax=ax)
    assert ticks(ax.yaxis) == ["comp1", "x1", "comp2", "x1"]
    assert ax.get_xlabel().startswith("coefficient, identified set\nopen")
    assert len(ax.collections) == 1


def test_a_point_draws_into_a_new_figure(fits):
    ax = fits["growth ml"].plot_identified_set()
    assert plt.get_fignums() == [ax.figure.number]


def test_errors(res, fits):
    with pytest.raises(errors.InvalidArgumentError, match="alpha"):
        res.plot_identified_set(alpha=5)
    with pytest.raises(errors.InvalidArgumentError, match="'const', 'x1'"):
        res.plot_identified_set(covariates=["age"])
    with pytest.raises(errors.NotComputedError, match="identified set"):
        fits["growth df-cap"].plot_identified_set()
    with pytest.raises(errors.InvalidArgumentError, match="NMFREResults"):
        nmfre.plotting.plot_identified_set("fit")
