"""What tests of the choice of the rank share."""

from __future__ import annotations

import numpy as np

import nmfre
from nmfre.simulation import BumpDesign

QUICK = {"progress": False, "n_starts": 1}


def drawn(rank, n_units=60, n_responses=8, seed=0):
    design = BumpDesign(n_responses=n_responses, rank=rank, n_units=n_units)
    endog, exog = design.draw(np.random.default_rng(seed))
    return nmfre.NMFRE(endog, exog, rank=1)
