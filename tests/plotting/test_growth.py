from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from plots import legend, quiet, segments, ticks
from scipy.sparse import csr_array

import nmfre
from nmfre import errors


def test_units_and_means(fits, ax):
    res = fits["growth df-cap"]
    res.plot_growth_curves(ax=ax)
    assert legend(ax) == ["Female", "Male"]
    assert ax.get_legend().get_title().get_text() == "sex"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("age", "distance")
    mean = res.predict(pd.DataFrame({"sex": ["Female", "Male"]})).to_numpy()
    for line, expected in zip(ax.lines, mean, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [8, 10, 12, 14])
        np.testing.assert_allclose(line.get_ydata(), expected)
    women, men = (segments(curves)[:, :, 1] for curves in ax.collections)
    np.testing.assert_array_equal(np.vstack([men, women]), res.model.endog)
    low, high = ax.get_ylim()
    assert low < res.model.endog.min() < res.model.endog.max() < high


def test_blup(fits, ax):
    res = fits["growth ml"]
    res.plot_growth_curves(which="blup", by="sex[T.Male]", ax=ax)
    assert legend(ax) == ["sex[T.Male] = 0", "sex[T.Male] = 1"]
    women = segments(ax.collections[0])[:, :, 1]
    np.testing.assert_allclose(women, res.fittedvalues[res.model.exog[:, 1] == 0])


def test_many_covariate_rows_are_one_group(fits, ax):
    res = fits["2 ml"]
    res.plot_growth_curves(ax=ax)
    assert ax.get_legend() is None
    np.testing.assert_allclose(ax.lines[0].get_ydata(), res.predict().mean())
    assert ticks(ax.xaxis) == ["low", "high"]
    assert ax.get_ylabel() == "response"


def test_a_series_is_matched_by_label(fits, ax):
    res = fits["60 ml"]
    group = pd.Series(["b", "a"] * 30, index=res.fittedvalues.index, name="arm")
    res.plot_growth_curves(by=group.astype("category").iloc[::-1], ax=ax)
    assert legend(ax) == ["a", "b"]
    assert ax.get_legend().get_title().get_text() == "arm"
    drawn = ax.collections[0].get_offsets()[:, 1]
    np.testing.assert_array_equal(drawn, res.model.endog[(group == "a").to_numpy()].ravel())
    with pytest.raises(errors.InvalidArgumentError, match="every unit"):
        res.plot_growth_curves(by=group.iloc[:-1])
    with pytest.raises(errors.InvalidArgumentError, match="a group for every unit"):
        res.plot_growth_curves(by=group.replace("a", None))


def test_labels_of_groups(ax):
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"era": ["old", "mid", "new"] * 8, "sex": ["f", "m"] * 12})
    data["era"] = pd.Categorical(data["era"], ["old", "mid", "new"])
    data["y1"], data["y2"] = rng.uniform(1, 2, (2, 24))
    labels = {
        "era": ["old", "mid", "new"],
        "era - 1": ["old", "mid", "new"],
        "era:sex": None,
        "C(era, Sum) * sex": [f"{era}, {sex}" for sex in "fm" for era in ("old", "mid", "new")],
    }
    for right, expected in labels.items():
        model = nmfre.NMFRE.from_formula(f"y1 + y2 ~ {right}", data, rank=1)
        quiet(model.fit, "ml", n_boot=0, signed=True).plot_growth_curves(ax=ax)
        assert len(set(legend(ax))) == len(legend(ax))
        assert expected is None or sorted(legend(ax)) == sorted(expected)
        ax.clear()
    indicators = pd.get_dummies(data["era"], dtype=float)
    res = quiet(nmfre.NMFRE(data[["y1", "y2"]], indicators, rank=1).fit, n_boot=0)
    res.plot_growth_curves(ax=ax)
    assert legend(ax) == ["old", "mid", "new"]


def visits(ordered):
    data = nmfre.datasets.load_orthodont()
    names = {8: "first", 10: "second", 12: "third", 14: "last"}
    data["visit"] = pd.Categorical(data["age"].map(names), names.values(), ordered=ordered)
    model = nmfre.NMFRE.from_formula(
        "distance ~ sex", data, rank=1, unit="subject", occasion="visit"
    )
    return model.fit("ml", n_boot=0)


def test_lines_join_ordered_occasions_alone(ax):
    visits(ordered=True).plot_growth_curves(ax=ax)
    assert all(line.get_linestyle() != "None" for line in ax.lines)
    assert [segments(curves).shape[0] for curves in ax.collections] == [11, 16]
    ax.clear()
    res = visits(ordered=False)
    res.plot_growth_curves(ax=ax)
    assert all(line.get_linestyle() == "None" for line in ax.lines)
    women, men = (points.get_offsets() for points in ax.collections)
    np.testing.assert_array_equal(np.vstack([men, women])[:, 1], res.model.endog.ravel())
    assert (women[:, 0] < np.tile(range(4), 11)).all()  # side by side
    assert (men[:, 0] > np.tile(range(4), 16)).all()
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()


def test_errors(fits):
    with pytest.raises(errors.InvalidArgumentError, match="at most 8 groups"):
        fits["2 ml"].plot_growth_curves(by="dose")
    with pytest.raises(errors.InvalidArgumentError, match="'dose'"):
        fits["2 ml"].plot_growth_curves(by="age")
    with pytest.raises(errors.InvalidArgumentError, match="'observed', 'blup'"):
        fits["2 ml"].plot_growth_curves(which="fixed")


def test_sparse_responses(ax):
    endog = np.random.default_rng(2).poisson(1.0, size=(40, 6)).astype(float)
    res = nmfre.NMFRE(csr_array(endog), rank=1).fit("ml", n_boot=0)
    res.plot_growth_curves(ax=ax)
    np.testing.assert_array_equal(ax.collections[0].get_offsets()[:, 1], endog.ravel())
