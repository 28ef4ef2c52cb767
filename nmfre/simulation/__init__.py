"""Monte Carlo studies: the paper's, coverage, tests of factors, variances and random effects."""

from nmfre.simulation.bump_design import BumpDesign, covariance_designs
from nmfre.simulation.coverage import coverage_study
from nmfre.simulation.equality import variance_test_study
from nmfre.simulation.factor_design import FactorDesign
from nmfre.simulation.factors import factor_study
from nmfre.simulation.identified_set import identified_set_study
from nmfre.simulation.paper_designs import PaperDesign, baseline_designs, stress_designs
from nmfre.simulation.predictions import prediction_study
from nmfre.simulation.random_effects import random_effects_test_study
from nmfre.simulation.rank import rank_choice_study
from nmfre.simulation.studies import paper_study

__all__ = [
    "BumpDesign",
    "FactorDesign",
    "PaperDesign",
    "baseline_designs",
    "covariance_designs",
    "coverage_study",
    "factor_study",
    "identified_set_study",
    "paper_study",
    "prediction_study",
    "random_effects_test_study",
    "rank_choice_study",
    "stress_designs",
    "variance_test_study",
]
