"""From a design and the user's options to an estimate: one function an estimator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from nmfre.core.arguments import MOST_STARTS, check_bool, check_number, check_whole, start_array
from nmfre.core.caller import warn
from nmfre.core.parallel import run_tasks
from nmfre.core.threads import one_thread_if_small
from nmfre.core.typing import FloatArray
from nmfre.data.checks import python_value
from nmfre.data.design import Design
from nmfre.errors import (
    ConvergenceWarning,
    DegenerateBasisWarning,
    ExactFitError,
    InvalidArgumentError,
    NegativeCovariateWarning,
    NonFiniteFitError,
    ScaleError,
)
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.alternating_estimate import VARIANCE_LIMITS, AlternatingEstimate
from nmfre.estimation.cap import AUTO, Cap, DefaultCap, free_rate, resolve_cap
from nmfre.estimation.estimate import Estimate, StopReason
from nmfre.estimation.initial import nndsvd
from nmfre.estimation.likelihood import SMALLEST_SIGMA2
from nmfre.estimation.maximize import starting_bases
from nmfre.estimation.maximum_likelihood import fit_marginal

DEFAULT_STARTS = 5
WARNINGS = {
    DegenerateBasisWarning: ("components merge",),
    ConvergenceWarning: ("not converged", "stopped early", "variances"),
}
"""Topics of findings that every fit warns of."""

# From where on the floors of df-cap, 1e-10, moved X or Theta by 1e-4 and more (relative) in data of
# rank 1 to 3 whose units were changed, with some margin.
SMALL_RESPONSES = 1e-4
"""Root mean square."""
LARGE_COVARIATE = 1e6
"""Largest value, in means of the units' totals: Theta is not below its floor."""
SMALL_COVARIATE = 1e-8
"""Sum of its products with the units' totals over P: about the denominator of Theta's update."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorOptions:
    """
    Choices of the user, as in `nmfre.NMFRE.fit`, checked.

    Raises
    ------
    InvalidArgumentError
        A value that is not allowed.
    """

    df_cap: float | Cap | str | None
    tol: float
    maxiter: int
    start_basis: ArrayLike | None = None
    start_theta: ArrayLike | None = None
    start_sigma2: float | None = None
    start_tau2: float | None = None
    update_tau2: bool = True
    signed: bool = False
    n_starts: int | None = None

    def __post_init__(self) -> None:
        check_number("tol", self.tol, least=0.0)
        check_whole("maxiter", self.maxiter, least=1)
        for name in ("start_sigma2", "start_tau2"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), least=0.0, strict=True)
        check_bool("update_tau2", self.update_tau2)
        check_bool("signed", self.signed)
        if self.n_starts is not None:
            check_whole("n_starts", self.n_starts, least=1, most=MOST_STARTS)

    @property
    def variances(self) -> tuple[float, float]:
        """Starts of sigma2 and tau2: as given, or 1."""
        return (
            1.0 if self.start_sigma2 is None else self.start_sigma2,
            1.0 if self.start_tau2 is None else self.start_tau2,
        )

    def basis(self, design: Design, rank: int) -> FloatArray | None:
        """The start of X that the user gave, checked."""
        if self.start_basis is None:
            return None
        X = start_array("start_basis", self.start_basis, (len(design.responses), rank))
        if not X.any(axis=0).all():
            raise InvalidArgumentError(
                "start_basis",
                "array with a column of zeros",
                "columns that can be divided by their sums",
            )
        return X

    def theta(self, design: Design, rank: int) -> FloatArray | None:
        """The start of Theta that the user gave, checked."""
        if self.start_theta is None:
            return None
        return start_array("start_theta", self.start_theta, (rank, len(design.covariates)))


def estimate_df_cap(
    design: Design, rank: int, options: EstimatorOptions, rng: np.random.Generator
) -> Estimate:
    """Alternating updates, the paper's algorithm."""
    if options.signed:
        raise InvalidArgumentError("signed", True, "False with df-cap; method='ml' takes both")
    if options.n_starts not in (None, 1):
        raise InvalidArgumentError("n_starts", options.n_starts, "1 with df-cap; 'ml' takes more")
    auto = isinstance(options.df_cap, str) and options.df_cap == AUTO
    n_units = len(design.units)
    cap = resolve_cap(1.0 if auto else options.df_cap, n_units, rank)
    (estimate,) = fit_caps(design, rank, options, rng, np.array([cap]))
    _warn_of(estimate)
    if auto:
        rate = free_rate(estimate.df_random_path, n_units, rank)
        estimate = replace(estimate, cap=resolve_cap(rate, n_units, rank))
    return estimate


def fit_caps(
    design: Design,
    rank: int,
    options: EstimatorOptions,
    rng: np.random.Generator,
    caps: FloatArray,
) -> list[AlternatingEstimate]:
    """Alternating updates from one start under each of several caps, in one stack."""
    design.require("df-cap")
    _check_scale(design)
    sigma2, tau2 = options.variances
    for name, value in (("start_sigma2", sigma2), ("start_tau2", tau2)):
        if not VARIANCE_LIMITS[0] <= value <= VARIANCE_LIMITS[1]:
            raise InvalidArgumentError(
                name,
                value,
                "a number from 1e-12 to 1e12 with df-cap, which keeps variances between "
                "these; rescale the responses",
            )
    _warn_of_negative_covariates(design)
    Y, A = design.Y, design.A
    X, Theta = options.basis(design, rank), options.theta(design, rank)
    X = nndsvd(Y, rank, rng) if X is None else X
    Theta = np.ones((rank, len(A))) if Theta is None else Theta
    return fit_alternating(
        Y[None],
        A[None],
        np.repeat(X[None], len(caps), axis=0),
        np.repeat(Theta[None], len(caps), axis=0),
        cap=caps,
        sigma2=sigma2,
        tau2=tau2,
        update_tau2=options.update_tau2,
        tol=options.tol,
        maxiter=options.maxiter,
    )


def estimate_ml(
    design: Design, rank: int, options: EstimatorOptions, rng: np.random.Generator
) -> Estimate:
    """Marginal maximum likelihood."""
    if not options.update_tau2:
        raise InvalidArgumentError("update_tau2", False, "True with ml, which estimates tau2")
    n_starts = DEFAULT_STARTS if options.n_starts is None else options.n_starts
    given = options.basis(design, rank)
    if options.theta(design, rank) is not None:
        raise InvalidArgumentError(
            "start_theta",
            "array",
            "None with ml, where Theta follows from the basis and the variances",
        )
    cap = None if isinstance(options.df_cap, DefaultCap) else options.df_cap
    log_ridge = None
    if (options.start_sigma2, options.start_tau2) != (None, None):
        sigma2, tau2 = options.variances
        log_ridge = float(np.log(sigma2 / tau2))
    with one_thread_if_small(len(design.responses) ** 2 * rank):
        moments = design.moments()
        bases = starting_bases(moments, rank, n_starts, rng)
        if given is not None:
            bases[0] = given / given.sum(axis=0)
        estimate = fit_marginal(
            design.Y,
            design.A,
            moments,
            bases,
            signed=options.signed,
            cap=resolve_cap(cap, len(design.units), rank),
            log_ridge=log_ridge,
            tol=options.tol,
            maxiter=options.maxiter,
            run=partial(run_tasks, n_jobs=None, progress=False, description="starts"),
        )
    if estimate.sigma2 <= 10.0 * SMALLEST_SIGMA2 * moments.scale**2:
        raise ExactFitError(rank=rank)
    _warn_of(estimate)
    return estimate


def _check_scale(design: Design) -> None:
    """The fixed floors of df-cap must not matter beside the responses and covariates."""
    Y, A = design.Y, np.abs(design.A)
    with np.errstate(over="ignore", under="ignore"):
        largest = Y.max()
        size = largest * np.sqrt(np.mean((Y / largest) ** 2))
        totals = Y.sum(axis=0)
        products = A @ totals / len(Y)
    if size < SMALL_RESPONSES:
        raise _scale_error("The responses are", "root mean square", size, "all of them")
    for name, values, product in zip(design.covariates, A, products, strict=True):
        large = values.max() > LARGE_COVARIATE * totals.mean()
        if large or product < SMALL_COVARIATE:
            what = f"Covariate {python_value(name)!r} is"
            raise _scale_error(what, "largest value", values.max(), "it", large=bool(large))


def _scale_error(
    what: str, measure: str, size: float, them: str, *, large: bool = False
) -> ScaleError:
    kind, change = ("large", "Divide") if large else ("small", "Multiply")
    return ScaleError(
        reason=f"{what} too {kind} for df-cap ({measure}: {size:.2g}): its fixed floor of 1e-10 "
        f"would change the estimates. {change} {them} by 1e{abs(int(np.floor(np.log10(size))))}, "
        "or use method='ml', which does not depend on units."
    )


def _warn_of_negative_covariates(design: Design) -> None:
    negative = np.flatnonzero((design.A < 0).any(axis=1))
    if len(negative):
        names = ", ".join(map(str, design.covariates[negative]))
        warn(
            f"Covariates with negative values ({names}): the multiplicative updates of df-cap "
            "descend for A >= 0 only. Rescale them, for example to [0, 1], or use "
            "method='ml', signed=True.",
            NegativeCovariateWarning,
        )


def _warn_of(estimate: Estimate) -> None:
    """Warn of what the user must know of every fit, each kind in one warning."""
    if estimate.stop_reason is StopReason.NON_FINITE:
        raise NonFiniteFitError(iteration=estimate.n_iter)
    for category, topics in WARNINGS.items():
        texts = [
            f"{found.topic.capitalize()}: {found.text}"
            for found in estimate.findings()
            if found.topic in topics
        ]
        if texts:
            warn(" ".join(texts), category)
