"""Sparse responses give the fit of dense ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

import nmfre
from nmfre import errors


def test_sparse_and_dense_responses_give_the_same_fit(monkeypatch):
    rng = np.random.default_rng(3)
    Y = csr_array((rng.poisson(3.0, (60, 8)) + 1.0) * (rng.random((60, 8)) < 0.4))
    exog = np.column_stack([np.ones(60), rng.random(60)])
    options = {"n_boot": 50, "uncertainty": "conditional", "tol": 1e-10}
    dense = nmfre.NMFRE(Y.toarray(), exog, rank=2).fit("ml", **options)

    def refuse(*args, **kwargs):
        raise AssertionError("the responses were made dense")

    for name in ("toarray", "todense"):
        monkeypatch.setattr(type(Y), name, refuse)
    sparse = nmfre.NMFRE(Y, exog, rank=2).fit("ml", **options)
    str(sparse.summary())
    np.testing.assert_allclose(sparse.llf, dense.llf, rtol=1e-10)
    np.testing.assert_allclose(sparse.params, dense.params, rtol=1e-6)
    np.testing.assert_allclose(sparse.bse_boot, dense.bse_boot, rtol=1e-5)
    np.testing.assert_allclose(sparse.rsquared_table(), dense.rsquared_table(), rtol=1e-6)
    monkeypatch.undo()
    np.testing.assert_allclose(sparse.resid, dense.resid, atol=1e-5)
    marginal = [res.with_uncertainty("marginal").bse for res in (sparse, dense)]
    np.testing.assert_allclose(*marginal, rtol=1e-5)


def test_sparse_responses_in_parts_are_added():
    Y = np.random.default_rng(0).poisson(3.0, (30, 5)).astype(float)
    whole = csr_array(Y)
    split = csr_array(
        (np.repeat(whole.data / 2, 2), np.repeat(whole.indices, 2), 2 * whole.indptr), Y.shape
    )
    one, two = (
        nmfre.NMFRE(part, rank=1).fit("ml", n_starts=1, n_boot=0) for part in (whole, split)
    )
    assert two.llf == pytest.approx(one.llf, rel=1e-12)
    assert len(split.data) == 2 * len(whole.data)


def test_sparse_responses_are_checked():
    Y = np.eye(6, 3) + np.eye(6, 3, -3)
    for value, error in ((-1.0, errors.NegativeResponseError), (np.nan, errors.NonFiniteError)):
        bad = Y.copy()
        bad[4, 1] = value
        with pytest.raises(error, match=r"unit 4, response 'y2'|'y2' is nan at unit 4"):
            nmfre.NMFRE(csr_array(bad), rank=1)
    bad = Y.copy()
    bad[:, 2] = 0.0
    with pytest.raises(errors.ZeroResponseError, match="'y3'"):
        nmfre.NMFRE(csr_array(bad), rank=1)
    with pytest.raises(errors.SparseResponsesError, match="method='ml'"):
        nmfre.NMFRE(csr_array(Y), rank=1).fit()
    block = csr_array(Y)
    assert block.shape == (6, 3)
    with pytest.raises(errors.FormulaError, match="'block' is sparse"):
        nmfre.NMFRE.from_formula("block ~ x", pd.DataFrame({"x": range(6)}), rank=1)
