"""What an estimate by maximum likelihood says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest


@pytest.mark.parametrize(("share", "at_bound"), [(0.9, True), (1.1, False)])
def test_no_random_effects_are_a_millionth_of_a_degree_of_freedom_per_unit(bumps, share, at_bound):
    res = bumps.fit("ml", n_starts=1, n_boot=0)
    estimate = replace(res.estimate, df_random=share * 1e-6 * 60)
    assert estimate.tau2_at_bound == at_bound
