from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from plots import legend, overlapping, plt, quiet, segments, ticks
from scipy import stats

import nmfre
from nmfre import errors

StepPatch = pytest.importorskip("matplotlib.patches").StepPatch


def shares(ax):
    return np.array([top - bottom for top, _, bottom in map(StepPatch.get_data, ax.patches)]).T


def test_shares(fits, ax):
    res = fits["60 df-cap"]
    res.plot_scores(ax=ax)
    scores = np.maximum(res.model.exog @ res.theta.T.to_numpy() + res.random_effects, 0)
    np.testing.assert_allclose(shares(ax), scores.div(scores.sum(axis=1), axis=0))
    assert legend(ax) == ["comp1", "comp2", "comp3"]
    assert (ax.get_xlabel(), ax.get_ylim()) == ("person", (0, 1))


def test_components_differ_in_more_than_colour(fits, ax):
    fits["60 df-cap"].plot_scores(ax=ax)
    assert len({area.get_hatch() for area in ax.patches}) == 3


def test_fixed_and_clustered(fits, ax):
    res = fits["60 df-cap"]
    ax.figure.set_size_inches(14, 4)
    res.plot_scores(which="fixed", order="cluster", ax=ax)
    scores = pd.DataFrame(
        res.model.exog @ res.theta.T.to_numpy(), index=res.random_effects.index
    ).loc[ticks(ax.xaxis)]
    shown = shares(ax)
    np.testing.assert_allclose(shown, scores.div(scores.sum(axis=1), axis=0))
    assert (np.diff(shown.argmax(axis=1)) >= 0).all()


def test_no_positive_score_no_bar(ax):
    """A line through a steep decay ends below zero."""
    x, rng = np.arange(20.0), np.random.default_rng(0)
    scores = 5 * np.exp(-x / 3)[:, None] * rng.uniform(0.8, 1.2, (20, 2))
    endog = scores @ [[4, 3, 0.5, 1], [0.5, 1, 4, 2]] + rng.uniform(0, 0.1, (20, 4))
    exog = np.column_stack([np.ones(20), x])
    res = quiet(nmfre.NMFRE(endog, exog, rank=2).fit, "ml", signed=True, n_boot=0)
    res.plot_scores(which="fixed", ax=ax)
    blank = (exog @ res.theta.T.to_numpy() <= 0).all(axis=1)
    assert 0 < blank.sum() < 20
    np.testing.assert_allclose(shares(ax).sum(axis=1), np.where(blank, 0.0, 1.0))


def test_errors_of_scores(fits):
    with pytest.raises(errors.InvalidArgumentError, match="'fixed', 'blup'"):
        fits["60 ml"].plot_scores(which="observed")
    with pytest.raises(errors.NotComputedError, match="the rank is 1"):
        fits["growth ml"].plot_scores()
    with pytest.raises(errors.InvalidArgumentError, match="order"):
        fits["60 ml"].plot_scores(order="size")


@pytest.mark.parametrize("name", ["growth ml", "60 df-cap"])
def test_sorted_with_intervals(fits, ax, name):
    res = fits[name].with_uncertainty("conditional")
    res.plot_random_effects("comp1", ax=ax)
    points = ax.lines[0]
    np.testing.assert_array_equal(points.get_xdata(), np.sort(res.random_effects["comp1"]))
    X = res.basis.to_numpy()
    posterior = np.linalg.inv(X.T @ (X.T / res.estimate.psi).T + np.linalg.inv(res.cov_re))
    width = np.diff(segments(ax.collections[0])[:, :, 0])
    np.testing.assert_allclose(width, 2 * stats.norm.ppf(0.975) * posterior[0, 0] ** 0.5)


def test_units_are_named(fits, ax):
    res = fits["growth ml"]
    ax.figure.set_size_inches(5, 8)
    res.plot_random_effects(ax=ax)
    assert ticks(ax.yaxis) == list(res.random_effects["comp1"].sort_values().index)
    assert ax.get_ylabel() == "subject"


def test_the_posterior_variance_is_that_of_the_model(fits):
    """Var(u | y) by the joint normal distribution of u and y."""
    res = fits["growth ml"].with_uncertainty("conditional")
    X = res.basis.to_numpy()
    marginal = np.diag(res.resid_variances) + res.tau2 * X @ X.T
    variance = res.tau2 - res.tau2**2 * X.T @ np.linalg.solve(marginal, X)
    ax = res.plot_random_effects(alpha=0.32)
    half = np.diff(segments(ax.collections[0])[0, :, 0])[0] / 2
    assert half == pytest.approx(stats.norm.isf(0.16) * variance[0, 0] ** 0.5)


def test_units_with_missing_responses_have_longer_intervals(ax):
    data = nmfre.datasets.load_orthodont()
    model = nmfre.NMFRE.from_formula(
        "distance ~ sex", data.iloc[2:], unit="subject", occasion="age", rank=1
    )
    res = model.fit("ml", n_boot=0, uncertainty="conditional")
    res.plot_random_effects(ax=ax)
    widths = np.diff(segments(ax.collections[0])[:, :, 0]).ravel()
    ordered = res.random_effects["comp1"].sort_values().index
    assert ordered[widths.argmax()] == "M01"
    np.testing.assert_allclose(
        widths, 2 * stats.norm.ppf(0.975) * res.random_effects_se["comp1"][ordered]
    )


def test_every_component_has_a_panel(fits):
    res = fits["60 ml"]
    panels = res.plot_random_effects()
    for panel, component in zip(panels, res.model.components, strict=True):
        drawn = panel.lines[0].get_xdata()
        np.testing.assert_array_equal(drawn, np.sort(res.random_effects[component]))
        assert component in panel.get_xlabel()
    panels[0].figure.draw_without_rendering()
    assert not overlapping([panel.xaxis.label for panel in panels])
    own = plt.figure().subplots(3)
    assert list(res.plot_random_effects(ax=own)) == list(own)
    assert res.plot_random_effects("comp3", ax=own[0]) is own[0]


def test_errors_of_random_effects(fits, ax):
    for component in ("comp4", 1, ["comp1"]):
        with pytest.raises(errors.InvalidArgumentError, match="'comp1', 'comp2', 'comp3'"):
            fits["60 ml"].plot_random_effects(component)
    with pytest.raises(errors.InvalidArgumentError, match="3 axes, one for each component"):
        fits["60 ml"].plot_random_effects(ax=ax)
