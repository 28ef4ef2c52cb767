"""
The examples of the paper: data, model and fits with its settings, and its comparisons.

``python -m nmfre paper [example] [--figures DIR]`` prints them.
"""

from nmfre.paper.benchmarks import linear_mixed_model, mimic_model
from nmfre.paper.examples import (
    EXAMPLES,
    Example,
    holzinger_swineford,
    inaugural,
    od_flow,
    orthodont,
    report,
)

__all__ = [
    "EXAMPLES",
    "Example",
    "holzinger_swineford",
    "inaugural",
    "linear_mixed_model",
    "mimic_model",
    "od_flow",
    "orthodont",
    "report",
]
