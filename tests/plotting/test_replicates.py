from __future__ import annotations

import pytest

from nmfre import errors


@pytest.mark.parametrize("name", ["growth df-cap", "growth ml"])
def test_histogram(fits, ax, name):
    res = fits[name]
    res.plot_bootstrap(("comp1", "sex[T.Male]"), alpha=0.2, ax=ax)
    low, high = res.conf_int(0.2).loc[("comp1", "sex[T.Male]")]
    *bars, span = ax.patches
    assert sum(bar.get_height() for bar in bars) == 500
    assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx((low, high))
    assert set(ax.lines[0].get_xdata()) == {res.params["comp1", "sex[T.Male]"]}
    assert f"80 % interval {low:.4g} to {high:.4g}" in ax.get_title()
    assert ax.get_xlabel() == "comp1[sex[T.Male]]"


def test_both_names_of_a_parameter(fits, ax):
    res = fits["60 df-cap"]
    for parameter in (("comp2", "group"), "comp2[group]"):
        res.plot_bootstrap(parameter, ax=ax)
        draws = res.inference.bootstrap.replicates[:, 4]
        assert min(bar.get_x() for bar in ax.patches[:-1]) == pytest.approx(draws.min())
        ax.clear()


def test_errors(growth, fits, tests_of_pupils):
    for parameter in ("sex", ["comp1", "sex[T.Male]"]):
        with pytest.raises(errors.InvalidArgumentError, match=r"\('comp1', 'Intercept'\)"):
            fits["growth ml"].plot_bootstrap(parameter)
    with pytest.raises(errors.NotComputedError, match="n_boot=0"):
        growth.fit(n_boot=0).plot_bootstrap("comp1[Intercept]")
    with pytest.raises(errors.NotComputedError, match="rotations"):
        tests_of_pupils["signed"].plot_bootstrap("comp1[female]")
