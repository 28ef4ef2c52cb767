"""The result of a choice of the rank: table, best rank, plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from nmfre.core.cells import filled
from nmfre.errors import NotComputedError
from nmfre.report.tables import WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RankSelection:
    """
    Result of `select_rank`; ``print`` it.

    Attributes
    ----------
    table : DataFrame
        One row per rank. Columns: the criterion, under its name; for "cv" its "std err" over the
        folds, otherwise the log-likelihood "llf"; "n_params", the number of parameters that AIC and
        BIC count, and "n_free", the number of those that are not at a boundary (cv: in the fold
        with most); "not_converged" and "merging", the numbers of fits that did not reach the
        tolerance and of fits whose components merge.
    scores : DataFrame or None
        Mean squared prediction error by fold (rows: repeat, fold) and rank; None without folds.
    criterion, over : str
    folds, repeats : int
    seed : int
    """

    table: pd.DataFrame
    scores: pd.DataFrame | None
    criterion: str
    over: str
    folds: int
    repeats: int
    seed: int
    plot: ClassVar[Callable[..., Axes]]  # attached by nmfre.plotting

    @property
    def best(self) -> int:
        """
        The rank with the lowest criterion.

        Ranks with fits that did not converge or whose components merge are left out, unless all
        ranks have such fits.
        """
        values = self._compared[self.criterion]
        return int(values.index[int(values.argmin())])

    @property
    def one_standard_error(self) -> int:
        """The smallest rank within one standard error of ``best``, of those not left out."""
        if self.scores is None:
            raise NotComputedError(
                name="one_standard_error", reason="AIC and BIC have no standard errors; see best."
            )
        compared = self._compared
        return int(compared.index[compared[self.criterion] <= self._limit].min())

    @property
    def _limit(self) -> float:
        return float(self.table.loc[[self.best], [self.criterion, "std err"]].to_numpy().sum())

    @property
    def _sound(self) -> pd.Series:
        """Whether all fits of a rank converged with components apart."""
        return (self.table["not_converged"] == 0) & (self.table["merging"] == 0)

    @property
    def _compared(self) -> pd.DataFrame:
        """The rows that the choice is made of."""
        return self.table[self._sound] if self._sound.any() else self.table

    @property
    def _heading(self) -> str:
        if self.scores is None:
            return f"Choice of the rank: {self.criterion.upper()}"
        repeats = f", {self.repeats} times" if self.repeats > 1 else ""
        return (
            f"Choice of the rank: cross-validation over {self.over}, {self.folds} folds{repeats}, "
            f"seed {self.seed}"
        )

    @property
    def _conclusion(self) -> str:
        text = f"Lowest: rank {self.best}."
        if self.scores is not None:
            text += f" Smallest within one standard error of it: rank {self.one_standard_error}."
        return text

    @property
    def _remarks(self) -> str:
        """What to know about the ranks left out, and about the largest."""
        left, text = ", ".join(map(str, self.table.index[~self._sound])), ""
        if not self._sound.any():
            text = (
                " Every rank has fits that did not converge or whose components merge: no choice "
                "is reliable. Raise maxiter or n_starts, or try smaller ranks."
            )
        elif left:
            text = f" Left out because fits did not converge or components merge: rank {left}."
        if self.scores is None:
            text += (
                f" {self.criterion.upper()} counts n_params, entries of the basis and effects that "
                "ended at 0 among them; n_free of them are not at a bound."
            )
        if len(self.table) > 1 and self.best == self.table.index.max():
            text += f" Rank {self.best} is the largest tried."
        return text

    def __repr__(self) -> str:
        table = self.table.to_string(float_format="{:.5g}".format)
        text = filled(f"{self._conclusion}{self._remarks}", WIDTH)
        return f"{filled(self._heading, WIDTH)}\n{table}\n{text}"

    def _repr_html_(self) -> str:
        table = self.table.to_html(float_format="{:.5g}".format)
        return f"<p>{self._heading}</p>{table}<p>{self._conclusion}{self._remarks}</p>"
