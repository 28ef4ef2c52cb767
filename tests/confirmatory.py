"""Three parts of three tests each, as a confirmatory model."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import nmfre

NAMES = [f"x{p}" for p in range(1, 10)]
PATTERN = {"visual": NAMES[:3], "verbal": NAMES[3:6], "speed": NAMES[6:]}
FAST = {"n_starts": 1, "n_boot": 0}


@cache
def battery() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    mask = np.kron(np.eye(3), np.ones((3, 1)))
    X = mask * rng.uniform(0.5, 1.5, size=mask.shape)
    g = np.tile([0.0, 1.0], 60)
    means = np.column_stack([np.ones(120), g]) @ [[30.0, 30.0, 40.0], [2.0, 0.0, 3.0]]
    Phi = [[4.0, 1.0, 1.0], [1.0, 6.0, 1.0], [1.0, 1.0, 2.0]]
    scores = means + rng.multivariate_normal(np.zeros(3), Phi, size=120)
    errors = rng.normal(size=(120, 9)) * np.linspace(0.3, 1.0, 9)
    return pd.DataFrame(scores @ (X / X.sum(axis=0)).T + errors, columns=NAMES).assign(g=g)


def model(data: pd.DataFrame | None = None, *, right: str = "g", **options) -> nmfre.NMFRE:
    options = options or {"basis_pattern": PATTERN}
    formula = " + ".join(NAMES) + f" ~ {right}"
    return nmfre.NMFRE.from_formula(formula, battery() if data is None else data, **options)


@cache
def fitted(cov_re: str = "full", cov_resid: str = "diagonal") -> nmfre.NMFREResults:
    return model().fit("ml", cov_resid=cov_resid, cov_re=cov_re, signed=True, **FAST)
