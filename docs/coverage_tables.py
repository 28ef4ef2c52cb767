"""
Write ``coverage.md``: how often intervals cover, and how often joint tests reject.

``python docs/coverage_tables.py`` reads the study in ``docs/studies``, which
``python docs/coverage_tables.py --study`` makes anew (an hour on two cores).
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import pandas as pd

from nmfre.simulation import BumpDesign, coverage_study

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "coverage.csv"
N_REPLICATES, N_BOOT = 1_000, 200
BASES = [(4, 1, 0.0), (8, 2, 0.3), (8, 2, 0.0), (9, 3, 0.0)]


def designs() -> list[BumpDesign]:
    """All settings of the study, those of many units first."""
    return [
        BumpDesign(
            n_responses=n_responses,
            rank=rank,
            n_units=n_units,
            signed=signed,
            errors=errors,
            effects=effects,
            background=background,
        )
        for n_units, (n_responses, rank, background), signed, errors, effects in product(
            (200, 60, 27),
            BASES,
            (True, False),
            ("normal", "exponential"),
            ("decreasing", "none"),
        )
    ]


def rows_of(design: BumpDesign, n_jobs: int) -> pd.DataFrame:
    """What the study says of one setting."""
    study = coverage_study(design, N_REPLICATES, n_boot=N_BOOT, n_jobs=n_jobs, progress=False)
    table = study.round(4).reset_index()
    for name in ("effects", "errors", "signed", "background", "n_units", "rank", "n_responses"):
        table.insert(0, name, getattr(design, name))
    table["n_replicates"] = study.attrs["n_replicates"]
    table["seconds"] = round(study.attrs["seconds"])
    return table


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--study", action="store_true", help="run the simulations anew")
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.study:
        tables = []
        for design in designs():
            tables.append(rows_of(design, arguments.n_jobs))
            pd.concat(tables).to_csv(STUDY, index=False)


if __name__ == "__main__":
    main()
