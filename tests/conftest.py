from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # processes share the processors: before NumPy loads BLAS
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmfre

os.environ["MPLBACKEND"] = "Agg"


class CloseFigures:
    """A plugin, so that it holds for the doctests too, which lie outside of this folder."""

    @staticmethod
    def pytest_runtest_teardown() -> None:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close("all")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(CloseFigures())


FOLDERS = [Path(__file__).parent / "reference"]
if "NMFRE_REFERENCE" in os.environ:
    FOLDERS.append(Path(os.environ["NMFRE_REFERENCE"]))
CASES = {path.stem: path for folder in FOLDERS for path in sorted(folder.glob("*.json"))}


@dataclass(frozen=True)
class Case:
    """A golden case: data and start as (P, N) and so on, options by their names here."""

    name: str
    Y: np.ndarray
    A: np.ndarray
    rank: int
    X: np.ndarray
    Theta: np.ndarray
    multipliers: np.ndarray
    options: dict[str, Any]
    expected: dict[str, Any]

    @classmethod
    def read(cls, name: str) -> Case:
        case = json.loads(CASES[name].read_text())
        given = case["options"]
        options = {
            "df_cap": None if given.get("dfU_control") == "off" else given.get("dfU_cap_rate", 0.1),
            "maxiter": given.get("maxit", 50_000),
            "cov_type": given.get("se_rule", "sandwich"),
            "information": "plain" if given.get("theta_info_mode") == "plain" else "adjusted",
            "dispersion": {"PN": "n", "PN-QR": "params"}.get(given.get("df_sigma"), "df"),
        }
        arrays = {key: np.array(case[key], dtype=float) for key in ("Y", "A")}
        return cls(
            name=name,
            **arrays,
            rank=case["rank"],
            X=np.array(case["X_ini"], dtype=float),
            Theta=np.array(case["Theta_ini"], dtype=float),
            multipliers=np.array(case["wild_weights"], dtype=float).T,
            options=options,
            expected=case["expected"],
        )

    def fit(self, **changes: Any) -> nmfre.NMFREResults:
        model = nmfre.NMFRE(self.Y.T, self.A.T, rank=self.rank)
        arguments = {
            "start_basis": self.X,
            "start_theta": self.Theta,
            "multipliers": self.multipliers,
            **self.options,
            **changes,
        }
        return model.fit(**arguments)


@pytest.fixture
def orthodont():
    return nmfre.datasets.load_orthodont()


@pytest.fixture
def gaps(orthodont):
    """Orthodont without some cells."""
    return orthodont.drop(index=[0, 5, 6, 7, 13, 30, 31, 60, 62, 77, 99, 104])


@pytest.fixture
def orthodont_wide(orthodont):
    wide = orthodont.pivot(index=["subject", "sex"], columns="age", values="distance")
    return wide.add_prefix("age").reset_index("sex").rename_axis(columns=None)


@pytest.fixture
def model(orthodont):
    return nmfre.NMFRE.from_formula(
        "distance ~ sex", orthodont, rank=1, unit="subject", occasion="age"
    )


@pytest.fixture(scope="session")
def simulated_once():
    """Wide data of 40 units, 5 responses and 2 components: names y1..y5, age, group."""
    import pandas as pd

    rng = np.random.default_rng(7)
    X = np.array([[5, 3, 1, 0, 0], [0, 0, 1, 4, 5]], dtype=float).T
    frame = pd.DataFrame({"age": rng.uniform(0, 1, 40), "group": rng.choice(["a", "b", "c"], 40)})
    scores = 5 + 3 * frame[["age"]].to_numpy() + rng.normal(size=(40, 2))
    Y = np.maximum(scores @ X.T + rng.normal(size=(40, 5)), 0)
    return pd.concat([pd.DataFrame(Y, columns=[f"y{j}" for j in range(1, 6)]), frame], axis=1)


@pytest.fixture
def simulated(simulated_once):
    """A copy of these that a test may change."""
    return simulated_once.copy()


@pytest.fixture(scope="session")
def res2(simulated_once):
    """Their fit by df-cap with two components, whose iteration ends at its limit."""
    import warnings

    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 + y4 + y5 ~ age + group", simulated_once, rank=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nmfre.ConvergenceWarning)
        return model.fit(df_cap=0.5)


@pytest.fixture(scope="session")
def bumps():
    """A model of 60 units, 8 responses and 2 components."""
    from nmfre.simulation import BumpDesign

    endog, exog = BumpDesign(n_responses=8, rank=2, n_units=60).draw(np.random.default_rng(5))
    return nmfre.NMFRE(endog, exog, rank=2)


@pytest.fixture(scope="session")
def holed(bumps):
    """The same with missing cells."""
    from holes import with_holes

    return nmfre.NMFRE(with_holes(bumps.endog), bumps.exog, rank=2)


@pytest.fixture(scope="session")
def holed_fit(holed):
    return holed.fit("ml", signed=True, n_starts=2, n_boot=20)


@pytest.fixture(scope="session")
def cluster():
    """A client of two processes of dask."""
    distributed = pytest.importorskip("distributed")
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        yield client
