"""Designs with a factor without effect."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre import errors
from nmfre.simulation import FactorDesign


def test_units_of_a_group_share_level_and_random_effects():
    design = FactorDesign(n_groups=2000, group_size=3, levels=(300, 200), group_share=0.6)
    data = design.draw(np.random.default_rng(0))
    groups = data.groupby("group")
    assert (groups["level"].nunique() == 1).all()
    assert groups["level"].first().value_counts().to_dict() == {"a": 1500, "b": 300, "c": 200}
    scores = data[design.endog_names].sum(axis=1)
    between = scores.groupby(data["group"]).mean().var() - 49 * 0.4 / 3
    assert scores.var() == pytest.approx(49 + 6 * 1.4**2, rel=0.1)
    assert between == pytest.approx(49 * 0.6 + 2 * 1.4**2, rel=0.15)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_groups": 1}, "n_groups=1"),
        ({"group_size": 0}, "group_size=0"),
        ({"levels": ()}, r"levels=\(\)"),
        ({"levels": 4}, "levels=4"),
        ({"levels": (0,)}, "levels=0"),
        ({"levels": (12, 8)}, "less than 20 in total"),
        ({"group_share": 1.5}, "group_share=1.5"),
        ({"rank": 7}, "rank=7"),
    ],
)
def test_arguments(given, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        FactorDesign(**{"n_groups": 20, "levels": (4,), **given})
