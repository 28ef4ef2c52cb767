from __future__ import annotations

import numpy as np
import pytest
from plots import overlapping, plt, quiet

import nmfre
from nmfre.plotting._shared import number


def labels(ax):
    return [shown for shown in ax.texts if shown.get_bbox_patch() is not None]


def test_edges_and_labels(tests_of_pupils, ax):
    res = tests_of_pupils["ml"]
    res.plot_path_diagram(ax=ax)
    effects = res.params[~res.at_bound]
    loadings = (res.basis >= 1 / 18).to_numpy().sum()
    assert len(ax.patches) == len(effects) + loadings
    assert len(labels(ax)) == len(effects)
    names = [shown.get_text() for shown in ax.texts]
    for label in [*res.basis.index, *res.theta.columns, *res.theta.index]:
        assert label in names
    stars = {
        "": res.pvalues >= 0.05,
        "*": (res.pvalues < 0.05) & (res.pvalues >= 0.01),
        "**": (res.pvalues < 0.01) & (res.pvalues >= 0.001),
        "***": res.pvalues < 0.001,
    }
    expected = [
        number(value) + next(mark for mark, rows in stars.items() if rows[row])
        for row, value in effects.items()
    ]
    assert sorted(shown.get_text() for shown in labels(ax)) == sorted(expected)
    dashed = [edge for edge in ax.patches if edge.get_linestyle() != "-"]
    assert len(dashed) == (res.pvalues[effects.index] >= 0.05).sum()


def test_width_goes_with_the_size_of_the_effect(fits, ax):
    res = fits["60 df-cap"]
    res.plot_path_diagram(ax=ax)
    n_edges = (~res.at_bound).sum()
    edges = ax.patches[:n_edges]  # the weakest first; those to responses come later
    width = np.array([edge.get_linewidth() for edge in edges])
    assert (np.diff(width) >= 0).all()
    assert width[-1] == width[-2] == max(edge.get_linewidth() for edge in ax.patches)
    alpha = np.array([edge.get_alpha() for edge in edges])
    assert (np.diff(alpha) >= 0).all()
    assert len(ax.patches) - n_edges == min((res.basis >= 1 / 60).to_numpy().sum(), 40)


def test_covariates_are_compared_by_one_standard_deviation(ax):
    """Of twice as large a covariate with half the effect the arrow is the same."""
    rng = np.random.default_rng(0)
    one, other = (
        rng.permutation(np.tile([-0.5, 0.5], 30)),
        rng.permutation(np.tile([-8, 8], 30)),
    )
    exog = np.column_stack([np.ones(60), one + 1.0, other + 8.0])
    Theta = np.array([[50.0, 8.0, 0.25]])  # per standard deviation: 4 and 2
    endog = exog @ Theta.T @ [[0.4, 0.3, 0.3]] + rng.normal(scale=0.05, size=(60, 3))
    res = nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0)
    res.plot_path_diagram(ax=ax)
    width = sorted(edge.get_linewidth() for edge in ax.patches[:3])
    smaller, larger, constant = (np.array(width) / width[-1] * 3.6 - 0.6) / 3.0
    assert (constant, larger) == pytest.approx((1.0, 1.0))
    assert smaller == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("signed", [False, True])
def test_nothing_overlaps(tests_of_pupils, signed):
    ax = tests_of_pupils["signed" if signed else "ml"].plot_path_diagram()
    ax.figure.draw_without_rendering()
    assert not overlapping(ax.texts)


def test_nothing_overlaps_in_large_and_in_small_axes(fits):
    rng = np.random.default_rng(4)
    exog = np.column_stack([np.ones(60), rng.uniform(size=(60, 5))])
    endog = fits["60 ml"].model.endog
    res = quiet(nmfre.NMFRE(endog, exog, rank=6).fit, tol=1e-4, n_boot=0)
    large = res.plot_path_diagram(max_effects=36)
    assert len(labels(large)) == (~res.at_bound).sum()
    small = plt.figure(figsize=(4, 3)).add_subplot()
    res.plot_path_diagram(ax=small)
    assert len(labels(small)) < len(labels(large))
    for ax in (large, small):
        ax.figure.draw_without_rendering()
        assert not overlapping(ax.texts)
        inside = ax.get_window_extent().padded(1)
        for shown in ax.texts:
            box = shown.get_window_extent()
            assert inside.x0 <= box.x0 < box.x1 <= inside.x1, shown
            assert inside.y0 <= box.y0 < box.y1 <= inside.y1, shown


def test_of_many_edges_the_largest_are_drawn_and_a_note_says_so(fits, ax):
    res = fits["60 ml"]
    res.plot_path_diagram(max_effects=2, max_loadings=5, ax=ax)
    assert len(ax.patches) == 2 + 5
    shown = [edge.get_linewidth() for edge in ax.patches]
    every = plt.figure(figsize=(6, 4)).add_subplot()
    res.plot_path_diagram(max_loadings=1000, ax=every)
    n_effects = int((~res.at_bound).sum())
    widths = [edge.get_linewidth() for edge in every.patches]
    assert shown[:2] == pytest.approx(sorted(widths[:n_effects])[-2:])
    assert shown[2:] == pytest.approx(sorted(widths[n_effects:])[-5:])
    notes = "\n".join(text.get_text() for text in ax.texts)
    n_loadings = len(widths) - n_effects
    assert "loadings below 0.0167 are not shown" in notes
    assert f"only the 2 largest of {n_effects} effects are shown" in notes
    assert f"only the 5 largest of {n_loadings} loadings are shown" in notes
    assert not any("largest" in text.get_text() for text in every.texts)


def test_signs_have_colours_and_alpha_dashes(tests_of_pupils, fits, ax):
    res = tests_of_pupils["signed"]
    res.plot_path_diagram(ax=ax)
    edges = ax.patches[:9]
    signs = {edge.get_edgecolor()[:3] for edge in edges}
    components = {edge.get_edgecolor()[:3] for edge in ax.patches[9:]}
    assert (len(signs), len(components), len(signs | components)) == (2, 3, 5)
    assert any("pink: negative" in text.get_text() for text in ax.texts)
    assert all(edge.get_linestyle() != "-" for edge in edges)  # no p-values here
    for alpha, dashed in ((0.05, 0), (0.001, 1)):
        ax.clear()
        fits["growth df-cap"].plot_path_diagram(alpha=alpha, ax=ax)
        assert sum(edge.get_linestyle() != "-" for edge in ax.patches) == dashed
