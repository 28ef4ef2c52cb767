"""Moments of complete data, dense and as an operator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from points import covariances, draw, forms, gradient, shapes, value
from scipy.sparse import csr_array

from nmfre.estimation import complete as moments_module
from nmfre.estimation.complete import DenseMoments, OperatorMoments, moments_of


@given(shapes, forms)
@settings(max_examples=60, deadline=None)
def test_operator_and_dense_moments_agree(shape, structure):
    Y, A, X, Theta, log_ridge = draw(*shape)
    Y = np.where(Y < 1.0, 0.0, Y) + 0.0
    Y[0] += 1e-3
    dense = moments_of(Y, A)
    sparse = moments_of(csr_array(Y), A)
    assert isinstance(sparse, OperatorMoments)
    Gamma = dense.covariates.gamma(Theta)
    at = X, Gamma, covariances(structure, X.shape, log_ridge), structure
    a, b = (value(m, *at) for m in (dense, sparse))
    assert b.value == pytest.approx(a.value, rel=1e-10, abs=1e-10)
    a, b = (gradient(m, *at) for m in (dense, sparse))
    for name in a:
        np.testing.assert_allclose(b[name], a[name], rtol=1e-8, atol=1e-10)


def test_the_form_of_the_moments_is_chosen_by_cost(monkeypatch):
    Y, A, *_ = draw(6, 2, 2, 0)
    assert isinstance(moments_of(Y, A), DenseMoments)
    assert isinstance(moments_of(Y[:, :5], A[:, :5]), OperatorMoments)  # P > N
    monkeypatch.setattr(moments_module, "LARGEST_DENSE", 5)
    assert isinstance(moments_of(Y, A), OperatorMoments)
