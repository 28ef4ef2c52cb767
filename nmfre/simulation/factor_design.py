"""Designs of the study of tests: a factor without effect, rare levels, units in groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_generator, check_number, check_whole
from nmfre.errors import InvalidArgumentError
from nmfre.simulation.bump_design import BumpDesign


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorDesign:
    """
    Design with a factor that has no effect and is the same for all units of a group.

    Basis, intercepts and variances are those of `BumpDesign`; with two components, random effects
    have standard deviations 7 and 4.

    Attributes
    ----------
    n_groups, group_size : int
        Number of groups, and of units per group. With one unit per group, units are independent.
    levels : tuple of int
        Number of groups in each level of the factor except the first, which has the rest.
    n_responses, rank : int
        P, Q.
    group_share : float
        Share of the variance of the random effects that units of one group have in common, in [0,
        1].

    Examples
    --------
    >>> import numpy as np
    >>> from nmfre.simulation import FactorDesign
    >>> design = FactorDesign(n_groups=40, group_size=5, levels=(4,), group_share=0.5)
    >>> data = design.draw(np.random.default_rng(0))
    >>> data["level"].value_counts().to_dict()
    {'a': 180, 'b': 20}
    """

    n_groups: int
    levels: tuple[int, ...]
    group_size: int = 1
    n_responses: int = 6
    rank: int = 1
    group_share: float = 0.0

    def __post_init__(self) -> None:
        check_whole("n_groups", self.n_groups, least=2)
        check_whole("group_size", self.group_size, least=1)
        check_number("group_share", self.group_share, least=0.0)
        if self.group_share > 1.0:
            raise InvalidArgumentError("group_share", self.group_share, "a number in [0, 1]")
        if not isinstance(self.levels, tuple) or not self.levels:
            raise InvalidArgumentError("levels", self.levels, "numbers of groups, such as (4,)")
        for count in self.levels:
            check_whole("levels", count, least=1)
        if sum(self.levels) >= self.n_groups:
            raise InvalidArgumentError("levels", self.levels, f"less than {self.n_groups} in total")
        self.bumps  # noqa: B018  # which checks the others

    @property
    def bumps(self) -> BumpDesign:
        """Basis, intercepts and variances."""
        return BumpDesign(
            n_responses=self.n_responses,
            rank=self.rank,
            n_units=self.n_groups * self.group_size,
            tau=(7.0, 4.0) if self.rank == 2 else 7.0,
            effects="none",
        )

    @property
    def endog_names(self) -> list[str]:
        """Columns of the responses."""
        return [f"y{p + 1}" for p in range(self.n_responses)]

    def draw(self, rng: np.random.Generator) -> pd.DataFrame:
        """
        Draw a data set.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        DataFrame
            One row per unit: responses y1, y2, ..., "level" of the factor and "group".
        """
        check_generator(rng)
        bumps = self.bumps
        group = np.repeat(np.arange(self.n_groups), self.group_size)
        counts = (self.n_groups - sum(self.levels), *self.levels)
        level = np.repeat(list("abcdefghijklmnopqrstuvwxyz"[: len(counts)]), counts)
        factor = np.linalg.cholesky(bumps.cov_re)
        shared = rng.normal(size=(self.n_groups, self.rank))[group]
        own = rng.normal(size=(len(group), self.rank))
        U = np.sqrt(self.group_share) * shared + np.sqrt(1.0 - self.group_share) * own
        mean = (bumps.theta[:, 0] + U @ factor.T) @ bumps.basis.T
        E = rng.normal(size=mean.shape) * np.sqrt(bumps.resid_variances)
        data = pd.DataFrame(np.maximum(mean + E, 0.0), columns=self.endog_names)
        return data.assign(level=level[group], group=group)
