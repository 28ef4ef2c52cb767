"""
How numbers lie in memory.

BLAS and NumPy add in another order where arrays lie otherwise. A data frame, an array in Fortran
order and a message from another process would give results that differ in the last bits, unless
every array is laid out in one way before it enters a product.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from nmfre.core.typing import AnyArray

Value = TypeVar("Value")


def laid_out(values: ArrayLike) -> AnyArray:
    """An array in C order, aligned, and with the strides of a new one; the same where it is."""
    array: AnyArray
    if type(values) is np.ndarray and values.flags.carray:  # asking takes longer than most products
        array = values
    else:
        array = np.require(values, requirements=["C", "A", "E"])
    new = array.reshape(-1).reshape(array.shape)
    return array if new.strides == array.strides else new  # they vary on axes of length 1


def aligned(value: Value) -> Value:
    """
    A copy of what a cluster has sent, with arrays that begin where numbers may.

    Its messages are used where they are, so that an array in them may begin at any byte. NumPy
    forms products of such arrays in another way.
    """
    return deepcopy(value)


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Fields that are arrays are laid out: a trip to another process and back changes nothing."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, laid_out(value))
