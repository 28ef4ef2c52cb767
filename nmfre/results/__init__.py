"""Results of a fit: a class whose parts are a module each."""

from nmfre.results.results import NMFREResults

__all__ = ["NMFREResults"]
