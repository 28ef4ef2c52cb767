"""Fits to draw: few and many responses, with both estimators."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import Case
from plots import plt, quiet

import nmfre
from nmfre.simulation import BumpDesign


@pytest.fixture(scope="session")
def growth():
    return nmfre.NMFRE.from_formula(
        "distance ~ sex",
        nmfre.datasets.load_orthodont(),
        rank=1,
        unit="subject",
        occasion="age",
    )


@pytest.fixture(scope="session")
def wide():
    """60 labelled responses of 60 units, rank 3."""
    endog, exog = BumpDesign(n_responses=60, rank=3, n_units=60).draw(np.random.default_rng(1))
    units = pd.Index([f"unit {n}" for n in range(60)], name="person")
    items = pd.Index([f"question number {p}" for p in range(60)], name="item")
    return nmfre.NMFRE(
        pd.DataFrame(endog, index=units, columns=items),
        pd.DataFrame(exog, index=units, columns=["Intercept", "group"]),
        rank=3,
    )


@pytest.fixture(scope="session")
def pair():
    """Two responses, a continuous covariate."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"dose": rng.uniform(0, 2, 30)})
    scores = 20 + 5 * data["dose"].to_numpy() + rng.normal(size=30)
    data["low"] = 0.4 * scores + rng.normal(size=30)
    data["high"] = 0.6 * scores + rng.normal(size=30)
    return nmfre.NMFRE.from_formula("low + high ~ dose", data, rank=1)


@pytest.fixture(scope="session")
def fits(growth, wide, pair):
    fast = {"n_boot": 20, "n_starts": 1, "uncertainty": "conditional", "signed": True}
    return {
        "growth df-cap": growth.fit(df_cap=0.21),
        "growth ml": growth.fit("ml"),
        "60 df-cap": quiet(wide.fit, df_cap=0.1, n_boot=20, tol=1e-6),
        "60 ml": wide.fit("ml", **fast),
        "2 df-cap": quiet(pair.fit),
        "2 ml": pair.fit("ml"),
    }


@pytest.fixture(scope="session")
def tests_of_pupils():
    """Nine tests, three components: with zeros, and with effects that have no interval."""
    case = Case.read("holzinger_rank3")
    endog = pd.DataFrame(case.Y.T, columns=[f"x{p}" for p in range(1, 10)])
    exog = pd.DataFrame(case.A.T, columns=["-age", "female", "Grant-White"])
    model = nmfre.NMFRE(endog, exog, rank=3)
    return {
        "ml": model.fit("ml", n_boot=50),
        "signed": model.fit("ml", n_boot=50, signed=True),
    }


@pytest.fixture
def ax():
    return plt.figure(figsize=(6, 4), layout="constrained").add_subplot()
