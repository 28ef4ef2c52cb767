"""What an estimate by maximum likelihood says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmfre.estimation.boundary import re_at_bound
from nmfre.estimation.covariance_forms import Relative


@pytest.mark.parametrize(("share", "at_bound"), [(0.9, True), (1.1, False)])
def test_no_random_effects_are_a_millionth_of_a_degree_of_freedom_per_unit(bumps, share, at_bound):
    res = bumps.fit("ml", n_starts=1, n_boot=0)
    X, v = res.estimate.X, np.linspace(0.5, 2.0, 8)
    per_variance = np.sum(X**2 / v[:, None], axis=0)
    F = np.diag(np.sqrt(share * 1e-6 / per_variance))
    df = res.model.design.moments().df_random(Relative(v, F).loadings(X))
    assert df / 60 == pytest.approx(2 * share * 1e-6, rel=1e-5)
    assert re_at_bound(X, Relative(v, F)).tolist() == [at_bound, at_bound]
    one = Relative(v, F * [1.0, 1e3])
    assert re_at_bound(X, one).tolist() == [at_bound, False]
    for relative, expected in ((Relative(v, F), at_bound), (one, False)):
        estimate = replace(res.estimate, re_at_bound=re_at_bound(X, relative))
        assert estimate.tau2_at_bound == expected
