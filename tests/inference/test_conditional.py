"""Inference given the basis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmfre.inference.conditional import conditional_inference


@pytest.mark.parametrize(("size", "at_bound"), [(0.9, True), (1.1, False)])
def test_conditional_effects_of_a_millionth_of_the_largest_are_at_their_bound(
    bumps, size, at_bound
):
    res = bumps.fit("ml", n_starts=1, n_boot=0, uncertainty="conditional")
    Y, A = bumps.design.Y, bumps.design.A
    scale = np.sqrt(np.sum(A**2, axis=1))
    Theta = res.estimate.Theta.copy()
    Theta[0, 1] = size * 1e-6 * np.max(Theta * scale) / scale[1]
    estimate = replace(res.estimate, Theta=Theta)
    seeds = np.random.SeedSequence(0)
    found = conditional_inference(Y, A, estimate, res.inference.options, seeds)
    assert found.at_bound[2] == at_bound
