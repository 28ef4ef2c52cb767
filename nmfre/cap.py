"""The cap on the effective degrees of freedom of the random effects, as users give it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.errors import InvalidArgumentError


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
    nmfre.NMFRE.fit : takes a rate in (0, 1], a ``Cap``, or None as ``df_cap``.

    Examples
    --------
    >>> import nmfre
    >>> nmfre.Cap(absolute=5.0)
    Cap(absolute=5.0)
    """

    absolute: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.absolute) and self.absolute > 0):
            raise InvalidArgumentError(
                name="absolute", value=self.absolute, allowed="a positive, finite number"
            )


def resolve_cap(df_cap: float | Cap | None, n_units: int, rank: int) -> float:
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
    number = isinstance(df_cap, int | float | np.number) and not isinstance(df_cap, bool)
    if not (number and 0 < df_cap <= 1):
        raise InvalidArgumentError(
            name="df_cap",
            value=df_cap,
            allowed="a rate in (0, 1], nmfre.Cap(absolute=...), or None for no cap",
        )
    return max(float(df_cap) * n_units * rank, 1.0)
