"""The MIMIC model beside that of lavaan."""

from __future__ import annotations

import pytest
from scipy import stats

from nmfre import paper

LAVAAN = {  # maximum likelihood, std.lv: estimate, and z with robust standard errors
    ("visual", "age_reversed"): (0.075, 0.99747),
    ("visual", "female"): (-0.427, -2.65725),
    ("textual", "age_reversed"): (0.183, 3.15555),
    ("textual", "grant_white"): (0.521, 4.15668),
    ("speed", "age_reversed"): (-0.264, -3.71655),
}
"""z and the joint tests by differences of SciPy's multivariate normal density at its maximum."""
JOINTLY = {"age_reversed": 34.47659, "female": 13.82051, "grant_white": 27.59345}


def test_mimic_model_is_that_of_lavaan():
    _, table = paper.mimic_model()
    for effect, (estimate, z) in LAVAAN.items():
        assert table.loc[effect, "coef"] == pytest.approx(estimate, abs=5e-4)
        assert table.loc[effect, "z"] == pytest.approx(z, rel=1e-4)
        assert table.loc[effect, "P"] == pytest.approx(2.0 * stats.norm.sf(abs(z)), rel=1e-3)
    for covariate, statistic in JOINTLY.items():
        row = table.loc[("jointly", covariate)]
        assert row["chi2"] == pytest.approx(statistic, rel=1e-5)
        assert row["P"] == pytest.approx(stats.chi2.sf(statistic, 3), rel=1e-4)


def test_the_report_shows_the_mimic_model():
    text = paper.report(paper.holzinger_swineford())
    assert "MIMIC model (maximum likelihood, robust standard errors)" in text
    assert "df-cap and ml: Effects differ in size (age on comp2: 2.42; 2.20)" in text
