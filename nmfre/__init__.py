"""Non-negative matrix factorization with random effects (Satoh 2026, arXiv:2603.01468)."""

from nmfre import datasets, errors
from nmfre.cap import Cap
from nmfre.errors import ConvergenceWarning, NMFREError, NMFREWarning
from nmfre.model import NMFRE
from nmfre.results import NMFREResults
from nmfre.selection import RankSelection, select_rank

__version__ = "0.1.0"

__all__ = [
    "NMFRE",
    "Cap",
    "ConvergenceWarning",
    "NMFREError",
    "NMFREResults",
    "NMFREWarning",
    "RankSelection",
    "datasets",
    "errors",
    "select_rank",
]
