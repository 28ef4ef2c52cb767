"""Names under which results hand out what a fit and its parts have: one line a name."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from nmfre.results.fit import Fit, HoldsFit, Source

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _Property(Protocol[R_co]):
    """A property, with the type of its value."""

    def __get__(self, results: HoldsFit, owner: type) -> R_co: ...


def value_of(member: Callable[[S], R]) -> _Property[R]:
    """
    Hand out a property.

    Parameters
    ----------
    member : property or cached_property
        Of `Fit` or of a `Part`; to a type checker, a function of its owner.
    """
    owner, name = Source.owners[id(member)]

    def get(results: HoldsFit) -> Any:
        return getattr(results._fit if owner is Fit else owner(results._fit), name)

    return cast("_Property[R]", property(get, doc=member.__doc__))


def method_of(member: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[HoldsFit, P], R]:
    """Hand out a method of a `Part`."""
    owner, name = Source.owners[id(member)]

    @wraps(member)
    def handed_out(results: HoldsFit, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return member(owner(results._fit), *args, **kwargs)

    # Where pickle finds it.
    handed_out.__module__, handed_out.__qualname__ = "nmfre.results.results", f"NMFREResults.{name}"
    return handed_out
