from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

import nmfre
from nmfre import errors


@pytest.fixture(scope="module")
def model():
    data = nmfre.datasets.load_orthodont()
    return nmfre.NMFRE.from_formula("distance ~ sex", data, rank=1, unit="subject", occasion="age")


def test_a_row_is_the_fit_at_its_rate(model):
    scan = nmfre.scan_cap(model, [0.3, 0.05, 0.1])
    assert scan.table.index.to_list() == [0.05, 0.1, 0.3]
    for rate, row in scan.table.iterrows():
        res = model.fit(df_cap=rate)
        assert row["cap"] == res.df_cap
        assert row["df_random"] == res.df_random
        assert row["ratio"] == res.df_random / res.df_cap
        assert row["binds"] == res.cap_binds
        assert row["cap_hits"] == res.cap_hits
        assert (row["tau2"], row["sigma2"]) == (res.tau2, res.sigma2)
        assert row["n_iter"] == res.n_iter


def test_status_and_the_smallest_free_rate(model):
    scan = nmfre.scan_cap(model, np.arange(18, 24) / 100)
    assert scan.table["status"].to_list() == ["binds"] * 3 + ["does not bind"] * 3
    assert scan.smallest_free_rate == 0.21  # the paper's choice
    tight = nmfre.scan_cap(model, [0.201])
    assert tight.table["status"].to_list() == ["just does not bind"]
    assert tight.smallest_free_rate is None
    short = nmfre.scan_cap(model, [0.3], maxiter=3)
    assert short.table["status"].to_list() == ["did not converge"]
    assert "does not bind" in repr(scan)
    assert "<table" in scan._repr_html_()


@pytest.mark.bits
def test_auto_is_the_smallest_rate_that_does_not_bind(model):
    auto, fixed = model.fit(df_cap="auto"), model.fit(df_cap=0.21)
    assert auto.df_cap_rate == pytest.approx(0.21)
    assert auto.df_cap == fixed.df_cap
    pd.testing.assert_series_equal(auto.params, fixed.params, check_exact=True)
    pd.testing.assert_series_equal(auto.bse, fixed.bse, check_exact=True)


def test_auto_is_one_where_random_effects_take_all(model):
    with pytest.warns(nmfre.ConvergenceWarning):
        res = model.fit(df_cap="auto", start_tau2=1e6)
    assert res.df_cap_rate == 1.0
    assert not res.cap_binds


def test_cap_scan_errors(model):
    for rates, message in (
        ([], "rates"),
        ("abc", "rates='abc'"),
        ([0.1, [0.2]], "rates"),
        ([0.0, 0.5], "rates="),
        ([1.5], "rates="),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            nmfre.scan_cap(model, rates)
    with pytest.raises(errors.InvalidArgumentError, match="a model, such as"):
        nmfre.scan_cap(model.fit(n_boot=0))
    with pytest.raises(errors.InvalidArgumentError, match="tol=-1"):
        nmfre.scan_cap(model, [0.5], tol=-1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'rate'"):
        nmfre.scan_cap(model, rate=[0.5])
    with pytest.raises(errors.InvalidArgumentError, match="df_cap='auto'"):
        model.fit("ml", df_cap="auto")
    with pytest.raises(errors.SparseResponsesError):
        nmfre.scan_cap(nmfre.NMFRE(csr_array(model.endog), rank=1), [0.5])
    with pytest.raises(errors.InvalidArgumentError, match="seed=None"):
        nmfre.scan_cap(model, [0.5], seed=None)
    holed = model.endog.copy()
    holed[0, 0] = np.nan
    with pytest.raises(errors.MissingCellError):
        nmfre.scan_cap(nmfre.NMFRE(holed, rank=1), [0.5])
