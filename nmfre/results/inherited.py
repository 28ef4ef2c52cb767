"""What statsmodels computes from arguments of the user's, with errors of ours."""

from __future__ import annotations

from typing import Any

from statsmodels.base.model import LikelihoodModelResults
from statsmodels.stats.multitest import multipletests

from nmfre.core.arguments import array_argument, check_bool, check_whole, start_array
from nmfre.errors import InvalidArgumentError


def ask_statsmodels(results: LikelihoodModelResults, method: str, **given: Any) -> Any:
    """
    What a method of statsmodels returns.

    Parameters
    ----------
    results : LikelihoodModelResults
    method : str
    **given
        Its arguments, as the user gave them.

    Raises
    ------
    InvalidArgumentError
        If an argument is no such thing, or statsmodels fails on it.
    """
    for name, value in given.items():
        if name == "scalar":
            check_bool(name, value)
        if value is None:
            continue
        if name == "cov_p":
            start_array(name, value, (len(results.params), len(results.params)), signed=True)
        if name in ("invcov", "other"):
            shape = array_argument(name, value, "an array").shape or (1, 1)
            start_array(name, value, shape, signed=True)
        if name in ("use_t", "use_f"):
            check_bool(name, value)
        if name == "df_constraints":
            check_whole(name, value, least=1)
        if name == "column" and array_argument(name, value, "an array").dtype.kind not in "iu":
            raise InvalidArgumentError(name, value, "positions of params")
    try:
        return getattr(results, method)(**given)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InvalidArgumentError(
            ", ".join(name for name, value in given.items() if value is not None),
            list(given.values()),
            f"what {method} of statsmodels takes ({error})",
        ) from error


def adjust(pvalues: Any, method: Any, alpha: float) -> tuple[Any, Any]:
    """Which are at most ``alpha`` once adjusted for multiple tests, and the adjusted p-values."""
    try:
        reject, adjusted, *_ = multipletests(pvalues, alpha, method)
    except (AttributeError, ValueError) as error:  # the first of what is no string
        raise InvalidArgumentError(
            "method",
            method,
            "what statsmodels.stats.multitest.multipletests takes, such as 'holm'",
        ) from error
    return reject, adjusted
