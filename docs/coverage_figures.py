"""Figures of ``coverage.md``: dots with Monte Carlo errors, from the studies in ``docs/studies``."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from coverage_tables import UNCERTAINTY, read
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

LOOKS = [("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#AA4499", "D")]
"""Colours that deuteranopes can tell apart, and markers."""
GREY = "#595959"
ENTRIES = ("intercepts", "effects")
COVERAGE, REJECTED = "share of intervals that cover", "share of data sets rejected"


def by_interval() -> None:
    """Wald and percentile intervals, for all parameters together."""
    study = _entries(_of(read("coverage"), uncertainty="marginal", effects="decreasing"))
    panels = {
        f"{kind}, Theta {word}": _of(study, kind=kind, signed=word == "signed")
        for word in ("signed", "bounded")
        for kind in ENTRIES
    }
    _draw(panels, 0.95, COVERAGE)


def by_uncertainty() -> None:
    """Wald intervals for all parameters together, and conditional on the basis."""
    study = _entries(_of(read("coverage"), effects="decreasing", signed=True))
    study = _of(study, interval="Wald").assign(series=study["uncertainty"].map(UNCERTAINTY))
    _draw({kind: _of(study, kind=kind) for kind in ENTRIES}, 0.95, COVERAGE)


def covariances() -> None:
    """Coverage by truth and by the form of the fit."""
    study = read("covariances").rename(columns={"truth": "row", "fit": "series"})
    study = _of(study, effects="decreasing")
    panels = {kind: _of(study, quantity=f"coverage, wald, {kind}") for kind in ENTRIES}
    panels["X Theta"] = _of(study, quantity="coverage, wald, profiles")
    _draw(panels, 0.95, COVERAGE, n_columns=3)


def df_cap() -> None:
    """Coverage of df-cap."""
    study = _entries(_of(read("coverage_df_cap"), effects="decreasing"))
    _draw({kind: _of(study, kind=kind) for kind in ENTRIES}, 0.95, COVERAGE)


def predictions() -> None:
    """Coverage of variances and predictions in small samples."""
    study = read("predictions").rename(columns={"quantity": "row", "coverage": "value"})
    study["series"] = study["fit"] + " forms"
    panels = {
        f"P = {p}, Q = {q}, N = {n}": found
        for (p, q, n), found in study.groupby(["n_responses", "rank", "n_units"], sort=False)
    }
    _draw(panels, 0.95, COVERAGE)


def joint_test() -> None:
    """Rejections of a group without effect."""
    study = read("coverage")
    study = _of(study, quantity="joint test, rejections", effects="none")
    study["row"], study["series"] = _settings(study), study["uncertainty"].map(UNCERTAINTY)
    panels = {
        f"{word} effects": _of(study, signed=word == "signed") for word in ("signed", "bounded")
    }
    _draw(panels, 0.05, REJECTED)


def rare() -> None:
    """Rejections of a factor without effect, by kind of test."""
    study = _of(read("factors"), group_size=1, uncertainty="marginal")
    study["row"] = [
        f"{units} units, {str(levels).replace(' ', ' and ')} in a level, Q = {rank}"
        for units, levels, rank in study[["n_groups", "levels", "rank"]].to_numpy()
    ]
    sandwich, cr3 = (_of(study, cov_type=name) for name in ("sandwich", "cr3"))
    panels = {
        "single effects": {"sandwich": sandwich["z"], "cr3": cr3["z"]},
        "joint test": {
            "sandwich": sandwich["chi-squared"],
            "cr3": cr3["chi-squared"],
            "cr3, wald_test_terms()": cr3["joint"],
        },
    }
    _draw({title: _shares(study, series) for title, series in panels.items()}, 0.05, REJECTED)


def groups() -> None:
    """Rejections of an effect of groups, with ``groups=`` and without."""
    study = read("factors")
    study = study[(study["group_size"] > 1) & (study["uncertainty"] == "marginal")].copy()
    study["row"] = [
        f"{n} groups of {size}" for n, size in study[["n_groups", "group_size"]].to_numpy()
    ]
    ignored = _of(study, independent="units", cov_type="cr3")["z"]
    grouped = {
        name: _of(study, independent="groups", cov_type=name) for name in ("sandwich", "cr3")
    }
    series = {"groups ignored": ignored}
    series |= {f"groups=, {name}": found["z"] for name, found in grouped.items()}
    _draw({"": _shares(study, series)}, 0.05, REJECTED)


def _of(study: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Rows with these values."""
    chosen = np.logical_and.reduce([study[name] == value for name, value in values.items()])
    return study[chosen].copy()


def _entries(study: pd.DataFrame) -> pd.DataFrame:
    """Coverage of Theta by Wald and percentile intervals, by kind of entry and by setting."""
    parts = study["quantity"].str.extract(
        r"^coverage, (?P<interval>wald|percentile), (?P<kind>\w+)$"
    )
    study = study.join(parts.replace("wald", "Wald")).dropna(subset="kind")
    return study.assign(row=_settings(study), series=study["interval"])


def _settings(study: pd.DataFrame) -> list[str]:
    return [
        f"P = {p}, Q = {q}, " + (f"background {b:g}, " if b else "") + f"N = {n}"
        for p, q, b, n in zip(
            study["n_responses"], study["rank"], study["background"], study["n_units"], strict=True
        )
    ]


def _shares(study: pd.DataFrame, series: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Shares of data sets, with binomial errors."""
    table = pd.concat(
        [study.loc[share.index].assign(series=name, value=share) for name, share in series.items()]
    )
    share = table["value"]
    return table.assign(**{"std err": np.sqrt(share * (1.0 - share) / table["n_datasets"])})


def _draw(
    panels: Mapping[str, pd.DataFrame], nominal: float, label: str, n_columns: int = 2
) -> None:
    """A panel per frame: its rows from top to bottom, its series in colours, errors by filling."""
    everything = pd.concat(panels.values())
    rows, series = everything["row"].unique(), everything["series"].unique()
    errors = everything["errors"].unique() if "errors" in everything else ["normal"]
    n_rows = -(-len(panels) // n_columns) if len(panels) > 1 else 1
    height = 0.11 * len(rows) * (len(series) * len(errors) + 1.5)
    figure, axes = plt.subplots(
        n_rows,
        min(n_columns, len(panels)),
        sharex=True,
        sharey=True,
        squeeze=False,
        figsize=(8.4, n_rows * (height + 0.7) + 0.5),
        layout="constrained",
    )
    for ax, (title, frame) in zip(axes.flat, panels.items(), strict=True):
        _panel(ax, frame, list(rows), [(name, error) for name in series for error in errors])
        ax.axvline(nominal, color=GREY, linewidth=1.0, zorder=0)
        ax.set_title(title, fontsize="medium")
    axes[0, 0].set_yticks(range(len(rows)), rows)
    axes[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    figure.supxlabel(label, fontsize="medium")
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="", label=name)
        for name, (color, marker) in zip(series, LOOKS, strict=False)
    ]
    if len(errors) > 1:
        handles += [
            Line2D([], [], color=GREY, marker="o", linestyle="", markerfacecolor=face, label=name)
            for name, face in (("normal errors", GREY), ("exponential errors", "white"))
        ]
    handles.append(Line2D([], [], color=GREY, linewidth=1.0, label=f"nominal {nominal:g}"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)


def _panel(ax: Axes, frame: pd.DataFrame, rows: list[str], slots: list[tuple[str, str]]) -> None:
    """Dots, bars of two Monte Carlo errors and, thinner, the range of the entries of Theta."""
    names = list(dict.fromkeys(name for name, _ in slots))
    for i in range(0, len(rows), 2):
        ax.axhspan(i - 0.5, i + 0.5, color="0.95", zorder=-1)
    for slot, (name, error) in enumerate(slots):
        found = frame[frame["series"] == name]
        if "errors" in frame:
            found = found[found["errors"] == error]
        color, marker = LOOKS[names.index(name)]
        place = np.array([rows.index(row) for row in found["row"]])
        place = place + 0.8 * ((slot + 0.5) / len(slots) - 0.5)
        if "lowest" in frame:
            ax.hlines(place, found["lowest"], found["highest"], color=color, linewidth=0.6)
        bar = 2.0 * found["std err"]
        ax.errorbar(
            found["value"],
            place,
            xerr=[bar.clip(upper=found["value"]), bar.clip(upper=1.0 - found["value"])],
            color=color,
            marker=marker,
            markerfacecolor=color if error == "normal" else "white",
            markersize=4.5,
            linestyle="",
            elinewidth=1.8,
        )
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
