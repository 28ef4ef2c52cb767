"""Marginal means and slopes against statsmodels, finite differences and each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from bumps import parameters, psi_of
from forms import PAPER
from statsmodels.stats.multitest import multipletests

import nmfre
from nmfre import errors

ITEMS = [f"y{j}" for j in range(1, 6)]
RIGHT = "bs(age, df=3) + group * girl"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    n = 150
    X = np.array([[5, 3, 1, 0, 0], [0, 0, 1, 4, 5]], dtype=float).T / 10
    frame = pd.DataFrame({"age": rng.uniform(0, 1, n), "group": rng.choice(["a", "b", "c"], n)})
    frame["girl"] = rng.integers(0, 2, n)
    shift = frame["group"].map({"a": 0.0, "b": 4.0, "c": 6.0}).to_numpy()[:, None] * [1.0, 0.2]
    scores = 50 + 10 * frame[["age"]].to_numpy() ** 2 + shift + rng.normal(size=(n, 2))
    Y = scores @ X.T + rng.normal(size=(n, 5))
    return pd.concat([pd.DataFrame(Y, columns=ITEMS), frame], axis=1)


def fit(data, right=RIGHT, rank=2, method="ml", **options):
    model = nmfre.NMFRE.from_formula(f"y1 + y2 + y3 + y4 + y5 ~ {right}", data, rank=rank)
    return model.fit(method, **options)


@pytest.fixture(scope="module")
def res(data):
    return fit(data, signed=True, n_boot=100, n_starts=2, **PAPER)


@pytest.fixture(scope="module")
def known(data):
    """One component, and OLS of its scores, which for a known basis has the same estimates."""
    res = fit(data, rank=1, signed=True, n_boot=0, uncertainty="conditional", **PAPER)
    X = res.basis.to_numpy()[:, 0]
    scores = data[ITEMS].to_numpy() @ X / (X @ X)
    ols = smf.ols(f"score ~ {RIGHT}", data.assign(score=scores)).fit(cov_type="HC3")
    return res, ols


def by_hand(ols, frames, contrast=(1.0,)):
    """A contrast of means of predictions of OLS, and its standard error."""
    design = ols.model.data.design_info if hasattr(ols.model.data, "design_info") else None
    from patsy import build_design_matrices

    design = design or ols.model.data.model_spec
    rows = [np.asarray(build_design_matrices([design], f)[0]).mean(axis=0) for f in frames]
    row = np.asarray(contrast) @ np.array(rows)
    return row @ ols.params, np.sqrt(row @ ols.cov_params() @ row)


def test_means_and_differences_are_those_of_ols(data, known):
    res, ols = known
    grids = [
        pd.DataFrame({"age": data["age"].mean(), "girl": [0, 1], "group": g}) for g in ("a", "b")
    ]
    counterfactual = [data.assign(group=g) for g in ("a", "b")]
    for grid, frames in (("balanced", grids), ("data", counterfactual)):
        means = res.marginal_means("group", grid=grid)
        for level, frame in zip("ab", frames, strict=True):
            row = means.frame.loc["comp1", level]
            np.testing.assert_allclose(
                row[["estimate", "std err"]], by_hand(ols, [frame]), rtol=1e-6
            )
        row = means.differences().frame.loc["comp1", "b-a"]
        expected = by_hand(ols, frames, (-1.0, 1.0))
        np.testing.assert_allclose(row[["estimate", "std err"]], expected, rtol=1e-6)


def test_slopes_are_those_of_ols(data, known):
    res, ols = known
    inner = data["age"].clip(data["age"].min() + 1e-4, data["age"].max() - 1e-4)
    ends = [data.assign(age=inner + step) for step in (1e-5, -1e-5)]
    expected = by_hand(ols, ends, (5e4, -5e4))
    row = res.average_slopes("age").frame.loc["comp1", "age"]
    np.testing.assert_allclose(row[["estimate", "std err"]], expected, rtol=1e-3)


def test_means_of_responses_are_predictions(res):
    new = pd.DataFrame({"age": 0.5, "group": ["a", "c"], "girl": 1})
    prediction = res.get_prediction(new)
    means = res.marginal_means(
        "group", at={"age": 0.5, "girl": 1, "group": ["a", "c"]}, which="responses"
    ).frame
    assert list(means.index[:2]) == [("y1", "a"), ("y1", "c")]
    np.testing.assert_allclose(means["estimate"], prediction.predicted_mean.T.to_numpy().ravel())
    np.testing.assert_allclose(means["std err"], prediction.se_mean.T.to_numpy().ravel())


@pytest.mark.parametrize("which", ["components", "shares", "responses"])
def test_standard_errors_are_those_of_finite_differences(res, which):
    """In all parameters (X, Theta, log psi, t), against their joint covariance."""
    at = {"age": [0.2, 0.7], "girl": 0}
    means = res.marginal_means(["group", "age"], at=at, which=which)
    new = pd.DataFrame([(g, x) for g in "abc" for x in at["age"]], columns=["group", "age"])
    A, _ = res.model.design.covariates_of(new.assign(girl=0))

    def value(psi):
        X, Theta, _, _ = parameters(res, psi)
        scores = Theta @ A
        values = {"components": scores, "shares": scores / scores.sum(axis=0)}
        return values.get(which, X @ scores).ravel()

    psi = psi_of(res)
    J = np.empty((len(value(psi)), len(psi)))
    for i, x in enumerate(psi):
        step = np.zeros(len(psi))
        step[i] = 1e-5 * max(1.0, abs(x))
        J[:, i] = (value(psi + step) - value(psi - step)) / (2.0 * step[i])
    V = J @ res.inference.psi_covariance @ J.T
    np.testing.assert_allclose(means.frame["estimate"], value(psi))
    np.testing.assert_allclose(means.frame["std err"], np.sqrt(np.diag(V)), rtol=1e-5)
    # Of contrasts, too: the first difference is of the first two cells of the first label.
    first = means.differences().frame.iloc[0]
    assert first["std err"] == pytest.approx(np.sqrt(V[0, 0] + V[1, 1] - 2 * V[0, 1]), rel=1e-5)
    ratio = means.ratios().frame.iloc[0]
    m = value(psi)
    L = np.zeros(len(m))
    L[:2] = -1.0 / m[0], 1.0 / m[1]
    z = np.log(m[1] / m[0]) / np.sqrt(L @ V @ L)
    assert ratio["estimate"] == pytest.approx(m[1] / m[0])
    assert ratio["z"] == pytest.approx(z, rel=1e-5)


def test_differences_are_those_of_t_test_pairwise(data):
    res = fit(data, "age + group", signed=True, n_boot=0, n_starts=2, **PAPER)
    found = res.marginal_means("group").differences().frame.loc["comp2"]
    pairs = res.t_test_pairwise("group", "comp2").drop(columns="reject")
    columns = ["coef", "std err", "z", "P>|z|", "P>|z| (holm)", "2.5 %", "97.5 %"]
    assert list(found.index) == list(pairs.index)
    np.testing.assert_allclose(found, pairs[columns], rtol=1e-8, atol=1e-12)
    test = res.t_test("comp1[group[T.b]] = 0")
    row = res.marginal_means("group").differences(reference="a").frame.loc["comp1", "b-a"]
    assert row["P>|z|"] == pytest.approx(float(test.pvalue))


def test_coding_and_order_of_levels_change_nothing(data):
    other = data.assign(group=pd.Categorical(data["group"], ["c", "a", "b"]))
    fits = [
        fit(frame, right, signed=True, n_boot=0, n_starts=1, **PAPER)
        for frame, right in (
            (data, "age + group * girl"),
            (other, "age + girl * C(group, Helmert)"),
        )
    ]
    for which in ("components", "shares", "responses"):
        means = [each.marginal_means("group", over="girl", which=which) for each in fits]
        one, two = (each.frame for each in means)
        assert list(one.index[:3]) != list(two.index[:3])
        np.testing.assert_allclose(two.loc[one.index], one, rtol=1e-4)
        pair = [
            each.differences().frame.xs("b-a", level="contrast")[["estimate", "std err"]]
            for each in means
        ]
        np.testing.assert_allclose(*pair, rtol=1e-3, atol=1e-7)


def test_adjustment_is_within_components_and_levels_of_over(res):
    frame = (
        res.marginal_means("group", over="girl", which="shares").differences(method="fdr_bh").frame
    )
    assert frame.index.names == ["component", "girl", "contrast"]
    for _, part in frame.groupby(level=["component", "girl"]):
        assert len(part) == 3
        np.testing.assert_allclose(
            part["P>|z| (fdr_bh)"], multipletests(part["P>|z|"], method="fdr_bh")[1]
        )


def test_percentile_intervals_are_quantiles_of_replicates(res):
    A, _ = res.model.design.covariates_of(pd.DataFrame({"age": [0.5], "group": "b", "girl": 0}))
    draws = res.inference.bootstrap.replicates.reshape(100, -1, 2) @ np.eye(2)
    scores = np.einsum("bkq,k->bq", draws, A[:, 0])
    at = {"age": 0.5, "group": "b", "girl": 0}
    for which, values in (
        ("components", scores),
        ("shares", scores / scores.sum(axis=1, keepdims=True)),
    ):
        table = res.marginal_means(at=at, which=which)
        limits = table.conf_int(0.1)
        np.testing.assert_allclose(limits, np.quantile(values, [0.05, 0.95], axis=0).T)
        assert limits.attrs == {"level": 0.9, "interval": "percentile"}
    with pytest.raises(errors.NotComputedError, match="method='wald'"):
        res.marginal_means(at=at, which="responses").conf_int(method="percentile")
    assert res.marginal_means(at=at, which="responses").frame.attrs["interval"] == "wald"


def test_shares_and_their_slopes(res):
    whole = res.marginal_means("group", which="shares", of={"all": ["comp1", "comp2"]}).frame
    np.testing.assert_allclose(whole["estimate"], 1.0)
    assert (whole["std err"].fillna(0.0) < 1e-8).all()
    slopes = res.average_slopes("age", which="shares").frame["estimate"]
    assert slopes.sum() == pytest.approx(0.0, abs=1e-9)
    curve = res.marginal_means("age", at={"age": [0.499, 0.501]}, which="shares").frame["estimate"]
    slope = res.average_slopes("age", at={"age": 0.5}, which="shares", grid="balanced").frame
    np.testing.assert_allclose(
        curve.to_numpy().reshape(2, 2) @ [-500.0, 500.0], slope["estimate"], rtol=1e-4
    )


def test_slopes_over_levels_are_compared(data):
    res = fit(data, "age * group", signed=True, n_boot=0, n_starts=2, **PAPER)
    slopes = res.average_slopes("age", over="group")
    assert slopes.frame.index.names == ["component", "group", "variable"]
    row = slopes.differences().frame.loc["comp1", "age", "c-b"]
    test = res.t_test("comp1[age:group[T.c]] - comp1[age:group[T.b]] = 0")
    np.testing.assert_allclose(
        row[["estimate", "std err", "P>|z|"]].astype(float),
        [test.effect.item(), test.sd.item(), float(test.pvalue)],
        rtol=1e-6,
    )
    with pytest.raises(errors.NotComputedError, match="slopes can be 0"):
        slopes.ratios()


def test_sums_of_components_that_mix_are_known(data):
    res = fit(data.assign(y3=data["y3"] + 3), "age", signed=True, n_boot=30, n_starts=2)
    assert res.identification.mixing == (True, True)
    apart = res.marginal_means("age", at={"age": [0.2, 0.8]})
    assert apart.frame["std err"].isna().all()
    assert "not identified" in " ".join(str(apart).split())
    both = res.marginal_means("age", at={"age": [0.2, 0.8]}, of={"both": ["comp1", "comp2"]})
    total = res.marginal_means(
        "age", at={"age": [0.2, 0.8]}, which="responses", of={"total": ITEMS}
    )
    # Columns of the basis sum to one: the total of the responses is that of the scores.
    columns = ["estimate", "std err", "2.5 %", "97.5 %"]
    np.testing.assert_allclose(both.frame[columns], total.frame[columns], rtol=1e-6)
    assert both.frame.attrs["interval"] == "wald"


def test_bounded_effects_bound_the_limits(res2):
    shares = res2.marginal_means("group", which="shares")
    assert shares.bounds == (0.0, 1.0)
    assert "conditional on the estimated basis" in str(shares).replace("\n", " ")
    assert "one-sided" in str(shares.differences())
    assert res2.marginal_means("group").bounds == (0.0, np.inf)


def test_effects_held_at_their_bound_have_no_differences(data):
    rng = np.random.default_rng(7)
    scores = 50 + 5 * data[["girl"]].to_numpy() * [1.0, -1.0] + 3 * rng.normal(size=(150, 2))
    X = np.array([[5, 3, 1, 0, 0], [0, 0, 1, 4, 5]]) / 10
    falling = data.copy()
    falling[ITEMS] = scores @ X + 0.5 * rng.normal(size=(150, 5))
    res = fit(falling, "girl", n_boot=30, n_starts=2, **PAPER)
    assert res.inference.held.tolist() == [False, False, False, True]
    means = res.marginal_means("girl")
    assert means.frame["std err"].notna().all()
    assert means.frame.attrs["interval"] == "percentile"
    differences = means.differences()
    assert differences.frame["std err"].isna().tolist() == [False, True]
    assert differences.frame["2.5 %"].isna().tolist() == [False, True]
    assert "held at their bound" in str(differences).replace("\n", " ")
    test = res.t_test("comp1[girl] = 0")
    assert "For effects at the boundary 0 the summary" in str(test).replace("\n", " ")


def test_loaded_and_removed(data, res, tmp_path):
    res.save(tmp_path / "fit.pickle")
    loaded = nmfre.load(tmp_path / "fit.pickle")
    for grid in ("balanced", "data"):
        pd.testing.assert_frame_equal(
            loaded.marginal_means("group", grid=grid).frame,
            res.marginal_means("group", grid=grid).frame,
        )
    res.save(tmp_path / "light.pickle", remove_data=True)
    light = nmfre.load(tmp_path / "light.pickle")
    at = {"age": 0.5, "girl": [0, 1]}
    pd.testing.assert_frame_equal(
        light.marginal_means("group", at=at).frame, res.marginal_means("group", at=at).frame
    )
    assert light.average_slopes("age", at=at, grid="balanced").frame["std err"].notna().all()
    with pytest.raises(errors.InvalidArgumentError, match="values for 'age' too"):
        light.marginal_means("group")
    with pytest.raises(errors.InvalidArgumentError, match="values for 'age' too"):
        light.average_slopes("age")
    assert res.model.design.right_hand_side.rows is not None  # the result itself keeps them
    res.to_arrays(tmp_path / "fit.npz")
    with pytest.raises(errors.FormulaNotRestoredError):
        nmfre.from_arrays(tmp_path / "fit.npz").marginal_means("group")


def test_results_of_arrays(data, tmp_path):
    exog = data[["age", "girl"]].assign(const=1.0)
    res = nmfre.NMFRE(data[ITEMS], exog, rank=2).fit("ml", signed=True, n_boot=0, **PAPER)
    row = res.marginal_means("girl").differences().frame.loc["comp1"].iloc[0]
    assert row["estimate"] == pytest.approx(res.params["comp1", "girl"])
    assert row["std err"] == pytest.approx(res.bse["comp1", "girl"])
    slope = res.average_slopes("age").frame.loc["comp2", "age"]
    assert slope["z"] == pytest.approx(res.tvalues["comp2", "age"])
    res.to_arrays(tmp_path / "fit.npz")
    again = nmfre.from_arrays(tmp_path / "fit.npz").marginal_means("girl", which="shares")
    np.testing.assert_allclose(again.frame, res.marginal_means("girl", which="shares").frame)


def test_errors(res, known):
    rank_one, _ = known
    with pytest.raises(errors.NotComputedError, match="the rank is 1"):
        rank_one.marginal_means("group", which="shares")
    for arguments in (
        {"variables": "sex"},
        {"variables": "group", "over": "group"},
        {"variables": "group", "which": "scores"},
        {"variables": "group", "grid": "mean"},
        {"variables": "group", "of": ["comp3"]},
        {"variables": "group", "of": "comp1"},
        {"variables": "group", "of": {"one": ["comp1", "comp1"]}},
        {"variables": "group", "of": {"none": []}},
    ):
        with pytest.raises(errors.InvalidArgumentError):
            res.marginal_means(**arguments)
    means = res.marginal_means("group")
    with pytest.raises(errors.InvalidArgumentError, match="'a', 'b', 'c'"):
        means.differences(reference="d")
    with pytest.raises(errors.InvalidArgumentError, match="multipletests"):
        means.differences(method="holmes")
    with pytest.raises(errors.InvalidArgumentError, match="two levels"):
        res.marginal_means("age").differences()
    with pytest.raises(errors.InvalidArgumentError, match="numeric variables"):
        res.average_slopes("group")
    with pytest.raises(errors.InvalidArgumentError, match="at least one"):
        res.average_slopes([])


def test_negative_scores_are_told(data):
    res = fit(data, "age", signed=True, n_boot=0, n_starts=2, **PAPER)
    far = res.marginal_means("age", at={"age": [0.5, -40.0]}, which="shares")
    assert "an expected score is negative" in str(far).replace("\n", " ")
