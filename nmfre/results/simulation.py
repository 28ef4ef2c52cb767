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

    Random effects and residuals are normal with the variances of the fit (df-cap: also if tau2 was
    not estimated). Negative draws are set to 0, because responses must not be negative;
    ``attrs["share_negative"]`` of the result is their share. This raises means and lowers
    variances: slightly if the mean is two standard deviations above 0 (by 0.008 standard
    deviations, and by 4 %), strongly if it is 0 (by 0.40, and by 66 %).

    Parameters
    ----------
    n : int, optional
        Number of new units, if the model has only an intercept. Otherwise pass ``exog``.
    exog : DataFrame, mapping, Series or array_like, (M, K), optional
        Covariates of new units, as in `predict`. Default: the units of the data, with the same
        missing responses.
    seed : int or None
        None draws a new one.
    nonnegative : bool
        Whether negative draws are set to 0. If False, the draws have the means and covariances of
        the fit.

    Returns
    -------
    DataFrame, (M, P)

    Raises
    ------
    InvalidArgumentError
        Both ``n`` and ``exog`` are given.
    ShapeError, MissingColumnError, UnseenLevelError, NonFiniteError
        ``exog`` is missing although the model has covariates, or does not match the model.
    NotComputedError
        The units are in chunks.

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
