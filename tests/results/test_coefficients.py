"""Standard errors, p-values and intervals of params."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nmfre import errors

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture
def res(model):
    return model.fit(df_cap=0.21)


def test_intervals(res):
    z = 1.6448536269514722
    wald = res.conf_int(alpha=0.1, method="wald")
    assert list(wald.columns) == ["5 %", "95 %"]
    np.testing.assert_allclose(wald["95 %"], res.params + z * res.bse)
    percentile = res.conf_int(0.1)
    replicates = res.inference.bootstrap.replicates
    np.testing.assert_allclose(percentile["5 %"], np.quantile(replicates, 0.05, axis=0))
    basic = res.conf_int(0.1, "basic")
    np.testing.assert_allclose(basic["5 %"], 2 * res.params - np.quantile(replicates, 0.95, axis=0))
    normal = res.conf_int(0.1, "normal")
    np.testing.assert_allclose(normal["95 %"], res.params + z * res.bse_boot)
    assert list(res.conf_int(0.01).columns) == ["0.5 %", "99.5 %"]
    assert (res.conf_int(1e-6, "wald").iloc[:, 0] >= 0).all()  # cut off at the bound
    for alpha in (0.0, 1.0, "0.05", 5):
        with pytest.raises(errors.InvalidArgumentError, match="alpha"):
            res.conf_int(alpha)
    with pytest.raises(errors.InvalidArgumentError, match="method='perc'"):
        res.conf_int(method="perc")


@pytest.mark.parametrize("method", ["df-cap", "ml"])
def test_studentized_intervals_follow_the_seed_and_do_not_refit(model, method):
    res = model.fit(method, seed=3, multiplier="rademacher")
    limits = res.conf_int(method="studentized").to_numpy()
    boot, options = res._studentized, res.inference.options
    np.testing.assert_array_equal(boot.deviations, res.inference.bootstrap.deviations)
    assert not options.studentize
    # With weights of size one, only the mean of the terms makes replicates differ.
    bse = res.bse.to_numpy()
    expected = np.sqrt(bse**2 - boot.deviations**2 / (26 if method == "df-cap" else 27))
    np.testing.assert_allclose(boot.deviations_bse, expected, rtol=1e-6)
    assert (limits[:, 0] < res.params).all()
    wide = limits[:, 1] - limits[:, 0]
    assert (wide > 1.9 * 1.96 * bse).all()


def test_studentized_intervals_need_sandwich_standard_errors(model):
    with pytest.raises(errors.NotComputedError, match="cov_type='sandwich'"):
        model.fit(cov_type="naive").conf_int(method="studentized")


def test_without_a_bootstrap_intervals_are_wald(model):
    res = model.fit(df_cap=0.21, n_boot=0)
    pd.testing.assert_frame_equal(res.conf_int(), res.conf_int(method="wald"))
    with pytest.raises(errors.NotComputedError, match="bse_boot is not available"):
        _ = res.bse_boot
    with pytest.raises(errors.NotComputedError, match="method='wald'"):
        res.conf_int(method="percentile")
    assert "bootstrap std err" not in res.summary_frame()


def test_one_and_two_sided_pvalues(model):
    one, two = model.fit(df_cap=0.21), model.fit(df_cap=0.21, alternative="two-sided")
    assert one.alternative == "larger"
    np.testing.assert_allclose(two.pvalues, 2 * one.pvalues)
    assert (one.pvalues > 0).all()  # z = 36.6: a survival function, not 1 - cdf
    assert two.alternative == "two-sided"


def test_covariance_kinds(model):
    kinds = {
        kind: model.fit(df_cap=0.21, cov_type=kind).bse for kind in ("sandwich", "naive", "max")
    }
    np.testing.assert_allclose(kinds["max"], np.maximum(kinds["sandwich"], kinds["naive"]))


def test_inference_is_one_sided_for_bounded_and_two_sided_for_signed(model):
    bounded, signed = model.fit("ml"), model.fit("ml", signed=True)
    assert (bounded.alternative, signed.alternative) == ("larger", "two-sided")
    np.testing.assert_allclose(signed.pvalues, 2 * bounded.pvalues, rtol=1e-4)
    assert signed.inference.floor == -np.inf
    assert not signed.at_bound.any()
    same = model.fit("ml", signed=True, alternative="larger")
    np.testing.assert_allclose(same.pvalues, bounded.pvalues, rtol=1e-4)
