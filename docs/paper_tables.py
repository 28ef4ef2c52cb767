"""
Write ``paper.md``: what the author's code gives and what this package gives, side by side.

``python docs/paper_tables.py`` needs the files that ``NMFRE_DATA`` and ``NMFRE_REFERENCE`` name
(flows, addresses, and the author's estimates of the flows) and the studies in ``docs/studies``,
which ``python docs/paper_tables.py --studies`` makes again, on one core (the page says how long).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from nmfre import paper
from nmfre.report.numbers import pvalue
from nmfre.simulation import baseline_designs, paper_study, stress_designs

HERE = Path(__file__).parent
REFERENCES = [HERE.parent / "tests" / "reference", Path(os.environ.get("NMFRE_REFERENCE", "."))]
CASES = {
    "orthodont": "orthodont_rank1",
    "holzinger-swineford": "holzinger_rank3",
    "od-flow": "od_flow_rank4",
}
PUBLISHED = HERE.parent / "tests" / "reference" / "baseline_n27.csv"
STUDIES = {
    "baseline": (baseline_designs, 1000, 0),
    "stress": (stress_designs, 1000, 0),
    "baseline_refits": (baseline_designs, 100, 200),
}
"""Settings, data sets, refits of each."""
EARLIER_SECONDS = {"baseline": 88, "stress": 2391}
"""Of processor time, when the studies were first run."""

HEAD = """\
# The paper reproduced

K. Satoh (2026), *Wild Bootstrap Inference for Non-Negative Matrix Factorization with Random Effects*, arXiv:2603.01468.

`nmfre paper` prints every example of the paper, with its scan of caps, its benchmark and its words of topics;
`--figures DIR` draws its figures, and `nmfre.simulation.paper_study` runs both simulations. On this page, columns "author" are the numbers of the author's
own code in R, columns "nmfre" those of this package with `method="df-cap"` and the paper's settings, from the same
start. Columns "ml" are maximum likelihood of the same model, which the paper does not have.

What agrees and what does not:

- X, Theta, U, variances, effective degrees of freedom, standard errors, z and the number of iterations agree with the
  author's code to 1e-6 and better (tests/test_parity.py).
- The start is the author's: NNDSVD, whose zeros are filled with what R draws after `set.seed(1)`. By default `fit`
  draws them from NumPy, and then the Holzinger-Swineford example ends elsewhere (age on the second component 2.67
  instead of 2.42): df-cap has no unique solution there, and depends on its path.
- Bootstrap standard errors and percentile intervals differ in the second digit, because the multipliers are other
  random numbers. Given the author's multipliers they agree as well.
- Effects at the floor are 1e-10 in both.
- Scans of caps have the rates of the author's scripts and his start. At 0.02, those of flows and addresses end in the paper's fits.
"""

MIXED = """\
The mixed model is that of the paper's script (Section 4.1), which reports it by nlme. nlme prints the same estimates, standard errors, AIC and BIC, and
these intervals: 1.338 to 2.505, 0.059 to 0.555, -0.550 to 0.777, 1.085 to 1.582. They are Wald intervals of the logarithms of the
standard deviations and of log((1 + r) / (1 - r)) for the correlation r; that of the correlation differs because nlme takes coarser differences for the
Hessian. The F tests are those of `anova()`. The script compares no further models. The last table does, by maximum likelihood; without random
slopes, P is the mean of those of chi-squared with 1 and 2 degrees of freedom, since a variance of 0 is on the boundary.
"""

BASELINE = """\
P = 4, one component, an intercept and a group; `paper_study(baseline_designs())`. What the author's code gave for 27
units with 200 replicates, and what this package gives with 1,000 others; the last column should look like a standard
normal variable. Each fit starts from the one without random effects. In the alternative, where that start is a fixed
point of X and Theta, the stopping rule is met in the second iteration, before sigma2 is first updated.

The differences are those of two independent samples. The largest, of the percentile coverage and the standard deviation
under normal errors without effect, come from the same few large estimates among the author's 200.
"""

TESTED = """\
Tests at 0.05 and 95 % intervals: by the sandwich ("wald"; RejectSE and CoverSE in the author's script), by the standard error of the
one-step bootstrap ("bootstrap se"; RejectBSE and CoverBSE), and by its percentiles (PctCover):
"""

DEGREES = """\
Effective degrees of freedom, with their quantiles over the data sets (dfU_q90, dfU_q99), and means of variances; "dispersion" is the
residual variance that inference uses (MeanSigma2Used):
"""

REFITS = """\
The script also has a bootstrap that fits every replicate again ("full"), and switches it off. Below are the first {n} data sets of each
setting, with {n_refits} refits of each. Its replicates multiply the residuals around the fitted values, random effects included. These residuals are
smaller than the deviations from the fixed effects, so that its standard errors are too small: without an effect it rejects too often, and its intervals
cover less than those of the one-step bootstrap of the same data sets. Without an effect its percentile intervals never cover 0, because
multiplicative updates stop above 0. `results.bootstrap(refit=True)` multiplies the residuals around the fixed effects instead, which
agrees with the one-step bootstrap.
"""

SECONDS = """\
Processor seconds of the studies on one thread of a machine that was busy with other work, and when they were first run (2026-11-24). The speed work
since then went into `ml`. Run side by side, today's code takes 0.8 to 1.0 times as long in the stress test as that of the first run, and 1.1 to 1.9 times in
the baseline, where most of the time is inference, which finds more than it did.
"""

OMITTED = """\
- The benchmarks by projection pursuit (OD flow) and by a structural topic model (inaugural addresses). They are other methods, from
  packages for R that have no counterpart among the dependencies of this package.
"""

STRESS = """\
P = 4, three overlapping components, 100 units, tau2 started at 1,000 and, where the cap is off, held there;
`paper_study(stress_designs())`, {n:,} data sets per setting. The numbers are those of the effect on the first component. With the
cap at 0.21 the ridge is above 1. With the cap at 0.99 or off it collapses towards zero: U takes up all degrees of
freedom, sigma2 falls to 0.2 (its true value is 1), the standard error from the information alone ("naive") becomes up to
30 times the sandwich, and many fits run into the limit of 50,000 iterations ("not converged"). What the cap does not
mend is the basis: with two covariates the start without random effects does not determine three components, and
intervals that are conditional on the basis cover far less than 95 % where the effect is not 0.
"""


LATER = """\
The paper's algorithm is not the author's last. The package nmfkc for R, which is his as well, has another estimator in its
function `nmfre()` since version 0.8.4 (June 2026; on CRAN since 0.8.8; this describes 0.9.5, of August 2026):

- Both variances are estimated, by an ECM algorithm that raises the marginal likelihood.
- No cap is imposed on the effective degrees of freedom; they are reported. The scan of caps has been removed.
- Effects may have either sign by default, with two-sided tests; `C.signed = FALSE` bounds them below by 0.
- U is not centred over units any more (since 0.9.4).
- Standard errors are conditional on the basis and the random effects, as in the paper.

It is the model of `method="ml"` with the paper's variances. The estimates that its repository states for the growth data are those
of `model.fit(method="ml", signed=True, cov_resid="identity", cov_re="identity")`:

{table}

What follows for `method=`: `"df-cap"`, the default, is for the paper's numbers and for its method as published. For
what the author does now, and for a new analysis, take `"ml"`. Its own defaults differ in three respects: variances by response and by
component, effects bounded below by 0 unless `signed=True`, and standard errors that account for the uncertainty of the
basis (`uncertainty="conditional"` for the author's). A cap is possible with `"ml"`, too, but there is none by default.
"""
LATER_ESTIMATES = {"Intercept": "90.506", "sex[T.Male]": "9.423", "sigma2": "1.93", "tau2": "48.2"}
"""Of the growth data, as the commit that brought the later estimator states them."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", action="store_true", help="run the simulations again")
    if parser.parse_args().studies:
        run_studies()
    text = [HEAD]
    for name, case in CASES.items():
        text.append(example_section(name, case))
    text.append(inaugural_section())
    text.append(later_section())
    text.append(baseline_section())
    text.append(stress_section())
    text.append(seconds_section())
    text.append(f"## What is not reproduced\n\n{OMITTED}")
    (HERE / "paper.md").write_text("\n".join(text), encoding="utf-8")


def run_studies() -> None:
    seconds = {}
    for name, (designs, n, n_refits) in STUDIES.items():
        start = time.process_time()
        table = paper_study(designs(), n, n_refits=n_refits, n_jobs=1).reset_index()
        seconds[name] = time.process_time() - start
        table.to_csv(HERE / "studies" / f"{name}.csv", index=False, float_format="%.6g")
    table = pd.Series(seconds, name="seconds").rename_axis("study")
    table.to_csv(HERE / "studies" / "seconds.csv", float_format="%.0f")


def example_section(name: str, case: str) -> str:
    path = next(
        folder / f"{case}.json" for folder in REFERENCES if (folder / f"{case}.json").exists()
    )
    expected = json.loads(path.read_text(encoding="utf-8"))["expected"]
    example = paper.EXAMPLES[name]()
    results = example.results

    def flat(key: str) -> np.ndarray:
        return np.ravel(expected[key], order="F")

    limits = results.conf_int().to_numpy()
    table = pd.DataFrame(
        {
            "Theta, author": flat("Theta"),
            "nmfre": results.params.to_numpy(),
            "std err, author": flat("se"),
            "nmfre ": results.bse.to_numpy(),
            "bootstrap, author": flat("se_boot"),
            "nmfre  ": results.bse_boot.to_numpy(),
            "z, author": flat("z"),
            "nmfre   ": results.tvalues.to_numpy(),
            "95 % interval, author": intervals(flat("ci_lower"), flat("ci_upper")),
            "nmfre    ": intervals(*limits.T),
            "ml": example.ml.params.to_numpy(),
            "std err (ml)": example.ml.bse.to_numpy(),
        },
        index=[f"{q}, {k}" for q, k in results.params.index],
    )
    scalars = pd.DataFrame(
        {
            "author": [expected[key] for key in ("sigma2", "tau2", "dfU", "n_iter")],
            "nmfre": [results.sigma2, results.tau2, results.df_random, results.n_iter],
            "ml": [example.ml.sigma2, example.ml.tau2, example.ml.df_random, example.ml.n_iter],
        },
        index=["sigma2", "tau2", "df_U", "iterations"],
    )
    scalars = scalars.map(lambda value: f"{value:,.0f}" if value == int(value) else cell(value))
    return "\n\n".join(
        [
            f"## {example.title}",
            markdown(table),
            markdown(scalars),
            *further(example),
            *([MIXED.strip()] if name == "orthodont" else []),
            f"df-cap and ml: {example.difference}",
            "",
        ]
    )


def inaugural_section() -> str:
    example = paper.inaugural()
    return "\n\n".join(
        [
            f"## {example.title}",
            "Effects of the eras (standard errors as in the summary):",
            markdown(example.results.theta.round(1)),
            *further(example),
            f"df-cap and ml: {example.difference}",
            "",
        ]
    )


def further(example: paper.Example) -> list[str]:
    """The other tables of an example, each below its title."""
    text = []
    for make in example.tables:
        title, table = make()
        shown = {
            name: column.map(pvalue) if str(name).startswith("P") else column
            for name, column in table.items()
        }
        table = pd.DataFrame(shown).astype(object).where(table.notna(), "")
        table.index = table.index.map(", ".join if table.index.nlevels > 1 else str)
        text += [f"{title}:", markdown(table)]
    return text


def later_section() -> str:
    example = paper.orthodont()
    ml = example.model.fit("ml", signed=True, cov_resid="identity", cov_re="identity")
    names = ["Intercept", "sex[T.Male]"]
    table = pd.DataFrame(
        {
            name: {
                **fit.params.droplevel("component")[names],
                "sigma2": fit.sigma2,
                "tau2": fit.tau2,
            }
            for name, fit in {"paper": example.results, "ml": ml}.items()
        }
    )
    table.insert(1, "author, later", pd.Series(LATER_ESTIMATES))
    return f"## The author's later package\n\n{LATER.format(table=markdown(table))}"


def baseline_section() -> str:
    ours = pd.read_csv(HERE / "studies" / "baseline.csv")
    published = pd.read_csv(PUBLISHED)
    rows = []
    for _, row in published.iterrows():
        same = (ours["n_units"] == 27) & (ours["errors"] == row["errors"])
        mine = ours[same & (ours["effect"] == row["effect"])].iloc[0]
        error = error_of(row["quantity"], row["value"], 200, mine["sd"])
        own = error_of(row["quantity"], mine[row["quantity"]], 1000, mine["sd"])
        rows.append(
            {
                "errors": row["errors"],
                "effect": f"{row['effect']:g}",
                "quantity": row["quantity"],
                "author (200)": row["value"],
                "nmfre (1,000)": mine[row["quantity"]],
                "difference / its error": (mine[row["quantity"]] - row["value"])
                / np.hypot(error, own),
            }
        )
    comparison = pd.DataFrame(rows).set_index(["errors", "effect", "quantity"])
    return "\n\n".join(
        [
            "## Baseline simulation (paper, Tables 1 and F1)",
            BASELINE.strip(),
            markdown(comparison.reset_index(), index=False),
            "All twelve settings, 1,000 replicates each:",
            *study_tables(ours, ["errors", "n_units", "effect"]),
            *refit_table(),
            "",
        ]
    )


def refit_table() -> list[str]:
    _, n, n_refits = STUDIES["baseline_refits"]
    study = pd.read_csv(HERE / "studies" / "baseline_refits.csv")
    shown = settings_of(study, ["errors", "n_units", "effect"])
    shown["sd"] = study["sd"]
    for name in ("bootstrap se", "refit se"):
        shown[name] = study[f"mean {name}"]
    for name in ("rejection", "coverage"):
        shown |= with_errors(study, [f"{name}, bootstrap se", f"{name}, refit se"])
    shown |= with_errors(study, ["coverage, percentile", "coverage, refit percentile"])
    shown["refits not converged"] = study["refits not converged"]
    return [
        REFITS.format(n=n, n_refits=n_refits).strip(),
        markdown(pd.DataFrame(shown), index=False),
    ]


def stress_section() -> str:
    ours = pd.read_csv(HERE / "studies" / "stress.csv")
    ours["df_cap"] = ours["df_cap"].map(lambda cap: "off" if np.isnan(cap) else f"{cap:g}")
    return "\n\n".join(
        [
            "## Stress test (paper, Tables 2 and E1)",
            STRESS.format(n=STUDIES["stress"][1]).strip(),
            *study_tables(ours, ["errors", "effect", "df_cap"]),
            "",
        ]
    )


def seconds_section() -> str:
    seconds = pd.read_csv(HERE / "studies" / "seconds.csv", index_col="study")["seconds"]
    rows = [
        {
            "study": name.replace("_", ", "),
            "settings": len(designs()),
            "data sets of each": n,
            "refits of each": refits,
            "seconds": f"{seconds[name]:,.0f}",
            "at first (1,000 data sets)": f"{EARLIER_SECONDS[name]:,}"
            if name in EARLIER_SECONDS
            else "",
        }
        for name, (designs, n, refits) in STUDIES.items()
    ]
    table = markdown(pd.DataFrame(rows), index=False)
    return f"## How long the simulations take\n\n{SECONDS}\n{table}\n\n"


def error_of(quantity: str, value: float, n: int, sd: float) -> float:
    """Monte Carlo standard error of a number of a study."""
    if quantity.startswith(("rejection", "coverage")):
        rate = min(max(value, 1 / n), 1 - 1 / n)
        return float(np.sqrt(rate * (1 - rate) / n))
    spread = {"bias": sd, "sd": sd / np.sqrt(2), "df_U / NQ": 0.01}.get(quantity, 0.12)
    return float(spread / np.sqrt(n))


def study_tables(study: pd.DataFrame, settings: list[str]) -> list[str]:
    """Estimates and standard errors; tests and coverage; degrees of freedom and variances."""
    shown = settings_of(study, settings)
    errors = {f"mean {name}": name for name in ("se", "bootstrap se", "naive se")}
    estimates = study[["bias", "sd", "rmse", *errors]].rename(columns=errors)
    by = ("bootstrap se", "percentile")
    tested = ["rejection", "rejection, bootstrap se", "coverage, wald"]
    tested += [f"coverage, {name}" for name in by]
    degrees = {
        "df_U / NQ": study["df_U / NQ"],
        "q90": study["q90 of df_U / NQ"],
        "q99": study["q99 of df_U / NQ"],
    }
    for name in ("ridge", "sigma2", "tau2", "dispersion"):
        means = study[f"mean {name}"]
        degrees[name] = [f"{mean:.3g}" if mean < 999.5 else f"{mean:,.0f}" for mean in means]
    degrees |= with_errors(study, ["cap hit", "not converged"])
    return [
        markdown(pd.DataFrame(shown | dict(estimates.items())), index=False),
        TESTED.strip(),
        markdown(pd.DataFrame(shown | with_errors(study, tested)), index=False),
        DEGREES.strip(),
        markdown(pd.DataFrame(shown | degrees), index=False),
    ]


def settings_of(study: pd.DataFrame, settings: list[str]) -> dict[str, pd.Series]:
    shown = dict(study[settings].items())
    return shown | {"effect": study["effect"].map("{:g}".format)}


def with_errors(study: pd.DataFrame, names: list[str]) -> dict[str, list[str]]:
    """Rates and their Monte Carlo standard errors."""
    return {
        name: [
            f"{rate:.3f} ± {error:.3f}"
            for rate, error in zip(study[name], study[f"{name} (se)"], strict=True)
        ]
        for name in names
    }


def intervals(low: np.ndarray, high: np.ndarray) -> list[str]:
    return ["" if np.isnan(a) else f"{a:.3f} to {b:.3f}" for a, b in zip(low, high, strict=True)]


def markdown(table: pd.DataFrame, *, index: bool = True) -> str:
    """A pipe table; numbers with four digits."""
    shown = table.reset_index(names="") if index else table
    header = [str(name).replace("|", "\\|") for name in shown.columns]
    lines = ["| " + " | ".join(header) + " |", "|---" * shown.shape[1] + "|"]
    for row in shown.itertuples(index=False):
        lines.append("| " + " | ".join(cell(value) for value in row) + " |")
    return "\n".join(lines)


def cell(value: object) -> str:
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return "none"
        return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)


if __name__ == "__main__":
    main()
