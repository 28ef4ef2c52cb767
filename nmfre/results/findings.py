"""Findings on a fit, with its labels, and those that need its data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy import stats

from nmfre.core.findings import Finding, listed
from nmfre.results.fit import FittedModel

RARE = 10
"""Units by which a response must be observed for its residual variance to be looked at."""
UNEQUAL = 4.0
"""Ratio of residual variances of responses from which they are called unequal."""
GROWS = 0.25
"""Rank correlation of size of residual and fitted value from which residuals are said to grow."""
HEAVY = 3.0
"""Excess kurtosis of residuals from which their tails are called heavy."""
SIGNIFICANT = 0.001
ROUNDING = 1e-8
"""Share of the largest fitted value up to which a negative one is rounding."""


def with_names(found: Iterable[Finding], model: FittedModel) -> Iterator[Finding]:
    """Findings of an estimate or an inference, with the names of components and params."""
    names = [f"{component}[{covariate}]" for component, covariate in model.params_index]
    return (each.named(list(model.components), names) for each in found)


def on_residuals(resid: pd.DataFrame, fittedvalues: pd.DataFrame) -> Iterator[Finding]:
    """What residuals of the BLUP fit show, (N, P), NaN where missing, and on the fit itself."""
    yield from _on_signs(fittedvalues)
    counts = resid.notna().sum().to_numpy()
    # Few units are fitted almost exactly, or exactly: their residuals have no variance to compare.
    least = min(RARE, counts.max())
    rare = counts < least
    if rare.any():
        yield Finding(
            "note",
            "rarely observed",
            None,
            f"fewer than {least} units have {listed(resid.columns[rare])}: the basis rests on "
            "these few units there, and the checks of residuals leave such responses out. Drop "
            "them, or pool occasions.",
        )
    errors, fitted = resid.to_numpy()[:, ~rare], fittedvalues.to_numpy()[:, ~rare]
    variances, responses = np.nanvar(errors, axis=0), resid.columns[~rare]
    smallest, largest = variances.min(), variances.max()
    if largest > UNEQUAL * smallest:
        ratio = f"by a factor of {largest / smallest:.3g} " if smallest > 0 else ""
        yield Finding(
            "caution",
            "unequal variances",
            None,
            f"residual variances of responses differ {ratio}(largest: "
            f"{responses[variances.argmax()]}; smallest: {responses[variances.argmin()]}); the "
            "model has one sigma2. Scale the responses alike, or transform them. Sandwich standard "
            "errors stay valid.",
        )
    seen = np.isfinite(errors)
    sizes, values = np.abs(errors[seen]), fitted[seen]
    growth = stats.spearmanr(sizes, values) if np.ptp(values) and np.ptp(sizes) else None
    if growth is not None and growth.statistic > GROWS and growth.pvalue < SIGNIFICANT:
        yield Finding(
            "caution",
            "heteroscedastic residuals",
            None,
            f"they grow with the fitted value (rank correlation {growth.statistic:.2f}). A "
            "square root or log(1 + y) of the responses may help.",
        )
    varies = variances > 0
    standard = (errors[:, varies] / np.sqrt(variances[varies]))[seen[:, varies]]
    if len(standard) >= 20 and np.ptp(standard):
        kurtosis, test = float(stats.kurtosis(standard)), stats.kurtosistest(standard)
        if kurtosis > HEAVY and test.pvalue < SIGNIFICANT:
            yield Finding(
                "caution",
                "heavy tails",
                None,
                f"the excess kurtosis of residuals is {kurtosis:.1f} (0 under normality). Look "
                "at plot_residuals(kind='qq'); the bootstrap does not need normality.",
            )


def _on_signs(fittedvalues: pd.DataFrame) -> Iterator[Finding]:
    fitted = fittedvalues.to_numpy()
    negative = int(np.count_nonzero(fitted < -ROUNDING * fitted.max()))
    if negative:
        unit, response = np.unravel_index(fitted.argmin(), fitted.shape)
        yield Finding(
            "note",
            "negative fits",
            None,
            f"{negative} of {fitted.size} fitted values (BLUPs) are below 0, although responses "
            f"cannot be (lowest: {fitted.min():.3g}, {fittedvalues.columns[int(response)]} of unit "
            f"{fittedvalues.index[int(unit)]}): random effects are not bounded. Treat these fitted "
            "values as 0.",
        )
