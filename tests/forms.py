"""Orthodont as a model, from its long form; covariances as in the paper."""

from __future__ import annotations

import nmfre

PAPER = {"cov_resid": "identity", "cov_re": "identity"}


def long_model(frame, formula="distance ~ sex", **options):
    options = {"rank": 1, "unit": "subject", "occasion": "age", **options}
    return nmfre.NMFRE.from_formula(formula, frame, **options)
