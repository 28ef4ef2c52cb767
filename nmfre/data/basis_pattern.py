"""The components of a model: their names, and the responses that may load on them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from nmfre.core.arguments import array_argument, check_label, check_rank
from nmfre.core.layout import LaidOut
from nmfre.core.typing import BoolArray, IntArray
from nmfre.data.checks import check_unique, listed
from nmfre.data.design import Design
from nmfre.data.interchange import has_row_labels, table
from nmfre.errors import BasisPatternError, InvalidArgumentError

BasisPattern: TypeAlias = ArrayLike | pd.DataFrame | Mapping[Any, Sequence[Hashable]]


@dataclass(frozen=True, slots=True)
class Components(LaidOut):
    """
    Names of the components, and which responses may load on them.

    Attributes
    ----------
    names : pandas.Index of length Q
    pattern : (P, Q) or None
        True where an entry of the basis is free, False where it is held at 0; None: all are free.
    """

    names: pd.Index
    pattern: BoolArray | None = None

    def __post_init__(self) -> None:
        LaidOut.__post_init__(self)
        if self.pattern is not None and self.pattern.shape[1:] != (len(self.names),):
            raise BasisPatternError(
                reason=f"it has shape {self.pattern.shape} for {len(self.names)} components."
            )

    def renamed(self, names: object) -> Components:
        """With other names for some of them."""
        if not isinstance(names, Mapping):
            raise InvalidArgumentError("names", type(names).__name__, "a dictionary {old: new}")
        for old in names:
            check_label("names", old, self.names)
        return Components(_index([names.get(old, old) for old in self.names]), self.pattern)


def components_of(
    design: Design,
    rank: object = None,
    basis_pattern: object = None,
    components: object = None,
) -> Components:
    """
    The components that the arguments of a model describe.

    Parameters
    ----------
    design : Design
    rank, basis_pattern, components
        As in `nmfre.NMFRE`.

    Raises
    ------
    BasisPatternError
        A pattern that is no pattern of these responses.
    RankError, InvalidArgumentError, DuplicateCellError
        A rank or names that are invalid, or differ from those of the pattern.
    """
    responses = design.responses
    pattern, names = None, None
    if basis_pattern is not None:
        pattern, names = _parsed(basis_pattern, responses)
    if components is not None:
        given = _index(components)
        if names is not None:
            raise InvalidArgumentError(
                "components", list(given), "None, because basis_pattern names the components"
            )
        names = given
    told = {} if pattern is None else {"basis_pattern": pattern.shape[1]}
    if names is not None:
        told["components"] = len(names)
    if rank is not None or not told:
        told["rank"] = check_rank(rank, len(responses), len(design.units))
    source, number = next(iter(told.items()))
    for name, other in told.items():
        if other != number:
            raise InvalidArgumentError(
                name, other, f"{number}, the number of components in {source}"
            )
    check_rank(number, len(responses), len(design.units))
    if names is None:
        names = pd.Index([f"comp{q + 1}" for q in range(number)], name="component")
    if pattern is not None:
        _check_members(pattern, responses, names)
    return Components(names, pattern)


def _index(names: object) -> pd.Index:
    """Names of components as labels, which must differ, as text too."""
    given = _listed(names)
    if not given or not all(isinstance(name, Hashable) for name in given):
        raise InvalidArgumentError("components", names, "a list of different names")
    labels: pd.Index = pd.Index(given, name="component", tupleize_cols=False)
    if labels.hasnans:
        raise InvalidArgumentError("components", given, "a list without missing names")
    check_unique(labels.map(str), "component")
    return labels


def _listed(values: object) -> list[Any]:
    """The entries of a list or the like; none of what is none, as a string."""
    ordered = pd.api.types.is_list_like(values, allow_sets=False)
    if isinstance(values, Iterable) and ordered and not isinstance(values, Mapping):
        return list(values)
    return []


def _parsed(basis_pattern: object, responses: pd.Index) -> tuple[BoolArray, pd.Index | None]:
    """The pattern in the order of the responses, and its names where it has some."""
    if isinstance(basis_pattern, Mapping):
        return _of_mapping(basis_pattern, responses), _index(list(basis_pattern))
    data = table(basis_pattern)
    labelled = isinstance(data, pd.DataFrame)
    array = array_argument("basis_pattern", data, "an array of booleans")
    if array.dtype != bool:
        raise BasisPatternError(
            reason=f"its entries are {array.dtype}, not booleans: pass pattern.astype(bool), "
            "where True is an entry of the basis that may differ from 0."
        )
    if array.ndim != 2 or (not has_row_labels(basis_pattern) and len(array) != len(responses)):
        raise BasisPatternError(
            reason=f"it has shape {array.shape}: pass one row per response ({len(responses)}) and "
            "one column per component."
        )
    if has_row_labels(basis_pattern):
        array = array[_rows(data.index, responses)]
    return array, _index(data.columns) if labelled else None


def _rows(index: pd.Index, responses: pd.Index) -> IntArray:
    """Positions of the responses among the rows of a pattern."""
    if not index.is_unique:
        repeated = index[index.duplicated()].unique()
        raise BasisPatternError(
            reason=f"rows appear more than once: {listed(repeated)}. Keep one row per response."
        )
    _check_known(index, responses)
    rows = np.asarray(index.get_indexer(responses))
    if (rows < 0).any():
        raise BasisPatternError(
            reason=f"there is no row for {listed(responses[rows < 0])}. Add a row for each, or "
            "drop them from the data."
        )
    return rows


def _check_known(names: pd.Index, responses: pd.Index) -> None:
    unknown = names[~names.isin(responses)]
    if len(unknown):
        raise BasisPatternError(
            reason=f"{listed(unknown)}: not among the responses, which are {listed(responses)}."
        )


def _of_mapping(members: Mapping[Hashable, object], responses: pd.Index) -> BoolArray:
    """The pattern of {component: [responses]}."""
    pattern = np.zeros((len(responses), len(members)), dtype=bool)
    for q, (component, of_it) in enumerate(members.items()):
        given = _listed(of_it)
        if not given or any(isinstance(one, bool | np.bool_) for one in given):
            raise BasisPatternError(
                reason=f"component {component!r} needs a list of its responses."
            )
        names = pd.Index(given, tupleize_cols=isinstance(responses, pd.MultiIndex))
        _check_known(names, responses)
        if not names.is_unique:
            repeated = names[names.duplicated()].unique()
            raise BasisPatternError(
                reason=f"component {component!r} names {listed(repeated)} more than once."
            )
        pattern[:, q] = responses.isin(names)
    return pattern


def _check_members(pattern: BoolArray, responses: pd.Index, names: pd.Index) -> None:
    """Every component needs a response, and every response a component."""
    empty, alone = ~pattern.any(axis=0), ~np.asarray(pattern.any(axis=1))
    if empty.any():
        raise BasisPatternError(
            reason=f"no response may load on {listed(names[np.flatnonzero(empty)])}. Give each "
            "component a response, or leave it out."
        )
    if alone.any():
        raise BasisPatternError(
            reason=f"{listed(responses[np.flatnonzero(alone)])} may load on no component. Give "
            "each response a component, or drop it from the data."
        )
