"""Non-negative matrix factorization with random effects (Satoh 2026, arXiv:2603.01468)."""

from nmfre import datasets, errors, plotting
from nmfre.cap import Cap
from nmfre.cap_scan import CapScan, scan_cap
from nmfre.errors import ConvergenceWarning, NMFREError, NMFREWarning
from nmfre.model import NMFRE
from nmfre.results import NMFREResults
from nmfre.selection import RankSelection, select_rank

__version__ = "0.1.0"

__all__ = [
    "NMFRE",
    "Cap",
    "CapScan",
    "ConvergenceWarning",
    "NMFREError",
    "NMFREResults",
    "NMFREWarning",
    "RankSelection",
    "datasets",
    "errors",
    "plotting",
    "scan_cap",
    "select_rank",
]
