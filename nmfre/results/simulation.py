"""Data drawn from a fit."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from nmfre.core.arguments import check_bool, check_seed, check_whole
from nmfre.data.checks import require_memory
from nmfre.errors import InvalidArgumentError
from nmfre.estimation.draws import draw_responses
from nmfre.results.fit import Fit

SHARE: Final = "share_negative"
"""Attribute of simulated data: the share of cells that were drawn below 0."""


def simulate(
    self: Fit,
    n: int | None = None,
    exog: pd.DataFrame | ArrayLike | None = None,
    *,
    seed: int | None = 0,
    nonnegative: bool = True,
) -> pd.DataFrame:
    """
    Draw responses from the fitted model, X (Theta a + u) + e.

    Random effects and residuals are normal with the variances of the fit (df-cap: also where tau2
    was not estimated). A normal draw can be negative, where the model wants responses >= 0: such
    cells are set to 0, and ``attrs["share_negative"]`` of the result says how many they are. That
    raises means and lowers variances: little where means are two standard deviations above 0 (by
    0.008 standard deviations, and 4 %), much at a mean of 0 (by 0.40, and 66 %).

    Parameters
    ----------
    n : int, optional
        Number of new units, for a model with an intercept alone; others need their ``exog``.
    exog : DataFrame, mapping, Series or array_like, (M, K), optional
        Covariates of new units, as in `predict`. Default: the units of the data, whose missing
        responses stay missing.
    seed : int or None
        None takes fresh entropy.
    nonnegative : bool
        Whether negative cells are set to 0. False keeps them: the draws then have the means and
        covariances of the fit.

    Returns
    -------
    DataFrame, (M, P)

    Raises
    ------
    InvalidArgumentError
        Both ``n`` and ``exog``.
    ShapeError, MissingColumnError, UnseenLevelError, NonFiniteError
        No ``exog`` where the model has covariates, or one that does not fit it.
    NotComputedError
        Units in chunks.

    See Also
    --------
    nmfre.NMFRE.simulate_from : from parameters instead of a fit.
    bootstrap : refits of such draws with ``parametric=True``.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> draws = model.fit("ml", n_boot=0).simulate()
    >>> draws.shape, draws.attrs
    ((27, 4), {'share_negative': 0.0})
    """
    check_seed(seed, optional=True)
    check_bool("nonnegative", nonnegative)
    design, estimate = self.model.design, self.estimate
    observed = None
    if n is not None:
        check_whole("n", n, least=1)
        if exog is not None:
            raise InvalidArgumentError("n", n, "None if exog is given, which has one row per unit")
        units: pd.Index = pd.RangeIndex(int(n))
        A = design.intercepts(units)
    elif exog is None:
        A, units = design.A, design.units
        observed = None if design.n_missing == 0 else design.observed
    else:
        A, units = design.covariates_of(exog)
    require_memory(A, "simulate", "pass the covariates of some units in memory")
    rng = np.random.default_rng(seed)
    Y = draw_responses(estimate.X, estimate.Theta @ A, estimate.absolute, rng)
    negative = Y < 0.0
    if nonnegative:
        Y[negative] = 0.0
    if observed is not None:
        negative = negative[observed]
        Y[~observed] = np.nan
    frame = pd.DataFrame(Y.T, index=units, columns=design.responses)
    frame.attrs[SHARE] = float(negative.mean())
    return frame
