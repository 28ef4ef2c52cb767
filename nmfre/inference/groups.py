"""
Sums over what is independent: units, or groups of them.

Units of one group may depend on each other. Their scores are added before anything is squared or
multiplied: to all that comes after, a group is one unit with the sum of the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from nmfre.core.typing import FloatArray, IntArray
from nmfre.inference.wild_bootstrap import Total, parts_of_blocks


@dataclass(frozen=True, slots=True)
class GroupSums:
    """Sums of terms of consecutive units by group, (G, d); attributes as of `group_sums`."""

    terms: Callable[..., FloatArray]
    groups: IntArray
    n_groups: int
    blocks: list[slice]

    def __call__(self, start: int, *data: Any) -> tuple[Any]:
        """Of the units that ``data`` hold, the first being ``start``."""
        sums: Any = 0.0
        for _, own, _ in parts_of_blocks(self.blocks, start, start + data[0].shape[1]):
            values = self.terms(*(part[:, own] for part in data))
            n = len(values)
            codes = self.groups[start + own.start : start + own.stop]
            shape = (n, self.n_groups)
            member = csr_array((np.ones(n), codes, np.arange(n + 1)), shape=shape)
            sums = sums + member.T @ values
        return (sums,)


def n_independent(n_units: int, groups: IntArray | None) -> int:
    """Number of groups, or of units where there are none."""
    return n_units if groups is None else int(groups.max()) + 1


def group_sums(
    data: tuple[Any, ...],
    terms: Callable[..., FloatArray],
    groups: IntArray,
    blocks: list[slice],
    total: Total,
) -> FloatArray:
    """
    Sums of terms of units by group.

    Parameters
    ----------
    data : tuple of arrays, (..., N)
        Units in columns.
    terms : callable
        From some columns of the data to the terms of these units, (n, d).
    groups : array of int, (N,)
        The group of each unit, from 0 to G - 1.
    blocks : list of slice
        Units that are passed over together.
    total : callable
        As in `one_step`.

    Returns
    -------
    array, (G, d)
    """
    function = GroupSums(terms, groups, n_independent(len(groups), groups), blocks)
    (sums,) = total(function, *data)
    return np.asarray(sums)
