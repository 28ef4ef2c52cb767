"""Expected shares: what is drawn is what marginal_means has."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from forms import PAPER
from plots import legend, plt, segments

import nmfre
from nmfre import errors


@pytest.fixture(scope="module")
def res():
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"year": rng.uniform(1900, 2000, 80), "kind": np.resize(["a", "b"], 80)})
    rise = (data[["year"]].to_numpy() - 1900) / 100
    scores = 30 + 5 * np.hstack([rise, -rise]) + rng.normal(size=(80, 2))
    words = pd.DataFrame(scores @ [[4, 3, 0, 1], [0, 1, 5, 1]] + rng.normal(size=(80, 4)))
    words = words.add_prefix("w")
    model = nmfre.NMFRE.from_formula(
        "~ bs(year, df=3) + kind", words.join(data), rank=2, endog=list(words)
    )
    return model.fit("ml", signed=True, n_boot=30, n_starts=2, **PAPER)


def test_curves_with_bands_along_a_number(res, ax):
    assert res.plot_shares("year", ax=ax, alpha=0.1) is ax
    assert legend(ax) == ["comp1", "comp2"]
    assert ax.get_ylabel() == "expected share, 90 % interval"
    x = ax.lines[0].get_xdata()
    at = {"year": list(x)}
    means = res.marginal_means("year", at=at, which="shares")
    limits = means.conf_int(0.1)
    for line, band, component in zip(ax.lines, ax.collections, ("comp1", "comp2"), strict=True):
        np.testing.assert_allclose(line.get_ydata(), means.frame.loc[component, "estimate"])
        drawn = band.get_paths()[0].vertices[:, 1]
        assert drawn.min() == pytest.approx(limits.loc[component].min().min())
        assert drawn.max() == pytest.approx(limits.loc[component].max().max())
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()
    assert ax.lines[0].get_color() != ax.lines[1].get_color()


def test_points_by_levels(res, ax):
    res.plot_shares("kind", ax=ax)
    frame = res.marginal_means("kind", which="shares").frame
    for line, bars, component in zip(ax.lines, ax.collections, ("comp1", "comp2"), strict=True):
        np.testing.assert_allclose(line.get_ydata(), frame.loc[component, "estimate"])
        np.testing.assert_allclose(
            segments(bars)[:, :, 1], frame.loc[component, ["2.5 %", "97.5 %"]]
        )
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "b"]


def test_other_variables_and_sums(res, ax):
    of = {"one": ["comp1"], "both": ["comp1", "comp2"]}
    res.plot_shares("year", over="kind", at={"year": [1950, 1960]}, of=of, grid="data", ax=ax)
    assert legend(ax) == ["one, a", "one, b", "both, a", "both, b"]
    assert ax.get_legend().get_title().get_text() == "kind"
    np.testing.assert_allclose(ax.lines[3].get_ydata(), 1.0)


def test_a_title_says_where_shares_mean_nothing(res, ax):
    res.plot_shares("year", ax=ax)
    frame = res.marginal_means("year", which="shares").frame
    assert ("without an interval" in ax.get_title()) == frame["std err"].isna().any()
    assert "mean nothing" not in ax.get_title()
    model = nmfre.NMFRE(res.model.endog, res.model.exog[:, [0, 1]], rank=2)
    steep = model.fit("ml", signed=True, n_boot=0, n_starts=1, **PAPER)
    at = {"x1": [0.0, 1.0, 4000.0]}
    means = steep.marginal_means("x1", at=at, which="shares")
    assert means.n_negative == 1
    assert "scores" in means.notes[1]
    figure = plt.figure()
    steep.plot_shares("x1", at=at, ax=figure.add_subplot())
    assert "shares mean nothing there" in figure.axes[0].get_title()
    assert [line.get_ydata()[0] for line in figure.axes[0].lines[2:]] == [0.0, 1.0]


def test_errors(res, fits):
    with pytest.raises(errors.NotComputedError, match="the rank is 1"):
        fits["growth ml"].plot_shares("sex")
    with pytest.raises(errors.InvalidArgumentError, match="variable of the model"):
        res.plot_shares("month")
    with pytest.raises(errors.InvalidArgumentError, match="at most 20"):
        res.plot_shares("kind", over="year", at={"year": list(range(1920, 1931))})
