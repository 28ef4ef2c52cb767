"""What tests of plots share."""

from __future__ import annotations

import warnings
from itertools import combinations

import numpy as np
import pytest

import nmfre
from nmfre import plotting

plt = pytest.importorskip("matplotlib.pyplot")


DRAW = {
    "coefficients": plotting.plot_coefficients,
    "basis": plotting.plot_basis,
    "basis_heatmap": plotting.plot_basis_heatmap,
    "growth_curves": plotting.plot_growth_curves,
    "path_diagram": plotting.plot_path_diagram,
    "scores": plotting.plot_scores,
    "random_effects": lambda res, **kw: plotting.plot_random_effects(res, "comp1", **kw),
    "residuals": plotting.plot_residuals,
    "response": lambda res, **kw: plotting.plot_residuals(res, "response", **kw),
    "qq": lambda res, **kw: plotting.plot_residuals(res, "qq", **kw),
    "heatmap": lambda res, **kw: plotting.plot_residuals(res, "heatmap", **kw),
    "convergence": plotting.plot_convergence,
    "effective_df": plotting.plot_effective_df,
    "bootstrap": lambda res, **kw: plotting.plot_bootstrap(res, res.params.index[0], **kw),
}


def drawable(res):
    """The plots of this fit: shares need two components, the path of the cap needs df-cap."""
    one, ml = len(res.model.components) == 1, res.method == "ml"
    return [kind for kind in DRAW if kind not in ["scores"] * one + ["effective_df"] * ml]


def quiet(fit, *args, **options):
    """A fit whose warnings are none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nmfre.NMFREWarning)
        return fit(*args, **options)


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def legend(ax):
    return [entry.get_text() for entry in ax.get_legend().get_texts()]


def segments(collection):
    return np.array(collection.get_segments())


def overlapping(artists):
    """Pairs of artists that share more than half a pixel."""
    boxes = [(artist, artist.get_window_extent().padded(-0.5)) for artist in artists]
    return [(a, b) for (a, p), (b, q) in combinations(boxes, 2) if p.overlaps(q)]
