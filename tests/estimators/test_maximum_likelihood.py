"""Options of maximum likelihood."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from confirmatory import FAST, NAMES, PATTERN, battery
from confirmatory import model as confirmatory
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal

import nmfre
from nmfre import errors
from nmfre.inference.equality import BY_MEANS, EQUAL_RESID


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"method": "df-cap", "signed": True}, "signed=True is invalid: it must be False with"),
        ({"method": "df-cap", "n_starts": 3}, "n_starts=3 is invalid: it must be 1 with df-cap"),
        ({"method": "ml", "n_starts": 0}, "n_starts=0"),
        ({"method": "ml", "update_tau2": False}, "update_tau2=False is invalid"),
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
        (None, "cov_re='full' needs a pattern: without it, mixtures of the components"),
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
    match = "3 responses are too few .* use cov_resid='identity', or a lower rank"
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
        ({"cov_re": "toeplitz"}, "'identity', 'diagonal', 'full'"),
        ({"cov_resid": "full"}, "'identity', 'mean', 'diagonal'"),
        ({"cov_re": True}, "cov_re=True"),
    ],
)
def test_forms_of_covariances_are_checked(model, arguments, match):
    with pytest.raises(errors.InvalidArgumentError, match=match):
        model.fit("ml", **arguments)


MEAN = {"method": "ml", "cov_resid": "mean", "signed": True, "n_starts": 2, "n_boot": 0}


def counts(seed=0, n_units=60):
    """Of eight responses, whose variances grow with their means, and a covariate."""
    rng = np.random.default_rng(seed)
    group = np.repeat([0.0, 1.0], n_units // 2)
    basis = rng.dirichlet(np.full(8, 0.7), size=2)
    scores = 40.0 + 10.0 * np.outer(group, [1.0, 0.0]) + 5.0 * rng.normal(size=(n_units, 2))
    return rng.poisson(np.maximum(scores, 0.0) @ basis) + 1.0, np.c_[np.ones(n_units), group]


@pytest.mark.parametrize("missing", [False, True])
def test_variances_in_proportion_to_means_have_the_normal_density(missing):
    endog, exog = counts()
    if missing:
        endog[::5, 3] = np.nan
        endog[1, :6] = np.nan
    res = nmfre.NMFRE(endog, exog, rank=2).fit(**MEAN)
    means = np.nanmean(endog, axis=0)
    variances = res.resid_variances.to_numpy()
    np.testing.assert_allclose(variances, res.sigma2 * means / means.mean(), rtol=1e-12)
    assert res.estimate.n_parameters == 2 * 8 - 2 + 2 * 2 + 1 + 2 - 1  # less a rotation
    X = res.basis.to_numpy()
    Sigma = np.diag(variances) + X @ res.estimate.Phi @ X.T
    llf = 0.0
    for y, mean in zip(endog, exog @ res.theta.to_numpy().T @ X.T, strict=True):
        seen = np.flatnonzero(~np.isnan(y))
        llf += multivariate_normal(mean[seen], Sigma[np.ix_(seen, seen)]).logpdf(y[seen])
    assert res.llf == pytest.approx(llf, rel=1e-10)


def test_all_kinds_of_data_have_the_same_means():
    endog, exog = counts()
    dense = nmfre.NMFRE(endog, exog, rank=2).fit(**MEAN)
    da = pytest.importorskip("dask.array")
    others = csr_array(endog), da.from_array(endog, chunks=(17, -1))
    for other in others:
        chunked = isinstance(other, da.Array)
        covariates = da.from_array(exog, chunks=(17, -1)) if chunked else exog
        res = nmfre.NMFRE(other, covariates, rank=2).fit(**MEAN)
        assert res.llf == pytest.approx(dense.llf, rel=1e-10)
        np.testing.assert_allclose(res.bse, dense.bse, rtol=1e-5)


def test_variances_in_proportion_to_means_do_not_depend_on_units_of_measurement():
    endog, exog = counts()
    one, other = (nmfre.NMFRE(c * endog, exog, rank=2).fit(**MEAN) for c in (1.0, 1000.0))
    assert other.sigma2 == pytest.approx(1e6 * one.sigma2, rel=1e-6)
    assert other.llf == pytest.approx(one.llf - endog.size * np.log(1000.0), rel=1e-9)
    np.testing.assert_allclose(other.tvalues, one.tvalues, rtol=1e-5)


def test_variances_in_proportion_to_means_are_nested_and_tested():
    endog, exog = counts()
    model = nmfre.NMFRE(endog, exog, rank=2)
    mean = model.fit(**MEAN)
    equal, each = (model.fit(**{**MEAN, "cov_resid": form}) for form in ("identity", "diagonal"))
    assert equal.llf < mean.llf < each.llf
    assert mean.aic < min(equal.aic, each.aic)
    assert each.compare_lr_test(mean)[2] == 7
    for other in (equal, each):
        with pytest.raises(errors.InvalidArgumentError, match="special cases of those here"):
            mean.compare_lr_test(other)
    test = mean.inference.equality[BY_MEANS]
    assert test.df == 7
    assert test.pvalue > 0.001
    assert equal.inference.equality[EQUAL_RESID].pvalue < 0.001
    shown = " ".join(str(mean.summary()).split())
    assert "residual variances proportional to means: chi2" in shown
    assert "mean, diagonal" in shown
    assert set(mean.test_equal_variances().frame.index) == {
        "equal residual variances",
        "equal tau2",
        "both",
    }


def test_variances_not_in_proportion_to_means_are_found():
    endog, exog = counts(n_units=200)
    endog[:, 0] *= np.random.default_rng(1).choice([0.5, 1.5], size=200)
    res = nmfre.NMFRE(endog, exog, rank=2).fit(**MEAN)
    assert any(found.topic == "variances and means" for found in res.check().advice)


def test_a_part_of_counts_may_lack_a_response():
    endog, exog = counts()
    endog[12:, 0] = 0.0
    model, options = nmfre.NMFRE(endog, exog, rank=1), {"n_starts": 1, "progress": False}
    found = nmfre.select_rank(model, [1, 2], cov_resid="mean", over="units", folds=5, **options)
    assert np.isfinite(found.table["cv"]).all()


def test_every_start_of_many_words_ends():
    """Changes of all wrong entries at their bounds went in circles here."""
    messages = nmfre.datasets.load_state_of_the_union()
    rates = 1000 * messages.iloc[:, 5:].div(messages["words"], axis=0)
    eras = pd.cut(messages["year"], [0, 1860, 1912, 1945, 9999])
    exog = pd.get_dummies(eras).astype(float).to_numpy()
    exog = np.c_[exog, messages["delivery"] == "spoken"]
    model = nmfre.NMFRE(rates.to_numpy(), exog, rank=4)
    res = model.fit(**MEAN, maxiter=300, uncertainty="conditional")
    assert res.estimate.n_agree == 2


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
