"""Effects at their boundary that are negative are the first thing that a fit says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre.errors import BoundaryWarning

FALLING = 'distance ~ C(sex, Treatment("Male"))'
"""Girls are smaller than boys: an effect >= 0 is 0."""


def model(data, formula=FALLING, rank=1):
    return nmfre.NMFRE.from_formula(formula, data, unit="subject", occasion="age", rank=rank)


@pytest.mark.parametrize(
    ("method", "remedy"), [("ml", "Use signed=True"), ("df-cap", "Use method='ml', signed=True")]
)
def test_a_negative_effect_is_the_headline(orthodont, method, remedy):
    with pytest.warns(BoundaryWarning, match="the score test says") as caught:
        res = model(orthodont).fit(method, n_boot=0)
    (z,) = res.inference.score_z[res.inference.at_bound]
    assert z < -2.5
    text = str(caught[0].message)
    assert f"(z = {z:.2f}) is held at 0" in text
    assert f'{remedy}, or another reference level: C(sex, Treatment("Female")).' in text
    first = res.check().advice[0]
    assert (first.severity, first.topic, first.text) == ("problem", "negative effects", text)
    notes = " ".join(str(res.summary()).split("Notes:")[1].split())
    assert notes.startswith(f"NEGATIVE EFFECTS: {text}")


def test_the_remedies_remedy(orthodont, recwarn):
    """Signed effects, and the other reference level, have the same size and nothing to warn of."""
    signed = model(orthodont).fit("ml", signed=True, n_boot=0)
    other = model(orthodont, 'distance ~ C(sex, Treatment("Female"))').fit("ml", n_boot=0)
    assert not [each for each in recwarn if each.category is BoundaryWarning]
    np.testing.assert_allclose(signed.params.iloc[1], -other.params.iloc[1], rtol=1e-4)
    for res in (signed, other):
        assert "NEGATIVE EFFECTS" not in str(res.summary())


def test_the_z_of_df_cap_is_that_of_residuals_on_the_covariate(orthodont):
    """With one component: residuals along the basis, times the covariate less its mean."""
    res = model(orthodont).fit("df-cap", n_boot=0)
    estimate, girl = res.estimate, res.model.exog[:, 1]
    along = res.resid.to_numpy() @ estimate.X[:, 0]
    terms = along * (girl - girl.mean())
    z = terms.sum() / np.sqrt(np.sum(terms**2))
    np.testing.assert_allclose(res.inference.score_z, [np.nan, z], rtol=1e-6)


@pytest.mark.parametrize(
    ("formula", "remedy"),
    [
        ("distance ~ sex2", "Treatment(1)"),
        ("distance ~ grouped", 'C(grouped, Treatment("x"))'),
        ("distance ~ number", "or reverse the covariate."),
        ("distance ~ C(number)", "C(number, Treatment(1))"),
    ],
)
def test_remedies_by_kind_of_covariate(orthodont, formula, remedy):
    number = (orthodont["sex"] == "Female").astype(int)
    orthodont["number"] = number
    orthodont["sex2"] = pd.Categorical(number)
    orthodont["grouped"] = np.where(number, "x", "a")
    res = model(orthodont, formula).fit("ml", n_boot=0)
    assert remedy in res.check().advice[0].text


def test_the_headline_survives_saving_without_data(orthodont, tmp_path):
    res = model(orthodont).fit("df-cap", n_boot=0)
    text = str(res.summary())
    res.to_arrays(tmp_path / "fit.npz")
    assert str(nmfre.from_arrays(tmp_path / "fit.npz").summary()) == text
    res.remove_data()
    assert "NEGATIVE EFFECTS" in str(res.summary())
