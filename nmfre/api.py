"""The public names of the package."""

from nmfre import datasets, errors, plotting
from nmfre.core.versions import show_versions
from nmfre.errors import ConvergenceWarning, NMFREError, NMFREWarning
from nmfre.estimation.cap import Cap
from nmfre.model import NMFRE
from nmfre.report.comparison import Comparison
from nmfre.results import NMFREResults
from nmfre.results.comparison import compare
from nmfre.selection import RankSelection, select_rank
from nmfre.selection.cap import CapScan, scan_cap

load = NMFREResults.load
from_arrays = NMFREResults.from_arrays

__all__ = [
    "NMFRE",
    "Cap",
    "CapScan",
    "Comparison",
    "ConvergenceWarning",
    "NMFREError",
    "NMFREResults",
    "NMFREWarning",
    "RankSelection",
    "compare",
    "datasets",
    "errors",
    "from_arrays",
    "load",
    "plotting",
    "scan_cap",
    "select_rank",
    "show_versions",
]
