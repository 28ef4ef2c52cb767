"""Likelihood-ratio tests of nested fits, and of no others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from confirmatory import FAST, NAMES, PATTERN, fitted
from confirmatory import model as confirmatory
from holes import with_holes
from scipy.stats import chi2

import nmfre
from nmfre import errors


def test_information_criteria_and_likelihood_ratio(simulated):
    formula = "y1 + y2 + y3 + y4 + y5 ~ {}"
    large, small = (
        nmfre.NMFRE.from_formula(formula.format(right), simulated, rank=2).fit("ml", n_boot=0)
        for right in ("age + group", "age")
    )
    assert large.df_model == 2 * 5 - 2 + 2 * 4 + 5 + 2 - 1  # less a rotation
    assert large.aic == pytest.approx(-2 * large.llf + 2 * large.df_model)
    assert large.bic == pytest.approx(-2 * large.llf + np.log(40) * large.df_model)
    statistic, pvalue, df = large.compare_lr_test(small)
    assert statistic == pytest.approx(2 * (large.llf - small.llf))
    assert df == 4
    assert pvalue == pytest.approx(chi2.sf(statistic, 4))
    with pytest.raises(
        errors.InvalidArgumentError, match="restricted=None is invalid: it must be results"
    ):
        large.compare_lr_test(None)
    with pytest.raises(errors.InvalidArgumentError, match="restricted="):
        small.compare_lr_test(large)
    other = simulated.assign(y1=simulated["y2"])
    different = nmfre.NMFRE.from_formula(formula.format("age"), other, rank=2).fit("ml", n_boot=0)
    with pytest.raises(errors.InvalidArgumentError, match="same responses"):
        large.compare_lr_test(different)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    X = np.array([[5, 3, 1, 0, 0], [0, 0, 1, 4, 5]], dtype=float).T
    frame = pd.DataFrame({"age": rng.uniform(0, 1, 90), "group": rng.choice(["a", "b", "c"], 90)})
    shift = frame["group"].map({"a": 0.0, "b": 2.0, "c": 2.5}).to_numpy()[:, None] * [1.0, 0.0]
    scores = 5 + 3 * frame[["age"]].to_numpy() + shift + rng.normal(size=(90, 2))
    Y = np.maximum(scores @ X.T + rng.normal(size=(90, 5)), 0)
    return pd.concat([pd.DataFrame(Y, columns=[f"y{j}" for j in range(1, 6)]), frame], axis=1)


def fit(data, right="age + group", rank=2, **options):
    model = nmfre.NMFRE.from_formula(f"y1 + y2 + y3 + y4 + y5 ~ {right}", data, rank=rank)
    return model.fit(**{"method": "ml", "signed": True, "n_boot": 0, **options})


@pytest.mark.filterwarnings("ignore::nmfre.errors.NMFREWarning")
def test_fits_that_are_not_nested_are_not_compared(data):
    """Nor are those under different caps; what spans the same covariates is the same model."""
    rng = np.random.default_rng(0)
    data = data.assign(other=rng.uniform(size=90), year=2000 + rng.uniform(0, 5, size=90))
    data["since"] = data["year"] - 2000

    def quick(right, **options):
        return fit(data, right, n_starts=2, **options)

    large = quick("year + group")
    statistic, _, df = large.compare_lr_test(quick("since"))
    assert statistic == pytest.approx(large.compare_lr_test(quick("year"))[0], abs=1e-4)
    assert df > 0
    for restricted in (quick("other"), quick("0 + other")):
        with pytest.raises(errors.InvalidArgumentError, match="combinations of the covariates"):
            large.compare_lr_test(restricted)
    with pytest.raises(errors.InvalidArgumentError, match="a rank that is not larger"):
        quick("year * group + other", rank=1).compare_lr_test(quick("1"))
    capped = quick("year + group", df_cap=0.2)
    assert capped.compare_lr_test(quick("year", df_cap=0.2))[2] == df
    assert capped.compare_lr_test(quick("year", rank=1, df_cap=0.2))[2] > df
    for cap in (0.3, None):
        with pytest.raises(errors.InvalidArgumentError, match="cap rate"):
            capped.compare_lr_test(quick("year", df_cap=cap))


pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


def test_likelihood_ratio_wants_the_same_missing_cells(simulated):
    responses = [f"y{j}" for j in range(1, 6)]
    holed = simulated.assign(**pd.DataFrame(with_holes(simulated[responses]), columns=responses))
    large, small = (
        nmfre.NMFRE.from_formula(f"~ {right}", holed, 2, endog=responses).fit("ml", n_boot=0)
        for right in ("age + group", "age")
    )
    assert large.compare_lr_test(small)[2] == 4
    more = holed.assign(y2=holed["y2"].mask(holed["y2"] == holed["y2"].max()))
    other = nmfre.NMFRE.from_formula("~ age", more, 2, endog=responses).fit("ml", n_boot=0)
    with pytest.raises(errors.InvalidArgumentError, match="same responses"):
        large.compare_lr_test(other)


def test_structures_are_nested():
    full, diagonal, identity = map(fitted, ("full", "diagonal", "identity"))
    assert full.compare_lr_test(diagonal)[2] == 3
    assert full.compare_lr_test(identity)[2] == 5
    statistic, pvalue, df = diagonal.compare_lr_test(identity)
    assert (statistic, df) == (pytest.approx(2 * (diagonal.llf - identity.llf)), 2)
    assert pvalue == pytest.approx(chi2.sf(statistic, 2))
    equal = fitted("diagonal", "identity")
    assert diagonal.compare_lr_test(equal)[2] == 8
    for larger, smaller in (
        (diagonal, full),
        (equal, identity),
        (fitted("full", "identity"), diagonal),
    ):
        with pytest.raises(errors.InvalidArgumentError, match="special cases of those here"):
            larger.compare_lr_test(smaller)


def test_patterns_are_nested_whatever_the_order_of_their_components():
    options = {"cov_resid": "diagonal", "cov_re": "diagonal", "signed": True, **FAST}
    strict = fitted("diagonal")
    wider = {"speed": NAMES[5:], "visual": NAMES[:4], "verbal": PATTERN["verbal"]}
    wide = confirmatory(basis_pattern=wider).fit("ml", **options)
    assert wide.compare_lr_test(strict)[2] == 2
    free = confirmatory(rank=3).fit("ml", **options)
    assert free.compare_lr_test(wide)[2] == free.df_model - wide.df_model
    other = {"visual": NAMES[:4], "verbal": NAMES[4:6], "speed": [*NAMES[6:], "x2", "x3"]}
    for smaller in (free, confirmatory(basis_pattern=other).fit("ml", **options)):
        with pytest.raises(
            errors.InvalidArgumentError, match="zeros of the basis wherever this fit"
        ):
            wide.compare_lr_test(smaller)
