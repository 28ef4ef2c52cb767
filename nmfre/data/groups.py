"""Groups of units: pupils in schools, visits of clinics, repeated years of a country."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from nmfre.core.layout import LaidOut
from nmfre.core.typing import BoolArray, IntArray
from nmfre.data.checks import check_complete, is_chunked, python_value
from nmfre.data.interchange import has_row_labels, table
from nmfre.errors import InvalidArgumentError, ShapeError

FORM = "one label for each unit, in an array, a list or a Series"


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups(LaidOut):
    """
    Which group each unit belongs to. Units of one group may depend on each other.

    Attributes
    ----------
    codes : (N,)
        Number of the group of each unit. Groups are numbered in the order of their first units.
    labels : pandas.Index of length G
    sizes : (G,)
        Number of units in each group.
    """

    codes: IntArray
    labels: pd.Index
    sizes: IntArray

    @classmethod
    def of(cls, labels: pd.Series) -> Groups:
        """
        From the label of each unit.

        Raises
        ------
        NonFiniteError
            A label is missing.
        InvalidArgumentError
            All units are in one group.
        """
        check_complete(labels, "Column")
        codes, found = pd.factorize(labels)
        if len(found) < 2:
            raise InvalidArgumentError(
                "groups",
                f"one group ({python_value(found[0])!r})",
                "labels of at least two groups: standard errors compare groups with each other. "
                "Leave groups out if units are independent",
            )
        index = pd.Index(found, name=labels.name)
        return cls(codes=codes.astype(np.intp), labels=index, sizes=np.bincount(codes))

    @property
    def independent(self) -> IntArray | None:
        """The codes; None where each unit is a group, which is the same as no groups."""
        return None if len(self.labels) == len(self.codes) else self.codes

    @property
    def described(self) -> str:
        """Number and sizes, for the summary."""
        least, most = self.sizes.min(), self.sizes.max()
        sizes = f"{least}" if least == most else f"{least} to {most}"
        return f"{len(self.labels)} of {sizes} units"

    def take(self, which: IntArray | BoolArray) -> Groups:
        """The groups of some of the units; those without one are left out."""
        kept = self.codes[which]
        codes, found = pd.factorize(kept)
        return Groups(
            codes=codes.astype(np.intp), labels=self.labels[found], sizes=np.bincount(codes)
        )

    def check(self, n_units: int) -> None:
        """The parts must belong together: files can hold anything."""
        n_groups = len(self.labels)
        if self.codes.shape != (n_units,) or not self.labels.is_unique:
            raise ShapeError(reason=f"groups have {self.codes.shape} codes for {n_units} units.")
        sizes = np.bincount(self.codes, minlength=n_groups)
        if not np.array_equal(sizes, self.sizes) or not self.sizes.all():
            raise ShapeError(reason="the sizes of groups are not those of their codes.")


def groups_of_units(labels: object, units: pd.Index, *, named: bool) -> Groups | None:
    """
    Groups from what is passed as ``groups``.

    Parameters
    ----------
    labels : array_like, Series or None, (N,)
        In memory, or a dask array or Series, which is read into memory.
    units : pandas.Index
        Labels of the units.
    named : bool
        As in `values_of_units`.

    Raises
    ------
    ShapeError, NonFiniteError, InvalidArgumentError
        Labels of another length or order; a label is missing; there is one group.
    """
    if labels is None:
        return None
    return Groups.of(values_of_units("groups", labels, units, FORM, named=named))


def values_of_units(
    argument: str, given: object, units: pd.Index, form: str, *, named: bool
) -> pd.Series:
    """
    What is passed as ``argument``, one value a unit; ``form`` says in errors what it should be.

    Parameters
    ----------
    argument : str
    given : array_like or Series, (N,)
    units : pandas.Index
        Labels of the units.
    form : str
    named : bool
        Whether the responses or covariates have these labels, so that those of a Series must agree.

    Raises
    ------
    ShapeError, InvalidArgumentError
        Values of another length or order, or not one for each unit.
    """
    if is_chunked(given):
        given = given.compute()  # type: ignore[attr-defined]
        named = False  # units of data in chunks are numbered
    values = table(given)
    if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        values = values.iloc[:, 0]
    if isinstance(values, str) or np.ndim(values) != 1:
        kind = values if isinstance(values, str) else f"shape {np.shape(values)}"
        raise InvalidArgumentError(argument, kind, f"{form}; column names go with from_formula")
    if len(values) != len(units):
        raise ShapeError(
            reason=f"{argument} has {len(values)} values, endog {len(units)} rows: pass {form}."
        )
    if named and has_row_labels(given) and not values.index.equals(units):
        raise ShapeError(reason=f"the indices of {argument} and endog differ: align them.")
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    name = argument if series.name is None else series.name
    return pd.Series(series.array, index=units, name=name)
