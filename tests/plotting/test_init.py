"""Every plot draws the numbers of the results, into the axes that it is given."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from plots import DRAW, overlapping, plt

import nmfre
from nmfre import plotting


def state(res):
    return [
        np.array(array, copy=True)
        for array in (
            res.estimate.X,
            res.estimate.Theta,
            res.estimate.U,
            res.estimate.objective_path,
            res.params,
            res.bse,
            res.basis,
            res.theta,
            res.random_effects,
            res.fittedvalues,
            res.model.endog,
            res.model.exog,
        )
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"{data} {method}", kind)
        for data in ("growth", "60", "2")
        for method in ("df-cap", "ml")
        for kind in DRAW
        if (method, kind) != ("ml", "effective_df") and (data == "60" or kind != "scores")
    ],
)
def test_every_plot_of_every_fit_draws_into_the_given_axes(fits, ax, name, kind):
    res = fits[name]
    before = state(res)
    assert DRAW[kind](res, ax=ax) is ax
    assert plt.get_fignums() == [ax.figure.number]
    assert ax.has_data() or ax.texts
    ax.figure.draw_without_rendering()
    for old, new in zip(before, state(res), strict=True):
        np.testing.assert_array_equal(old, new)
    for axis in (ax.xaxis, ax.yaxis):
        shown = [label for label in axis.get_ticklabels() if label.get_text()]
        if all(label.get_rotation() != 45 for label in shown):  # else boxes say nothing
            assert not overlapping(shown)


def test_methods_are_the_functions():
    for name in set(plotting.__all__) - {"plot_cap_scan", "plot_rank_selection"}:  # not of a fit
        assert getattr(nmfre.NMFREResults, name) is getattr(plotting, name)
        for section in ("Parameters", "Returns", "Raises", "Examples"):
            assert f"{section}\n    ---" in getattr(plotting, name).__doc__


def test_unknown_keywords_are_refused(fits):
    with pytest.raises(TypeError, match="unexpected keyword argument 'odrer'"):
        fits["2 ml"].plot_scores(odrer="cluster")


def test_matplotlib_is_imported_only_when_something_is_drawn():
    code = "import nmfre, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
