"""
Write ``coverage.md``: how often intervals cover, and how often joint tests reject.

``python docs/coverage_tables.py`` reads the studies in ``docs/studies``, which
``python docs/coverage_tables.py --study`` (an hour on two cores) and ``--covariances`` (a quarter
of an hour on one) make again. It also writes the table that ``theory.md`` includes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd
from paper_tables import markdown

from nmfre.simulation import (
    BumpDesign,
    FactorDesign,
    covariance_designs,
    coverage_study,
    factor_study,
    prediction_study,
)

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "coverage.csv"
COVARIANCES = HERE / "studies" / "covariances.csv"
COVARIANCES_TABLE = HERE / "studies" / "covariances.md"
DF_CAP = HERE / "studies" / "coverage_df_cap.csv"
FACTORS = HERE / "studies" / "factors.csv"
PREDICTIONS = HERE / "studies" / "predictions.csv"
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

TEXT = """\
# How often intervals cover

Nominal 95 % intervals of `method="ml"` from {{py:func}}`nmfre.simulation.coverage_study`: 1,000 data sets per setting, Monte Carlo error
.005 to .008. Data have one residual variance and one variance of the random effects, and fits take that for granted
(`cov_resid="identity"`, `cov_re="identity"`); [further down](#when-the-covariance-is-wrong) are other data and other fits. Intercepts are 60,
effects of a group that half of the units belong to fall from 12 to 0 over the components, or are all 0; random effects have a standard
deviation of 7, residuals of 1.4, both normal or centred exponential. With one component X is even; with more its columns are overlapping bumps, which end in zeros, or, with a background, in small values.
{{py:class}}`nmfre.simulation.BumpDesign` has the details. Each cell has the lowest and the highest coverage of a single entry of
$\\Theta$ in both kinds of effects.

## All parameters together

The default. Wald intervals:

{marginal_wald}

Percentile intervals of 200 one-step replicates (exponential multipliers):

{marginal_percentile}

These are intervals of `cov_type="sandwich"`. With 27 units they are slightly too narrow; the default, `cov_type="cr3"`, corrects for that
([below](#few-units-and-rare-levels)). With 200 units coverage is near nominal, and
where it is not, there are two reasons:

- Intervals are too long where true values lie on bounds. Where X has zeros, the estimator is held on both sides, by the zeros of one
  column and those of the next, and varies less than the linearisation has it; and a bounded effect whose true value is 0 can
  be missed on one side only, so that its interval covers at least 97.5 %. (In 2 to 5 % of data sets such an effect is held at its bound,
  without an interval; these do not count.)
- Intervals of intercepts are too short where errors are skewed and X has no zeros: what tells two components apart is then the
  covariance of the responses alone, whose sampling error is that of fourth moments.

Tried for true values on bounds, and not kept:

- Holding small entries of X at zero, where they do not differ from it by a test: intervals of intercepts cover far less than they
  should, since what tells the components apart is then taken as known.
- Replicates projected on X >= 0, one quadratic programme each, and intervals reflected at the estimate: near nominal for two components, too short for
  three, where the likelihood of a basis that may leave its zeros is often flat. Projected on Theta >= 0 as well, an effect that
  is estimated as 0 gets an interval of no length.
- Limits of the one-sided test of a bounded effect (the unified intervals of Feldman and Cousins 1998): in theory exact for one component, but
  with zeros in X an effect of 0 next to larger ones is still covered by more than 98 %, because the zeros draw its estimate to the bound.

## Conditional on the basis

As published, and what `uncertainty="conditional"` gives. Wald intervals:

{conditional_wald}

For one component both kinds are the same but for bounds. For more, what is left out is most of the uncertainty of intercepts.

## When the covariance is wrong

The designs above have one residual variance and one variance of the random effects, and the fits take them for equal. Here eight
responses, two components and 200 units, signed effects, with covariances of several forms
({{py:func}}`nmfre.simulation.covariance_designs`), and fits that allow for more or less of them; 60 data sets each, so that a rate near .95 has a
Monte Carlo error of .02 or .03. Both true intercepts are 60. Columns: lowest and highest mean of the two estimated intercepts; coverage of
their Wald intervals, of those of the effects, and of those of X Theta; rejections at .05 of the joint test of a group without effect; share of data
sets in which components are identified, so that effects have standard errors. Means and coverage of intercepts and effects are those
of these data sets.

{covariances}

Where the covariance of the fit is too narrow, intervals of intercepts or of effects surround a wrong value, and no standard error repairs
that. X Theta and the joint test do not suffer. With diagonal Psi and Phi a fifth of the data sets do not identify the components, and
correlated random effects or a basis without zeros hardly ever do: the fit then says so instead of giving standard
errors. [](theory.md#what-depends-on-the-covariance) explains why.

## df-cap

The published algorithm with its default cap, 60 data sets per setting (Monte Carlo error in the table); intercepts, effects and variances as above,
effects not negative. Percentile intervals of 100 replicates, and the mean standard error over the standard deviation of the estimates, which
should be 1:

{df_cap}

With two components and more, intervals treat the estimated basis as known, and those of intercepts miss the truth in 45 to 94 % of data
sets. With one component they cover as they should. Another simulation, with columns that overlap more (P = 6, N = 100), found coverage of .00 for intercepts and of .37 and .22 for effects, and mean standard
errors of .35 of the standard deviation. Use `method="ml"` for intervals of intercepts and effects at rank 2 and above.

## Variances and predictions in small samples

60 data sets per setting, by {{py:func}}`nmfre.simulation.prediction_study`. Variances without and with the correction for degrees of freedom
(`variance_components(df_correction=True)`); random effects and BLUPs with all parameters taken as known (`uncertainty="conditional"`) and
with the errors of the parameters (`"marginal"`):

{predictions}

The correction removes the bias of residual variances. That of variances of random effects depends on the basis: where its columns have zeros, noise
in the entries around them makes these variances too large, and the correction, which raises them, does not help.

## Joint test

Share of rejections of `wald_test_terms()` for the group at the level 0.05, where it has no effect (size), and where it has (power):

{joint_test}

These are chi-squared tests with `cov_type="sandwich"`; the default, `cov_type="cr3"`, takes few units into account.

## Few units and rare levels

An effect rests on as many units as the rarest level that it compares. Share of data sets in which a factor without effect is rejected at
.05 ({{py:func}}`nmfre.simulation.factor_study`, effects signed, all parameters together; Monte Carlo error .013 at .05 for 300 data sets, .018 for 150). "In
levels": units in each level but the first. z: tests of single effects. The last kind is that of the package: `cov_type="cr3"`
with a joint test whose distribution is drawn for these covariates.

{rare}

Single effects are tested by z, and reject too often where a level has a handful of units, even with `"cr3"`; the summary names such
levels. The joint test, of one effect or of many, does not: `wald_test_terms()` is the one to trust there.

Tried for the joint test, in regressions of normal scores on the same factors, where 1,500 data sets take a second; size at .05 (error .006):

| units | in levels | Q | sandwich, chi-squared | cr3, chi-squared | cr3, F(N - K) | cr3, F of Pustejovsky and Tipton | cr3, F with its df, no other correction |
|---|---|---|---|---|---|---|---|
| 27 | 13 | 1 | .068 | .053 | .036 | .036 | .036 |
| 27 | 4 | 1 | .135 | .089 | .079 | .031 | .031 |
| 27 | 13 | 2 | .082 | .061 | .046 | .038 | .046 |
| 27 | 4 | 2 | .250 | .163 | .131 | .007 | .035 |
| 27 | 4 and 13 | 2 | .265 | .165 | .124 | .017 | .081 |
| 40 | 20 | 2 | .073 | .059 | .050 | .045 | .050 |
| 40 | 4 | 2 | .270 | .187 | .172 | .005 | .046 |
| 40 | 4 and 20 | 2 | .263 | .185 | .161 | .029 | .095 |
| 60 | 30 | 2 | .066 | .057 | .053 | .051 | .053 |
| 60 | 4 | 2 | .290 | .203 | .188 | .013 | .052 |
| 60 | 4 and 30 | 2 | .273 | .181 | .159 | .035 | .094 |

Degrees of freedom that match two moments of the covariance are too few for two components, and without the correction for the number of effects too
many for several levels. The null distribution depends on the covariates alone, so the package draws it (6,000 statistics), and takes
the multiple of an F distribution with its upper quartile and its upper 5 %: .040 to .065 in all rows with 27 and 60 units.

## Units in groups

Half of the groups have a level without effect; 60 % of the variance of the random effects is common to a group. Rejections at .05 of the
effect, where units are taken as independent, and with [`groups=`](guide/groups.md):

{groups}

`python docs/coverage_tables.py --study --covariances --factors` makes the numbers again, in about an hour on two cores.
"""


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


def rows_of(design: BumpDesign, n_jobs: int) -> pd.DataFrame:
    """What the study says of one setting."""
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
    return table


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
        pd.concat(tables).to_csv(FACTORS, index=False)
    return pd.concat(tables)


def groups_section(study: pd.DataFrame) -> str:
    """Rejections with groups, and without."""
    grouped = study[(study["group_size"] > 1) & (study["uncertainty"] == "marginal")]
    rows = []
    for (n_groups, size), found in grouped.groupby(["n_groups", "group_size"], sort=False):
        value = found.set_index(["independent", "cov_type"])["z"]
        rows.append(
            {
                "groups": f"{n_groups} of {size}",
                "ignored": f"{value['units', 'cr3']:.3f}",
                "`groups=`, sandwich": f"{value['groups', 'sandwich']:.3f}",
                "`groups=`, cr3": f"{value['groups', 'cr3']:.3f}",
                "data sets": int(found["n_datasets"].iloc[0]),
            }
        )
    return markdown(pd.DataFrame(rows), index=False)


def rare_section(study: pd.DataFrame) -> str:
    """Rejections of factors with few units, by kinds of tests."""
    single = study[(study["group_size"] == 1) & (study["uncertainty"] == "marginal")]
    by = ["n_groups", "levels", "rank"]
    rows = []
    for (n_units, levels, rank), found in single.groupby(by, sort=False):
        value = found.set_index("cov_type")
        cr3, sandwich = value.loc["cr3"], value.loc["sandwich"]
        rows.append(
            {
                "units": n_units,
                "in levels": str(levels).replace(" ", " and "),
                "Q": rank,
                "sandwich, z": f"{sandwich['z']:.3f}",
                "cr3, z": f"{cr3['z']:.3f}",
                "sandwich, chi-squared": f"{sandwich['chi-squared']:.3f}",
                "cr3, chi-squared": f"{cr3['chi-squared']:.3f}",
                "cr3, F(N - K)": f"{cr3['F(N - K)']:.3f}",
                "cr3, `wald_test_terms()`": f"{cr3['joint']:.3f}",
                "data sets": int(cr3["n_datasets"]),
            }
        )
    return markdown(pd.DataFrame(rows), index=False)


def covariance_section(study: pd.DataFrame) -> str:
    """All that the study says."""
    rows = []
    for (truth, fit), found in study.groupby(["truth", "fit"], sort=False):
        value = found.set_index(["effects", "quantity"])

        def rate(quantity: str, effects: str = "decreasing", value: pd.DataFrame = value) -> str:
            row = value.loc[(effects, quantity)]
            return plus_minus(row["value"], row["std err"])

        rows.append(
            {
                "truth": truth,
                "fit": fit,
                "intercepts, mean": mean_intercepts(value),
                "cover": rate("coverage, wald, intercepts"),
                "effects cover": rate("coverage, wald, effects"),
                "X Theta covers": rate("coverage, wald, profiles"),
                "joint test, size": rate("joint test, rejections", "none"),
                "with std err": rate("with std err, intercepts"),
            }
        )
    return markdown(pd.DataFrame(rows), index=False)


def covariance_summary(study: pd.DataFrame) -> str:
    """Means and coverage: a row a truth, a column a form of the fits."""
    cells = {}
    for (truth, fit), found in study.groupby(["truth", "fit"], sort=False):
        value = found.set_index(["effects", "quantity"])
        intercepts, effects = (
            plus_minus(*value.loc[("decreasing", f"coverage, wald, {name}"), ["value", "std err"]])
            for name in ("intercepts", "effects")
        )
        text = f"{mean_intercepts(value)}; {intercepts}; {effects}"
        share = value.loc[("decreasing", "with std err, intercepts"), "value"]
        if share < 1.0:
            text += f" (in {100 * share:.0f} %)"
        cells.setdefault(truth, {})[fit] = text if share > 0.0 else "never identified"
    table = pd.DataFrame.from_dict(cells, orient="index").fillna("").rename_axis("truth")
    return markdown(table.reset_index(), index=False)


def df_cap_section(study: pd.DataFrame) -> str:
    """Coverage, standard errors and tests of df-cap: a row a setting."""
    rows = []
    for (n_responses, rank, background, n_units), found in study.groupby(
        ["n_responses", "rank", "background", "n_units"], sort=False
    ):
        value = found.set_index(["effects", "quantity"])

        def rate(quantity: str, effects: str = "decreasing", value: pd.DataFrame = value) -> str:
            row = value.loc[(effects, quantity)]
            return plus_minus(row["value"], row["std err"])

        rows.append(
            {
                "P, Q": f"{n_responses}, {rank}",
                "background": f"{background:g}",
                "N": n_units,
                "intercepts": rate("coverage, percentile, intercepts"),
                "effects": rate("coverage, percentile, effects"),
                "Wald, effects": rate("coverage, wald, effects"),
                "mean se / sd, intercepts": rate("mean se / sd, intercepts"),
                "mean se / sd, effects": rate("mean se / sd, effects"),
                "joint test, size": rate("joint test, rejections", "none"),
            }
        )
    return markdown(pd.DataFrame(rows), index=False)


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


def prediction_section(study: pd.DataFrame) -> str:
    """A row a quantity, a column a setting: coverage, and mean estimates over true variances."""
    settings = [
        f"P = {p}, Q = {q}, N = {n}, {fit} forms"
        for p, q, n, fit in study[["n_responses", "rank", "n_units", "fit"]].to_numpy()
    ]
    cells = [
        plus_minus(row["coverage"], row["std err"])
        + ("" if pd.isna(row["ratio"]) else f" (estimate / truth {row['ratio']:.2f})")
        for _, row in study.iterrows()
    ]
    table = pd.DataFrame({"quantity": study["quantity"], "setting": settings, "cell": cells})
    wide = table.pivot_table(
        values="cell", index="quantity", columns="setting", aggfunc="first", sort=False
    )
    return markdown(wide.reset_index(), index=False)


def mean_intercepts(value: pd.DataFrame) -> str:
    """The lowest and the highest mean of the estimated intercepts, which are 60."""
    bias = value.loc[("decreasing", "bias, intercepts")]
    low, high = 60.0 + bias["lowest"], 60.0 + bias["highest"]
    return "" if pd.isna(low) else f"{low:.0f}, {high:.0f}"


def plus_minus(rate: float, error: float) -> str:
    """A rate with its Monte Carlo error."""
    return "" if pd.isna(rate) else f"{rate:.2f}" + ("" if pd.isna(error) else f" ± {error:.2f}")


def rates_table(rates: pd.DataFrame, kinds: list[str]) -> str:
    """A row a setting, a column a kind of rate and number of units: lowest to highest rate."""
    rates = rates.assign(
        **{
            "P, Q": rates["n_responses"].astype(str) + ", " + rates["rank"].astype(str),
            "background": rates["background"].map("{:g}".format),
            "Theta": rates["signed"].map({True: "signed", False: "bounded"}),
        }
    )
    row, column = ["P, Q", "background", "Theta", "errors"], ["kind", "n_units"]
    groups = rates.groupby([*row, *column], sort=False)
    cells = groups.agg({"lowest": "min", "highest": "max"}).apply(in_words, axis=1)
    table = cells.reset_index(name="rate").pivot_table(
        values="rate", index=row, columns=column, aggfunc="first", fill_value="", sort=False
    )
    table = table[[(kind, n) for kind in kinds for n in sorted(set(rates["n_units"]))]]
    table.columns = [f"{kind}, N = {n}" for kind, n in table.columns]
    return markdown(table.reset_index(), index=False)


def in_words(rate: pd.Series) -> str:
    """A rate, or the lowest and the highest of several."""
    low, high = f"{rate['lowest']:.3f}", f"{rate['highest']:.3f}"
    return low if low == high else f"{low} to {high}"


def coverage_section(study: pd.DataFrame, uncertainty: str, interval: str) -> str:
    """Coverage of all entries of Theta."""
    of_kind = study[study["uncertainty"] == uncertainty]
    parts = of_kind["quantity"].str.extract(rf"^coverage, {interval}, (?P<kind>\w+)$")
    return rates_table(of_kind.assign(kind=parts["kind"]).dropna(), ["intercepts", "effects"])


def test_section(study: pd.DataFrame) -> str:
    """Rejections of the joint test."""
    tests = study[study["quantity"] == "joint test, rejections"]
    kinds = tests["effects"].map({"none": "size", "decreasing": "power"})
    kinds = tests["uncertainty"] + " " + kinds
    return rates_table(
        tests.assign(kind=kinds), ["marginal size", "conditional size", "marginal power"]
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--study", action="store_true", help="run the simulations again")
    parser.add_argument("--covariances", action="store_true", help="and those of covariances")
    parser.add_argument("--df-cap", action="store_true", help="and those of df-cap")
    parser.add_argument("--factors", action="store_true", help="and those of factors")
    parser.add_argument("--predictions", action="store_true", help="and those of predictions")
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.study:
        tables = []
        for design in designs():
            tables.append(rows_of(design, arguments.n_jobs))
            pd.concat(tables).to_csv(STUDY, index=False)
    if arguments.covariances:
        covariance_rows(arguments.n_jobs).to_csv(COVARIANCES, index=False)
    if arguments.df_cap:
        df_cap_rows(arguments.n_jobs).to_csv(DF_CAP, index=False)
    if arguments.predictions:
        prediction_rows(arguments.n_jobs).to_csv(PREDICTIONS, index=False)
    if arguments.factors:
        factor_rows(arguments.n_jobs)
    factors = pd.read_csv(FACTORS)
    study, covariances = pd.read_csv(STUDY), pd.read_csv(COVARIANCES)
    COVARIANCES_TABLE.write_text(covariance_summary(covariances) + "\n", encoding="utf-8")
    text = TEXT.format(
        covariances=covariance_section(covariances),
        marginal_wald=coverage_section(study, "marginal", "wald"),
        marginal_percentile=coverage_section(study, "marginal", "percentile"),
        conditional_wald=coverage_section(study, "conditional", "wald"),
        joint_test=test_section(study),
        groups=groups_section(factors),
        rare=rare_section(factors),
        df_cap=df_cap_section(pd.read_csv(DF_CAP)),
        predictions=prediction_section(pd.read_csv(PREDICTIONS)),
    )
    (HERE / "coverage.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
