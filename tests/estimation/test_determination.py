"""What means and covariances of the responses determine."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.determination import n_undetermined


@pytest.mark.parametrize(
    ("size", "cov_re", "expected"),
    [
        ((1, 1, 1), "identity", (1, 0)),  # sigma2 and tau2 are one variance
        ((2, 1, 1), "diagonal", (0, 0)),  # means are in proportion to loadings
        ((3, 2, 1), "diagonal", (1, 1)),
        ((3, 2, 2), "diagonal", (0, 1)),  # means span the components
        ((2, 2, 2), "identity", (2, 0)),
        ((6, 3, 1), "diagonal", (0, 3)),
        ((6, 3, 1), "identity", (0, 1)),
        ((9, 3, 2), "full", (0, 6)),
        ((500, 5, 2), "diagonal", (0, 10)),
    ],
)
def test_residual_variances(size, cov_re, expected):
    assert n_undetermined(*size, Structure("diagonal", cov_re)) == expected


@pytest.mark.parametrize(
    ("cov_resid", "cov_re", "expected"),
    [
        ("diagonal", "full", (1, 0)),  # one response of its own: its two variances are one
        ("diagonal", "diagonal", (1, 0)),
        ("diagonal", "identity", (0, 0)),
        ("identity", "full", (0, 0)),
    ],
)
def test_a_component_of_one_response(cov_resid, cov_re, expected):
    pattern = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], dtype=bool)
    assert n_undetermined(4, 2, 2, Structure(cov_resid, cov_re, pattern)) == expected


def test_many_parameters_are_counted():
    pattern = np.ones((300, 4), dtype=bool)
    assert n_undetermined(300, 4, 1, Structure("diagonal", "diagonal", pattern)) == (0, 6)
