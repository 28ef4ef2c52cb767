from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from plots import legend, segments, ticks

import nmfre
from nmfre import errors, plotting
from nmfre.plotting._shared import number


def test_points_and_intervals(fits, ax):
    res = fits["60 df-cap"]
    res.plot_coefficients(alpha=0.1, intercept=True, ax=ax)
    points = ax.lines[0]
    order = [(q, k) for q in res.basis.columns for k in ("Intercept", "group")]
    np.testing.assert_allclose(points.get_xdata(), res.params[order])
    np.testing.assert_array_equal(points.get_ydata(), [1, 2, 4, 5, 7, 8])  # headings between
    np.testing.assert_allclose(segments(ax.collections[0])[:, :, 0], res.conf_int(0.1).loc[order])
    assert ticks(ax.yaxis) == [
        text for q in (1, 2, 3) for text in (f"comp{q}", "Intercept", "group")
    ]
    assert ax.get_xlabel() == "coefficient, 90 % interval"
    assert ax.yaxis_inverted()


def test_the_intercept_is_left_out_unless_it_is_asked_for_or_alone(fits, growth, ax):
    res = fits["growth ml"]
    res.plot_coefficients(ax=ax)
    assert ticks(ax.yaxis) == ["comp1", "sex[T.Male]"]
    for asked in ({"intercept": True}, {"covariates": ["Intercept", "sex"]}):
        ax.clear()
        res.plot_coefficients(ax=ax, **asked)
        assert ticks(ax.yaxis) == ["comp1", "Intercept", "sex[T.Male]"]
    ax.clear()
    nmfre.NMFRE(growth.endog, rank=1).fit("ml", n_boot=0).plot_coefficients(ax=ax)
    assert ticks(ax.yaxis) == ["comp1", "Intercept"]


def test_effects_without_an_interval_are_open(tests_of_pupils, ax):
    res = tests_of_pupils["ml"]
    res.plot_coefficients(ax=ax)
    known, unknown = ax.lines[:2]
    missing = res.conf_int().isna().any(axis=1)
    assert 0 < missing.sum() < len(missing)
    assert sorted(unknown.get_xdata()) == sorted(res.params[missing])
    assert unknown.get_markerfacecolor() == to_rgba("white")
    assert "open: no interval" in ax.get_xlabel()
    assert sorted(known.get_xdata()) == sorted(res.params[~missing])


def test_fits_side_by_side(fits, tests_of_pupils, ax):
    pair = {"all": tests_of_pupils["ml"], "signed": tests_of_pupils["signed"]}
    plotting.plot_coefficients(pair, covariates=["female"], ax=ax)
    assert legend(ax) == ["all", "signed"]
    heights = [
        np.concatenate([ax.lines[i].get_ydata(), ax.lines[i + 1].get_ydata()]) for i in (0, 2)
    ]
    np.testing.assert_allclose(np.sort(heights[1]) - np.sort(heights[0]), 0.6)
    ax.clear()
    plotting.plot_coefficients([fits["growth ml"], fits["2 ml"]], covariates=["sex"], ax=ax)
    assert legend(ax) == ["fit 1", "fit 2"]


def test_terms_stand_for_their_covariates(fits, ax):
    fits["growth ml"].plot_coefficients(covariates=["sex"], ax=ax)
    assert ticks(ax.yaxis) == ["comp1", "sex[T.Male]"]


def test_errors_of_coefficients(fits):
    with pytest.raises(errors.InvalidArgumentError, match=r"'Intercept', 'sex"):
        fits["growth ml"].plot_coefficients(covariates=["age"])
    with pytest.raises(errors.InvalidArgumentError, match="at least one fit"):
        plotting.plot_coefficients([])
    with pytest.raises(errors.InvalidArgumentError, match="alpha"):
        fits["growth ml"].plot_coefficients(alpha=5)


@pytest.mark.parametrize("name", ["growth df-cap", "growth ml"])
def test_histogram(fits, ax, name):
    res = fits[name]
    res.plot_bootstrap(("comp1", "sex[T.Male]"), alpha=0.2, ax=ax)
    low, high = res.conf_int(0.2).loc[("comp1", "sex[T.Male]")]
    *bars, span = ax.patches
    assert sum(bar.get_height() for bar in bars) == 500
    assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx((low, high))
    assert set(ax.lines[0].get_xdata()) == {res.params["comp1", "sex[T.Male]"]}
    assert f"80 % interval {number(low)} to {number(high)}" in ax.get_title()
    assert ax.get_xlabel() == "comp1[sex[T.Male]]"


def test_both_names_of_a_parameter(fits, ax):
    res = fits["60 df-cap"]
    for parameter in (("comp2", "group"), "comp2[group]"):
        res.plot_bootstrap(parameter, ax=ax)
        draws = res.inference.bootstrap.replicates[:, 4]
        assert min(bar.get_x() for bar in ax.patches[:-1]) == pytest.approx(draws.min())
        ax.clear()


def test_errors_of_the_bootstrap(growth, fits, tests_of_pupils):
    for parameter in ("sex", ["comp1", "sex[T.Male]"]):
        with pytest.raises(errors.InvalidArgumentError, match=r"\('comp1', 'Intercept'\)"):
            fits["growth ml"].plot_bootstrap(parameter)
    with pytest.raises(errors.NotComputedError, match="n_boot=0"):
        growth.fit(n_boot=0).plot_bootstrap("comp1[Intercept]")
    with pytest.raises(errors.NotComputedError, match="rotations"):
        tests_of_pupils["signed"].plot_bootstrap("comp1[female]")
