"""Numbers as they are printed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from statsmodels.iolib.summary import forg

STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
STARS_MEAN = ", ".join(f"{mark} p < {level:g}" for level, mark in reversed(STARS))
SMALLEST_P = 0.001
"""P-values below it are printed as such: none is 0."""


def fixed(value: float) -> str:
    """Three decimals; nothing for NaN."""
    return "" if np.isnan(value) else f"{value:.3f}"


def pvalue(value: float) -> str:
    """Three decimals; "<0.001" below; nothing for NaN."""
    return f"<{SMALLEST_P:g}" if value < SMALLEST_P else fixed(value)


def number(value: float) -> str:
    """Three decimals, or an exponent where these would show too little; nothing for NaN."""
    if np.isnan(value):
        return ""
    if value == 0:
        return "0.000"
    if abs(value) < 1e-3:
        return f"{value:.3g}"
    return str(forg(value, prec=3)).strip()


def limit_names(alpha: float) -> list[str]:
    """Names of the limits of an interval, which carry its level."""
    return [f"{100 * level:g} %" for level in (alpha / 2, 1 - alpha / 2)]


def side_by_side(low: pd.DataFrame, high: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Limits below the columns that they are of: columns (column, limit)."""
    labels = low.columns
    levels = [labels.get_level_values(level).repeat(2) for level in range(labels.nlevels)]
    columns = pd.MultiIndex.from_arrays(
        [*levels, limit_names(alpha) * len(labels)], names=[*labels.names, None]
    )
    limits = np.stack([low, high], axis=2).reshape(len(low), -1)
    return pd.DataFrame(limits, index=low.index, columns=columns)


def stars(pvalue: float) -> str:
    """Stars of significance; none for NaN."""
    return next((mark for level, mark in STARS if pvalue < level), "")
