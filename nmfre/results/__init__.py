"""Results of a fit: what it offers is in parts, a module each, which one class hands out."""

from nmfre.results.results import NMFREResults

__all__ = ["NMFREResults"]
