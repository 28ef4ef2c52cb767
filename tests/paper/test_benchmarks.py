"""Models of other packages beside those of the paper."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from nmfre import errors, paper

NLME = [  # REML, age centred: coefficient and standard error
    (24.9687500, 0.48600072),
    (-2.3210227, 0.76141679),
    (0.7843750, 0.08599951),
    (-0.3048295, 0.13473534),
]


LAVAAN = {  # maximum likelihood, std.lv: estimate and z
    ("visual", "age_reversed"): (0.075, 1.009),
    ("visual", "female"): (-0.427, -2.886),
    ("textual", "age_reversed"): (0.183, 2.846),
    ("textual", "grant_white"): (0.521, 3.985),
    ("speed", "age_reversed"): (-0.264, -3.588),
}


def test_mixed_model_is_that_of_nlme():
    title, table = paper.linear_mixed_model()
    assert "MixedLM" in title
    order = ["Intercept", "female", "age", "age x female"]
    np.testing.assert_allclose(table.loc[order, "coef"], [c for c, _ in NLME], rtol=1e-5)
    np.testing.assert_allclose(table.loc[order, "std err"], [s for _, s in NLME], rtol=2e-3)


def test_mimic_model_is_that_of_lavaan():
    _, table = paper.mimic_model()
    for effect, (estimate, z) in LAVAAN.items():
        assert table.loc[effect, "coef"] == pytest.approx(estimate, abs=1.5e-3)
        assert table.loc[effect, "z"] == pytest.approx(z, abs=0.12)


def test_without_semopy_the_report_says_what_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "semopy", None)
    with pytest.raises(errors.MissingDependencyError, match=r"pip install \"nmfre\[paper\]\""):
        paper.mimic_model()
    text = paper.report(paper.holzinger_swineford())
    assert "Left out: the MIMIC model needs semopy" in text
    assert "df-cap and ml: Effects differ in size (age on comp2: 2.42; 2.20)" in text
