"""Tables of ``coverage.md`` and ``theory.md``, from the studies in ``docs/studies``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

UNCERTAINTY = {"marginal": "all parameters", "conditional": "conditional on the basis"}


def read(name: str) -> pd.DataFrame:
    """A study; ``coverage_studies.py`` makes them."""
    return pd.read_csv(Path(__file__).parent / "studies" / f"{name}.csv")


def coverage(uncertainty: str, interval: str) -> pd.DataFrame:
    """Lowest and highest coverage of the entries of Theta."""
    study = read("coverage")
    of_kind = study[study["uncertainty"] == uncertainty]
    kind = of_kind["quantity"].str.extract(rf"^coverage, {interval}, (\w+)$")[0]
    return _rates(of_kind.assign(kind=kind).dropna(), ["intercepts", "effects"])


def joint_test() -> pd.DataFrame:
    """Rejections of the joint test."""
    study = read("coverage")
    tests = study[study["quantity"] == "joint test, rejections"]
    what = tests["effects"].map({"none": "size, ", "decreasing": "power, "})
    kinds = [f"size, {name}" for name in UNCERTAINTY.values()]
    kinds.append(f"power, {UNCERTAINTY['marginal']}")
    return _rates(tests.assign(kind=what + tests["uncertainty"].map(UNCERTAINTY)), kinds)


def _rates(rates: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    """A row per setting, a column per kind of rate and number of units."""
    rates = rates.assign(
        **{
            "P, Q": rates["n_responses"].astype(str) + ", " + rates["rank"].astype(str),
            "background": rates["background"].map("{:g}".format),
            "Theta": rates["signed"].map({True: "signed", False: "bounded"}),
            "N": "N = " + rates["n_units"].astype(str),
        }
    )
    row, column = ["P, Q", "background", "Theta", "errors"], ["kind", "N"]
    groups = rates.groupby([*row, *column], sort=False)
    cells = groups.agg({"lowest": "min", "highest": "max"}).apply(_range, axis=1)
    table = cells.unstack(column, sort=False)  # noqa: PD010 (there are no duplicates)
    sizes = table.columns.get_level_values(1).unique()
    table = table[[(kind, size) for kind in kinds for size in sizes]]
    return table.fillna("").rename_axis(columns=[None, None])


def _range(rate: pd.Series) -> str:
    """A rate, or the lowest and the highest of several."""
    low, high = f"{rate['lowest']:.3f}", f"{rate['highest']:.3f}"
    return low if low == high else f"{low} to {high}"


def covariances() -> pd.DataFrame:
    """Coverage, size and identification, by truth and by the form of the fit."""
    rows = {}
    for key, found in read("covariances").groupby(["truth", "fit"], sort=False):
        value = found.set_index(["effects", "quantity"])
        rows[key] = {
            "mean of intercepts": _mean_intercepts(value),
            "intercepts": _rate(value, "coverage, wald, intercepts"),
            "effects": _rate(value, "coverage, wald, effects"),
            "X Theta": _rate(value, "coverage, wald, profiles"),
            "size of the joint test": _rate(value, "joint test, rejections", "none"),
            "with std err": _rate(value, "with std err, intercepts"),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["truth", "fit"])


def means_of_intercepts() -> pd.DataFrame:
    """Lowest and highest mean intercept: a row per truth, a column per form of the fit."""
    cells: dict[str, dict[str, str]] = {}
    for (truth, fit), found in read("covariances").groupby(["truth", "fit"], sort=False):
        value = found.set_index(["effects", "quantity"])
        share = value.loc[("decreasing", "with std err, intercepts"), "value"]
        text = _mean_intercepts(value) if share else "never identified"
        if 0.0 < share < 1.0:
            text += f" (in {100 * share:.0f} %)"
        cells.setdefault(truth, {})[fit] = text
    return pd.DataFrame.from_dict(cells, orient="index").fillna("").rename_axis("truth")


def df_cap() -> pd.DataFrame:
    """Coverage, standard errors and tests of df-cap: a row per setting."""
    rows = {}
    by = ["n_responses", "rank", "background", "n_units"]
    for (n_responses, rank, background, n_units), found in read("coverage_df_cap").groupby(
        by, sort=False
    ):
        value = found.set_index(["effects", "quantity"])
        rows[f"{n_responses}, {rank}", f"{background:g}", n_units] = {
            ("percentile intervals", "intercepts"): _rate(
                value, "coverage, percentile, intercepts"
            ),
            ("percentile intervals", "effects"): _rate(value, "coverage, percentile, effects"),
            ("Wald intervals", "intercepts"): _rate(value, "coverage, wald, intercepts"),
            ("Wald intervals", "effects"): _rate(value, "coverage, wald, effects"),
            ("mean se / sd", "intercepts"): _rate(value, "mean se / sd, intercepts"),
            ("mean se / sd", "effects"): _rate(value, "mean se / sd, effects"),
            ("joint test", "size"): _rate(value, "joint test, rejections", "none"),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table.rename_axis(["P, Q", "background", "N"])


def predictions() -> pd.DataFrame:
    """Coverage of variances and predictions, and mean estimates over true variances."""
    study = read("predictions")
    setting = [
        f"P = {p}, Q = {q}, N = {n}, {fit} forms"
        for p, q, n, fit in study[["n_responses", "rank", "n_units", "fit"]].to_numpy()
    ]
    cells = study.assign(setting=setting).set_index(["quantity", "setting"])
    table = pd.DataFrame(
        {
            "coverage": cells.apply(lambda row: _plus_minus(row["coverage"], row["std err"]), 1),
            "estimate / truth": cells["ratio"].map("{:.2f}".format, na_action="ignore").fillna(""),
        }
    )
    table = table.unstack("setting", sort=False).swaplevel(axis=1)  # noqa: PD010
    return table[list(dict.fromkeys(setting))].rename_axis(columns=[None, None])


def rare() -> pd.DataFrame:
    """Rejections of factors with few units, by kind of test."""
    study = read("factors")
    single = study[(study["group_size"] == 1) & (study["uncertainty"] == "marginal")]
    rows = {}
    for (n_units, levels, rank), found in single.groupby(
        ["n_groups", "levels", "rank"], sort=False
    ):
        value = found.set_index("cov_type")
        cr3, sandwich = value.loc["cr3"], value.loc["sandwich"]
        rows[n_units, str(levels).replace(" ", " and "), rank] = {
            "sandwich, z": f"{sandwich['z']:.3f}",
            "cr3, z": f"{cr3['z']:.3f}",
            "sandwich, chi-squared": f"{sandwich['chi-squared']:.3f}",
            "cr3, chi-squared": f"{cr3['chi-squared']:.3f}",
            "cr3, F(N - K)": f"{cr3['F(N - K)']:.3f}",
            "cr3, wald_test_terms()": f"{cr3['joint']:.3f}",
            "data sets": f"{cr3['n_datasets']:.0f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["units", "in levels", "Q"])


def groups() -> pd.DataFrame:
    """Rejections of the effect of groups, with ``groups=`` and without."""
    study = read("factors")
    grouped = study[(study["group_size"] > 1) & (study["uncertainty"] == "marginal")]
    rows = {}
    for (n_groups, size), found in grouped.groupby(["n_groups", "group_size"], sort=False):
        value = found.set_index(["independent", "cov_type"])["z"]
        rows[f"{n_groups} of {size}"] = {
            "ignored": f"{value['units', 'cr3']:.3f}",
            "groups=, sandwich": f"{value['groups', 'sandwich']:.3f}",
            "groups=, cr3": f"{value['groups', 'cr3']:.3f}",
            "data sets": int(found["n_datasets"].iloc[0]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("groups")


def _mean_intercepts(value: pd.DataFrame) -> str:
    """The lowest and the highest mean of the estimated intercepts, which are 60."""
    bias = value.loc[("decreasing", "bias, intercepts")]
    low, high = 60.0 + bias["lowest"], 60.0 + bias["highest"]
    return "" if pd.isna(low) else f"{low:.0f}, {high:.0f}"


def _rate(value: pd.DataFrame, quantity: str, effects: str = "decreasing") -> str:
    return _plus_minus(*value.loc[(effects, quantity), ["value", "std err"]])


def _plus_minus(rate: float, error: float) -> str:
    """A rate with its Monte Carlo error."""
    return "" if pd.isna(rate) else f"{rate:.2f}" + ("" if pd.isna(error) else f" ± {error:.2f}")
