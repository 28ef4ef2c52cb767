"""The cap on the effective degrees of freedom of the random effects, as users give it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.arguments import is_number
from nmfre.core.typing import BoolArray, Float, FloatArray
from nmfre.errors import InvalidArgumentError

AUTO = "auto"
MARGIN = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """
    A cap on the effective degrees of freedom of the random effects, in degrees of freedom.

    Parameters
    ----------
    absolute : float
        The cap itself, greater than 0. A cap of N Q or more never binds.

    Raises
    ------
    InvalidArgumentError
        If ``absolute`` is not a positive, finite number.

    See Also
    --------
    nmfre.NMFRE.fit : takes a rate in (0, 1], a ``Cap``, "auto" or None as ``df_cap``.

    Examples
    --------
    >>> import nmfre
    >>> nmfre.Cap(absolute=5.0)
    Cap(absolute=5.0)
    """

    absolute: float

    def __post_init__(self) -> None:
        if not (is_number(self.absolute) and self.absolute > 0):
            raise InvalidArgumentError("absolute", self.absolute, "a positive, finite number")


def resolve_cap(df_cap: float | Cap | str | None, n_units: float, rank: int) -> float:
    """
    Cap in degrees of freedom: max(rate N Q, 1) for a rate, infinity for none (paper, Section 3).

    Raises
    ------
    InvalidArgumentError
        If ``df_cap`` is neither a rate in (0, 1], nor a `Cap`, nor None.
    """
    if df_cap is None:
        return np.inf
    if isinstance(df_cap, Cap):
        return float(df_cap.absolute)
    rate = float(df_cap) if is_number(df_cap) else np.nan
    if not 0 < rate <= 1:
        raise InvalidArgumentError(
            "df_cap",
            df_cap,
            "a rate in (0, 1], nmfre.Cap(absolute=...), None for no cap, or 'auto' with df-cap",
        )
    return max(rate * n_units * rank, 1.0)


def free_rate(df_path: FloatArray, n_units: float, rank: int) -> float:
    """
    The smallest of the rates 0.01, 0.02, ..., 1 that df_U stays clear of, given its path.

    The path is that of a fit without a binding cap; it is the same under every cap that does not
    bind.
    """
    rates = np.arange(1, 101) / 100.0
    caps = np.maximum(rates * n_units * rank, 1.0)
    clear = np.flatnonzero(is_clear(df_path, caps))
    return float(rates[clear[0]]) if len(clear) else 1.0


def is_clear(df_path: FloatArray, cap: Float) -> BoolArray:
    """Whether df_U is 2 % below a cap, or each of several, in every iteration."""
    return np.asarray(df_path.max() <= (1.0 - MARGIN) * cap)
