"""What stands where data were that have been removed: labels, shapes, and an error for all else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.lib.mixins import NDArrayOperatorsMixin

from nmfre.core.typing import FloatArray
from nmfre.data.design import Design
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

    def _raise(self, *args: object, **kwargs: object) -> NoReturn:
        raise DataRemovedError(name=self.name)

    __array__ = __array_ufunc__ = __getitem__ = __iter__ = _raise

    def __getattr__(self, attribute: str) -> NoReturn:
        self._raise()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedDesign(Design):
    """The labels alone: responses and covariates keep their shape, units their number."""

    n_missing: int = 0
    cells: float | None = None

    @classmethod
    def of(cls, design: Design) -> RemovedDesign:
        """What stays of a design."""
        gone: dict[str, Any] = {
            "Y": Removed("The responses", design.Y.shape),
            "A": Removed("The covariates", design.A.shape),
            "units": pd.RangeIndex(len(design.units), name=design.units.name),
        }
        if design.groups is not None:
            codes: Any = Removed("The groups of units", design.groups.codes.shape)
            labels = pd.RangeIndex(len(design.groups.labels), name=design.groups.labels.name)
            gone["groups"] = replace(design.groups, codes=codes, labels=labels)
        if design.weights is not None:
            values: Any = Removed("The weights of units", design.weights.by_unit.shape)
            gone["weights"] = replace(design.weights, by_unit=values)
        if design.right_hand_side is not None:
            gone["right_hand_side"] = design.right_hand_side.without_rows()
        return cls(**design.parts() | gone, n_missing=design.n_missing, cells=design.n_cells)

    @property
    def n_cells(self) -> float:
        """As of the data."""
        if self.cells is not None:
            return self.cells
        return len(self.responses) * len(self.units) - self.n_missing

    def check(self) -> None:
        """Nothing: the data were checked."""

    @property
    def for_statsmodels(self) -> FloatArray:
        """A stand-in."""
        return np.ones((1, len(self.covariates)))

    def fit_sums(self, *args: object, **kwargs: object) -> NoReturn:
        """An error: they need the data."""
        raise DataRemovedError(name="The responses")
