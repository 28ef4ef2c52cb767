"""What all plots do alike: figures, labels, matplotlib itself."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from plots import DRAW, overlapping, plt, ticks

import nmfre
from nmfre import errors


def test_without_axes_a_figure_is_made(fits):
    for kind, draw in DRAW.items():
        figures = len(plt.get_fignums())
        ax = draw(fits["growth df-cap"])
        assert len(plt.get_fignums()) == figures + 1, kind
        assert ax.figure is plt.gcf(), kind


def test_figures_grow_with_the_data(fits):
    for kind in ("basis_heatmap", "path_diagram", "random_effects"):
        small, large = (DRAW[kind](fits[name]).figure for name in ("growth df-cap", "60 df-cap"))
        assert large.get_figheight() > 1.5 * small.get_figheight(), kind


@pytest.mark.parametrize("kind", DRAW)
def test_without_matplotlib_the_remedy_is_named(fits, monkeypatch, kind):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(errors.MissingDependencyError, match=r'pip install "nmfre\[plots\]"'):
        DRAW[kind](fits["growth df-cap"])


def test_thousands_of_units(ax):
    rng = np.random.default_rng(0)
    endog = rng.uniform(1, 2, (3000, 2))
    res = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0)
    for kind in ("scores", "random_effects", "heatmap"):
        ax.clear()
        DRAW[kind](res, ax=ax)
        ax.figure.draw_without_rendering()
        for axis in (ax.xaxis, ax.yaxis):
            assert len(axis.get_ticklabels()) < 60
            assert not overlapping(axis.get_ticklabels())


def test_long_and_strange_labels(ax):
    names = [f"{'a very ' * 10}long name of ${p}^" for p in range(5)]
    index = pd.MultiIndex.from_product([["a"], range(12)])
    endog = pd.DataFrame(np.random.default_rng(0).uniform(1, 2, (12, 5)), index, names)
    res = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0)
    res.plot_basis(ax=ax)
    ax.figure.draw_without_rendering()
    assert all(len(label) <= 26 for label in ticks(ax.xaxis))
    assert len(set(ticks(ax.xaxis))) == 5
    ax.clear()
    res.plot_random_effects(ax=ax)
    assert set(ticks(ax.yaxis)) == {f"a, {n}" for n in range(12)}
    assert not overlapping(res.plot_path_diagram().texts)


def test_blank_labels():
    endog = pd.DataFrame(np.random.default_rng(0).uniform(1, 2, (12, 2)), columns=[" ", ""])
    res = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0)
    for kind in ("path_diagram", "basis", "response"):
        DRAW[kind](res).figure.draw_without_rendering()
