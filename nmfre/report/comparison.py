"""Several fits side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from statsmodels.iolib.tableformatting import fmt_params

from nmfre.core.arguments import check_alpha, check_choice
from nmfre.errors import InvalidArgumentError
from nmfre.report.tables import LATEX, Table, TableSummary, fixed, meaning_of_stars, number, stars
from nmfre.results import NMFREResults

Stat = Literal["std err", "conf_int", "pvalue"]
WIDTH = 78


def _two_decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


MEASURES: dict[str, Callable[[Any], str]] = {
    "Method": str,
    "Rank": str,
    "Cap": lambda cap: _two_decimals(cap) or "off",
    "Signed": _yes_or_no,
    "Units": str,
    "Responses": str,
    "sigma2": number,
    "tau2": number,
    "tau2 estimated": _yes_or_no,
    "ICC": fixed,
    "df of U": _two_decimals,
    "Saturation": fixed,
    "Log-likelihood": lambda llf: "" if llf is None else fixed(llf),
    "AIC": _two_decimals,
    "BIC": _two_decimals,
    "Uncertainty": str,
    "Converged": _yes_or_no,
}
"""How each measure of a fit is printed."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """
    Several fits side by side; made by `nmfre.compare`.

    Attributes
    ----------
    frame : DataFrame
        Numbers: rows (component, covariate), columns (fit, quantity), the quantities being
        "estimate", "p" and what was asked for; NaN where a fit does not have the coefficient.
    measures : DataFrame
        Method, rank, cap, variances, likelihood and so on (rows) of each fit (columns); None where
        a fit has none.
    stat : {"std err", "conf_int", "pvalue"}
        What is below the estimates.
    alpha : float
        1 minus the level of the intervals.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> comparison = nmfre.compare([model.fit(df_cap=0.21), model.fit("ml")])
    >>> comparison.frame.round(2)
    fit                        (1)                   (2)
                          estimate std err    p estimate std err    p
    component covariate
    comp1     Intercept      90.50    2.47  0.0    90.51    2.47  0.0
              sex[T.Male]     9.43    3.06  0.0     9.42    3.06  0.0
    >>> comparison.measures.loc["Method"].to_list()
    ['df-cap', 'ml']
    """

    frame: pd.DataFrame
    measures: pd.DataFrame
    stat: Stat
    alpha: float

    def as_text(self) -> str:
        """
        The table as text.

        Examples
        --------
        >>> import numpy as np
        >>> import nmfre
        >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
        >>> fits = {f"rank {q}": nmfre.NMFRE(endog, rank=q).fit("ml") for q in (1, 2)}
        >>> print(nmfre.compare(fits, stat="pvalue").as_text().split("Method")[0])
                 Comparison of fits
        ====================================
                           rank 1     rank 2
        ------------------------------------
        comp1
          Intercept      4.516***   1.522***
                        (0.000)    (0.000)
        comp2
          Intercept                 2.994***
                                   (0.000)
        ====================================
        """
        return str(self._summary().as_text())

    def as_html(self) -> str:
        """
        The table as HTML.

        Examples
        --------
        >>> import numpy as np
        >>> import nmfre
        >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
        >>> comparison = nmfre.compare([nmfre.NMFRE(endog, rank=1).fit("ml")])
        >>> comparison.as_html().splitlines()[0]
        '<table class="simpletable">'
        """
        return str(self._summary().as_html())

    def as_latex(self) -> str:
        """
        The table as LaTeX.

        Examples
        --------
        >>> import numpy as np
        >>> import nmfre
        >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
        >>> comparison = nmfre.compare([nmfre.NMFRE(endog, rank=1).fit("ml")])
        >>> "Log-likelihood" in comparison.as_latex()
        True
        """
        return str(self._summary().as_latex())

    __str__ = __repr__ = as_text
    _repr_html_ = as_html

    def _summary(self) -> TableSummary:
        fits = list(self.measures.columns)
        stubs, rows = self._effects()
        names, footer = list(self.measures.index), self._footer()
        widths = [max(map(len, column)) for column in zip(fits, *rows, *footer, strict=True)]
        stub = max(map(len, (*stubs, *names)))
        summary = TableSummary()
        for title, headers, table, labels in (
            ("Comparison of fits", fits, rows, stubs),
            (None, None, footer, names),
        ):
            summary.tables.append(
                Table(
                    table,
                    headers,
                    labels,
                    title=title,
                    txt_fmt={
                        **fmt_params,
                        "data_fmts": ["%s"] * len(fits),
                        "colwidths": [stub, *(width + 1 for width in widths)],
                    },
                    ltx_fmt=LATEX,
                )
            )
        width = max(WIDTH, stub + sum(widths) + 2 * len(widths))
        summary.add_extra_txt([textwrap.fill(note, width) for note in self._notes()])
        return summary

    def _effects(self) -> tuple[list[str], list[list[str]]]:
        """Labels and rows: a heading a component, two rows a coefficient."""
        fits = list(self.measures.columns)
        stubs: list[str] = []
        rows: list[list[str]] = []
        for component, table in self.frame.groupby(level="component", sort=False):
            stubs.append(str(component))
            rows.append([""] * len(fits))
            for key in table.index:
                stubs += [f"  {key[1]}", ""]
                cells = [self._cell(table.loc[key, fit]) for fit in fits]
                rows += [list(line) for line in zip(*cells, strict=True)]
        return stubs, rows

    def _cell(self, numbers: pd.Series) -> tuple[str, str]:
        """The estimate with stars, and what goes below it."""
        if np.isnan(numbers["estimate"]):
            return "", ""
        marks = stars(numbers["p"])
        quantities = [name for name in numbers.index if name not in ("estimate", "p")] or ["p"]
        write = fixed if self.stat == "pvalue" else number
        below = ", ".join(
            write(numbers[name]) for name in quantities if not np.isnan(numbers[name])
        )
        return f"{number(numbers['estimate'])}{marks:<3}", f"({below})  " if below else ""

    def _footer(self) -> list[list[str]]:
        return [
            [write(value) for value in self.measures.loc[name]] for name, write in MEASURES.items()
        ]

    def _notes(self) -> list[str]:
        below = {
            "std err": "standard errors",
            "conf_int": f"intervals of level {1 - self.alpha:.4g}, percentile with a bootstrap, "
            "else Wald",
            "pvalue": "p-values",
        }[self.stat]
        levels = meaning_of_stars()
        notes = ["Notes:", f"In parentheses: {below}. {levels}, each by the tests of its own fit."]
        if self._differ("Rank"):
            notes.append(
                "Components are matched by label: those of fits of another rank need not be the "
                "same."
            )
        if self._differ("Units") or self._differ("Responses"):
            notes.append("Likelihoods, AIC and BIC of different data cannot be compared.")
        return notes

    def _differ(self, name: str) -> bool:
        """Whether a measure is not the same for all fits."""
        return len(set(self.measures.loc[name])) > 1


def compare(
    fits: Sequence[NMFREResults] | Mapping[Any, NMFREResults],
    *,
    stat: Stat = "std err",
    alpha: float = 0.05,
) -> Comparison:
    """
    Several fits side by side: other ranks, caps, methods, signs, covariates.

    Coefficients are aligned by their labels.

    Parameters
    ----------
    fits : sequence or mapping of NMFREResults
        The fits, under their names. Default names: (1), (2), ...
    stat : {"std err", "conf_int", "pvalue"}
        What is printed in parentheses below each estimate.
    alpha : float
        1 minus the level of the intervals.

    Returns
    -------
    Comparison
        ``print`` it, or use its ``frame``, ``measures``, ``as_html()`` and ``as_latex()``.

    Raises
    ------
    InvalidArgumentError
        If there are no fits, one is not a result, or two have the same name.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> fits = {"df-cap": model.fit(df_cap=0.21), "ml": model.fit("ml")}
    >>> print(nmfre.compare(fits))
              Comparison of fits
    ======================================
                         df-cap         ml
    --------------------------------------
    comp1
      Intercept       90.501***  90.506***
                      (2.472)    (2.470)
      sex[T.Male]      9.429**    9.423**
                      (3.056)    (3.056)
    ======================================
    Method               df-cap         ml
    Rank                      1          1
    Cap                    5.67        off
    Signed                   no         no
    Units                    27         27
    Responses                 4          4
    sigma2                2.947      1.933
    tau2                  1.000     48.191
    tau2 estimated           no        yes
    ICC                   0.021      0.610
    df of U                2.12      23.28
    Saturation            0.078      0.862
    Log-likelihood                -215.587
    AIC                             445.17
    BIC                             454.24
    Uncertainty     conditional   marginal
    Converged               yes        yes
    ======================================
    <BLANKLINE>
    Notes:
    In parentheses: standard errors. * p < 0.05, ** p < 0.01, *** p < 0.001, each
    by the tests of its own fit.
    """
    check_choice("stat", stat, Stat)
    check_alpha(alpha)
    named = _named(fits)
    tables = {name: _table(fit, stat, alpha) for name, fit in named.items()}
    keys = [key for table in tables.values() for key in table.index]
    components, covariates = (dict.fromkeys(labels) for labels in zip(*keys, strict=True))
    index = pd.MultiIndex.from_tuples(
        [(q, k) for q in components for k in covariates if (q, k) in set(keys)],
        names=["component", "covariate"],
    )
    frame = pd.concat(
        {name: table.reindex(index) for name, table in tables.items()}, axis=1, names=["fit", None]
    )
    measures = pd.DataFrame(
        {name: _measures(fit) for name, fit in named.items()}, dtype=object, index=list(MEASURES)
    )
    return Comparison(frame, measures, stat, alpha)


def _named(fits: Any) -> dict[str, NMFREResults]:
    allowed = "a list of results, or a dictionary of results by name; names must differ"
    if isinstance(fits, NMFREResults) or not isinstance(fits, Mapping | Sequence) or not len(fits):
        shown = fits if isinstance(fits, Mapping | Sequence) else type(fits).__name__
        raise InvalidArgumentError("fits", shown, allowed)
    items = (
        [(str(name), fit) for name, fit in fits.items()]
        if isinstance(fits, Mapping)
        else [(f"({i})", fit) for i, fit in enumerate(fits, start=1)]
    )
    named = dict(items)
    if len(named) < len(items):
        raise InvalidArgumentError("fits", [name for name, _ in items], allowed)
    for name, fit in items:
        if not isinstance(fit, NMFREResults):
            raise InvalidArgumentError(
                f"fits[{name!r}]", type(fit).__name__, "a result of NMFRE.fit"
            )
    return named


def _table(fit: NMFREResults, stat: Stat, alpha: float) -> pd.DataFrame:
    """Estimates, what goes below them, and p-values."""
    table = pd.DataFrame({"estimate": fit.params})
    if stat == "std err":
        table["std err"] = fit.bse
    elif stat == "conf_int":
        table = table.join(fit.conf_int(alpha))
    return table.assign(p=fit.pvalues)


def _measures(fit: NMFREResults) -> dict[str, Any]:
    n_units, n_responses = fit.model.endog.shape
    criteria = fit.estimate.criteria
    return {
        "Method": fit.method,
        "Rank": fit.model.rank,
        "Cap": fit.df_cap,
        "Signed": fit.estimate.signed,
        "Units": n_units,
        "Responses": n_responses,
        "sigma2": fit.sigma2,
        "tau2": 0.0
        if fit.estimate.tau2_at_bound
        else fit.tau2,  # as the summary has it: rounding is none
        "tau2 estimated": fit.tau2_estimated,
        "ICC": fit.icc,
        "df of U": fit.df_random,
        "Saturation": fit.saturation,
        "Log-likelihood": criteria.get("llf"),
        "AIC": criteria.get("aic"),
        "BIC": criteria.get("bic"),
        "Uncertainty": fit.uncertainty,
        "Converged": fit.converged,
    }
