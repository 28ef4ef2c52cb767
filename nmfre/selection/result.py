"""What a choice of the rank found: table, best rank, plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from nmfre import plotting
from nmfre.arguments import known_arguments
from nmfre.errors import NotComputedError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RankSelection:
    """
    What `select_rank` found.

    Attributes
    ----------
    table : DataFrame
        A row a rank. Columns: the criterion (named as such); for "cv" its "std err" over the folds,
        for the others the log-likelihood "llf"; "n_params", the free parameters; "not_converged"
        and "merging", how many fits did not reach the tolerance, and how many ended with components
        that merge.
    scores : DataFrame or None
        Mean squared prediction error of every fold (rows: repeat, fold) and rank; None without
        folds.
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
    seed: Any

    @property
    def best(self) -> int:
        """The rank with the lowest criterion."""
        return int(self.table.index[int(self.table[self.criterion].to_numpy().argmin())])

    @property
    def one_standard_error(self) -> int:
        """The smallest rank whose criterion is within one standard error of the lowest."""
        if self.scores is None:
            raise NotComputedError(
                name="one_standard_error", reason="AIC and BIC have no standard errors; see best."
            )
        low = self.table[self.criterion] <= self._limit
        return int(self.table.index[low].min())

    @property
    def _limit(self) -> float:
        values = self.table[self.criterion].to_numpy()
        return float(values.min() + self.table["std err"].to_numpy()[values.argmin()])

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

    def __repr__(self) -> str:
        table = self.table.to_string(float_format="{:.5g}".format)
        return f"{self._heading}\n{table}\n{self._conclusion}"

    def _repr_html_(self) -> str:
        table = self.table.to_html(float_format="{:.5g}".format)
        return f"<p>{self._heading}</p>{table}<p>{self._conclusion}</p>"

    @known_arguments
    def plot(self, *, ax: Axes | None = None) -> Axes:
        """
        The criterion by rank; see `nmfre.plotting.plot_rank_selection`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Default: those of a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> ax = nmfre.select_rank(model, [1, 2], criterion="bic", progress=False).plot()
        >>> ax.get_ylabel()
        'BIC'
        """
        return plotting.plot_rank_selection(self, ax=ax)
