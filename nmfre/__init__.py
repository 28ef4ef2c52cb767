"""Non-negative matrix factorization with random effects (Satoh 2026, arXiv:2603.01468)."""

from nmfre import datasets, errors
from nmfre._version import __version__ as __version__
from nmfre.cap import Cap
from nmfre.comparison import Comparison, compare
from nmfre.errors import ConvergenceWarning, NMFREError, NMFREWarning
from nmfre.model import NMFRE
from nmfre.results import NMFREResults

load = NMFREResults.load
from_arrays = NMFREResults.from_arrays

__all__ = [
    "NMFRE",
    "Cap",
    "Comparison",
    "ConvergenceWarning",
    "NMFREError",
    "NMFREResults",
    "NMFREWarning",
    "compare",
    "datasets",
    "errors",
    "from_arrays",
    "load",
]
