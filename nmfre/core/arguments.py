"""Checks of arguments that are not data."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Hashable, Iterable
from functools import wraps
from typing import ParamSpec, TypeGuard, TypeVar, get_args

import numpy as np

from nmfre.core.typing import AnyArray, FloatArray
from nmfre.errors import InvalidArgumentError, RankError, UnknownArgumentError

P = ParamSpec("P")
R = TypeVar("R")
SEED = ("seed", "fit() takes 'seed'.")
RANK = ("rank", "Pass rank to the model, not to this function.")
GROUPS = ("groups", "Pass groups to the model, not to this function.")
WEIGHTS = ("weights", "Pass weights to the model, not to this function.")
ELSEWHERE = {
    "cluster": GROUPS,
    "clusters": GROUPS,
    "freq_weights": WEIGHTS,
    "groups": GROUPS,
    "n_components": RANK,
    "n_factors": RANK,
    "random_seed": SEED,
    "random_state": SEED,
    "reml": (
        "",
        "REML is not available. fit(method='ml') maximises the likelihood, with standard errors "
        "that are corrected for few units.",
    ),
    "rng": SEED,
    "sample_weight": WEIGHTS,
    "sampling_weights": WEIGHTS,
    "weights": WEIGHTS,
}
"""Arguments of other packages: ours, and what to say where the function does not take it."""

MOST = 2**31 - 1
MOST_REPLICATES, MOST_STARTS = 10_000_000, 10_000
"""Far beyond what can be of use: more would only fill the memory."""
LARGEST_ENTRY = 1e150
"""Larger numbers have no squares."""


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
                told = {"suggestion": suggestion, "known": ", ".join(names)}
                raise UnknownArgumentError(function=function.__name__, name=name, **told)
        return function(*args, **kwargs)

    return checked


def _require(good: bool, name: str, value: object, allowed: str) -> None:
    """Refuse an argument that is not good."""
    if not good:
        raise InvalidArgumentError(name, value, allowed)


def check_choice(name: str, value: object, choices: object) -> None:
    """``value`` must be one of the values of a Literal, spelled in full."""
    allowed = get_args(choices)
    good = isinstance(value, str) and value in allowed
    _require(good, name, value, f"one of {', '.join(map(repr, allowed))}")


def check_label(name: str, value: object, labels: Iterable[object]) -> None:
    """``value`` must be one of some labels."""
    known = dict.fromkeys(labels)
    good = isinstance(value, Hashable) and value in known
    _require(good, name, value, f"one of {', '.join(map(repr, known))}" if known else "left out")


def check_generator(rng: object) -> None:
    """``rng`` must be a generator of NumPy's."""
    good = isinstance(rng, np.random.Generator)
    _require(good, "rng", rng, "a generator, such as numpy.random.default_rng(0)")


def check_bool(name: str, value: object) -> None:
    """``value`` must be True or False: a string such as "no" would count as True."""
    _require(isinstance(value, bool | np.bool_), name, value, "True or False")


def is_number(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a finite real number; a bool is none, nor is what no float can hold."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def is_whole(value: object) -> TypeGuard[int]:
    """Whether ``value`` is an integer; a bool is none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_number(name: str, value: object, *, least: float, strict: bool = False) -> None:
    """``value`` must be a finite number from (or strictly above) ``least``."""
    good = is_number(value) and (value > least if strict else value >= least)
    _require(good, name, value, f"a number {'>' if strict else '>='} {least:g}")


def check_whole(name: str, value: object, *, least: int, most: int = MOST) -> None:
    """``value`` must be a whole number from ``least`` to ``most``."""
    good = is_whole(value) and least <= value <= most
    _require(good, name, value, f"a whole number between {least} and {most:,}")


def check_seed(seed: object, *, optional: bool = False) -> None:
    """``seed`` must be a whole number of at most 128 bits, as NumPy draws them; or None."""
    good = (seed is None and optional) or (is_whole(seed) and 0 <= seed < 2**128)
    allowed = "a whole number between 0 and 2**128 - 1" + ", or None" * optional
    _require(good, "seed", seed, allowed)


def check_jobs(n_jobs: object, progress: object) -> None:
    """A number of processes for joblib, or None; and whether a bar counts what is done."""
    allowed = "a number of processes, a negative number (as in joblib), or None"
    _require(n_jobs is None or (is_whole(n_jobs) and n_jobs != 0), "n_jobs", n_jobs, allowed)
    check_bool("progress", progress)


def check_n_boot(n_boot: object, *, least: int) -> None:
    """Replicates are a whole number from ``least``, but not 1, which has no spread."""
    check_whole("n_boot", n_boot, least=least, most=MOST_REPLICATES)
    _require(n_boot != 1, "n_boot", 1, "0 (no bootstrap), or at least 2")


def check_alpha(alpha: object) -> None:
    """``alpha``, 1 minus a level, must be a number between 0 and 1."""
    _require(is_number(alpha) and 0.0 < alpha < 1.0, "alpha", alpha, "a number in (0, 1)")


def check_rank(rank: object, n_responses: int, n_units: int) -> int:
    """The rank must be a whole number from 1 to min(P, N)."""
    largest = min(n_responses, n_units)
    if not (is_whole(rank) and 1 <= rank <= largest):
        raise RankError(rank=rank, largest=largest, responses=n_responses, units=n_units)
    return int(rank)


def check_ranks(name: str, ranks: object, n_responses: int, n_units: int) -> list[int]:
    """The ranks in order, each once; at least one, and each as in `check_rank`."""
    given: list[object] = []
    single = isinstance(ranks, str) or (isinstance(ranks, np.ndarray) and ranks.ndim == 0)
    if isinstance(ranks, Iterable) and not single:
        given = list(ranks)
    if not given:
        raise InvalidArgumentError(name, ranks, "ranks such as range(1, 6)")
    return sorted({check_rank(rank, n_responses, n_units) for rank in given})


def array_argument(name: str, value: object, allowed: str) -> AnyArray:
    """``value`` as an array, whatever it holds."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InvalidArgumentError(name, "rows of unequal lengths", allowed) from error


def start_array(
    name: str, value: object, shape: tuple[int, ...], *, signed: bool = False
) -> FloatArray:
    """A copy of a start value or of multipliers: of the given shape, with squares, not negative."""
    allowed = (
        f"an array of shape {shape} with numbers between {-LARGEST_ENTRY if signed else 0:g} and "
        f"{LARGEST_ENTRY:g}"
    )
    array = array_argument(name, value, allowed)
    found = None
    if array.dtype.kind not in "buif":
        found = f"array of {array.dtype}" if array.ndim else type(value).__name__
    elif array.shape != shape:
        found = f"array of shape {array.shape}"
    elif not np.isfinite(array).all() or (not signed and (array < 0).any()):
        found = "array with NaN, infinite or negative entries"
    elif (np.abs(array) > LARGEST_ENTRY).any():
        found = f"array with entries as large as {np.abs(array).max():g}"
    _require(found is None, name, found, allowed)
    return array.astype(float, order="C")
