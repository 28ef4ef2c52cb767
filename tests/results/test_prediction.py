"""Prediction of the units of the data and of new ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nmfre
from nmfre import errors


@pytest.fixture(scope="module")
def model():
    data = nmfre.datasets.load_orthodont()
    return nmfre.NMFRE.from_formula("distance ~ sex", data, rank=1, unit="subject", occasion="age")


@pytest.fixture(scope="module")
def ml(model):
    return model.fit("ml")


@pytest.fixture(scope="module")
def two():
    rng = np.random.default_rng(7)
    X = np.array([[5, 3, 1, 0, 0], [0, 0, 1, 4, 5]], dtype=float).T
    exog = pd.DataFrame({"one": 1.0, "x": rng.uniform(0, 1, 300)})
    scores = exog.to_numpy() @ [[8.0, 8.0], [3.0, 1.0]] + rng.normal(size=(300, 2))
    endog = pd.DataFrame(
        np.maximum(scores @ X.T + rng.normal(size=(300, 5)), 0), columns=list("abcde")
    )
    return nmfre.NMFRE(endog, exog, rank=2).fit("ml", signed=True, n_boot=0)


GIRL = pd.DataFrame({"sex": ["Female"]}, index=["g"])


def test_blup_of_new_units_is_that_of_the_fit(model, ml):
    wide = pd.DataFrame(model.endog, index=model.design.units, columns=model.design.responses)
    sex = nmfre.datasets.load_orthodont().groupby("subject", sort=False)[["sex"]].first()
    new = ml.predict(sex, endog=wide)
    np.testing.assert_allclose(new, ml.fittedvalues, rtol=1e-9)
    shuffled = ml.predict(sex, endog=wide[[14, 8, 12, 10]])
    pd.testing.assert_frame_equal(shuffled, new)


def test_blup_is_the_conditional_mean_of_the_normal(two):
    X, Phi, Psi = two.estimate.X, two.estimate.Phi, np.diag(two.estimate.psi)
    exog = pd.DataFrame({"one": [1.0, 1.0, 1.0], "x": [0.2, 0.5, 0.9]}, index=list("uvw"))
    observed = pd.DataFrame(
        {"b": [20.0, np.nan, 30.0], "e": [41.0, np.nan, np.nan]}, index=exog.index
    )
    blup = two.predict(exog, endog=observed)
    mean = two.predict(exog)
    Sigma = X @ Phi @ X.T + Psi
    for unit, seen in (("u", [1, 4]), ("w", [1])):
        gap = observed.loc[unit].dropna().to_numpy() - mean.loc[unit].to_numpy()[seen]
        # The BLUP leaves the residual out: its variance is no part of what is predicted.
        weights = (X @ Phi @ X.T)[:, seen] @ np.linalg.inv(Sigma[np.ix_(seen, seen)])
        np.testing.assert_allclose(blup.loc[unit], mean.loc[unit] + weights @ gap)
    np.testing.assert_allclose(blup.loc["v"], mean.loc["v"])


def test_variances_of_means_are_those_of_the_profiles(ml, model):
    prediction = ml.get_prediction(GIRL)
    np.testing.assert_allclose(prediction.se_mean.loc["g"], ml.profiles_bse["Intercept"])
    spread = ml.tau2 * ml.estimate.X[:, 0] ** 2 + ml.estimate.psi
    np.testing.assert_allclose(prediction.se_obs**2 - prediction.se_mean**2, spread[None])
    conditional = model.fit(df_cap=0.21).get_prediction(GIRL)
    res = model.fit(df_cap=0.21)
    np.testing.assert_allclose(
        conditional.se_mean.loc["g"], res.basis["comp1"] * res.bse[("comp1", "Intercept")]
    )


def test_intervals_of_responses_with_two_levels(model, ml):
    columns = pd.MultiIndex.from_product([["early", "late"], ["a", "b"]], names=["when", "what"])
    endog = pd.DataFrame(model.endog, columns=columns)
    res = nmfre.NMFRE(endog, model.exog, rank=1).fit("ml")
    limits, flat = res.get_prediction().conf_int(), ml.get_prediction().conf_int()
    assert limits.columns.names == ["when", "what", None]
    np.testing.assert_allclose(limits, flat)
    assert limits["late", "a"].columns.to_list() == ["2.5 %", "97.5 %"]
    np.testing.assert_allclose(limits["late", "a"], flat[12])
    assert flat.columns.names == ["age", None]


def test_variances_of_blups_with_known_parameters(two):
    two = two.with_uncertainty("conditional")
    X, psi = two.estimate.X, two.estimate.psi
    seen = [0, 3]
    observed = pd.DataFrame({"a": [40.0], "d": [30.0]})
    exog = pd.DataFrame({"one": [1.0], "x": [0.5]})
    some = two.get_prediction(exog, endog=observed)
    G = X @ two.estimate.Phi @ X.T
    Sigma = G + np.diag(psi)
    posterior = G - G[:, seen] @ np.linalg.solve(Sigma[np.ix_(seen, seen)], G[seen])
    L = np.eye(5)
    L[:, seen] -= G[:, seen] @ np.linalg.inv(Sigma[np.ix_(seen, seen)])
    J = np.kron([[1.0, 0.5]], np.eye(5))
    fixed = J @ two.inference.profile_covariance(two.estimate.X, [0, 1]) @ J.T
    np.testing.assert_allclose(some.se_mean.iloc[0] ** 2, np.diag(posterior + L @ fixed @ L.T))
    np.testing.assert_allclose(some.se_obs**2 - some.se_mean**2, psi[None])
    # Nothing observed: the prediction of the mean and of the random effect together.
    none = two.get_prediction(exog, endog=pd.DataFrame({"a": [np.nan]}))
    np.testing.assert_allclose(none.se_obs, two.get_prediction(exog).se_obs)
    assert (some.se_mean < none.se_mean).all(axis=None)


@pytest.mark.parametrize("which", ["fixed", "blup"])
def test_intervals_of_observations_cover(which):
    rng = np.random.default_rng(3)
    X = np.array([[0.5, 0.3, 0.2, 0.0], [0.0, 0.2, 0.3, 0.5]]).T

    def draw(n):
        exog = np.column_stack([np.ones(n), rng.uniform(0, 1, n)])
        scores = exog @ [[60.0, 60.0], [20.0, 5.0]] + 5 * rng.normal(size=(n, 2))
        return scores @ X.T + rng.normal(size=(n, 4)), exog

    res = nmfre.NMFRE(*draw(300), rank=2).fit("ml", n_boot=0)
    endog, exog = draw(2000)
    seen = None
    if which == "blup":
        seen = endog.copy()
        seen[:, 2] = np.nan
        seen[::2, 0] = np.nan
    limits = res.get_prediction(exog, endog=seen).conf_int(0.1, obs=True).to_numpy()
    inside = (limits[:, ::2] <= endog) & (endog <= limits[:, 1::2])
    rates = inside.mean(axis=0) if which == "fixed" else inside[:, [2]].mean(axis=0)
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 2000, 0.9) / 2000
    assert ((rates > low - 0.01) & (rates < high + 0.01)).all()


def test_units_of_the_data(ml, model):
    blup = ml.get_prediction(which="blup")
    pd.testing.assert_frame_equal(blup.predicted_mean, ml.fittedvalues)
    assert blup.se_mean.shape == (27, 4)
    fixed = ml.get_prediction()
    pd.testing.assert_frame_equal(fixed.predicted_mean, ml.predict())
    capped = model.fit(df_cap=0.21)
    pd.testing.assert_frame_equal(
        capped.get_prediction(which="blup").predicted_mean, capped.fittedvalues
    )


@pytest.mark.bits
def test_one_axis_is_a_column_where_there_is_one(model, two):
    res = nmfre.NMFRE(model.endog, np.ones(27), rank=1).fit("ml", n_boot=0)
    assert res.predict(np.ones(3)).shape == (3, 4)
    np.testing.assert_array_equal(res.predict(np.ones(3)), res.predict(np.ones((3, 1))))
    one = nmfre.NMFRE(model.endog[:, 0], np.ones(27), rank=1).fit("ml", n_boot=0)
    assert one.predict(np.ones(3), endog=np.full(3, 25.0)).shape == (3, 1)
    assert two.predict(np.array([1.0, 0.5])).shape == (1, 5)  # of one unit
    with pytest.raises(errors.ShapeError, match="exog has 3 columns, the model 2"):
        two.predict(np.ones(3))


def test_new_columns_that_appear_twice(two):
    exog = pd.DataFrame({"one": [1.0], "x": [0.5]})
    twice = pd.DataFrame([[20.0, 21.0]], columns=["b", "b"])
    with pytest.raises(errors.DuplicateCellError, match="response 'b' appears 2 times"):
        two.predict(exog, endog=twice)
    with pytest.raises(errors.DuplicateCellError, match="covariate 'x' appears 2 times"):
        two.predict(exog[["one", "x", "x"]])


def test_frames_are_labelled(ml):
    prediction = ml.get_prediction(GIRL)
    with pytest.raises(errors.InvalidArgumentError, match="obs='no' is invalid: it must be True"):
        prediction.conf_int(obs="no")
    limits = prediction.conf_int(0.1)
    assert limits.columns.to_list()[:2] == [(8, "5 %"), (8, "95 %")]
    frame = prediction.summary_frame(0.1)
    assert frame.index.to_list() == [("g", age) for age in (8, 10, 12, 14)]
    np.testing.assert_allclose(frame["mean_ci_lower"], limits.xs("5 %", level=1, axis=1).loc["g"])
    np.testing.assert_allclose(frame["mean_se"], prediction.se_mean.loc["g"])
    assert (frame["obs_ci_lower"] < frame["mean_ci_lower"]).all()
    assert "fixed, 1 units, 4 responses" in repr(prediction)


def test_limits_are_not_below_zero(two):
    exog = pd.DataFrame({"one": [0.05], "x": [0.0]})
    assert (two.get_prediction(exog).conf_int(1e-6, obs=True).xs("5e-05 %", 1, 1) == 0.0).all(
        axis=None
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"endog": [[1.0] * 4]}, errors.InvalidArgumentError, "None without exog"),
        ({"exog": GIRL, "which": "blup"}, errors.InvalidArgumentError, "without endog"),
        (
            {"exog": GIRL, "endog": [[1.0] * 4], "which": "fixed"},
            errors.InvalidArgumentError,
            "'blup' where endog is given",
        ),
        ({"exog": GIRL, "endog": [[1.0] * 3]}, errors.ShapeError, r"shape \(1, 3\).*4 responses"),
        (
            {"exog": GIRL, "endog": pd.DataFrame({9: [1.0]}, index=["g"])},
            errors.ShapeError,
            "not responses .9.; the responses are 8, 10, 12, 14",
        ),
        (
            {"exog": GIRL, "endog": pd.DataFrame({8: [1.0]}, index=["h"])},
            errors.ShapeError,
            "indices of endog and exog differ",
        ),
        (
            {"exog": GIRL, "endog": pd.DataFrame({8: [-1.0]}, index=["g"])},
            errors.NegativeResponseError,
            "unit 'g', response",
        ),
        (
            {"exog": GIRL, "endog": pd.DataFrame({8: [np.inf]}, index=["g"])},
            errors.NonFiniteError,
            "inf",
        ),
        ({"exog": pd.DataFrame({"sex": ["X"]})}, errors.UnseenLevelError, "the level 'X', which"),
        ({"exog": pd.DataFrame({"gender": ["Male"]})}, errors.MissingColumnError, "'sex'"),
        ({"which": "random"}, errors.InvalidArgumentError, "which='random'"),
    ],
)
def test_bad_requests(ml, arguments, error, message):
    for method in (ml.predict, ml.get_prediction):
        with pytest.raises(error, match=message):
            method(**arguments)


pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


def test_prediction_of_new_units(res2, simulated):
    """Guards prediction against levels, columns and numbers that the fit did not see."""
    new = simulated[["group", "age"]].iloc[[5, 2]]
    pd.testing.assert_frame_equal(res2.predict(new), res2.predict().iloc[[5, 2]])
    one_level = new.assign(group="c")
    assert res2.predict(one_level).shape == (2, 5)
    with pytest.raises(
        errors.UnseenLevelError, match=r"'group' has the level 'z', which .* Known levels: a"
    ):
        res2.predict(new.assign(group="z"))
    with pytest.raises(errors.MissingColumnError, match="predict needs a column 'group'"):
        res2.predict(new[["age"]])
    for age in (["1", "2"], pd.Categorical(["1", "2"])):
        with pytest.raises(errors.NonNumericError, match="covariate 'age' is not numeric"):
            res2.predict(new.assign(age=age))
    with pytest.raises(errors.NonFiniteError, match="Covariate 'age' is missing at unit 5"):
        res2.predict(new.assign(age=[np.nan, 1.0]))
    with pytest.raises(errors.ShapeError, match="pass new covariates as a DataFrame"):
        res2.predict(np.ones((2, 4)))
    with pytest.raises(errors.InvalidArgumentError, match="which='blup'"):
        res2.predict(new, which="blup")
    with pytest.raises(errors.InvalidArgumentError, match="which='mean'"):
        res2.predict(which="mean")


def test_prediction_with_transforms_uses_what_the_fit_learned(simulated):
    model = nmfre.NMFRE.from_formula("y1 + y2 ~ standardize(age)", simulated, rank=1)
    with pytest.warns(errors.NegativeCovariateWarning):
        res = model.fit()
    pd.testing.assert_frame_equal(res.predict(simulated.iloc[:3]), res.predict().iloc[:3])


def test_prediction_with_an_intercept_alone(simulated):
    res = nmfre.NMFRE.from_formula("y1 + y2 ~ 1", simulated, rank=1).fit()
    assert res.predict(pd.DataFrame(index=["a", "b"])).index.tolist() == ["a", "b"]


@pytest.mark.bits
def test_prediction_of_array_models_matches_columns_by_name(simulated):
    """Guards prediction against columns of new data in another order."""
    exog = simulated[["age"]].assign(one=1.0)
    res = nmfre.NMFRE(simulated[["y1", "y2"]], exog, rank=1).fit()
    swapped = exog[["one", "age"]]
    pd.testing.assert_frame_equal(res.predict(swapped), res.predict())
    np.testing.assert_array_equal(res.predict(exog.to_numpy()), res.predict())
    with pytest.raises(errors.MissingColumnError, match="'one'"):
        res.predict(exog[["age"]])
    with pytest.raises(errors.ShapeError, match="exog has 1 columns, the model 2"):
        res.predict(np.ones((3, 1)))
