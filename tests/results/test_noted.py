"""Tests that print what the summary has in their place."""

from __future__ import annotations

import pickle

import pytest


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ["one-sided", "summary are percentile"]),
        ({"n_boot": 0}, ["one-sided", "cut off at 0"]),
        ({"signed": True}, ["summary are percentile"]),
        ({"signed": True, "n_boot": 0}, []),
    ],
)
def test_a_difference_to_the_summary_is_told(model, options, told):
    res = model.fit("ml", **options)
    name = "comp1[sex[T.Male]] = 0"
    test = res.t_test(name)
    text = " ".join(str(test).split())
    assert ("Notes:" in text) == bool(told)
    assert all(part in text for part in told)
    assert ("0.000" in text, "<0.001" in str(res.t_test("comp1[Intercept] = 0"))) == (False, True)
    same = float(test.pvalue) == pytest.approx(res.pvalues.iloc[1])
    assert same == ("one-sided" not in told)
    joint = " ".join(str(res.wald_test(name)).split())
    assert ("one-sided" in joint) == ("one-sided" in told)
    assert "percentile" not in joint
    again = pickle.loads(pickle.dumps(test))
    assert str(again) == str(test)
    assert "P>|z|" in test.summary(title="one").as_html()


def test_joint_tests_tell_their_distribution(model):
    assert "chi-bar-squared" in str(model.fit("ml", n_boot=0).wald_test_terms())
    told = str(model.fit(df_cap=0.21).wald_test_terms()).replace("\n", " ")
    assert "ignore that effects" in told
    assert "one-sided" in told
    assert "P-values" not in str(model.fit("ml", signed=True, n_boot=0).wald_test_terms())
