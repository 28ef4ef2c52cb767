from __future__ import annotations

import numpy as np
import pytest
from plots import legend, segments, ticks

from nmfre import errors, plotting


def test_points_and_intervals(fits, ax):
    res = fits["60 df-cap"]
    res.plot_coefficients(alpha=0.1, ax=ax)
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


def test_effects_without_an_interval_are_open(tests_of_pupils, ax):
    res = tests_of_pupils["ml"]
    res.plot_coefficients(ax=ax)
    known, unknown = ax.lines[:2]
    missing = res.conf_int().isna().any(axis=1)
    assert 0 < missing.sum() < len(missing)
    assert sorted(unknown.get_xdata()) == sorted(res.params[missing])
    assert unknown.get_markerfacecolor() == "white"
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


def test_errors(fits):
    with pytest.raises(errors.InvalidArgumentError, match=r"'Intercept' or 'sex"):
        fits["growth ml"].plot_coefficients(covariates=["age"])
    with pytest.raises(errors.InvalidArgumentError, match="at least one fit"):
        plotting.plot_coefficients([])
    with pytest.raises(errors.InvalidArgumentError, match="alpha"):
        fits["growth ml"].plot_coefficients(alpha=5)
