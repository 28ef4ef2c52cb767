"""Whether what was read from a file is the result of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from nmfre.data.placeholder import Removed
from nmfre.estimators import ESTIMATORS
from nmfre.inference.conditional import Inference
from nmfre.inference.marginal import MarginalInference
from nmfre.results.fit import Fit

ROUNDED_UP = 1.0 + 1e-9
FLOAT = np.dtype(float)
INFERENCES = {"conditional": Inference, "marginal": MarginalInference}


def check_loaded(fit: Fit) -> None:
    """
    The parts must be those of the method, as large as the data, and agree with each other.

    Raises
    ------
    Exception
        Of any kind, if they are not.
    """
    design, rank, options = fit.model.design, fit.model.rank, fit.inference.options
    kinds = {
        "estimator": ESTIMATORS[fit.method],
        "estimate": fit.estimator.kind,
        "inference": INFERENCES[options.uncertainty],
        "seed": int,
    }
    for name, kind in kinds.items():
        if type(getattr(fit, name)) is not kind:
            raise TypeError(f"{name} is no {kind.__name__}, as {fit.method} has it")
    r2 = fit._rsquared
    r2 = r2.loc[["correlation", "uncentered", "row-centered"], ["blup", "fixed"]]
    if not all(dtype.kind == "f" for dtype in [*r2.dtypes, getattr(design.Y, "dtype", FLOAT)]):
        raise TypeError("responses or R2 are no floats")
    if min(fit.seed, options.seed or 0) < 0:
        raise ValueError("a seed is negative")
    fit.estimator.check_inference(design, rank, options)
    _check_shapes(fit)
    estimate = fit.estimate
    variances, df_random = [estimate.sigma2, estimate.tau2], estimate.df_random
    numbers: list[Any] = [estimate.X, estimate.Theta, variances]
    if not all(np.isfinite(part).all() for part in numbers):
        raise ValueError("the estimates are not finite")
    if estimate.X.min() < 0.0 or not np.allclose(estimate.X.sum(axis=0), 1.0):
        raise ValueError("the basis is negative, or does not sum to one")
    if min(variances) <= 0.0 or not 0.0 <= df_random <= estimate.U.size * ROUNDED_UP:
        raise ValueError("a variance or the degrees of freedom are out of range")
    if (np.diag(fit.inference.covariance) < 0.0).any():
        raise ValueError("the square of a standard error is negative")
    if fit.inference.floor != (-np.inf if estimate.signed else 0.0):
        raise ValueError("the bound of params is not that of the fit")
    if not np.array_equal(fit.inference.estimate, estimate.Theta.ravel(order="F")):
        raise ValueError("params are not the estimated effects")


def check_fit(fit: Fit, stored: pd.DataFrame) -> None:
    """The data of an archive must be those of the fit, whose R2 it has stored."""
    if not isinstance(fit.model.design.Y, Removed):
        found = fit._rsquared
        np.testing.assert_allclose(stored, found, rtol=1e-6, atol=1e-6)


def _check_shapes(fit: Fit) -> None:
    estimate, inference = fit.estimate, fit.inference
    n_responses, n_units = fit.model.design.Y.shape
    n_covariates, rank = len(fit.model.design.covariates), fit.model.rank
    basis, size = (n_responses, rank), rank * n_covariates
    n_boot = inference.options.n_boot
    n_all = n_responses * rank + size + 2
    shapes: dict[str, tuple[int | None, ...]] = {
        "X": basis,
        "Theta": (rank, n_covariates),
        "U": (rank, n_units),
        "objective_path": (None,),
        "ridge_path": (estimate.n_iter,),
        "df_random_path": (estimate.n_iter,),
        "mixing": (rank,),
        "directions": (None, rank, rank),
        "estimate": (size,),
        "covariance": (size, size),
        "at_bound": (size,),
        "held": (size,),
        "held_basis": basis,
        "df_gradient": basis,
        "score_z": (size,),
        "psi_covariance": (n_all, n_all),
        "deviations": (n_boot, size),
        "deviations_bse": (n_boot, size),
        "multipliers": (n_boot, n_units),
    }
    identification = getattr(estimate, "identification", None)
    for part in (estimate, identification, inference, inference.bootstrap, inference.options):
        for name, shape in shapes.items():
            value: Any = getattr(part, name, None)
            if name == "df_gradient" and value is not None:
                value = value[0]
            if value is not None and not _fits(np.shape(value), shape):
                raise ValueError(f"{name} has shape {np.shape(value)}, not {shape}")


def _fits(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a shape is the wanted one, in which None stands for any length."""
    return len(found) == len(wanted) and all(
        length in (None, own) for own, length in zip(found, wanted, strict=True)
    )
