"""Measures of fit: chi-squared against the saturated model, CFI, TLI, RMSEA, SRMR."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_jobs, check_n_boot, check_seed
from nmfre.data.design import independent
from nmfre.data.weights import require_no_weights
from nmfre.errors import NotComputedError
from nmfre.estimation.complete import LARGEST_DENSE, CompleteMoments
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.inference.fit_measures import ChiSquared, cfi, chi_squared, srmr, tli
from nmfre.inference.marginal import LARGEST, n_parameters
from nmfre.inference.parametric import FittedMoments, bootstrap_statistics
from nmfre.inference.references import References, traces
from nmfre.results.fit import Fit

NAME = "fit_measures"


def fit_measures(
    self: Fit,
    n_boot: int = 0,
    *,
    seed: int | None = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.Series:
    """
    Chi-squared against the saturated model, CFI, TLI, RMSEA, SRMR, AIC and BIC.

    Definitions are those of lavaan with ``estimator = "MLR"``. The saturated model is a regression
    of all responses on all covariates with an unrestricted covariance; the baseline model has only
    a mean and a variance for each response. All measures assume normality, except the scaled and
    robust ones (Yuan and Bentler 2000).

    ``df`` counts parameters as `aic` does, including those at their boundary 0. If there are any,
    ``pvalue`` may be too small; ``scaling`` and the bootstrap account for them. With ``groups``,
    ``scaling`` also accounts for units that depend on each other.

    Parameters
    ----------
    n_boot : int
        Number of data sets of a parametric bootstrap for a p-value; 0 for none. They are simulated
        from the fitted normal model and fitted from the estimates on.
    seed : int or None
        Seed of the bootstrap. None draws a new one.
    n_jobs : int, optional
        Processes for the refits, as in joblib. The p-value does not depend on it.
    progress : bool
        Whether to show a progress bar for refits.

    Returns
    -------
    Series
        ``n_parameters``, ``llf``, ``llf_saturated``, ``aic``, ``bic``; ``chi2``, ``df``, ``pvalue``
        and, after division by ``scaling``, ``chi2_scaled``, ``pvalue_scaled``; the same for the
        baseline model; ``cfi``, ``tli``, ``rmsea`` with its 90 % limits and the p-value of an RMSEA
        of at most 0.05; their robust versions; ``srmr``, over responses and covariates as in
        lavaan, and ``srmr_responses``. With ``n_boot``: ``pvalue_boot``, which is (1 + data sets
        with at least this chi2) / (1 + n_boot), and ``boot_failed``, the number of refits that did
        not converge.

        These are NaN: p-values, TLI, RMSEA and ``scaling`` if ``df`` is 0; the baseline, CFI, TLI
        and SRMR if no combination of the covariates is constant; scaled and robust measures if the
        likelihood is flat in some direction, or if the model (with groups, the saturated model) has
        more than 3,000 parameters.

    Raises
    ------
    InvalidArgumentError
    NotComputedError
        The fit is by df-cap, its cap binds, responses are missing, units have weights, there are
        more than 2,000 responses, the model has more parameters than the saturated model, or units
        are too few or responses too collinear for a saturated model. Also for a bootstrap with
        groups.
    DataRemovedError
        The result has no data.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> measures = model.fit("ml", n_boot=0).fit_measures()
    >>> measures[["chi2", "df", "pvalue", "cfi", "rmsea", "srmr"]].round(3)
    chi2      13.004
    df         8.000
    pvalue     0.112
    cfi        0.934
    rmsea      0.152
    srmr       0.110
    Name: fit_measures, dtype: float64
    """
    check_n_boot(n_boot, least=0)
    check_seed(seed, optional=True)
    check_jobs(n_jobs, progress)
    estimate = self.estimate.of_kind(MarginalEstimate, NAME)
    require_no_weights(self.model.design.weights, NAME, "aic and bic account for them")
    _check(self, estimate)
    if n_boot and independent(self.model.design) is not None:
        raise NotComputedError(
            name="pvalue_boot",
            reason="units of one group depend on each other, but units of simulated data sets do "
            "not; pvalue_scaled accounts for groups.",
        )
    design = self.model.design
    moments = design.moments()
    assert isinstance(moments, CompleteMoments)
    references = References.of(moments, design.A, design.total)
    if not references.determined:
        raise NotComputedError(
            name=NAME, reason="responses are collinear, so that the saturated model has no maximum."
        )
    n_responses, rank = estimate.X.shape
    found, groups = None, independent(design)
    size = n_parameters(n_responses, rank, len(design.A), estimate.structure)
    if max(size, 0 if groups is None else references.n_parameters[0]) <= LARGEST:
        data = design.Y, design.A, moments
        found = traces(*data, estimate, references, groups=groups, total=design.total)
    tests = chi_squared(estimate.llf, estimate.n_parameters, references, found)
    of_srmr = srmr(estimate, moments.covariates, references)
    values = {
        "n_parameters": estimate.n_parameters,
        "llf": estimate.llf,
        "llf_saturated": references.llf()[0],
        "aic": estimate.aic,
        "bic": estimate.bic,
        **_of_tests(*tests, references.n_units),
        "srmr": of_srmr[0],
        "srmr_responses": of_srmr[1],
    }
    if not references.with_constant:
        needing = ("baseline", "cfi", "tli", "srmr")
        values |= {name: np.nan for name in values if name.startswith(needing)}
    if n_boot:
        estimator = self.estimator
        statistics, n_failed = bootstrap_statistics(
            FittedMoments.of(moments, estimate, tol=estimator.tol, maxiter=estimator.maxiter),
            n_boot=int(n_boot),
            seed=None if seed is None else int(seed),
            n_jobs=n_jobs,
            progress=progress,
        )
        as_far = int(np.sum(statistics >= values["chi2"]))
        values |= {"pvalue_boot": (1 + as_far) / (1 + n_boot), "boot_failed": n_failed}
    return pd.Series(values, name=NAME, dtype=float)


def _check(fit: Fit, estimate: MarginalEstimate) -> None:
    """Refuse what has no such measures."""
    design, n_responses = fit.model.design, len(estimate.X)
    n_units, n_covariates = len(design.units), len(design.covariates)
    n_saturated = n_responses * n_covariates + n_responses * (n_responses + 1) // 2
    reason = None
    if estimate.cap_binds:
        reason = "the cap determines the variances; fit without it."
    elif design.n_missing:
        reason = (
            "responses are missing, and the saturated model is fitted to complete units alone. "
            "aic, bic and compare_lr_test compare fits of incomplete units."
        )
    elif n_units - n_covariates < n_responses:
        reason = (
            f"{n_units} units and {n_covariates} covariates do not determine the saturated "
            f"covariance of {n_responses} responses: at least {n_responses + n_covariates} units "
            "are needed. aic and bic need no saturated model."
        )
    elif n_responses > LARGEST_DENSE:
        reason = f"the saturated model is formed for at most {LARGEST_DENSE:,} responses."
    elif estimate.n_parameters > n_saturated:
        reason = (
            f"the model has more parameters ({estimate.n_parameters}) than the saturated model "
            f"({n_saturated}); lower the rank."
        )
    if reason is not None:
        raise NotComputedError(name=NAME, reason=reason)


def _of_tests(model: ChiSquared, baseline: ChiSquared, n_units: float) -> dict[str, float]:
    """Chi-squared and indices, plain and robust."""
    plain, plain_baseline = (ChiSquared(test.statistic, test.df) for test in (model, baseline))
    values: dict[str, float] = {}
    for prefix, test in (("", model), ("baseline_", baseline)):
        values |= {
            f"{prefix}chi2": test.statistic,
            f"{prefix}df": test.df,
            f"{prefix}pvalue": test.pvalue,
            f"{prefix}scaling": test.scaling,
            f"{prefix}chi2_scaled": test.scaled.statistic,
            f"{prefix}pvalue_scaled": test.scaled.pvalue,
        }
    for suffix, of, to in (("", plain, plain_baseline), ("_robust", model, baseline)):
        rmsea, lower, upper = of.rmsea(n_units)
        values |= {
            f"cfi{suffix}": cfi(of, to),
            f"tli{suffix}": tli(of, to),
            f"rmsea{suffix}": rmsea,
            f"rmsea{suffix}_lower": lower,
            f"rmsea{suffix}_upper": upper,
        }
        if not suffix:
            values["rmsea_pvalue"] = plain.close(n_units)
    return values
