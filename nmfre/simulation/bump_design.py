"""Designs of the coverage study: bumps as a basis, two groups, and covariances of many forms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np

from nmfre.core.arguments import (
    check_bool,
    check_choice,
    check_generator,
    check_number,
    check_whole,
    is_number,
    start_array,
)
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError
from nmfre.simulation.paper_designs import Errors, centred

INTERCEPT, LARGEST_EFFECT, SIGMA, TAU = 60.0, 12.0, 1.4, 7.0
BumpErrors: TypeAlias = Literal["normal", "exponential", "poisson"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BumpDesign:
    """
    A design of a study.

    Attributes
    ----------
    n_responses, rank, n_units : int
        P, Q, N.
    signed : bool
        Whether effects are signed in the fits.
    errors : {"normal", "exponential", "poisson"}
        Distribution of residuals and random effects; the exponential one is centred. With
        "poisson", random effects are normal and responses are counts with mean X (Theta a + u).
    effects : {"decreasing", "none"}
        Effects of the group on the components: from 12 down to 0, or all 0.
    intercept : float
        Mean score of the units outside the group. With many responses it must exceed 60, so that
        few responses are below 0, where they are cut off.
    background : float
        Share of each column of X, in [0, 1), that is spread evenly over the responses. With 0, X
        has zeros where bumps end; intervals are conservative if true values lie on boundaries.
    sigma2 : float or tuple of P floats
        Residual variance, common or one per response. Counts have the variance of a Poisson
        variable.
    tau : float or tuple of Q floats
        Standard deviation of the random effects, common or one per component; 0 for none.
    correlation : float
        Correlation of the random effects of any two components, in [0, 1).

    Examples
    --------
    >>> from nmfre.simulation import BumpDesign
    >>> design = BumpDesign(n_responses=4, rank=2, n_units=30, tau=(7.0, 4.0))
    >>> design.basis.round(2)
    array([[0.69, 0.  ],
           [0.31, 0.  ],
           [0.  , 0.31],
           [0.  , 0.69]])
    >>> design.cov_re
    array([[49.,  0.],
           [ 0., 16.]])
    """

    n_responses: int
    rank: int
    n_units: int
    signed: bool = True
    errors: BumpErrors = "normal"
    effects: Literal["decreasing", "none"] = "decreasing"
    intercept: float = INTERCEPT
    background: float = 0.0
    sigma2: float | tuple[float, ...] = SIGMA**2
    tau: float | tuple[float, ...] = TAU
    correlation: float = 0.0

    def __post_init__(self) -> None:
        check_whole("n_responses", self.n_responses, least=1)
        check_whole("rank", self.rank, least=1, most=self.n_responses)
        check_whole("n_units", self.n_units, least=1)
        check_bool("signed", self.signed)
        check_choice("errors", self.errors, BumpErrors)
        check_choice("effects", self.effects, Literal["decreasing", "none"])
        _each("sigma2", self.sigma2, self.n_responses)
        _each("tau", self.tau, self.rank, zero=True)
        check_number("intercept", self.intercept, least=0.0)
        for name in ("background", "correlation"):
            share = getattr(self, name)
            check_number(name, share, least=0.0)
            if share >= 1.0:
                raise InvalidArgumentError(name, share, "a number in [0, 1)")

    @property
    def basis(self) -> FloatArray:
        """X, (P, Q)."""
        if self.rank == 1:
            return np.full((self.n_responses, 1), 1.0 / self.n_responses)
        position = np.linspace(0.0, 1.0, self.n_responses)[:, None]
        centre = np.linspace(0.0, 1.0, self.rank)
        width = 0.6 if self.rank == 2 else 0.4
        X = np.maximum(1.0 - np.abs(position - centre) / width, 0.0)
        bumps = X / X.sum(axis=0)
        return np.asarray((1.0 - self.background) * bumps + self.background / self.n_responses)

    @property
    def theta(self) -> FloatArray:
        """Theta, (Q, 2): intercepts and effects of the group."""
        effects = np.zeros(self.rank)
        if self.effects == "decreasing":
            effects = np.linspace(LARGEST_EFFECT, 0.0, max(self.rank, 2))[: self.rank]
        return np.column_stack([np.full(self.rank, self.intercept), effects])

    @property
    def cov_re(self) -> FloatArray:
        """Phi, (Q, Q)."""
        tau = _each("tau", self.tau, self.rank, zero=True)
        correlations = (1.0 - self.correlation) * np.eye(self.rank) + self.correlation
        return np.asarray(correlations * np.outer(tau, tau))

    @property
    def resid_variances(self) -> FloatArray:
        """Diagonal of Psi, (P,), unless responses are counts."""
        return _each("sigma2", self.sigma2, self.n_responses)

    def draw(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """
        Draw a data set.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        endog, exog : ndarray, (N, P) and (N, 2)
            Responses >= 0 and covariates.
        """
        return self.draw_with_effects(rng)[:2]

    def draw_with_effects(
        self, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """
        Draw the same data set, and return its random effects, too.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        endog, exog, random_effects : ndarray, (N, P), (N, 2) and (N, Q)
        """
        check_generator(rng)
        group = np.arange(self.n_units) % 2.0
        exog = np.column_stack([np.ones(self.n_units), group])
        distribution: Errors = "exponential" if self.errors == "exponential" else "normal"
        there = np.diag(self.cov_re) > 0.0
        factor = np.zeros_like(self.cov_re)
        factor[np.ix_(there, there)] = np.linalg.cholesky(self.cov_re[np.ix_(there, there)])
        U = centred(distribution, (self.n_units, self.rank), rng) @ factor.T
        mean = (exog @ self.theta.T + U) @ self.basis.T
        if self.errors == "poisson":
            return rng.poisson(np.maximum(mean, 0.0)).astype(float), exog, U
        E = centred(distribution, mean.shape, rng) * np.sqrt(self.resid_variances)
        return np.asarray(np.maximum(mean + E, 0.0)), exog, U


def covariance_designs(n_units: int = 200) -> dict[str, BumpDesign]:
    """
    Designs that differ in their covariances, with eight responses and two components.

    Parameters
    ----------
    n_units : int

    Returns
    -------
    dict of BumpDesign
        Keys describe the designs: equal variances; standard deviations 7 and 4 of the random
        effects; residual variances from 0.5 to 6; both; correlated random effects; counts; both
        with a basis without zeros.

    Examples
    --------
    >>> from nmfre.simulation import covariance_designs
    >>> covariance_designs()["tau 7 and 4"].tau
    (7.0, 4.0)
    """
    design = partial(BumpDesign, n_responses=8, rank=2, n_units=n_units)
    taus = (7.0, 4.0)
    variances = tuple(np.linspace(0.5, 6.0, 8).tolist())
    return {
        "all equal": design(),
        "tau 7 and 4": design(tau=taus),
        "sigma2 0.5 to 6": design(sigma2=variances),
        "both": design(sigma2=variances, tau=taus),
        "correlation 0.5": design(correlation=0.5),
        "counts": design(errors="poisson"),
        "both, background 0.3": design(sigma2=variances, tau=taus, background=0.3),
    }


def _each(
    name: str, value: float | tuple[float, ...], size: int, *, zero: bool = False
) -> FloatArray:
    """Positive numbers, or zeros too, one given for all or one for each."""
    values = start_array(name, (value,) * size if is_number(value) else value, (size,))
    if not (zero or values.all()):
        raise InvalidArgumentError(name, value, "a number > 0, or one for each")
    return values
