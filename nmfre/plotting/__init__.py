"""
Plots of a fit.

Each function takes a result of `nmfre.NMFRE.fit`, draws into ``ax`` or into a new figure, and
returns the axes. Results have the same functions as methods. Plots need matplotlib: ``pip install
"nmfre[plots]"``. Legends and colour bars are beside the axes; figures with ``layout="constrained"``
leave room for them.
"""

import copyreg

from nmfre.plotting.basis import plot_basis, plot_basis_heatmap
from nmfre.plotting.choices import plot_cap_scan, plot_rank_selection
from nmfre.plotting.coefficients import plot_bootstrap, plot_coefficients, plot_of_bootstrap
from nmfre.plotting.growth import plot_growth_curves
from nmfre.plotting.identified_set import plot_identified_set
from nmfre.plotting.iterations import plot_convergence, plot_effective_df
from nmfre.plotting.path_diagram import plot_path_diagram
from nmfre.plotting.paths import path_diagram_dot
from nmfre.plotting.residuals import plot_residuals
from nmfre.plotting.shares import plot_shares
from nmfre.plotting.units import plot_random_effects, plot_scores
from nmfre.results import NMFREResults
from nmfre.results.bootstrap import Bootstrap
from nmfre.selection.cap import CapScan
from nmfre.selection.result import RankSelection

__all__ = [
    "path_diagram_dot",
    "plot_basis",
    "plot_basis_heatmap",
    "plot_bootstrap",
    "plot_cap_scan",
    "plot_coefficients",
    "plot_convergence",
    "plot_effective_df",
    "plot_growth_curves",
    "plot_identified_set",
    "plot_path_diagram",
    "plot_random_effects",
    "plot_rank_selection",
    "plot_residuals",
    "plot_scores",
    "plot_shares",
]

for _name in NMFREResults.__annotations__.keys() & set(__all__):
    setattr(NMFREResults, _name, globals()[_name])
Bootstrap.plot = plot_of_bootstrap
CapScan.plot = plot_cap_scan
RankSelection.plot = plot_rank_selection


def _blank(kind: type) -> object:
    """What is unpickled; that this function is here gives it its plots in any process."""
    return object.__new__(kind)


for _kind in (NMFREResults, Bootstrap, CapScan, RankSelection):
    copyreg.pickle(_kind, lambda value: (_blank, (type(value),), value.__getstate__()))
