"""Designs of the paper's simulations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

import numpy as np

from nmfre.core.arguments import (
    check_choice,
    check_generator,
    check_number,
    check_whole,
    is_number,
    start_array,
)
from nmfre.core.typing import FloatArray
from nmfre.errors import InvalidArgumentError
from nmfre.estimation.cap import resolve_cap

Errors = Literal["normal", "exponential"]
ERRORS: tuple[Errors, ...] = get_args(Errors)
BASELINE_BASIS = np.array([[0.2308, 0.2409, 0.2566, 0.2717]]).T
STRESS_BASIS = np.array(
    [[0.45, 0.30, 0.15, 0.10], [0.25, 0.25, 0.25, 0.25], [0.10, 0.15, 0.30, 0.45]]
).T
INTERCEPT, EFFECT = 90.502, 9.4285
BOYS, CHILDREN = 16, 27


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperDesign:
    """
    A setting of the paper's simulations: an intercept and a group, as in the Orthodont data.

    Random effects are normal with variance 1, residuals have variance 1. Of 27 units, 16 are in the
    group; with another number of units, each is in the group with probability 16/27, drawn once for
    all replicates.

    Attributes
    ----------
    study : {"baseline", "stress"}
        One component (P = 4), or three that overlap.
    n_units : int
        N.
    effect : float
        Effect of the group on the first component; on the others it is 0.
    errors : {"normal", "exponential"}
        Distribution of the residuals; the second is centred.
    df_cap : float or None
        Rate of the cap; None for no cap, with tau2 held at its starting value.
    start_tau2 : float
        Starting value of tau2.

    Examples
    --------
    >>> import numpy as np
    >>> from nmfre.simulation import PaperDesign
    >>> design = PaperDesign(study="baseline", n_units=27, effect=9.4285)
    >>> design.theta.round(3)
    array([[90.502,  9.428]])
    >>> rng = np.random.default_rng(0)
    >>> exog = design.covariates(rng)
    >>> exog.sum(axis=0), design.responses(exog, rng).shape
    (array([27., 16.]), (27, 4))
    """

    study: Literal["baseline", "stress"]
    n_units: int
    effect: float
    errors: Errors = "normal"
    df_cap: float | None = 0.21
    start_tau2: float = 1.0

    def __post_init__(self) -> None:
        check_choice("study", self.study, Literal["baseline", "stress"])
        check_choice("errors", self.errors, Errors)
        check_whole("n_units", self.n_units, least=1)
        if not is_number(self.effect):
            raise InvalidArgumentError("effect", self.effect, "a finite number")
        resolve_cap(self.df_cap, self.n_units, rank=1)
        check_number("start_tau2", self.start_tau2, least=0.0, strict=True)

    @property
    def basis(self) -> FloatArray:
        """X, (P, Q); the columns sum to one."""
        X = BASELINE_BASIS if self.study == "baseline" else STRESS_BASIS
        return np.asarray(X / X.sum(axis=0))

    @property
    def theta(self) -> FloatArray:
        """Theta, (Q, 2): intercepts and effects of the group."""
        rank = self.basis.shape[1]
        effects = np.zeros(rank)
        effects[0] = self.effect
        return np.column_stack([np.full(rank, INTERCEPT / rank), effects])

    def covariates(self, rng: np.random.Generator) -> FloatArray:
        """
        An intercept and the group.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        ndarray, (N, 2)
        """
        check_generator(rng)
        if self.n_units == CHILDREN:
            group = (np.arange(CHILDREN) < BOYS).astype(float)
        else:
            group = (rng.random(self.n_units) < BOYS / CHILDREN).astype(float)
        return np.column_stack([np.ones(self.n_units), group])

    def responses(self, exog: FloatArray, rng: np.random.Generator) -> FloatArray:
        """
        Draw responses; they are shifted by their minimum if that is negative.

        Parameters
        ----------
        exog : ndarray, (N, 2)
        rng : numpy.random.Generator

        Returns
        -------
        ndarray, (N, P)
        """
        check_generator(rng)
        exog = start_array("exog", exog, (self.n_units, 2), signed=True)
        X, Theta = self.basis, self.theta
        U = rng.standard_normal((self.n_units, len(Theta)))
        E = centred(self.errors, (self.n_units, len(X)), rng)
        endog = (exog @ Theta.T + U) @ X.T + E
        return np.asarray(endog - min(endog.min(), 0.0))


def centred(errors: Errors, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Draws with mean 0 and variance 1."""
    if errors == "normal":
        return rng.standard_normal(shape)
    return rng.standard_exponential(shape) - 1.0


def rate_error(rate: float, n: int) -> float:
    """Monte Carlo standard error of a rate in n draws."""
    return float(np.sqrt(rate * (1.0 - rate) / n))


def baseline_designs() -> list[PaperDesign]:
    """
    The 12 settings of the baseline study: N, effect, errors.

    Returns
    -------
    list of PaperDesign

    Examples
    --------
    >>> from nmfre.simulation import baseline_designs
    >>> len(baseline_designs())
    12
    """
    settings = product((27, 100, 200), ERRORS, (0.0, EFFECT))
    return [
        PaperDesign(study="baseline", n_units=n, effect=effect, errors=errors)
        for n, errors, effect in settings
    ]


def stress_designs() -> list[PaperDesign]:
    """
    The 12 settings of the stress test: errors, effect, and the cap at 0.21, 0.99 or off.

    N is 100 and tau2 starts at 1,000.

    Returns
    -------
    list of PaperDesign

    Examples
    --------
    >>> from nmfre.simulation import stress_designs
    >>> [design.df_cap for design in stress_designs()[:3]]
    [0.21, 0.99, None]
    """
    settings = product(ERRORS, (0.0, EFFECT), (0.21, 0.99, None))
    common = PaperDesign(study="stress", n_units=100, effect=EFFECT, start_tau2=1000.0)
    return [
        replace(common, errors=errors, effect=effect, df_cap=cap)
        for errors, effect, cap in settings
    ]
