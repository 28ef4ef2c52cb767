"""Inference on Theta of many parameters, without their joint covariance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

import nmfre
from nmfre.errors import NotComputedError
from nmfre.estimators import base
from nmfre.inference.eliminated import eliminated_inference
from nmfre.inference.marginal import MarginalInference, marginal_inference
from nmfre.inference.options import InferenceOptions
from nmfre.results import files

P, Q, N = 150, 5, 120
PAPER = {"cov_resid": "identity", "cov_re": "identity"}


@pytest.fixture(scope="module")
def model():
    """With an effect at its bound."""
    rng = np.random.default_rng(0)
    X = rng.random((P, Q)) ** 4
    X /= X.sum(axis=0)
    exog = np.column_stack([np.ones(N), np.arange(N) % 2])
    Theta = np.column_stack([np.full(Q, 300.0), [-60.0, 0.0, 40.0, 80.0, 0.0]])
    scores = exog @ Theta.T + 100.0 * rng.normal(size=(N, Q))
    return nmfre.NMFRE(np.abs(scores @ X.T + rng.normal(size=(N, P))), exog, rank=Q)


@pytest.mark.parametrize("options", [PAPER, {}, {"signed": True}])
def test_it_is_that_of_the_joint_covariance(model, options):
    fit = {"n_starts": 1, "n_boot": 0, "uncertainty": "conditional", **options}
    res = model.fit("ml", **fit)
    groups = np.arange(N) // 3
    for cov_type, codes in (("cr3", None), ("cr3", groups), ("naive", None)):
        made = InferenceOptions(
            uncertainty="marginal", alternative="larger", cov_type=cov_type, n_boot=10
        )
        design = model.design
        arguments = (design.Y, design.A, design.moments(), res.estimate, made)
        expected = marginal_inference(*arguments, np.random.SeedSequence(0), groups=codes)
        found = eliminated_inference(*arguments, np.random.SeedSequence(0), groups=codes)
        size = np.sqrt(np.diag(expected.covariance))
        scale = np.outer(size, size)
        np.testing.assert_allclose(found.covariance / scale, expected.covariance / scale, atol=1e-6)
        np.testing.assert_allclose(
            found.bootstrap.deviations / size, expected.bootstrap.deviations / size, atol=1e-6
        )
        np.testing.assert_allclose(found.score_z, expected.score_z, rtol=1e-6)
        np.testing.assert_array_equal(found.at_bound, expected.at_bound)
        np.testing.assert_array_equal(found.held, expected.held)
        for name, bse in expected.variance_bse(res.estimate).items():
            if name != "log_sigma2" or options is PAPER:
                np.testing.assert_allclose(
                    found.variance_bse(res.estimate)[name], bse, rtol=1e-5, err_msg=name
                )


def test_many_parameters_have_errors_of_effects_and_say_what_has_none(model, monkeypatch, tmp_path):
    monkeypatch.setattr(base, "LARGEST", 100)
    monkeypatch.setattr(files, "LARGEST", 100)
    endog = csr_array(np.round(model.endog))
    res = nmfre.NMFRE(endog, model.exog, rank=Q).fit("ml", n_starts=1, n_boot=20)
    assert not isinstance(res.inference, MarginalInference)
    assert res.bse.notna().any()
    assert res.wald_test_terms().table.notna().all(axis=None)
    assert "ICC (std err)" in str(res.summary())
    for ask in (
        lambda: res.basis_bse,
        lambda: res.profiles_bse,
        lambda: res.variance_components(),
    ):
        with pytest.raises(NotComputedError, match="joint covariance"):
            ask()
    res.to_arrays(tmp_path / "fit.npz")
    back = nmfre.NMFREResults.from_arrays(tmp_path / "fit.npz")
    np.testing.assert_array_equal(back.bse, res.bse)
