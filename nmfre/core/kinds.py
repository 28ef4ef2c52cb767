"""What only one kind of a thing has: the one place that asks of which kind it is."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from nmfre.errors import NotComputedError

K = TypeVar("K", bound="OfKinds")


class OfKinds:
    """Estimates, or inferences: a base with subclasses that have more than it."""

    __slots__ = ()

    elsewhere: ClassVar[str]
    """Why the others do not have what this kind alone has."""

    def of_kind(self, kind: type[K], name: str, reason: str | None = None) -> K:
        """
        Itself, for what only one kind has.

        Parameters
        ----------
        kind : type
        name : str
            What is asked for.
        reason : str, optional
            Why the others do not have it. Default: ``elsewhere`` of the kind.

        Raises
        ------
        NotComputedError
            If it is of another kind.
        """
        if not isinstance(self, kind):
            raise NotComputedError(name=name, reason=reason or kind.elsewhere)
        return self
