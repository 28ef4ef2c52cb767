"""Models of responses drawn from parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors

BASIS = pd.DataFrame(
    {"calm": [0.5, 0.3, 0.2, 0.0], "wild": [0.0, 0.2, 0.3, 0.5]}, index=list("abcd")
)
THETA = pd.DataFrame(
    {"one": [50.0, 30.0], "x": [5.0, -3.0]}, index=pd.Index(["calm", "wild"], name="component")
)
EXOG = pd.DataFrame({"one": 1.0, "x": np.arange(4000) % 2}, index=range(1, 4001))
GIVEN = {"basis": BASIS, "theta": THETA, "cov_re": [9.0, 4.0], "resid_variances": 0.5}


def drawn(**options):
    return nmfre.NMFRE.simulate_from(**(GIVEN | {"exog": EXOG} | options))


def frame(model):
    return pd.DataFrame(model.endog, model.design.units, model.design.responses)


def test_means_covariances_and_labels():
    model = drawn()
    assert model.endog_names == list("abcd")
    assert model.exog_names == ["one", "x"]
    assert list(model.components) == ["calm", "wild"]
    assert model.design.units.equals(EXOG.index)
    X, A = BASIS.to_numpy(), EXOG.to_numpy()
    residuals = model.endog - A @ THETA.to_numpy().T @ X.T
    np.testing.assert_allclose(residuals.mean(axis=0), 0.0, atol=0.15)
    Sigma = X @ np.diag([9.0, 4.0]) @ X.T + 0.5 * np.eye(4)
    np.testing.assert_allclose(np.cov(residuals.T), Sigma, atol=0.15)


def test_labels_are_matched():
    expected = frame(drawn())
    other = drawn(
        theta=THETA.iloc[::-1],
        exog=EXOG[["x", "one"]].assign(z=1.0),
        resid_variances=pd.Series(0.5, index=list("dcba")),
        cov_re=pd.DataFrame(np.diag([4.0, 9.0]), ["wild", "calm"], ["wild", "calm"]),
    )
    pd.testing.assert_frame_equal(frame(other), expected)
    arrays = drawn(basis=BASIS.to_numpy(), theta=THETA.to_numpy(), exog=EXOG.to_numpy())
    np.testing.assert_array_equal(arrays.endog, expected)
    assert arrays.endog_names == ["y1", "y2", "y3", "y4"]
    assert arrays.exog_names == ["const", "x1"]
    assert list(arrays.components) == ["comp1", "comp2"]


def test_attributes_of_a_fit_are_arguments():
    res = drawn(exog=EXOG[:80]).fit("ml", signed=True, n_boot=0, n_starts=1)
    model = nmfre.NMFRE.simulate_from(
        basis=res.basis,
        theta=res.theta,
        cov_re=res.cov_re,
        resid_variances=res.resid_variances,
        exog=EXOG[:80],
        seed=3,
    )
    draws = res.simulate(seed=3)
    np.testing.assert_allclose(frame(model), draws, rtol=1e-12)
    assert list(model.components) == list(res.model.components)


def test_an_intercept_alone_and_no_random_effects():
    options = {"theta": [[2.0], [0.0]], "exog": None, "cov_re": 0.0, "seed": 1}
    model = drawn(n=500, **options)
    assert model.exog_names == ["Intercept"]
    assert model.endog.shape == (500, 4)
    assert (model.endog == 0.0).any()  # negative draws
    assert abs(np.corrcoef(model.endog.T)[0, 1]) < 0.1
    assert drawn(n=5, **options | {"theta": THETA[["one"]]}).exog_names == ["one"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"basis": 2.0 * BASIS}, errors.InvalidArgumentError, "columns sum to one"),
        ({"theta": THETA.rename({"calm": "z"})}, errors.InvalidArgumentError, "named as the comp"),
        ({"theta": THETA.to_numpy()[:1]}, errors.ShapeError, "one per component"),
        ({"theta": THETA.to_numpy()[:, :1]}, errors.ShapeError, "exog has 2 columns and theta 1"),
        ({"exog": EXOG[["x"]]}, errors.MissingColumnError, "'one'"),
        ({"exog": None}, errors.InvalidArgumentError, "n="),
        ({"exog": None, "n": 5}, errors.ShapeError, "theta has 2 columns"),
        ({"n": 5}, errors.InvalidArgumentError, "n=5"),
        ({"cov_re": -1.0}, errors.InvalidArgumentError, "cov_re"),
        ({"cov_re": [[1, 2], [2, 1]]}, errors.InvalidArgumentError, "positive definite"),
        ({"resid_variances": [1, 2]}, errors.InvalidArgumentError, "shape"),
        ({"seed": -1}, errors.InvalidArgumentError, "seed"),
        ({"tau2": 3}, errors.UnknownArgumentError, "tau2"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        drawn(**options)
