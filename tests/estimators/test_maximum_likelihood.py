"""Options of maximum likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from confirmatory import FAST, NAMES, PATTERN, battery
from confirmatory import model as confirmatory

import nmfre
from nmfre import errors


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"method": "df-cap", "signed": True}, "signed=True is not allowed: it takes False with"),
        ({"method": "df-cap", "n_starts": 3}, "n_starts=3 is not allowed: it takes 1 with df-cap"),
        ({"method": "ml", "n_starts": 0}, "n_starts=0"),
        ({"method": "ml", "update_tau2": False}, "update_tau2=False is not allowed"),
        ({"method": "ml", "start_theta": np.ones((1, 2))}, "start_theta='array'"),
        ({"method": "ml", "df_cap": 2.0}, "df_cap=2.0"),
    ],
)
def test_arguments_that_do_not_go_with_the_method(model, arguments, match):
    with pytest.raises(errors.InvalidArgumentError, match=match):
        model.fit(**arguments)


@pytest.mark.parametrize(
    ("pattern", "match"),
    [
        (None, "cov_re='full' needs one: without it, mixtures of the components"),
        (
            {"all": NAMES, "verbal": NAMES[3:6]},
            r"too few zeros .* in 1 direction\(s\) .* rank - 1 zeros",
        ),
    ],
)
def test_a_full_covariance_needs_a_pattern_that_determines_it(pattern, match):
    options = {"rank": 2} if pattern is None else {"basis_pattern": pattern}
    with pytest.raises(errors.BasisPatternError, match=match):
        confirmatory(**options).fit("ml", cov_re="full", **FAST)


def test_residual_variances_need_responses():
    data = battery()
    few = nmfre.NMFRE(data[NAMES[:3]], rank=2)
    match = "3 responses do not determine .* use cov_resid='identity', or a lower rank"
    for call in (
        lambda: few.fit("ml", cov_resid="diagonal", cov_re="diagonal", **FAST),
        lambda: nmfre.select_rank(few, [1, 2], cov_resid="diagonal", progress=False),
    ):
        with pytest.raises(errors.UndeterminedVariancesError, match=match):
            call()
    assert few.fit("ml", cov_resid="identity", cov_re="identity", **FAST).converged
    alone = confirmatory(basis_pattern={**PATTERN, "speed": NAMES[6:8], "ninth": NAMES[8:]})
    with pytest.raises(errors.UndeterminedVariancesError, match="at least two responses"):
        alone.fit("ml", cov_resid="diagonal", cov_re="full", **FAST)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"cov_re": "toeplitz"}, "'identity' or 'diagonal' or 'full'"),
        ({"cov_resid": "full"}, "'identity' or 'diagonal'"),
        ({"cov_re": True}, "cov_re=True"),
    ],
)
def test_forms_of_covariances_are_checked(model, arguments, match):
    with pytest.raises(errors.InvalidArgumentError, match=match):
        model.fit("ml", **arguments)


@pytest.mark.parametrize("name", ["cov_resid", "cov_re"])
def test_df_cap_has_one_form_of_covariances(model, name):
    with pytest.raises(errors.InvalidArgumentError, match=f"{name}='diagonal' .* with df-cap"):
        model.fit(**{name: "diagonal"})


def test_ranks_are_compared_under_a_structure():
    options = {"criterion": "bic", "progress": False, "n_starts": 1, "signed": True}
    table = nmfre.select_rank(confirmatory(rank=1), [1, 2], cov_resid="diagonal", **options).table
    plain = nmfre.select_rank(confirmatory(rank=1), [1, 2], cov_resid="identity", **options).table
    assert (table["n_params"] - plain["n_params"]).to_list() == [8, 8]
    assert (table["llf"] > plain["llf"]).all()
