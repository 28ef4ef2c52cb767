"""Several fits side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from nmfre.core.cells import cells
from nmfre.report.numbers import STARS_MEAN, fixed, number, pvalue, stars
from nmfre.report.tables import WIDTH, Table, TableSummary, abreast, by_component, header_lines

Stat = Literal["std err", "conf_int", "pvalue"]
AGAINST_SATURATED = {
    "Chi-squared": "chi2",
    "df": "df",
    "P": "pvalue",
    "CFI": "cfi",
    "RMSEA": "rmsea",
    "SRMR": "srmr",
}
"""Measures of fit that are shown where they are asked for, and their names in `fit_measures`."""
FORMATS: dict[str, Callable[[float], str]] = {
    **dict.fromkeys(("Cap", "df of U", "AIC", "BIC", "Chi-squared"), "{:.2f}".format),
    **dict.fromkeys(("ICC", "Saturation", "Log-likelihood", *list(AGAINST_SATURATED)[2:]), fixed),
    "df": "{:.0f}".format,
    **dict.fromkeys(("sigma2", "tau2"), number),
}
"""How measures of a fit are printed that are numbers."""


def _printed(name: str, value: Any) -> str:
    """A measure of a fit as it is printed."""
    if value is None:
        return "off" if name == "Cap" else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return FORMATS.get(name, str)(value)


@dataclass(frozen=True, repr=False)
class Comparison:
    """
    Several fits side by side; made by `nmfre.compare`.

    Attributes
    ----------
    frame : DataFrame
        Rows (component, covariate), columns (fit, quantity). Quantities are "estimate", "p" and
        those of ``stat``; NaN if a fit does not have the coefficient.
    measures : DataFrame
        Method, rank, cap, variances, likelihood and so on (rows) of each fit (columns); None where
        they do not apply.
    stat : {"std err", "conf_int", "pvalue"}
        What is printed below the estimates.
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
    comp1     Intercept      90.50    2.47  0.0    90.31    2.68  0.0
              sex[T.Male]     9.43    3.06  0.0     9.74    3.27  0.0
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
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> fits = {"equal": model.fit("ml", cov_resid="identity"), "unequal": model.fit("ml")}
        >>> print(nmfre.compare(fits, stat="pvalue").as_text().split("Method")[0])
                  Comparison of fits
        ======================================
                             equal     unequal
        --------------------------------------
        comp1
          Intercept      90.506***   90.310***
                        (<0.001)    (<0.001)
          sex[T.Male]     9.423**     9.744**
                         (0.002)     (0.001)
        ======================================
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
        names = list(self.measures.index)
        stubs, rows = by_component({key: self._lines(key) for key in self.frame.index})
        footer = [[_printed(name, value) for value in self.measures.loc[name]] for name in names]
        headers = list(self.measures.columns)
        columns = zip(*header_lines(headers), *rows, *footer, strict=True)
        sizes = [max(map(cells, column)) + 1 for column in columns]
        least, longest = (max(map(cells, each)) for each in (names, (*stubs, *names)))
        tables: list[Table] = []
        for first, last in abreast(sizes, WIDTH - least):
            taken = sum(sizes[first:last]) + last - first
            widths = [max(min(longest, WIDTH - taken), least), *sizes[first:last]]
            above, below = ([row[first:last] for row in part] for part in (rows, footer))
            title = None if tables else "Comparison of fits"
            tables += [
                Table(above, widths, headers[first:last], stubs, title),
                Table(below, widths, stubs=names),
            ]
        return TableSummary(tables, self._notes(), WIDTH)

    def _lines(self, key: Any) -> list[tuple[str, list[str]]]:
        """The estimates of a coefficient, and what goes below them."""
        of_fits = [self._cell(self.frame.loc[key, fit]) for fit in self.measures.columns]
        above, below = zip(*of_fits, strict=True)
        return [(str(key[1]), list(above)), ("", list(below))]

    def _cell(self, numbers: pd.Series) -> tuple[str, str]:
        """The estimate with stars, and what goes below it."""
        if np.isnan(numbers["estimate"]):
            return "", ""
        marks = stars(numbers["p"])
        quantities = [name for name in numbers.index if name not in ("estimate", "p")] or ["p"]
        write = pvalue if self.stat == "pvalue" else number
        below = ", ".join(
            write(numbers[name]) for name in quantities if not np.isnan(numbers[name])
        )
        return f"{number(numbers['estimate'])}{marks:<3}", f"({below})  " if below else ""

    def _notes(self) -> list[str]:
        below = {
            "std err": "standard errors",
            "conf_int": f"intervals of level {1 - self.alpha:.4g}, percentile with a bootstrap, "
            "else Wald",
            "pvalue": "p-values",
        }[self.stat]
        notes = [f"In parentheses: {below}. {STARS_MEAN}, each by the tests of its own fit."]
        forms = self.measures.loc[["cov_resid", "cov_re"]].to_numpy() != "identity"
        if (forms & (self.measures.loc[["Responses", "Rank"]].to_numpy() > 1)).any():
            notes.append("sigma2 and tau2 are means where responses or components have their own.")
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
