"""
Make the studies again that ``coverage.md`` and ``theory.md`` show: ``docs/studies/*.csv``.

``python docs/coverage_studies.py coverage`` takes an hour on two cores, ``covariances`` and
``factors`` a quarter of an hour each, ``coverage_df_cap`` and ``predictions`` less.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd

from nmfre.simulation import (
    BumpDesign,
    FactorDesign,
    covariance_designs,
    coverage_study,
    factor_study,
    prediction_study,
)

FOLDER = Path(__file__).parent / "studies"
PREDICTION_DESIGNS = [
    BumpDesign(n_responses=60, rank=2, n_units=40, intercept=450.0, tau=52.5),
    BumpDesign(n_responses=8, rank=1, n_units=27),
]
N_REPLICATES, N_BOOT, N_COVARIANCES, N_DF_CAP = 1_000, 200, 60, 60
STRUCTURES = {
    "Psi = sigma2 I, Phi = tau2 I": ("identity", "identity"),
    "diagonal Psi, Phi = tau2 I": ("diagonal", "identity"),
    "diagonal Psi and Phi": ("diagonal", "diagonal"),
    "diagonal Psi, any Phi, zeros of X known": ("diagonal", "full"),
}
"""Forms of the covariances of fits: cov_resid and cov_re."""
BASES = [
    (4, 1, 0.0, (27, 60, 200)),
    (8, 2, 0.0, (60, 200)),
    (8, 2, 0.3, (60, 200)),
    (9, 3, 0.0, (200,)),
]
"""Responses, rank, background and numbers of units."""
BASES_OF_DF_CAP = [(4, 1, 0.0, 100), (6, 2, 0.0, 100), (6, 2, 0.3, 100), (9, 3, 0.3, 100)]
"""The same of the study of df-cap."""
GROUPED = [
    (FactorDesign(n_groups=40, group_size=5, levels=(20,), group_share=0.6), 200),
    (FactorDesign(n_groups=20, group_size=10, levels=(10,), group_share=0.6), 150),
]
RARE = [
    (FactorDesign(n_groups=27, levels=(13,)), 300),
    (FactorDesign(n_groups=27, levels=(4,)), 300),
    (FactorDesign(n_groups=40, levels=(4,)), 300),
    (FactorDesign(n_groups=60, levels=(4,)), 200),
    (FactorDesign(n_groups=40, levels=(20,), rank=2, n_responses=8), 150),
    (FactorDesign(n_groups=40, levels=(4,), rank=2, n_responses=8), 150),
    (FactorDesign(n_groups=100, levels=(10,), rank=2, n_responses=8), 150),
]
"""Designs with a factor without effect, and numbers of data sets."""
DESIGN = ["n_responses", "rank", "n_units", "background", "signed", "errors", "effects"]


def designs() -> list[BumpDesign]:
    """All settings of the study."""
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
        for n_responses, rank, background, sizes in BASES
        for n_units, signed, errors, effects in product(
            sizes, (True, False), ("normal", "exponential"), ("decreasing", "none")
        )
    ]


def coverage_rows(n_jobs: int) -> pd.DataFrame:
    """Coverage and rejections in all settings."""
    tables = []
    for design in designs():
        study = coverage_study(
            design,
            N_REPLICATES,
            cov_resid="identity",
            cov_re="identity",
            cov_type="sandwich",
            n_boot=N_BOOT,
            n_jobs=n_jobs,
            progress=False,
        )
        table = study.round(4).reset_index()
        for name in reversed(DESIGN):
            table.insert(0, name, getattr(design, name))
        table["n_replicates"] = study.attrs["n_replicates"]
        table["seconds"] = round(study.attrs["seconds"])
        tables.append(table)
    return pd.concat(tables)


def covariance_rows(n_jobs: int) -> pd.DataFrame:
    """Truths by forms of the fits; with effects of the group, and without."""
    tables = []
    for (truth, design), (fit, (cov_resid, cov_re)), effects in product(
        covariance_designs().items(), STRUCTURES.items(), ("decreasing", "none")
    ):
        if design.background and cov_re == "full":
            continue  # there are no zeros
        study = coverage_study(
            replace(design, effects=effects),
            N_COVARIANCES,
            cov_resid=cov_resid,
            cov_re=cov_re,
            cov_type="sandwich",
            n_boot=0,
            n_jobs=n_jobs,
            progress=False,
        )
        table = study.loc["marginal"].round(4).reset_index()
        table.insert(0, "effects", effects)
        table.insert(0, "fit", fit)
        table.insert(0, "truth", truth)
        tables.append(table.assign(n_replicates=study.attrs["n_replicates"]))
    return pd.concat(tables)


def df_cap_rows(n_jobs: int) -> pd.DataFrame:
    """What the study says of df-cap with its default cap."""
    tables = []
    for (n_responses, rank, background, n_units), effects in product(
        BASES_OF_DF_CAP, ("decreasing", "none")
    ):
        design = BumpDesign(
            n_responses=n_responses,
            rank=rank,
            n_units=n_units,
            signed=False,
            effects=effects,
            background=background,
        )
        study = coverage_study(
            design, N_DF_CAP, method="df-cap", n_boot=100, n_jobs=n_jobs, progress=False
        )
        table = study.loc["conditional"].round(4).reset_index()
        for name in reversed(DESIGN):
            table.insert(0, name, getattr(design, name))
        tables.append(table.assign(n_replicates=study.attrs["n_replicates"]))
    return pd.concat(tables)


def factor_rows(n_jobs: int) -> pd.DataFrame:
    """What the study says of all designs with a factor."""
    tables = []
    for design, n_datasets in GROUPED + RARE:
        study = factor_study(design, n_datasets, n_jobs=n_jobs, progress=False)
        table = study.round(4).reset_index()
        table.insert(0, "levels", " ".join(map(str, design.levels)))
        for name in ("rank", "group_size", "n_groups"):
            table.insert(0, name, getattr(design, name))
        table["n_datasets"] = study.attrs["n_datasets"]
        tables.append(table)
    return pd.concat(tables)


def prediction_rows(n_jobs: int) -> pd.DataFrame:
    """What the study says of variances and predictions in small samples."""
    tables = []
    for design, form in product(PREDICTION_DESIGNS, ("identity", "diagonal")):
        study = prediction_study(
            design, 60, cov_resid=form, cov_re=form, n_jobs=n_jobs, progress=False
        )
        table = study.rename(columns={"estimate / truth": "ratio"}).rename_axis("quantity")
        table = table.round(3).reset_index()
        table.insert(0, "fit", form)
        for name in ("n_units", "rank", "n_responses"):
            table.insert(0, name, getattr(design, name))
        tables.append(table)
    return pd.concat(tables)


STUDIES = {
    "coverage": coverage_rows,
    "covariances": covariance_rows,
    "coverage_df_cap": df_cap_rows,
    "factors": factor_rows,
    "predictions": prediction_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("studies", nargs="+", choices=STUDIES, help="what to make again")
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    for name in arguments.studies:
        STUDIES[name](arguments.n_jobs).to_csv(FOLDER / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
