"""Monte Carlo studies: the paper's two, and the coverage of conditional and marginal inference."""

from nmfre.simulation.coverage import BumpDesign, coverage_study
from nmfre.simulation.paper_designs import PaperDesign, baseline_designs, stress_designs
from nmfre.simulation.studies import paper_study

__all__ = [
    "BumpDesign",
    "PaperDesign",
    "baseline_designs",
    "coverage_study",
    "paper_study",
    "stress_designs",
]
