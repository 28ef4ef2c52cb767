"""Checks of arguments that are not data."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_args

import numpy as np

from nmfre.errors import InvalidArgumentError, RankError, UnknownArgumentError
from nmfre.typing import AnyArray, FloatArray

P = ParamSpec("P")
R = TypeVar("R")
SEED = ("seed", "fit() takes 'seed'.")
RANK = ("rank", "The rank is an argument of the model.")
ELSEWHERE = {
    "groups": (
        "unit",
        "Clusters of units are not available yet; nmfre's random effects belong to "
        "units: from_formula() takes 'unit'.",
    ),
    "n_components": RANK,
    "n_factors": RANK,
    "random_seed": SEED,
    "random_state": SEED,
    "reml": (
        "",
        "REML is not available: fit(method='ml') maximises the likelihood; there, cov_type='cr3' "
        "corrects standard errors for few units.",
    ),
    "rng": SEED,
}
"""Arguments of other packages: ours, and what to say where the function does not take it."""


def known_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function refuse keywords that it does not take by naming the nearest one it does."""
    parameters = inspect.signature(function).parameters
    names = [name for name in parameters if name not in ("self", "cls")]

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in parameters:
                near = difflib.get_close_matches(name, names, n=1)
                suggestion = f"; did you mean {near[0]!r}?" if near else "."
                if name.lower() in ELSEWHERE:
                    ours, instead = ELSEWHERE[name.lower()]
                    suggestion = f"; use {ours!r}." if ours in names else f". {instead}"
                raise UnknownArgumentError(
                    function=function.__name__,
                    name=name,
                    suggestion=suggestion,
                    known=", ".join(names),
                )
        return function(*args, **kwargs)

    return checked


def check_choice(name: str, value: Any, choices: Any) -> None:
    """``value`` must be one of the values of a Literal, spelled in full."""
    allowed = get_args(choices)
    if not (isinstance(value, str) and value in allowed):
        raise InvalidArgumentError(
            name=name, value=value, allowed=" or ".join(repr(choice) for choice in allowed)
        )


def check_bool(name: str, value: Any) -> None:
    """``value`` must be True or False: a string such as "no" would count as True."""
    if not isinstance(value, bool | np.bool_):
        raise InvalidArgumentError(name=name, value=value, allowed="True or False")


def check_number(
    name: str, value: Any, *, least: float, strict: bool = False, whole: bool = False
) -> None:
    """``value`` must be a finite number, whole if asked, from (or strictly above) ``least``."""
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    good = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if not (good and (value > least if strict else value >= least)):
        kind = "a whole number" if whole else "a number"
        relation = "above" if strict else "from"
        raise InvalidArgumentError(name=name, value=value, allowed=f"{kind} {relation} {least:g}")


def check_n_boot(n_boot: Any, *, least: int) -> None:
    """Replicates are a whole number from ``least``, but not 1, which has no spread."""
    check_number("n_boot", n_boot, least=least, whole=True)
    if n_boot == 1:
        raise InvalidArgumentError(
            name="n_boot", value=1, allowed="0 for no bootstrap, or at least 2 replicates"
        )


def check_alpha(alpha: Any) -> None:
    """``alpha``, 1 minus a level, must be a number between 0 and 1."""
    if not (isinstance(alpha, float) and 0.0 < alpha < 1.0):
        raise InvalidArgumentError(name="alpha", value=alpha, allowed="a number in (0, 1)")


def check_rank(rank: Any, n_responses: int, n_units: int) -> int:
    """The rank must be a whole number from 1 to min(P, N)."""
    largest = min(n_responses, n_units)
    good = isinstance(rank, int | np.integer) and not isinstance(rank, bool)
    if not (good and 1 <= rank <= largest):
        raise RankError(rank=rank, largest=largest, responses=n_responses, units=n_units)
    return int(rank)


def array_argument(name: str, value: Any, allowed: str) -> AnyArray:
    """``value`` as an array, whatever it holds."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InvalidArgumentError(
            name=name, value="rows of unequal lengths", allowed=allowed
        ) from error


def start_array(
    name: str, value: Any, shape: tuple[int, int], *, signed: bool = False
) -> FloatArray:
    """A copy of a start value or of multipliers: finite, of the given shape, not negative."""
    wanted = "finite" if signed else "finite and not negative"
    allowed = f"an array of shape {shape}, {wanted}"
    array = array_argument(name, value, allowed)
    if array.shape != shape or array.dtype.kind not in "buif":
        raise InvalidArgumentError(
            name=name, value=f"array of shape {array.shape}", allowed=allowed
        )
    if not np.isfinite(array).all() or (not signed and (array < 0).any()):
        raise InvalidArgumentError(
            name=name, value="array with NaN, infinite or negative entries", allowed=allowed
        )
    return array.astype(float)
