from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from plots import legend, overlapping, plt, quiet, segments, ticks

import nmfre
from nmfre import errors, plotting
from nmfre.simulation import BumpDesign


def test_numeric_responses_are_lines_over_their_values(fits, ax):
    res = fits["growth ml"]
    res.plot_basis(ax=ax)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), [8, 10, 12, 14])
    np.testing.assert_array_equal(line.get_ydata(), res.basis["comp1"])
    (band,) = ax.collections
    limits = res.basis_conf_int().to_numpy()
    assert band.get_paths()[0].get_extents().ymax == pytest.approx(limits.max())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("age", "loading, 95 % interval")
    assert ax.get_legend() is None


def test_numbers_are_sorted_and_dates_lie_in_time(ax):
    days = pd.to_datetime(["2024-03-01", "2024-01-01", "2024-02-01"])
    endog = np.outer(np.arange(1.0, 9.0), [3, 1, 2]) + np.eye(8, 3)
    for columns in (pd.Index([30, 10, 20]), pd.Index(days)):
        res = quiet(nmfre.NMFRE(pd.DataFrame(endog, columns=columns), rank=1).fit, n_boot=0)
        res.plot_basis(ax=ax)
        line = ax.lines[-1]
        np.testing.assert_array_equal(line.get_ydata(), res.basis["comp1"].iloc[[1, 2, 0]])
        assert (np.diff(line.get_xdata()) > 0).all()
        ax.clear()
    res.plot_growth_curves(ax=ax)
    np.testing.assert_array_equal(segments(ax.collections[0])[:, 0, 1], endog[:, 1])
    assert ticks(res.plot_basis_heatmap().yaxis) == ["2024-03-01", "2024-01-01", "2024-02-01"]


def test_numbers_that_lie_close_together(ax):
    close = pd.Index([0.5, 0.51, 9.0])
    endog = np.outer(np.arange(1.0, 9.0), [3, 1, 2]) + np.eye(8, 3)
    res = quiet(nmfre.NMFRE(pd.DataFrame(endog, columns=close), rank=1).fit, n_boot=0)
    res.plot_basis(ax=ax)
    ax.figure.draw_without_rendering()
    assert not overlapping(ax.get_xticklabels())
    assert ticks(res.plot_basis_heatmap().yaxis) == ["0.5", "0.51", "9"]


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("number", "t"),
        ("Int64", "t"),
        ("decimal", "t"),
        ("date", "t"),
        ("timestamp", "t"),
        ("zone", "t"),
        ("period", "t"),
        ("timedelta", "t (hours)"),
        ("duration", "t (days)"),
        ("time", "t (hours)"),
    ],
)
def test_occasions_lie_where_their_order_has_them(kind, label):
    """Gaps of 1, 1 and 10, whatever the occasions are, in every plot with an axis of them."""
    steps = [2, 0, 1, 12]
    start = pd.Timestamp("2024-01-01")
    occasions = {
        "number": pd.Index(steps),
        "Int64": pd.Index(steps, dtype="Int64"),
        "decimal": pd.Index([Decimal(k) for k in steps]),
        "date": pd.Index([dt.date(2024, 1, 1 + k) for k in steps]),
        "timestamp": pd.Index([start + pd.Timedelta(days=k) for k in steps], dtype=object),
        "zone": pd.DatetimeIndex([start + pd.Timedelta(days=k) for k in steps], tz="Asia/Tokyo"),
        "period": pd.PeriodIndex([start + pd.Timedelta(days=k) for k in steps], freq="D"),
        "timedelta": pd.to_timedelta(np.multiply(steps, 90), unit="min"),
        "duration": pd.Index([dt.timedelta(days=k) for k in steps], dtype=object),
        "time": pd.Index([dt.time(8 + k) for k in steps]),
    }[kind].rename("t")
    rng = np.random.default_rng(0)
    long = pd.DataFrame({"id": np.repeat(np.arange(12), 4)})
    long["t"] = pd.Series(occasions[np.tile(np.arange(4), 12)], dtype=occasions.dtype)
    long["y"] = rng.uniform(1, 2, 48)
    model = nmfre.NMFRE.from_formula("y ~ 1", long, rank=1, unit="id", occasion="t")
    res = model.fit("ml", n_starts=1, n_boot=0)
    growth, basis, boxes = (plt.figure().add_subplot() for _ in range(3))
    res.plot_growth_curves(ax=growth)
    res.plot_basis(ax=basis)
    res.plot_residuals("response", ax=boxes)
    middles = [patch.get_path().get_extents().get_points()[:, 0].mean() for patch in boxes.patches]
    for ax, x in (
        (growth, growth.lines[0].get_xdata()),
        (basis, basis.lines[0].get_xdata()),
        (boxes, middles),
    ):
        gaps = np.diff(np.asarray(x, dtype=float))
        np.testing.assert_allclose(gaps / gaps[0], [1, 1, 10], rtol=1e-6)
        assert ax.get_xlabel() == label
        ax.figure.draw_without_rendering()
        assert not overlapping(ax.get_xticklabels())


def test_labels_are_bars(tests_of_pupils, ax):
    res = tests_of_pupils["ml"]
    res.plot_basis(alpha=0.5, ax=ax)
    heights = np.array([bar.get_height() for bar in ax.patches]).reshape(3, 9)
    np.testing.assert_array_equal(heights, res.basis.T)
    assert legend(ax) == ["comp1", "comp2", "comp3"]
    assert ticks(ax.xaxis) == list(res.basis.index)
    drawn = [line[:, 1] for lines in ax.collections for line in lines.get_segments() if len(line)]
    limits = res.basis_conf_int(0.5).to_numpy().reshape(9, 3, 2).swapaxes(0, 1).reshape(27, 2)
    assert 20 < len(drawn) < 27  # entries that are held at 0 have no interval
    np.testing.assert_allclose(drawn, limits[np.isfinite(limits[:, 0])])
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
    assert all(end <= start for (_, end), (start, _) in pairwise(edges))


def test_too_many_bars_are_a_heatmap(fits, ax):
    fits["60 ml"].plot_basis(ax=ax)
    assert not ax.patches
    np.testing.assert_array_equal(ax.images[0].get_array(), fits["60 ml"].basis)


def test_heatmap(fits, ax):
    res = fits["60 df-cap"]
    ax.figure.set_size_inches(6, 12)
    res.plot_basis_heatmap(ax=ax)
    np.testing.assert_array_equal(ax.images[0].get_array(), res.basis)
    assert ax.images[0].get_clim() == (0.0, res.basis.to_numpy().max())
    assert ticks(ax.yaxis) == list(res.basis.index)
    assert ticks(ax.xaxis) == ["comp1", "comp2", "comp3"]
    assert ax.get_ylabel() == "item"
    assert ax.figure.axes[1].get_ylabel() == "loading"


def test_heatmap_is_wide_enough_for_long_labels():
    endog, exog = BumpDesign(n_responses=6, rank=2, n_units=40).draw(np.random.default_rng(0))
    for length in (4, 45):
        named = pd.DataFrame(endog, columns=[f"{p}" * length for p in range(6)])
        res = nmfre.NMFRE(named, exog, rank=2).fit("ml", n_starts=1, n_boot=0)
        ax = res.plot_basis_heatmap()
        ax.figure.draw_without_rendering()
        assert ax.get_window_extent().width / ax.figure.dpi > 2.0


def test_heatmap_clustered(tests_of_pupils, ax):
    basis = tests_of_pupils["ml"].basis
    plotting.plot_basis_heatmap(tests_of_pupils["ml"], order="cluster", ax=ax)
    shown = basis.loc[ticks(ax.yaxis)]
    np.testing.assert_array_equal(ax.images[0].get_array(), shown)
    dominant = shown.to_numpy().argmax(axis=1)
    assert (np.diff(dominant) >= 0).all()
    for q in range(3):
        assert (np.diff(shown.to_numpy()[dominant == q, q]) <= 0).all()
    with pytest.raises(errors.InvalidArgumentError, match="'cluster'"):
        plotting.plot_basis_heatmap(tests_of_pupils["ml"], order="size")
