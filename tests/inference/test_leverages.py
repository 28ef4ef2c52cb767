"""Leverages, and what effects rest on."""

from __future__ import annotations

import numpy as np
import pytest

import nmfre
from nmfre.estimation.orthonormal import orthonormal
from nmfre.inference.leverages import Leverages, support
from nmfre.inference.wild_bootstrap import unit_blocks, whole


def supported(A, groups=None):
    n_units = A.shape[1]
    leverages = Leverages(orthonormal(A)[0], n_units, slice(None))
    return support(A, leverages, groups, unit_blocks(n_units, 0), whole)


def test_effects_rest_on_their_levels():
    rare = (np.arange(40) < 4) * 1.0
    found = supported(np.vstack([np.ones(40), rare, np.sin(np.arange(40.0))]))
    np.testing.assert_array_equal(found.level, [0, 4, 0])
    assert found.effective[1] == pytest.approx(4.9, abs=1.0)
    assert found.effective[2] > 15
    even = supported(np.vstack([np.ones(40), np.arange(40) % 2]))
    np.testing.assert_allclose(even.effective, [20, 40])
    assert not even.alone.any()
    assert (even.independent, even.grouped) == (40, False)


def test_effects_of_groups_rest_on_groups():
    groups = np.repeat(np.arange(8), 5)
    of_group, within = (groups < 2) * 1.0, np.tile([0.0, 1.0, 0.0, 1.0, 0.0], 8)
    found = supported(np.vstack([np.ones(40), of_group, within]), groups)
    np.testing.assert_array_equal(found.level, [0, 2, 8])
    assert (found.effective <= 8).all()
    assert found.effective[1] == pytest.approx(24 / 7)
    assert found.effective[2] == pytest.approx(8)
    assert (found.independent, found.grouped) == (8, True)


def test_a_unit_with_a_covariate_to_itself_is_found():
    alone = np.vstack([np.ones(30), np.arange(30) % 2, np.arange(30) == 4]) * 1.0
    np.testing.assert_array_equal(supported(alone).alone, [False, False, True])
    groups = np.arange(30) // 3
    np.testing.assert_array_equal(supported(alone, groups).alone, [False, False, True])
    whole_group = np.vstack([np.ones(30), np.arange(30) % 2, groups == 4]) * 1.0
    np.testing.assert_array_equal(supported(whole_group).alone, False)
    np.testing.assert_array_equal(supported(whole_group, groups).alone, [False, False, True])


def test_corrections_of_groups_of_one_unit_are_those_of_units():
    rng = np.random.default_rng(0)
    A, scores = np.vstack([np.ones(20), rng.normal(size=(2, 20))]), rng.normal(size=(20, 8))
    leverages = Leverages(orthonormal(A)[0], 20, slice(1, 7))
    W = leverages.covariates.white(A).T  # effects have scores w x'r
    scores[:, 1:7] = (W[:, :, None] * rng.normal(size=(20, 1, 2))).reshape(20, 6)
    h = np.diag(A.T @ np.linalg.solve(A @ A.T, A))
    np.testing.assert_allclose(leverages.of_units(A), h, rtol=1e-10)
    expected = scores / (1 - h)[:, None]
    np.testing.assert_allclose(leverages.correct_units(scores, A), expected, rtol=1e-10)
    corrected = leverages.correct_groups(scores, leverages.squares(A))
    np.testing.assert_allclose(corrected, expected, rtol=1e-9)


@pytest.mark.parametrize("uncertainty", ["marginal", "conditional"])
def test_a_unit_of_leverage_one_is_not_corrected(model, uncertainty):
    alone = np.column_stack([model.exog, np.arange(27) == 3])
    options = {"n_boot": 0, "uncertainty": uncertainty}
    res = nmfre.NMFRE(model.endog, alone, rank=1).fit("ml", cov_type="cr3", **options)
    without = nmfre.NMFRE(np.delete(model.endog, 3, 0), np.delete(model.exog, 3, 0), rank=1)
    assert np.isfinite(res.bse).all()
    np.testing.assert_array_equal(res.inference.support.alone, [False, False, True])
    # The unit tells nothing of the other effects.
    other = without.fit("ml", cov_type="cr3", **options)
    np.testing.assert_allclose(res.bse.iloc[:2], other.bse, rtol=0.05)
