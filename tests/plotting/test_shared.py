"""What all plots do alike: figures, labels, matplotlib itself."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb, to_rgba
from plots import DRAW, drawable, overlapping, plt, quiet, ticks

import nmfre
from nmfre import errors
from nmfre.plotting import _shared as draw


def test_without_axes_a_figure_is_made(fits):
    for kind in drawable(fits["growth df-cap"]):
        figures = len(plt.get_fignums())
        ax = DRAW[kind](fits["growth df-cap"])
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
        DRAW[kind](fits["60 df-cap"])


def test_thousands_of_units(ax):
    rng = np.random.default_rng(0)
    endog = rng.uniform(1, 2, (3000, 2)) * rng.permuted(np.tile([1.0, 5.0], (3000, 1)), axis=1)
    res = quiet(nmfre.NMFRE(endog, rank=2).fit, n_boot=0, maxiter=20)
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


def contrast(one, other):
    """Of two colours, from 1 to 21 (WCAG 2.1)."""
    shades = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["60 df-cap", "growth df-cap"])
def test_everything_shows_on_dark_paper(fits, name):
    """Texts and lines have contrast to black; what is as dark is paper: outlines, hatching."""
    with plt.style.context("dark_background"):
        for kind in drawable(fits[name]):
            ax = DRAW[kind](fits[name])
            ax.figure.draw_without_rendering()
            shown = [*ax.texts, ax.title, *ax.get_xticklabels(), *ax.get_yticklabels()]
            for text in shown:
                assert contrast(text.get_color(), "black") > 4.5, (kind, text)
            for line in ax.lines:
                assert contrast(line.get_color(), "black") > 3, (kind, line)
            for patch in ax.patches:
                shades = [patch.get_facecolor(), patch.get_edgecolor()]
                assert max(contrast(shade, "black") for shade in shades) > 3, (kind, patch)
            for box in filter(None, (text.get_bbox_patch() for text in ax.texts)):
                assert contrast(box.get_facecolor(), "black") == 1, kind
            plt.close(ax.figure)


def test_paper_is_that_of_the_axes_or_else_of_the_figure(ax):
    ax.set_facecolor("yellow")
    assert draw.paper(ax) == to_rgba("yellow")
    ax.figure.set_facecolor("green")
    ax.set_axis_off()
    assert draw.paper(ax) == to_rgba("green")
    part = ax.figure.subfigures(1, 2)[0].add_subplot()
    part.set_facecolor("none")
    assert draw.paper(part) == to_rgba("green")
    ax.figure.set_facecolor("none")
    assert draw.paper(part) == to_rgba("white")
    with plt.style.context("dark_background"):
        assert draw.paper(part) == to_rgba("black")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "0.500"),
        (-9.4287, "-9.43"),
        (90.501, "90.5"),
        (99.96, "100"),
        (1234.5, "1234"),
        (999999.4, "999999"),
        (2.5e6, "2.50e+06"),
        (0.00012, "0.000120"),
        (0.0, "0.00"),
    ],
)
def test_numbers_have_three_digits(value, shown):
    assert draw.number(value) == shown
