"""Marginal means and slopes, and their contrasts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_label
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError, NotComputedError
from nmfre.results.coefficients import adjust
from nmfre.results.marginal_estimates import CONTRAST, Contrasts, MarginalEstimates, text

NOTHING = 1e-12
"""Variance of a contrast, relative to that of its means, that is rounding: it is known, or zero."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MarginalMeans(MarginalEstimates):
    """
    Marginal means or average slopes; ``print`` them, or use ``frame``.

    Made by `nmfre.NMFREResults.marginal_means` and `nmfre.NMFREResults.average_slopes`.

    Attributes
    ----------
    compared : tuple of str
        Variables whose levels are compared by contrasts, within levels of the others.
    slopes : bool
        Whether they are slopes.
    n_negative : int
        For shares: number of rows of the grid with a negative expected score, where shares mean
        nothing.
    """

    compared: tuple[Hashable, ...]
    slopes: bool
    n_negative: int

    def _tests(self) -> dict[str, FloatArray]:
        return self._z() if self.slopes else {}

    def differences(self, *, reference: object = None, method: str = "holm") -> Contrasts:
        """
        Differences between levels, with tests of 0.

        Parameters
        ----------
        reference : level, or tuple of levels of several variables, optional
            The level to which the others are compared. Default: all pairs, the later level minus
            the earlier one.
        method : str
            Adjustment for multiple tests, as in `statsmodels.stats.multitest.multipletests`, over
            the pairs of one component or response within a level of ``over``.

        Returns
        -------
        Contrasts

        Raises
        ------
        InvalidArgumentError
            There is only one level, the reference is not a level, or statsmodels does not know the
            method.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> differences = model.fit("ml").marginal_means("sex").differences()
        >>> differences.frame.round(3).iloc[:, :4]
                               estimate  std err      z  P>|z|
        component contrast
        comp1     Male-Female     9.744    3.273  2.977  0.003
        """
        return self._contrasts(reference, method, logarithms=False)

    def ratios(self, *, reference: object = None, method: str = "holm") -> Contrasts:
        """
        Ratios between levels, with tests of 1; intervals and tests are on the log scale.

        Parameters
        ----------
        reference, method
            As in `differences`.

        Returns
        -------
        Contrasts
            NaN where a mean is not above 0.

        Raises
        ------
        InvalidArgumentError
            As in `differences`.
        NotComputedError
            Ratios of slopes, which can be 0 or negative.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> model.fit("ml").marginal_means("sex").ratios().frame.round(3).iloc[:, :4]
                               estimate  std err      z  P>|z|
        component contrast
        comp1     Male/Female     1.108    0.039  2.918  0.004
        """
        if self.slopes:
            raise NotComputedError(
                name="the ratio of slopes", reason="slopes can be 0; use differences()."
            )
        return self._contrasts(reference, method, logarithms=True)

    def _contrasts(self, reference: object, method: str, *, logarithms: bool) -> Contrasts:
        adjust([0.5], method, 0.05)  # the name must be known before anything is printed
        L, cells = self._pairs(reference, "/" if logarithms else "-")
        values, bse = self.estimates, self.bse
        covariance, replicates = self.covariance, self.replicates
        if logarithms:
            with np.errstate(divide="ignore", invalid="ignore"):
                slope = 1.0 / np.where(values > 0.0, values, np.nan)
                values, bse = -np.log(slope), bse * slope
                covariance = covariance * slope[:, :, None] * slope[:, None, :]
                replicates = None if replicates is None else np.log(replicates)
        covariance = L @ covariance @ L.T
        variances = np.diagonal(covariance, axis1=1, axis2=2)
        room = (bse @ np.abs(L).T) ** 2
        with np.errstate(invalid="ignore"):
            found = np.sqrt(np.where(variances > NOTHING * room, variances, np.nan))
            if replicates is not None:
                replicates = replicates @ L.T
        what = "Ratios" if logarithms else "Differences"
        return Contrasts(
            estimates=values @ L.T,
            bse=found,
            covariance=covariance,
            replicates=replicates,
            labels=self.labels,
            cells=cells,
            title=f"{what} of {self.title[0].lower()}{self.title[1:]}",
            notes=self.notes,
            unlike=self.unlike,
            adjustment=method,
            logarithms=logarithms,
        )

    def _pairs(self, reference: object, sign: str) -> tuple[FloatArray, pd.MultiIndex]:
        """Which cells are compared, (n, J), and the names of the contrasts."""
        within = [name for name in self.cells.names if name not in self.compared]
        cells = [dict(zip(self.cells.names, cell, strict=True)) for cell in self.cells]
        levels = [tuple(cell[name] for name in self.compared) for cell in cells]
        plain = [level[0] if len(level) == 1 else level for level in levels]
        if reference is not None:
            check_label("reference", reference, plain)
        groups: dict[tuple[Hashable, ...], list[int]] = {}
        for j, cell in enumerate(cells):
            groups.setdefault(tuple(cell[name] for name in within), []).append(j)
        rows, names = [], []
        for group, members in groups.items():
            pairs: Sequence[tuple[int, int]] = list(combinations(members, 2))
            if reference is not None:
                first = next(j for j in members if plain[j] == reference)
                pairs = [(first, j) for j in members if j != first]
            for i, j in pairs:
                row = np.zeros(len(levels))
                row[[i, j]] = -1.0, 1.0
                rows.append(row)
                one, two = (", ".join(map(text, levels[k])) for k in (i, j))
                names.append((*group, f"{two}{sign}{one}"))
        if not rows:
            shown = ", ".join(map(str, self.compared)) or "none"
            raise InvalidArgumentError(
                "variables", shown, "a variable with at least two levels to compare"
            )
        return np.array(rows), pd.MultiIndex.from_tuples(names, names=[*within, CONTRAST])
