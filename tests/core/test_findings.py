from __future__ import annotations

from dataclasses import replace

import pytest

import nmfre
from nmfre.core.findings import Finding, listed


@pytest.fixture(scope="module")
def res():
    data = nmfre.datasets.load_orthodont()
    model = nmfre.NMFRE.from_formula("distance ~ sex", data, 1, unit="subject", occasion="age")
    return model.fit(df_cap=0.21, n_boot=0)


def test_names_take_the_place_of_positions():
    found = Finding("note", "bounds", "{names} here", "{names} there", params=[2, 0])
    named = found.named(["c1", "c2"], ["a", "b", "{c}"])
    assert (named.short, named.text) == ("{c}, a here", "{c}, a there")
    components = replace(found, short=None, params=(), components=[1]).named(["c1", "c2"], [])
    assert (components.short, components.text) == (None, "c2 there")
    responses = replace(found, params=(), responses=[0, 1]).named([], [], ["r1", "r2"])
    assert (responses.short, responses.text) == ("r1, r2 here", "r1, r2 there")
    plain = Finding("note", "none", None, "{not a name}")
    assert plain.named(["c1"], ["a"]) == plain
    assert listed(range(7)) == "0, 1, 2, 3, 4 and 2 more"


@pytest.mark.parametrize(("distance", "expected"), [(0.009, False), (0.011, True)])
def test_sigma2_settles_at_one_threshold(res, distance, expected):
    target = res.estimate.mean_squared_residual
    estimate = replace(res.estimate, sigma2=target / (1 + distance))
    other = replace(res, estimate=estimate)
    assert ("sigma2" in set(other.check().frame["topic"])) == expected
    assert other.converged


def test_every_finding_of_a_fit_that_has_not_converged_agrees(res):
    with pytest.warns(nmfre.ConvergenceWarning) as caught:
        short = res.model.fit(df_cap=0.21, maxiter=5, n_boot=0)
    (warning,) = caught
    problems = [found for found in short.estimate.findings() if found.severity == "problem"]
    assert [found.topic for found in problems] == ["not converged", "variances"]
    frame = short.check().frame.set_index("topic")["text"]
    summary = " ".join(str(short.summary()).split())
    for found in problems:
        assert found.text in str(warning.message)
        assert frame[found.topic] == found.text
        assert " ".join(found.short.split()) in summary
    assert not short.converged
    assert "not converged" in repr(short)
    assert nmfre.compare([short]).measures.loc["Converged"].to_list() == [False]
