"""The right-hand side of a formula as a fit has learned it, in a form that can be pickled."""

from __future__ import annotations

import ast
import copy
import importlib
import io
import pickle
import types
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import patsy.builtins
from patsy import DesignInfo, EvalEnvironment, EvalFactor, FactorInfo

from nmfre.errors import FormulaNotRestoredError

BUILTINS = vars(patsy.builtins)
"""Names that every formula knows: C, Q, center, bs, ..."""
ARRAYS = (list, tuple, np.ndarray, pd.Series, pd.DataFrame)
NOT_PICKLED = (pickle.PicklingError, AttributeError, NotImplementedError, TypeError)
NOT_UNPICKLED = (pickle.UnpicklingError, AttributeError, ImportError, TypeError)


@dataclass(eq=False)
class RightHandSide:
    """
    How covariates are made of a data frame.

    patsy's own DesignInfo refuses to be pickled. What it has learned (levels, contrasts, knots,
    means) is kept here in pickled form, without a row of the data, and is made a DesignInfo again
    when it is asked for. The variables themselves stand beside it.

    Attributes
    ----------
    formula : str
        The whole formula.
    covariates : list of str
        Columns that it makes.
    terms : dict
        Columns of each term.
    variables : list of str
        Columns of the data that it uses, and arrays beside them with one row per unit.
    learned : patsy.DesignInfo, bytes or str
        What the fit has learned; the same pickled; or why it is not there.
    rows : DataFrame or None
        The variables of the units of the fit; None where the data were removed, and in an archive.
    """

    formula: str
    covariates: list[str]
    terms: dict[str, list[int]]
    variables: list[str]
    learned: DesignInfo | bytes | str = field(
        default="an archive of plain arrays does not hold what it has learned", init=False
    )
    rows: pd.DataFrame | None = field(default=None, init=False, repr=False)

    @classmethod
    def of(
        cls, info: DesignInfo, formula: str, used: Iterable[Hashable], rows: pd.DataFrame
    ) -> RightHandSide:
        """The right-hand side that patsy has evaluated; ``used`` are columns of the ``rows``."""
        columns = list(range(len(info.column_names)))
        variables = {str(name) for name in used}
        beside: dict[str, Any] = {}
        for factor_info in info.factor_infos.values():
            beside |= arrays_beside(factor_info, variables, len(rows))
        terms = {name: columns[part] for name, part in info.term_name_slices.items()}
        right = cls(formula, list(info.column_names), terms, sorted(variables | {*beside}))
        right.learned = info
        flat = {name: np.asarray(x) for name, x in beside.items() if np.ndim(x) == 1}
        right.rows = rows.assign(**flat) if flat else rows
        return right

    def without_rows(self) -> RightHandSide:
        """The same without the variables of the units."""
        light = copy.copy(self)
        light.rows = None
        return light

    @property
    def design_info(self) -> DesignInfo:
        """
        The design that patsy evaluates new data with.

        Raises
        ------
        FormulaNotRestoredError
            If it was loaded, and uses what cannot be found here.
        """
        if isinstance(self.learned, bytes):
            try:
                # Not kept where it fails: what is missing may be defined or imported later.
                learned: DesignInfo = pickle.loads(self.learned)
            except NOT_UNPICKLED as error:
                raise self._not_restored(f"{error}; define or import it here first") from error
            self.learned = learned
        if isinstance(self.learned, str):
            raise self._not_restored(self.learned)
        return self.learned

    @property
    def restored(self) -> bool:
        """Whether the design can be had."""
        try:
            _ = self.design_info
        except FormulaNotRestoredError:
            return False
        return True

    def _not_restored(self, reason: str) -> FormulaNotRestoredError:
        return FormulaNotRestoredError(
            formula=self.formula, reason=reason, covariates=", ".join(self.covariates)
        )

    def __getstate__(self) -> dict[str, object]:
        if not isinstance(self.learned, DesignInfo):
            return vars(self)
        return vars(self) | {"learned": _pickled(self.learned, self.variables)}

    def __deepcopy__(self, memo: dict[int, object]) -> RightHandSide:
        """Itself: nothing in it is ever changed."""
        return self


def _pickled(info: DesignInfo, variables: list[str]) -> bytes | str:
    """The design pickled, or why it cannot be."""
    used = set().union(*map(_names, info.factor_infos.values())) - set(variables)
    buffer = io.BytesIO()
    try:
        _DesignPickler(buffer, used).dump(info)
    except NOT_PICKLED as error:
        return str(error)
    return buffer.getvalue()


def arrays_beside(
    factor_info: FactorInfo, columns: Iterable[Hashable], n_units: int
) -> dict[str, Any]:
    """Arrays with one row per unit that a factor uses and that are no columns of the data."""
    known = factor_info.state["eval_env"].namespace
    values = {name: known.get(name) for name in _names(factor_info) - {*columns}}
    return {k: x for k, x in values.items() if isinstance(x, ARRAYS) and len(x) == n_units}


def _names(factor_info: FactorInfo) -> set[str]:
    """Names in the code that evaluates a factor."""
    tree = ast.parse(factor_info.state["eval_code"], mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


class _DesignPickler(pickle.Pickler):
    """
    Pickles what patsy refuses to, and of its environments only the names that formulas use.

    Parameters
    ----------
    file : file
        Open for writing.
    used : set of str
        Names that are not columns of the data.
    """

    def __init__(self, file: io.BytesIO, used: set[str]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.used = used

    def reducer_override(self, value: object) -> Any:
        """How to pickle modules and objects of patsy's; all else as usual."""
        if isinstance(value, types.ModuleType):
            return importlib.import_module, (value.__name__,)
        if isinstance(value, EvalEnvironment):
            names = {name: value.namespace[name] for name in self.used if name in value.namespace}
            own = {name: x for name, x in names.items() if BUILTINS.get(name) is not x}
            for name, x in own.items():
                try:
                    _DesignPickler(io.BytesIO(), set()).dump(x)
                except NOT_PICKLED as error:
                    reason = "could not be saved, because other programs cannot import it"
                    raise pickle.PicklingError(f"{name!r} {reason}") from error
            return _environment, (own, value.flags)
        if isinstance(value, EvalFactor) or type(value).__module__.startswith("patsy."):
            return _rebuilt, (type(value), vars(value))
        return NotImplemented


def _environment(names: dict[str, object], flags: int) -> EvalEnvironment:
    return EvalEnvironment([names, BUILTINS], flags)


def _rebuilt(cls: type, attributes: dict[str, object]) -> object:
    """An object of patsy's from its attributes."""
    value: object = object.__new__(cls)
    vars(value).update(attributes)
    return value
