"""Plots of a choice of the rank and of a scan of caps."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from ranks import QUICK, drawn

import nmfre
from nmfre import errors


@pytest.fixture(scope="module")
def model():
    return drawn(2, n_units=40, n_responses=6)


@pytest.fixture(scope="module")
def choice(model):
    return nmfre.select_rank(model, [2, 1], folds=2, repeats=2, **QUICK)


def test_choice_of_the_rank(choice, model, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("agg")
    _, ax = plt.subplots()
    assert choice.plot(ax=ax) is ax
    line = ax.get_lines()[0]
    np.testing.assert_array_equal(line.get_xdata(), choice.table.index)
    np.testing.assert_array_equal(line.get_ydata(), choice.table["cv"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rank", "mean squared prediction error")
    assert ax.get_title() == choice._conclusion
    assert len(ax.collections) == 1  # bars
    assert not ax.spines["top"].get_visible()
    bic = nmfre.select_rank(model, [1, 2], criterion="bic", **QUICK)
    ax = nmfre.plotting.plot_rank_selection(bic)
    assert (ax.get_ylabel(), len(ax.collections), len(ax.lines)) == ("BIC", 0, 2)
    with pytest.raises(TypeError, match="axes"):
        choice.plot(axes=ax)
    plt.close("all")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(errors.MissingDependencyError, match=r"nmfre\[plots\]"):
        choice.plot()


def test_scan_of_caps(growth):
    scan = nmfre.scan_cap(growth, [0.1, 0.2, 0.3])
    ax = scan.plot()
    df = next(line for line in ax.lines if len(line.get_xdata()) == 3 and line.get_linewidth() == 2)
    np.testing.assert_allclose(df.get_ydata(), scan.table["df_random"])
    assert scan.plot(ax=ax) is ax
