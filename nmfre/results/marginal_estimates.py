"""Estimates over a grid and their contrasts, with intervals, as text and as data frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from nmfre.core.arguments import check_alpha, check_choice
from nmfre.core.typing import FloatArray
from nmfre.errors import NotComputedError
from nmfre.report.numbers import fixed, number, pvalue
from nmfre.report.numbers import limit_names as limits_of
from nmfre.report.readable import ReadableFrame
from nmfre.report.tables import WIDTH, Lines, TableSummary, by_component, fitted_table
from nmfre.results.coefficients import adjust

Method = Literal["percentile", "wald"]
CONTRAST = "contrast"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MarginalEstimates:
    """
    Estimates with their covariance, for each component or response; ``print`` them.

    Attributes
    ----------
    estimates, bse : array, (L, J)
        J estimates for each of L labels, and their standard errors. Of a ratio: its logarithm.
    covariance : array, (L, J, J)
        Covariance of the estimates of each label.
    replicates : array, (B, L, J), or None
        Bootstrap replicates of the estimates, if there are any.
    labels : Index of length L
        Names of components, responses or sums of these.
    cells : MultiIndex of length J
        Values of the variables that each estimate is for.
    bounds : tuple of two floats
        Intervals are cut off at these values.
    title : str
    notes : tuple of str
        Notes below the printed table.
    unlike : tuple of str
        Sentences on tests and intervals of the summary that differ from those here.
    """

    estimates: FloatArray
    bse: FloatArray
    covariance: FloatArray
    replicates: FloatArray | None
    labels: pd.Index
    cells: pd.MultiIndex
    bounds: tuple[float, float] = (-np.inf, np.inf)
    title: str
    notes: tuple[str, ...]
    unlike: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """The table, with intervals of level 0.95; see `summary_frame`."""
        return self.summary_frame()

    @property
    def index(self) -> pd.MultiIndex:
        """Rows of the table: the cells of each label."""
        rows = [(label, *cell) for label in self.labels for cell in self.cells]
        return pd.MultiIndex.from_tuples(rows, names=[self.labels.name, *self.cells.names])

    def conf_int(self, alpha: float = 0.05, method: Method | None = None) -> pd.DataFrame:
        """
        Confidence intervals.

        Parameters
        ----------
        alpha : float
            1 minus the level.
        method : {"percentile", "wald"}, optional
            "percentile": quantiles of the bootstrap replicates. "wald": estimate -+ z times the
            standard error by the delta method; for ratios, on the log scale. Default: "percentile"
            if there are replicates, otherwise "wald".

        Returns
        -------
        DataFrame, (L J, 2)
            The columns are named by the level; ``attrs`` holds "level" and "interval", the method.

        Raises
        ------
        InvalidArgumentError
        NotComputedError
            A percentile interval without replicates: the fit has no bootstrap, the estimates are of
            responses, or components are not identified.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> model.fit("ml").marginal_means("sex").conf_int(alpha=0.1, method="wald").round(1)
                           5 %   95 %
        component sex
        comp1     Female  85.9   94.7
                  Male    97.0  103.2
        """
        check_alpha(alpha)
        method = self._interval if method is None else method
        check_choice("method", method, Method)
        if method == "wald":
            half_width = stats.norm.isf(alpha / 2.0) * self.bse
            low, high = self.estimates - half_width, self.estimates + half_width
        elif self.replicates is None:
            raise NotComputedError(
                name="the percentile interval",
                reason="these estimates have no bootstrap replicates. Replicates need a fit with "
                "n_boot, and are of scores and shares of identified components. Use method='wald'.",
            )
        else:
            low, high = np.quantile(self.replicates, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0)
        limits = np.clip(self._shown(np.stack([low, high], axis=2)), *self.bounds)
        limits = np.where(np.isnan(self.bse)[:, :, None], np.nan, limits)
        frame = pd.DataFrame(limits.reshape(-1, 2), self.index, limits_of(alpha))
        frame.attrs = {"level": 1.0 - alpha, "interval": method}
        return frame

    def summary_frame(self, alpha: float = 0.05, method: Method | None = None) -> pd.DataFrame:
        """
        Estimates, standard errors, intervals and, for slopes and contrasts, tests.

        Parameters
        ----------
        alpha, method
            As in `conf_int`.

        Returns
        -------
        DataFrame
            Columns estimate, std err and the limits; for slopes and contrasts also z and the
            two-sided P>|z|, and for contrasts the adjusted p-value.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> means = model.fit("ml").marginal_means("sex")
        >>> means.summary_frame(alpha=0.1).columns.to_list()
        ['estimate', 'std err', '5 %', '95 %']
        """
        limits = self.conf_int(alpha, method)
        columns = {"estimate": self._shown(self.estimates), "std err": self._error()}
        columns |= self._tests()
        flat = {name: values.ravel() for name, values in columns.items()}
        frame = ReadableFrame(pd.DataFrame(flat, self.index).join(limits))
        frame.attrs = limits.attrs | ({"alternative": "two-sided"} if self._tests() else {})
        return frame

    @property
    def _interval(self) -> Method:
        """Method of the intervals where none is named."""
        return "wald" if self.replicates is None else "percentile"

    def _shown(self, values: FloatArray) -> FloatArray:
        """Values as they are shown."""
        return values

    def _error(self) -> FloatArray:
        """Standard errors of what is shown."""
        return self.bse

    def _tests(self) -> dict[str, FloatArray]:
        """Columns of tests: of means there are none."""
        return {}

    def _family(self) -> str:
        """How p-values are adjusted, in words."""
        return ""

    def _z(self) -> dict[str, FloatArray]:
        """Z statistics of 0 and their two-sided p-values."""
        with np.errstate(divide="ignore", invalid="ignore"):
            z = self.estimates / self.bse
        return {"z": z, "P>|z|": 2.0 * stats.norm.sf(np.abs(z))}

    def _summary(self) -> TableSummary:
        frame = self.frame
        lines: Lines = {}
        forms = {"z": fixed, "P": pvalue}
        for (label, *cell), row in zip(frame.index, frame.to_numpy(), strict=True):
            columns = zip(frame.columns, row, strict=True)
            cells = [forms.get(name[0], number)(value) for name, value in columns]
            stub = ", ".join(map(text, cell)) or "mean"
            lines.setdefault((str(label), ""), []).append((stub, cells))
        stubs, rows = by_component(lines)
        interval = {"percentile": "percentile of the bootstrap", "wald": "Wald"}[self._interval]
        notes = [*self.notes]
        if self._tests():
            notes.append(" ".join([f"P-values are two-sided{self._family()}.", *self.unlike]))
        notes.append(f"Intervals: {interval}, level 0.95.")
        if frame["std err"].isna().any():
            notes.append(
                "Estimates without a standard error depend on components that are not identified, "
                "or only on effects that are held at their boundary 0."
            )
        return TableSummary([fitted_table(rows, frame.columns, stubs, self.title)], notes, WIDTH)

    def __repr__(self) -> str:
        return str(self._summary().as_text())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return str(self._summary().as_html())


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Contrasts(MarginalEstimates):
    """
    Differences or ratios of marginal means or slopes; ``print`` them.

    Made by ``differences()`` and ``ratios()`` of ``MarginalMeans``. For ratios, ``estimates``,
    ``covariance`` and ``replicates`` are of their logarithms.

    Attributes
    ----------
    adjustment : str
        Adjustment of the p-values, as in `statsmodels.stats.multitest.multipletests`.
    logarithms : bool
        Whether they are ratios.
    """

    adjustment: str
    logarithms: bool

    def _shown(self, values: FloatArray) -> FloatArray:
        return np.exp(values) if self.logarithms else values

    def _error(self) -> FloatArray:
        return self.bse * np.exp(self.estimates) if self.logarithms else self.bse

    def _family(self) -> str:
        parts = [self.labels.name, *(name for name in self.cells.names if name != CONTRAST)]
        within = " and ".join(map(str, parts))
        return f", and adjusted ({self.adjustment}) for the comparisons within each {within}"

    def _tests(self) -> dict[str, FloatArray]:
        columns = self._z()
        adjusted = np.full(self.estimates.shape, np.nan)
        family = np.zeros(len(self.cells), dtype=int)
        if self.cells.nlevels > 1:
            family = pd.factorize(self.cells.droplevel(CONTRAST))[0]
        for label, pvalues in enumerate(columns["P>|z|"]):
            for number_of_family in np.unique(family):
                known = (family == number_of_family) & ~np.isnan(pvalues)
                if known.any():
                    adjusted[label, known] = adjust(pvalues[known], self.adjustment, 0.05)[1]
        return {**columns, f"P>|z| ({self.adjustment})": adjusted}


def text(value: object) -> str:
    """A level as it is printed."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
