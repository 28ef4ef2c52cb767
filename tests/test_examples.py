"""Examples on data that ship find what is known."""

from __future__ import annotations

import pytest

from nmfre import errors, examples
from nmfre.__main__ import main
from nmfre.datasets import load_state_of_the_union, load_us_airports


@pytest.fixture(scope="module")
def spoken():
    return examples.state_of_the_union()


def test_speech_is_about_people_and_writing_about_legislation(spoken):
    """Against the five occasions on which a president spoke and wrote within days."""
    (fit,) = spoken.fits.values()
    assert fit.converged
    assert fit.identification.n_free == 0
    assert 0.05 < fit.wald_test_terms().table.loc["spoken", "pvalue"] < 0.15
    assert fit.pvalues["comp2", "spoken"] < 0.001
    assert fit.inference.support.effective[-1] < 12
    messages = load_state_of_the_union()
    twice = messages.duplicated(["year", "president"], keep=False) & (messages["year"] > 1900)
    rates = spoken.data.loc[twice, fit.basis.index]
    mean = rates.groupby(messages.loc[twice, "delivery"]).mean()
    assert len(rates) == 10
    effect = fit.profiles["spoken"]
    assert (mean.loc["spoken"] - mean.loc["written"]).corr(effect) > 0.6
    assert set(effect.nlargest(2).index) == {"america", "every"}
    assert set(effect.nsmallest(2).index) == {"government", "upon"}


def test_each_component_of_the_flights_goes_with_a_hub_nearby():
    example = examples.us_flights()
    capped, ml = example.fits.values()
    assert capped.converged
    assert ml.converged
    hub = capped.theta.idxmax(axis=1)
    assert sorted(hub) == sorted(examples.HUBS)
    longitude = load_us_airports()["longitude"]
    place = capped.basis.T @ longitude[capped.basis.index]
    assert list(hub[place.sort_values().index]) == ["LAX", "DFW", "ORD", "ATL"]
    assert example.finding.index("LAX -105") < example.finding.index("ATL -83")
    western = ml.theta["LAX"].idxmax()
    assert ml.scores()[western].corr(longitude[ml.random_effects.index]) < -0.6


def test_the_report_has_summaries_and_the_finding(spoken):
    text = examples.report(spoken)
    assert " ".join(text.split()).endswith(spoken.finding)
    assert max(map(len, text.splitlines())) <= 80
    assert "Log-likelihood" in text
    with pytest.raises(errors.InvalidArgumentError, match="an example"):
        examples.report("us-flights")


def test_the_command_line_shows_an_example(spoken, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(examples.EXAMPLES, "state-of-the-union", lambda: spoken)
    assert main(["examples", "state-of-the-union", "--figures", str(tmp_path)]) == 0
    assert spoken.finding in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "state-of-the-union.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit) as stop:
        main(["examples", "orthodont"])
    assert stop.value.code == 2
