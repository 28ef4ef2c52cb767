"""The plots of `nmfre.plotting` as methods."""

from __future__ import annotations

from nmfre import plotting
from nmfre.results.base import BaseResults


class PlotResults(BaseResults):
    """Methods that are the functions of `nmfre.plotting`, the result being their argument."""

    plot_basis = plotting.plot_basis
    plot_basis_heatmap = plotting.plot_basis_heatmap
    plot_bootstrap = plotting.plot_bootstrap
    plot_coefficients = plotting.plot_coefficients
    plot_convergence = plotting.plot_convergence
    plot_effective_df = plotting.plot_effective_df
    plot_growth_curves = plotting.plot_growth_curves
    plot_path_diagram = plotting.plot_path_diagram
    plot_random_effects = plotting.plot_random_effects
    plot_residuals = plotting.plot_residuals
    plot_scores = plotting.plot_scores
