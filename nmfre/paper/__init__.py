"""
The examples of the paper: data, model and fits with its settings, and its comparisons.

``nmfre paper [example] [--figures DIR]`` prints them.
"""

from nmfre.paper.benchmarks import mimic_model
from nmfre.paper.examples import (
    EXAMPLES,
    Example,
    holzinger_swineford,
    inaugural,
    od_flow,
    orthodont,
    report,
)
from nmfre.paper.mixed_model import (
    linear_mixed_model,
    mixed_model_comparison,
    mixed_model_tests,
    mixed_model_variances,
)

__all__ = [
    "EXAMPLES",
    "Example",
    "holzinger_swineford",
    "inaugural",
    "linear_mixed_model",
    "mimic_model",
    "mixed_model_comparison",
    "mixed_model_tests",
    "mixed_model_variances",
    "od_flow",
    "orthodont",
    "report",
]
