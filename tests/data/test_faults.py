"""Numbers that cannot be used are told with their place."""

from __future__ import annotations

import numpy as np
import pytest
from forms import long_model

import nmfre
from nmfre import errors


def test_negative_response(orthodont):
    """Guards against negative responses, which are named with their place."""
    orthodont.loc[5, "distance"] = -1.0
    with pytest.raises(
        errors.NegativeResponseError,
        match=r"1 negative entries, first at unit 'M02', response 10 \(-1\): NMF-RE needs Y >= 0",
    ):
        long_model(orthodont)


def test_infinite_response(orthodont):
    orthodont.loc[5, "distance"] = np.inf
    with pytest.raises(errors.NonFiniteError, match="Response 10 is inf at unit 'M02'"):
        long_model(orthodont)


def test_missing_covariate_label_and_infinite_transform(orthodont, simulated):
    with pytest.raises(errors.NonFiniteError, match="Covariate 'sex' is missing at unit 'M01'"):
        long_model(orthodont.assign(sex=orthodont["sex"].where(orthodont["subject"] != "M01")))
    with pytest.raises(errors.NonFiniteError, match="Column 'subject' is missing"):
        long_model(orthodont.assign(subject=orthodont["subject"].where(orthodont.index > 3)))
    simulated.loc[2, "age"] = 0.0
    with (
        pytest.raises(errors.NonFiniteError, match=r"Covariate 'np.log\(age\)' is -inf at unit 2"),
        np.errstate(divide="ignore"),
    ):
        nmfre.NMFRE.from_formula("y1 + y2 ~ np.log(age)", simulated, rank=1)


def test_collinear_covariates(simulated):
    """Guards against covariates of which one is a sum of others, constants among them."""
    frame = simulated.assign(
        male=(simulated["group"] == "a") * 1.0, female=(simulated["group"] != "a") * 1.0
    )
    with pytest.raises(
        errors.CollinearCovariatesError,
        match=r"covariates are collinear: female = Intercept - male. Drop one",
    ):
        nmfre.NMFRE.from_formula("y1 + y2 ~ male + female", frame, rank=1)
    frame["mixed"] = 2 * frame["age"] - 0.5
    with pytest.raises(errors.CollinearCovariatesError, match=r"mixed = - 0.5 Intercept [+] 2 age"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age + mixed", frame, rank=1)


def test_zero_covariate_and_zero_response(simulated):
    """Guards against rows of zeros, which no fit can use."""
    with pytest.raises(errors.ZeroCovariateError, match="'nothing' is zero"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ nothing", simulated.assign(nothing=0.0), rank=1)
    with pytest.raises(errors.ZeroResponseError, match="'y3' is zero"):
        nmfre.NMFRE.from_formula("y1 + y3 ~ age", simulated.assign(y3=0.0), rank=1)


def test_too_few_units(simulated):
    with pytest.raises(
        errors.TooFewUnitsError,
        match=r"2 units are too few for 2 covariates: at least 3 are needed. Add",
    ):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", simulated.iloc[:2], rank=1)
