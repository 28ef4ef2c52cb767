"""What the plots draw: the numbers of the results, labelled, where nothing hides anything."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import warnings
from decimal import Decimal
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import Case
from scipy import stats
from scipy.sparse import csr_array

import nmfre
from nmfre import errors, plotting
from nmfre.simulation import BumpDesign

plt = pytest.importorskip("matplotlib.pyplot")
StepPatch = pytest.importorskip("matplotlib.patches").StepPatch

DRAW = {
    "coefficients": plotting.plot_coefficients,
    "basis": plotting.plot_basis,
    "basis_heatmap": plotting.plot_basis_heatmap,
    "growth_curves": plotting.plot_growth_curves,
    "path_diagram": plotting.plot_path_diagram,
    "scores": plotting.plot_scores,
    "random_effects": lambda res, **kw: plotting.plot_random_effects(res, "comp1", **kw),
    "residuals": plotting.plot_residuals,
    "response": lambda res, **kw: plotting.plot_residuals(res, "response", **kw),
    "qq": lambda res, **kw: plotting.plot_residuals(res, "qq", **kw),
    "heatmap": lambda res, **kw: plotting.plot_residuals(res, "heatmap", **kw),
    "convergence": plotting.plot_convergence,
    "effective_df": plotting.plot_effective_df,
    "bootstrap": lambda res, **kw: plotting.plot_bootstrap(res, res.params.index[0], **kw),
}


def quiet(fit, *args, **options):
    """A fit whose warnings are none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nmfre.NMFREWarning)
        return fit(*args, **options)


@pytest.fixture(scope="module")
def growth():
    return nmfre.NMFRE.from_formula(
        "distance ~ sex",
        nmfre.datasets.load_orthodont(),
        rank=1,
        unit="subject",
        occasion="age",
    )


@pytest.fixture(scope="module")
def wide():
    """60 labelled responses of 60 units, rank 3."""
    endog, exog = BumpDesign(n_responses=60, rank=3, n_units=60).draw(np.random.default_rng(1))
    units = pd.Index([f"unit {n}" for n in range(60)], name="person")
    items = pd.Index([f"question number {p}" for p in range(60)], name="item")
    return nmfre.NMFRE(
        pd.DataFrame(endog, index=units, columns=items),
        pd.DataFrame(exog, index=units, columns=["Intercept", "group"]),
        rank=3,
    )


@pytest.fixture(scope="module")
def pair():
    """Two responses, a continuous covariate."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"dose": rng.uniform(0, 2, 30)})
    scores = 20 + 5 * data["dose"].to_numpy() + rng.normal(size=30)
    data["low"] = 0.4 * scores + rng.normal(size=30)
    data["high"] = 0.6 * scores + rng.normal(size=30)
    return nmfre.NMFRE.from_formula("low + high ~ dose", data, rank=1)


@pytest.fixture(scope="module")
def fits(growth, wide, pair):
    fast = {"n_boot": 20, "n_starts": 1, "uncertainty": "conditional", "signed": True}
    return {
        "growth df-cap": growth.fit(df_cap=0.21),
        "growth ml": growth.fit("ml"),
        "60 df-cap": quiet(wide.fit, df_cap=0.1, n_boot=20, tol=1e-6),
        "60 ml": wide.fit("ml", **fast),
        "2 df-cap": quiet(pair.fit),
        "2 ml": pair.fit("ml"),
    }


@pytest.fixture(scope="module")
def tests_of_pupils():
    """Nine tests, three components: with zeros, and with effects that have no interval."""
    case = Case.read("holzinger_rank3")
    endog = pd.DataFrame(case.Y.T, columns=[f"x{p}" for p in range(1, 10)])
    exog = pd.DataFrame(case.A.T, columns=["-age", "female", "Grant-White"])
    model = nmfre.NMFRE(endog, exog, rank=3)
    return {
        "ml": model.fit("ml", n_boot=50),
        "signed": model.fit("ml", n_boot=50, signed=True),
    }


@pytest.fixture
def ax():
    return plt.figure(figsize=(6, 4), layout="constrained").add_subplot()


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def legend(ax):
    return [entry.get_text() for entry in ax.get_legend().get_texts()]


def segments(collection):
    return np.array(collection.get_segments())


def overlapping(artists):
    """Pairs of artists that share more than half a pixel."""
    boxes = [(artist, artist.get_window_extent().padded(-0.5)) for artist in artists]
    return [(a, b) for (a, p), (b, q) in combinations(boxes, 2) if p.overlaps(q)]


def state(res):
    return [
        np.array(array, copy=True)
        for array in (
            res.estimate.X,
            res.estimate.Theta,
            res.estimate.U,
            res.estimate.objective_path,
            res.params,
            res.bse,
            res.basis,
            res.theta,
            res.random_effects,
            res.fittedvalues,
            res.model.endog,
            res.model.exog,
        )
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"{data} {method}", kind)
        for data in ("growth", "60", "2")
        for method in ("df-cap", "ml")
        for kind in DRAW
        if (method, kind) != ("ml", "effective_df")
    ],
)
def test_every_plot_of_every_fit_draws_into_the_given_axes(fits, ax, name, kind):
    res = fits[name]
    before = state(res)
    assert DRAW[kind](res, ax=ax) is ax
    assert plt.get_fignums() == [ax.figure.number]
    assert ax.has_data() or ax.texts
    ax.figure.draw_without_rendering()
    for old, new in zip(before, state(res), strict=True):
        np.testing.assert_array_equal(old, new)
    for axis in (ax.xaxis, ax.yaxis):
        shown = [label for label in axis.get_ticklabels() if label.get_text()]
        if all(label.get_rotation() != 45 for label in shown):  # else boxes say nothing
            assert not overlapping(shown)


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


def test_methods_are_the_functions():
    for name in set(plotting.__all__) - {"plot_cap_scan", "plot_rank_selection"}:  # not of a fit
        assert getattr(nmfre.NMFREResults, name) is getattr(plotting, name)
        for section in ("Parameters", "Returns", "Raises", "Examples"):
            assert f"{section}\n    ---" in getattr(plotting, name).__doc__


def test_unknown_keywords_are_refused(fits):
    with pytest.raises(TypeError, match="unexpected keyword argument 'odrer'"):
        fits["2 ml"].plot_scores(odrer="cluster")


def test_matplotlib_is_imported_only_when_something_is_drawn():
    code = "import nmfre, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", DRAW)
def test_without_matplotlib_the_remedy_is_named(fits, monkeypatch, kind):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(errors.MissingDependencyError, match=r'pip install "nmfre\[plots\]"'):
        DRAW[kind](fits["growth df-cap"])


class TestCoefficients:
    def test_points_and_intervals(self, fits, ax):
        res = fits["60 df-cap"]
        res.plot_coefficients(alpha=0.1, ax=ax)
        points = ax.lines[0]
        order = [(q, k) for q in res.basis.columns for k in ("Intercept", "group")]
        np.testing.assert_allclose(points.get_xdata(), res.params[order])
        np.testing.assert_array_equal(points.get_ydata(), [1, 2, 4, 5, 7, 8])  # headings between
        np.testing.assert_allclose(
            segments(ax.collections[0])[:, :, 0], res.conf_int(0.1).loc[order]
        )
        assert ticks(ax.yaxis) == [
            text for q in (1, 2, 3) for text in (f"comp{q}", "Intercept", "group")
        ]
        assert ax.get_xlabel() == "coefficient, 90 % interval"
        assert ax.yaxis_inverted()

    def test_effects_without_an_interval_are_open(self, tests_of_pupils, ax):
        res = tests_of_pupils["ml"]
        res.plot_coefficients(ax=ax)
        known, unknown = ax.lines[:2]
        missing = res.conf_int().isna().any(axis=1)
        assert 0 < missing.sum() < len(missing)
        assert sorted(unknown.get_xdata()) == sorted(res.params[missing])
        assert unknown.get_markerfacecolor() == "white"
        assert sorted(known.get_xdata()) == sorted(res.params[~missing])

    def test_fits_side_by_side(self, fits, tests_of_pupils, ax):
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

    def test_terms_stand_for_their_covariates(self, fits, ax):
        fits["growth ml"].plot_coefficients(covariates=["sex"], ax=ax)
        assert ticks(ax.yaxis) == ["comp1", "sex[T.Male]"]

    def test_errors(self, fits):
        with pytest.raises(errors.InvalidArgumentError, match=r"'Intercept' or 'sex"):
            fits["growth ml"].plot_coefficients(covariates=["age"])
        with pytest.raises(errors.InvalidArgumentError, match="at least one fit"):
            plotting.plot_coefficients([])
        with pytest.raises(errors.InvalidArgumentError, match="alpha"):
            fits["growth ml"].plot_coefficients(alpha=5)


class TestBasis:
    def test_numeric_responses_are_lines_over_their_values(self, fits, ax):
        res = fits["growth ml"]
        res.plot_basis(ax=ax)
        (line,) = ax.lines
        np.testing.assert_array_equal(line.get_xdata(), [8, 10, 12, 14])
        np.testing.assert_array_equal(line.get_ydata(), res.basis["comp1"])
        (band,) = ax.collections
        limits = res.basis_conf_int().to_numpy()
        assert band.get_paths()[0].get_extents().ymax == pytest.approx(limits.max())
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("age", "loading")
        assert ax.get_legend() is None

    def test_numbers_are_sorted_and_dates_lie_in_time(self, ax):
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

    def test_numbers_that_lie_close_together(self, ax):
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
    def test_occasions_lie_where_their_order_has_them(self, kind, label):
        """Gaps of 1, 1 and 10, whatever the occasions are, in every plot with an axis of them."""
        steps = [2, 0, 1, 12]
        start = pd.Timestamp("2024-01-01")
        occasions = {
            "number": pd.Index(steps),
            "Int64": pd.Index(steps, dtype="Int64"),
            "decimal": pd.Index([Decimal(k) for k in steps]),
            "date": pd.Index([dt.date(2024, 1, 1 + k) for k in steps]),
            "timestamp": pd.Index([start + pd.Timedelta(days=k) for k in steps], dtype=object),
            "zone": pd.DatetimeIndex(
                [start + pd.Timedelta(days=k) for k in steps], tz="Asia/Tokyo"
            ),
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
        middles = [
            patch.get_path().get_extents().get_points()[:, 0].mean() for patch in boxes.patches
        ]
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

    def test_labels_are_bars(self, tests_of_pupils, ax):
        res = tests_of_pupils["ml"]
        res.plot_basis(alpha=0.5, ax=ax)
        heights = np.array([bar.get_height() for bar in ax.patches]).reshape(3, 9)
        np.testing.assert_array_equal(heights, res.basis.T)
        assert legend(ax) == ["comp1", "comp2", "comp3"]
        assert ticks(ax.xaxis) == list(res.basis.index)
        limits = np.stack([segments(lines)[:, :, 1] for lines in ax.collections], axis=1)
        np.testing.assert_allclose(limits.reshape(9, 6), res.basis_conf_int(0.5))
        edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
        assert all(end <= start for (_, end), (start, _) in pairwise(edges))

    def test_too_many_bars_are_a_heatmap(self, fits, ax):
        fits["60 ml"].plot_basis(ax=ax)
        assert not ax.patches
        np.testing.assert_array_equal(ax.images[0].get_array(), fits["60 ml"].basis)

    def test_heatmap(self, fits, ax):
        res = fits["60 df-cap"]
        ax.figure.set_size_inches(6, 12)
        res.plot_basis_heatmap(ax=ax)
        np.testing.assert_array_equal(ax.images[0].get_array(), res.basis)
        assert ax.images[0].get_clim() == (0.0, res.basis.to_numpy().max())
        assert ticks(ax.yaxis) == list(res.basis.index)
        assert ticks(ax.xaxis) == ["comp1", "comp2", "comp3"]
        assert ax.get_ylabel() == "item"
        assert ax.figure.axes[1].get_ylabel() == "loading"

    def test_heatmap_is_wide_enough_for_long_labels(self):
        endog, exog = BumpDesign(n_responses=6, rank=2, n_units=40).draw(np.random.default_rng(0))
        for length in (4, 45):
            named = pd.DataFrame(endog, columns=[f"{p}" * length for p in range(6)])
            res = nmfre.NMFRE(named, exog, rank=2).fit("ml", n_starts=1, n_boot=0)
            ax = res.plot_basis_heatmap()
            ax.figure.draw_without_rendering()
            assert ax.get_window_extent().width / ax.figure.dpi > 2.0

    def test_heatmap_clustered(self, tests_of_pupils, ax):
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


class TestGrowthCurves:
    def test_units_and_means(self, fits, ax):
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

    def test_blup(self, fits, ax):
        res = fits["growth ml"]
        res.plot_growth_curves(which="blup", by="sex[T.Male]", ax=ax)
        assert legend(ax) == ["sex[T.Male] = 0", "sex[T.Male] = 1"]
        women = segments(ax.collections[0])[:, :, 1]
        np.testing.assert_allclose(women, res.fittedvalues[res.model.exog[:, 1] == 0])

    def test_many_covariate_rows_are_one_group(self, fits, ax):
        res = fits["2 ml"]
        res.plot_growth_curves(ax=ax)
        assert ax.get_legend() is None
        np.testing.assert_allclose(ax.lines[0].get_ydata(), res.predict().mean())
        assert ticks(ax.xaxis) == ["low", "high"]
        assert ax.get_ylabel() == "response"

    def test_a_series_is_matched_by_label(self, fits, ax):
        res = fits["60 ml"]
        group = pd.Series(["b", "a"] * 30, index=res.fittedvalues.index, name="arm")
        res.plot_growth_curves(by=group.astype("category").iloc[::-1], ax=ax)
        assert legend(ax) == ["a", "b"]
        assert ax.get_legend().get_title().get_text() == "arm"
        np.testing.assert_array_equal(
            segments(ax.collections[0])[:, :, 1], res.model.endog[(group == "a").to_numpy()]
        )
        with pytest.raises(errors.InvalidArgumentError, match="every unit"):
            res.plot_growth_curves(by=group.iloc[:-1])
        with pytest.raises(errors.InvalidArgumentError, match="a group for every unit"):
            res.plot_growth_curves(by=group.replace("a", None))

    def test_labels_of_groups(self, ax):
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

    def test_errors(self, fits):
        with pytest.raises(errors.InvalidArgumentError, match="at most 8 groups"):
            fits["2 ml"].plot_growth_curves(by="dose")
        with pytest.raises(errors.InvalidArgumentError, match="'dose'"):
            fits["2 ml"].plot_growth_curves(by="age")
        with pytest.raises(errors.InvalidArgumentError, match="'observed' or 'blup'"):
            fits["2 ml"].plot_growth_curves(which="fixed")

    def test_sparse_responses(self, ax):
        endog = np.random.default_rng(2).poisson(1.0, size=(40, 6)).astype(float)
        res = nmfre.NMFRE(csr_array(endog), rank=1).fit("ml", n_boot=0)
        res.plot_growth_curves(ax=ax)
        np.testing.assert_array_equal(segments(ax.collections[0])[:, :, 1], endog)


class TestPathDiagram:
    @staticmethod
    def labels(ax):
        return [shown for shown in ax.texts if shown.get_bbox_patch() is not None]

    def test_edges_and_labels(self, tests_of_pupils, ax):
        res = tests_of_pupils["ml"]
        res.plot_path_diagram(ax=ax)
        effects = res.params[~res.at_bound]
        loadings = (res.basis >= 1 / 18).to_numpy().sum()
        assert len(ax.patches) == len(effects) + loadings
        assert len(self.labels(ax)) == len(effects)
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
            f"{value:.3g}" + next(mark for mark, rows in stars.items() if rows[row])
            for row, value in effects.items()
        ]
        assert sorted(shown.get_text() for shown in self.labels(ax)) == sorted(expected)
        dashed = [edge for edge in ax.patches if edge.get_linestyle() != "-"]
        assert len(dashed) == (res.pvalues[effects.index] >= 0.05).sum()

    def test_width_goes_with_the_size_of_the_effect(self, fits, ax):
        res = fits["60 df-cap"]
        res.plot_path_diagram(ax=ax)
        n_edges = (~res.at_bound).sum()
        edges = ax.patches[:n_edges]  # the weakest first; those to responses come later
        width = np.array([edge.get_linewidth() for edge in edges])
        assert (np.diff(width) >= 0).all()
        assert width[-1] == width[-2] == max(edge.get_linewidth() for edge in ax.patches)
        alpha = np.array([edge.get_alpha() for edge in edges])
        assert (np.diff(alpha) >= 0).all()
        assert len(ax.patches) - n_edges == (res.basis >= 1 / 60).to_numpy().sum()

    def test_covariates_are_compared_by_one_standard_deviation(self, ax):
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
    def test_nothing_overlaps(self, tests_of_pupils, signed):
        ax = tests_of_pupils["signed" if signed else "ml"].plot_path_diagram()
        ax.figure.draw_without_rendering()
        assert not overlapping(ax.texts)

    def test_nothing_overlaps_in_large_and_in_small_axes(self, fits):
        rng = np.random.default_rng(4)
        exog = np.column_stack([np.ones(60), rng.uniform(size=(60, 5))])
        endog = fits["60 ml"].model.endog
        res = quiet(nmfre.NMFRE(endog, exog, rank=6).fit, tol=1e-4, n_boot=0)
        large = res.plot_path_diagram()
        assert len(self.labels(large)) == (~res.at_bound).sum()
        small = plt.figure(figsize=(4, 3)).add_subplot()
        res.plot_path_diagram(ax=small)
        assert len(self.labels(small)) < len(self.labels(large))
        for ax in (large, small):
            ax.figure.draw_without_rendering()
            assert not overlapping(ax.texts)
            inside = ax.get_window_extent().padded(1)
            for shown in ax.texts:
                box = shown.get_window_extent()
                assert inside.x0 <= box.x0 < box.x1 <= inside.x1, shown
                assert inside.y0 <= box.y0 < box.y1 <= inside.y1, shown

    def test_signs_have_colours_and_alpha_dashes(self, tests_of_pupils, fits, ax):
        res = tests_of_pupils["signed"]
        res.plot_path_diagram(ax=ax)
        edges = ax.patches[:9]
        assert len({edge.get_edgecolor()[:3] for edge in edges}) == 2
        assert all(edge.get_linestyle() != "-" for edge in edges)  # no p-values here
        for alpha, dashed in ((0.05, 0), (0.001, 1)):
            ax.clear()
            fits["growth df-cap"].plot_path_diagram(alpha=alpha, ax=ax)
            assert sum(edge.get_linestyle() != "-" for edge in ax.patches) == dashed


class TestScores:
    @staticmethod
    def shares(ax):
        return np.array([top - bottom for top, _, bottom in map(StepPatch.get_data, ax.patches)]).T

    def test_shares(self, fits, ax):
        res = fits["60 df-cap"]
        res.plot_scores(ax=ax)
        scores = np.maximum(res.model.exog @ res.theta.T.to_numpy() + res.random_effects, 0)
        np.testing.assert_allclose(self.shares(ax), scores.div(scores.sum(axis=1), axis=0))
        assert legend(ax) == ["comp1", "comp2", "comp3"]
        assert (ax.get_xlabel(), ax.get_ylim()) == ("person", (0, 1))

    def test_fixed_and_clustered(self, fits, ax):
        res = fits["60 df-cap"]
        ax.figure.set_size_inches(14, 4)
        res.plot_scores(which="fixed", order="cluster", ax=ax)
        scores = pd.DataFrame(
            res.model.exog @ res.theta.T.to_numpy(), index=res.random_effects.index
        ).loc[ticks(ax.xaxis)]
        shares = self.shares(ax)
        np.testing.assert_allclose(shares, scores.div(scores.sum(axis=1), axis=0))
        assert (np.diff(shares.argmax(axis=1)) >= 0).all()

    def test_no_positive_score_no_bar(self, ax):
        exog = np.column_stack([np.ones(20), np.arange(20) < 2])
        endog = np.outer(np.where(exog[:, 1], 0.0, 5.0), [1.0, 2.0])
        endog += 0.1 * np.random.default_rng(0).uniform(size=(20, 2)) * (exog[:, :1] - exog[:, 1:])
        res = quiet(nmfre.NMFRE(endog, exog, rank=1).fit, "ml", signed=True, n_boot=0)
        res.plot_scores(which="fixed", ax=ax)
        assert set(self.shares(ax)[2:, 0]) == {1.0}
        assert set(self.shares(ax)[:2, 0]) <= {0.0, 1.0}
        assert np.isfinite(self.shares(ax)).all()

    def test_errors(self, fits):
        with pytest.raises(errors.InvalidArgumentError, match="'fixed' or 'blup'"):
            fits["60 ml"].plot_scores(which="observed")
        with pytest.raises(errors.InvalidArgumentError, match="order"):
            fits["60 ml"].plot_scores(order="size")


class TestRandomEffects:
    @pytest.mark.parametrize("name", ["growth ml", "60 df-cap"])
    def test_sorted_with_intervals(self, fits, ax, name):
        res = fits[name]
        res.plot_random_effects("comp1", ax=ax)
        points = ax.lines[0]
        np.testing.assert_array_equal(points.get_xdata(), np.sort(res.random_effects["comp1"]))
        X = res.basis.to_numpy()
        posterior = res.sigma2 * np.linalg.inv(X.T @ X + res.ridge * np.eye(X.shape[1]))
        width = np.diff(segments(ax.collections[0])[:, :, 0])
        np.testing.assert_allclose(width, 2 * stats.norm.ppf(0.975) * posterior[0, 0] ** 0.5)

    def test_units_are_named(self, fits, ax):
        res = fits["growth ml"]
        ax.figure.set_size_inches(5, 8)
        res.plot_random_effects(ax=ax)
        assert ticks(ax.yaxis) == list(res.random_effects["comp1"].sort_values().index)
        assert ax.get_ylabel() == "subject"

    def test_the_posterior_variance_is_that_of_the_model(self, fits):
        """Var(u | y) by the joint normal distribution of u and y."""
        res = fits["growth ml"]
        X = res.basis.to_numpy()
        marginal = res.sigma2 * np.eye(4) + res.tau2 * X @ X.T
        variance = res.tau2 - res.tau2**2 * X.T @ np.linalg.solve(marginal, X)
        ax = res.plot_random_effects(alpha=0.32)
        half = np.diff(segments(ax.collections[0])[0, :, 0])[0] / 2
        assert half == pytest.approx(stats.norm.isf(0.16) * variance[0, 0] ** 0.5)

    def test_units_with_missing_responses_have_longer_intervals(self, ax):
        data = nmfre.datasets.load_orthodont()
        model = nmfre.NMFRE.from_formula(
            "distance ~ sex", data.iloc[2:], unit="subject", occasion="age", rank=1
        )
        res = model.fit("ml", n_boot=0)
        res.plot_random_effects(ax=ax)
        widths = np.diff(segments(ax.collections[0])[:, :, 0]).ravel()
        ordered = res.random_effects["comp1"].sort_values().index
        assert ordered[widths.argmax()] == "M01"
        np.testing.assert_allclose(
            widths, 2 * stats.norm.ppf(0.975) * res.random_effects_se["comp1"][ordered]
        )

    def test_every_component_has_a_panel(self, fits):
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

    def test_errors(self, fits, ax):
        for component in ("comp4", 1, ["comp1"]):
            with pytest.raises(errors.InvalidArgumentError, match="'comp1' or 'comp2' or 'comp3'"):
                fits["60 ml"].plot_random_effects(component)
        with pytest.raises(errors.InvalidArgumentError, match="3 axes, one for each component"):
            fits["60 ml"].plot_random_effects(ax=ax)


class TestResiduals:
    def test_fitted(self, fits, ax):
        res = fits["2 ml"]
        res.plot_residuals(ax=ax)
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), res.fittedvalues.to_numpy().ravel())
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), res.resid.to_numpy().ravel())

    def test_response(self, fits, ax):
        res = fits["2 df-cap"]
        res.plot_residuals("response", ax=ax)
        assert len(ax.patches) == 2
        assert ticks(ax.xaxis) == ["low", "high"]
        medians = [line.get_ydata()[0] for line in ax.lines if line.get_linewidth() == 1.5]
        np.testing.assert_allclose(medians, res.resid.median())

    def test_qq(self, fits, ax):
        res = fits["growth df-cap"]
        res.plot_residuals("qq", ax=ax)
        points, line = ax.lines
        np.testing.assert_array_equal(points.get_ydata(), np.sort(res.resid.to_numpy().ravel()))
        assert stats.norm.cdf(points.get_xdata()).mean() == pytest.approx(0.5)
        slope = np.diff(line.get_ydata()) / np.diff(line.get_xdata())
        assert slope == pytest.approx(res.resid.to_numpy().std(), rel=0.05)

    def test_heatmap(self, fits, ax):
        res = fits["60 ml"]
        res.plot_residuals("heatmap", ax=ax)
        np.testing.assert_array_equal(ax.images[0].get_array(), res.resid)
        low, high = ax.images[0].get_clim()
        assert -low == high == res.resid.abs().to_numpy().max()
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("item", "person")

    def test_missing_responses(self, growth):
        Y = growth.endog.copy()
        Y[::4, 1] = Y[1, 2] = Y[2, 0] = np.nan
        res = nmfre.NMFRE(Y, growth.exog, rank=1).fit("ml", n_boot=0)
        values = res.resid.to_numpy()
        observed = values[~np.isnan(values)]
        axes = {kind: plt.subplots()[1] for kind in ("fitted", "response", "qq", "heatmap")}
        for kind, ax in axes.items():
            res.plot_residuals(kind, ax=ax)
            ax.figure.canvas.draw()
        shown = axes["fitted"].lines[0].get_ydata()
        np.testing.assert_array_equal(shown[~np.isnan(shown)], observed)
        lines = axes["response"].lines
        medians = [line.get_ydata()[0] for line in lines if line.get_linewidth() == 1.5]
        np.testing.assert_allclose(medians, np.nanmedian(values, axis=0))
        points, line = axes["qq"].lines
        np.testing.assert_array_equal(points.get_ydata(), np.sort(observed))
        assert np.isfinite(line.get_ydata()).all()
        assert axes["heatmap"].images[0].get_clim()[1] == np.abs(observed).max()
        plt.close("all")

    def test_errors(self, fits):
        with pytest.raises(errors.InvalidArgumentError, match="'fitted' or 'response' or 'qq'"):
            fits["2 ml"].plot_residuals("scale")


class TestIterations:
    def test_a_fit_without_iterations(self, growth, ax):
        res = nmfre.NMFRE(growth.endog[:, :1], growth.exog, rank=1).fit("ml", n_boot=0)
        assert res.n_iter == 0
        res.plot_convergence(ax=ax)
        assert ax.lines[0].get_ydata() == [0.0]

    def test_ml(self, fits, ax):
        res = fits["growth ml"]
        res.plot_convergence(ax=ax)
        (line,) = ax.lines
        expected = res.objective_path + res.llf
        np.testing.assert_allclose(line.get_ydata()[:-1], expected[:-1], atol=1e-9)
        assert np.isnan(line.get_ydata()[-1])
        assert line.get_xdata()[-1] == res.n_iter
        assert ax.get_yscale() == "log"
        assert "log-likelihood" in ax.get_ylabel()

    def test_df_cap_may_pass_its_end(self, fits, ax):
        res = fits["growth df-cap"]
        res.plot_convergence(ax=ax)
        above, below = (line.get_ydata() for line in ax.lines)
        excess = res.objective_path - res.objective
        np.testing.assert_array_equal(above[excess > 0], excess[excess > 0])
        np.testing.assert_array_equal(below[excess < 0], -excess[excess < 0])
        assert np.isnan(above[excess <= 0]).all()
        assert legend(ax) == ["above its end", "below its end"]

    def test_a_single_iteration(self, pair, ax):
        res = quiet(pair.fit, maxiter=1)
        res.plot_convergence(ax=ax)
        assert ax.lines[0].get_ydata() == [0.0]
        res.plot_effective_df(ax=ax)
        ax.figure.draw_without_rendering()

    def test_effective_df(self, growth, fits, ax):
        res = fits["growth df-cap"]
        res.plot_effective_df(ax=ax)
        path, cap = ax.lines
        np.testing.assert_array_equal(path.get_ydata(), res.estimate.df_random_path)
        assert set(cap.get_ydata()) == {res.df_cap}
        (ridge,) = ax.figure.axes[1].lines
        np.testing.assert_array_equal(ridge.get_ydata(), res.estimate.ridge_path)
        assert legend(ax) == ["effective df", "cap, 5.67", "ridge (right)"]
        ax = quiet(growth.fit, df_cap=None, n_boot=0).plot_effective_df()
        assert legend(ax) == ["effective df", "ridge (right)"]

    def test_ml_has_no_path_of_df(self, fits):
        with pytest.raises(errors.NotComputedError, match="see df_random"):
            fits["growth ml"].plot_effective_df()


class TestBootstrap:
    @pytest.mark.parametrize("name", ["growth df-cap", "growth ml"])
    def test_histogram(self, fits, ax, name):
        res = fits[name]
        res.plot_bootstrap(("comp1", "sex[T.Male]"), alpha=0.2, ax=ax)
        low, high = res.conf_int(0.2).loc[("comp1", "sex[T.Male]")]
        *bars, span = ax.patches
        assert sum(bar.get_height() for bar in bars) == 500
        assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx((low, high))
        assert set(ax.lines[0].get_xdata()) == {res.params["comp1", "sex[T.Male]"]}
        assert f"80 % interval {low:.4g} to {high:.4g}" in ax.get_title()
        assert ax.get_xlabel() == "comp1[sex[T.Male]]"

    def test_both_names_of_a_parameter(self, fits, ax):
        res = fits["60 df-cap"]
        for parameter in (("comp2", "group"), "comp2[group]"):
            res.plot_bootstrap(parameter, ax=ax)
            draws = res.inference.bootstrap.replicates[:, 4]
            assert min(bar.get_x() for bar in ax.patches[:-1]) == pytest.approx(draws.min())
            ax.clear()

    def test_errors(self, growth, fits, tests_of_pupils):
        for parameter in ("sex", ["comp1", "sex[T.Male]"]):
            with pytest.raises(errors.InvalidArgumentError, match=r"\('comp1', 'Intercept'\)"):
                fits["growth ml"].plot_bootstrap(parameter)
        with pytest.raises(errors.NotComputedError, match="n_boot=0"):
            growth.fit(n_boot=0).plot_bootstrap("comp1[Intercept]")
        with pytest.raises(errors.NotComputedError, match="rotations"):
            tests_of_pupils["signed"].plot_bootstrap("comp1[female]")


class TestLabels:
    def test_thousands_of_units(self, ax):
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

    def test_long_and_strange_labels(self, ax):
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

    def test_blank_labels(self):
        endog = pd.DataFrame(np.random.default_rng(0).uniform(1, 2, (12, 2)), columns=[" ", ""])
        res = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0)
        for kind in ("path_diagram", "basis", "response"):
            DRAW[kind](res).figure.draw_without_rendering()
