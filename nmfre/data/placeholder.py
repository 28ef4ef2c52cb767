"""What stands where an array was that has been removed: its shape, and an error for all else."""

from __future__ import annotations

from math import prod
from typing import Any, NoReturn

from numpy.lib.mixins import NDArrayOperatorsMixin

from nmfre.errors import DataRemovedError


class Removed(NDArrayOperatorsMixin):
    """
    An array without its values.

    Parameters
    ----------
    name : str
        What the array was, for the message.
    shape : tuple of int
        Its shape.
    """

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self.name = name
        self.shape = tuple(shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)

    @property
    def T(self) -> Removed:
        """The transpose."""
        return Removed(self.name, self.shape[::-1])

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> tuple[type[Removed], tuple[str, tuple[int, ...]]]:
        return Removed, (self.name, self.shape)

    def _raise(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise DataRemovedError(name=self.name)

    __array__ = __array_ufunc__ = __getitem__ = __iter__ = _raise

    def __getattr__(self, attribute: str) -> NoReturn:
        self._raise()
