"""The paper's scan of caps on the effective degrees of freedom of the random effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from nmfre.core.arguments import check_seed, is_number
from nmfre.data.design import total_weight
from nmfre.errors import InvalidArgumentError
from nmfre.estimation.alternating_estimate import AlternatingEstimate
from nmfre.estimation.cap import is_clear, resolve_cap
from nmfre.estimators import DfCap
from nmfre.model import NMFRE
from nmfre.selection.fits import check_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ["cap", "df_random", "cap_binds", "cap_hits", "tau2", "sigma2", "n_iter"]
RATES = tuple(round(rate, 2) for rate in np.arange(0.05, 1.001, 0.05))


class CapScan:
    """
    Fits by df-cap over a grid of caps; made by `scan_cap`.

    Attributes
    ----------
    table : DataFrame
        One row per rate: the cap, the final df_random, their ratio, whether the cap bound and in
        how many iterations, tau2, sigma2, the number of iterations, and a status in words.
    """

    plot: ClassVar[Callable[..., Axes]]  # attached by nmfre.plotting

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    @property
    def smallest_free_rate(self) -> float | None:
        """The smallest rate whose cap does not bind, with a margin of 2 %; None if all bind."""
        free = self.table.index[self.table["status"] == "does not bind"]
        return float(free.min()) if len(free) else None

    def __repr__(self) -> str:
        return self._shown.to_string(float_format="{:.4g}".format)

    def _repr_html_(self) -> str:
        return self._shown.to_html(float_format="{:.4g}".format)

    @property
    def _shown(self) -> pd.DataFrame:
        """The table without columns that repeat the status, so that it fits 80 columns."""
        return self.table.drop(columns=["binds", "ratio"])


def scan_cap(
    model: NMFRE,
    rates: Sequence[float] = RATES,
    *,
    tol: float = 1e-8,
    maxiter: int = 50_000,
    start_basis: ArrayLike | None = None,
    start_theta: ArrayLike | None = None,
    start_sigma2: float | None = None,
    start_tau2: float | None = None,
    seed: int = 0,
) -> CapScan:
    """
    Fit by df-cap for a grid of caps, all from the same start (paper, Section 3).

    Parameters
    ----------
    model : NMFRE
    rates : sequence of float
        Rates in (0, 1]. Default: 0.05, 0.10, ..., 1.
    tol, maxiter, start_basis, start_theta, start_sigma2, start_tau2, seed
        As in `nmfre.NMFRE.fit`; but ``seed`` must be a whole number >= 0.

    Returns
    -------
    CapScan

    Raises
    ------
    InvalidArgumentError
        There are no rates, one is not in (0, 1], or another argument is invalid.
    MissingCellError, SparseResponsesError, ChunkedResponsesError
        Responses are missing, sparse or in chunks, which df-cap does not support.
    ScaleError
        Responses or covariates are too small or too large for df-cap.

    Warns
    -----
    NegativeCovariateWarning
        Covariates are negative, so updates of df-cap need not decrease the objective.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> scan = nmfre.scan_cap(model, [0.1, 0.2, 0.3])
    >>> scan.table["status"].to_list()
    ['binds', 'binds', 'does not bind']
    >>> scan.smallest_free_rate
    0.3
    """
    check_model(model)
    estimator = DfCap(
        tol=tol,
        maxiter=maxiter,
        start_basis=start_basis,
        start_theta=start_theta,
        start_sigma2=start_sigma2,
        start_tau2=start_tau2,
    )
    check_seed(seed)
    given = list(rates) if pd.api.types.is_list_like(rates) else []
    if not given or not all(is_number(rate) and 0.0 < rate <= 1.0 for rate in given):
        raise InvalidArgumentError("rates", rates, "rates in (0, 1]")
    grid = np.unique(np.array(given, dtype=float))
    n_units = total_weight(model.design)
    caps = np.array([resolve_cap(float(rate), n_units, model.rank) for rate in grid])
    for_starts, _ = np.random.SeedSequence(seed).spawn(2)
    rng = np.random.default_rng(for_starts)
    pattern = model.component_set.pattern
    estimates = estimator.fit_caps(model.design, model.rank, rng, caps, pattern)
    rows = [[getattr(estimate, name) for name in COLUMNS] for estimate in estimates]
    table = pd.DataFrame(rows, index=pd.Index(grid, name="rate"), columns=COLUMNS)
    table.insert(2, "ratio", table["df_random"] / table["cap"])
    table["status"] = [_status(estimate) for estimate in estimates]
    return CapScan(table.rename(columns={"cap_binds": "binds"}))


def _status(estimate: AlternatingEstimate) -> str:
    if not estimate.converged:
        return "did not converge"
    if estimate.cap_binds:
        return "binds"
    clear = is_clear(estimate.df_random_path, estimate.cap)
    return "does not bind" if clear else "just does not bind"
