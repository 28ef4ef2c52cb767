"""Standard errors and intervals of the basis, of profiles and of variances."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nmfre


def test_cov_re_is_the_covariance_of_the_random_effects(simulated):
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age", simulated, rank=2)
    res = model.fit("ml", n_starts=1, n_boot=0)
    labels = pd.Index(["comp1", "comp2"], name="component")
    expected = pd.DataFrame(res.tau2 * np.eye(2), labels, labels)
    pd.testing.assert_frame_equal(res.cov_re, expected)
