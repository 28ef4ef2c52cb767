"""Data drawn from parameters that a user gives, with their labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_seed, check_whole, start_array
from nmfre.core.typing import FloatArray
from nmfre.data.design import Design
from nmfre.data.entry import design_from_arrays
from nmfre.data.interchange import table
from nmfre.data.labelled import INTERCEPT, Rows, exog_names
from nmfre.data.naming import known_columns
from nmfre.errors import InvalidArgumentError, MissingColumnError, ShapeError
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.draws import draw_responses

SUM_TO_ONE = 1e-6
"""By how much a sum of a column of the basis may differ from 1, as where it was rounded."""


def simulated_design(
    basis: object,
    theta: object,
    cov_re: object,
    resid_variances: object,
    n: object,
    exog: object,
    seed: int | None,
) -> tuple[Design, pd.Index]:
    """A design with drawn responses, and names of its components; see `LabelledModel`."""
    check_seed(seed, optional=True)
    X = Rows.of(basis, "basis", "comp")
    if (X.array < 0.0).any() or np.abs(X.array.sum(axis=0) - 1.0).max() > SUM_TO_ONE:
        raise InvalidArgumentError(
            "basis",
            "array",
            "numbers >= 0 whose columns sum to one; divide each column by its sum, and multiply "
            "the row of theta by that sum",
        )
    named = isinstance(table(basis), pd.DataFrame)
    responses = X.index if named else pd.Index([f"y{p + 1}" for p in range(len(X.array))])
    components = X.columns
    effects = _matched("theta", theta, components if named else None, len(components))
    A, units = _covariates(effects, n, exog)
    psi = _variances("resid_variances", resid_variances, responses)
    rng = np.random.default_rng(seed)
    factor = _factor(cov_re, components)
    Y = draw_responses(X.array, effects.array @ A.array.T, Relative(psi, factor), rng)
    endog = pd.DataFrame(np.maximum(Y.T, 0.0), units, responses)
    design = design_from_arrays(endog, pd.DataFrame(A.array, units, A.columns))
    return design, components


def _matched(name: str, values: object, labels: pd.Index | None, size: int) -> Rows:
    """Rows of an argument in the order of ``labels``, where both have names."""
    frame = table(values)
    if isinstance(frame, pd.DataFrame) and labels is not None:
        if not frame.index.sort_values().equals(labels.sort_values()):
            raise InvalidArgumentError(
                name, f"rows {list(frame.index)}", f"rows named as the components, {list(labels)}"
            )
        values = frame.loc[labels]
    rows = Rows.of(values, name, "x")
    if len(rows.array) != size:
        raise ShapeError(reason=f"{name} has {len(rows.array)} rows: pass one per component.")
    return rows


def _covariates(effects: Rows, n: object, exog: object) -> tuple[Rows, pd.Index]:
    """Covariates (N, K) in the order of the columns of theta, and labels of the units."""
    n_covariates = effects.array.shape[1]
    if exog is None:
        check_whole("n", n, least=1)
        assert isinstance(n, int | np.integer)
        if n_covariates > 1:
            raise ShapeError(
                reason=f"theta has {n_covariates} columns: pass exog, with one row per unit and "
                "one column per covariate."
            )
        columns = effects.columns if effects.named else INTERCEPT
        return Rows(np.ones((int(n), 1)), columns), pd.RangeIndex(int(n))
    if n is not None:
        raise InvalidArgumentError("n", n, "None if exog is given, which has one row per unit")
    frame = table(exog)
    if isinstance(frame, pd.DataFrame) and effects.named:
        for name in effects.columns:
            if name not in frame.columns:
                raise MissingColumnError(
                    role="simulate_from", name=name, known=known_columns(frame, name)
                )
        exog = frame[list(effects.columns)]
    rows = Rows.of(exog, "exog", "x")
    if rows.array.shape[1] != n_covariates:
        raise ShapeError(
            reason=f"exog has {rows.array.shape[1]} columns and theta {n_covariates}: pass one for "
            "each covariate in both."
        )
    columns = rows.columns if rows.named else effects.columns
    if not (rows.named or effects.named):
        columns = exog_names((rows.array == 1.0).all(axis=0))
    units = pd.RangeIndex(len(rows.array)) if rows.index is None else rows.index
    return Rows(rows.array, columns), units


def _variances(name: str, values: object, labels: pd.Index) -> FloatArray:
    """One variance for all, or one for each, a Series by name."""
    if isinstance(values, pd.Series):
        values = values.reindex(labels)
    if np.ndim(values) == 0:  # type: ignore[arg-type]
        values = np.full(len(labels), values)
    return start_array(name, values, (len(labels),))


def _factor(cov_re: object, components: pd.Index) -> FloatArray:
    """A factor of Phi, given by one variance, by one per component or as a whole."""
    if np.ndim(cov_re) < 2:  # type: ignore[arg-type]
        return np.diag(np.sqrt(_variances("cov_re", cov_re, components)))
    if isinstance(cov_re, pd.DataFrame):
        cov_re = cov_re.reindex(index=components, columns=components)
    size = len(components)
    Phi = start_array("cov_re", cov_re, (size, size), signed=True)
    there = np.diag(Phi) > 0.0
    factor, free = np.zeros_like(Phi), np.ix_(there, there)
    try:
        factor[free] = np.linalg.cholesky(Phi[free])
    except np.linalg.LinAlgError:
        factor[:] = np.nan
    if not np.allclose(factor @ factor.T, Phi):
        allowed = "a symmetric matrix, positive definite apart from variances of 0"
        raise InvalidArgumentError("cov_re", "array", allowed)
    return factor
