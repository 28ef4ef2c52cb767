from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

class PatsyError(Exception):
    message: str
    origin: Origin | None

class Origin:
    code: str
    start: int
    end: int

class EvalEnvironment:
    flags: int
    @property
    def namespace(self) -> Mapping[str, Any]: ...
    def __init__(self, namespaces: Sequence[Mapping[str, Any]], flags: int = ...) -> None: ...
    @classmethod
    def capture(
        cls, eval_env: EvalEnvironment | int = ..., reference: int = ...
    ) -> EvalEnvironment: ...
    def with_outer_namespace(self, outer_namespace: Mapping[str, Any]) -> EvalEnvironment: ...
    def eval(
        self,
        expr: str,
        source_name: str = ...,
        inner_namespace: Mapping[Any, Any] | pd.DataFrame = ...,
    ) -> Any: ...

class EvalFactor:
    code: str
    origin: Origin | None
    def __init__(self, code: str, origin: Origin | None = ...) -> None: ...
    def name(self) -> str: ...
    def eval(self, memorize_state: dict[str, Any], data: object) -> Any: ...

class Term:
    factors: tuple[EvalFactor, ...]
    def __init__(self, factors: Sequence[EvalFactor]) -> None: ...
    def name(self) -> str: ...

class ModelDesc:
    rhs_termlist: list[Term]
    def __init__(self, lhs_termlist: Sequence[Term], rhs_termlist: Sequence[Term]) -> None: ...
    @classmethod
    def from_formula(cls, tree_or_string: str) -> ModelDesc: ...

class ContrastMatrix:
    matrix: NDArray[np.floating]

class SubtermInfo:
    factors: tuple[EvalFactor, ...]
    contrast_matrices: dict[EvalFactor, ContrastMatrix]

class FactorInfo:
    factor: EvalFactor
    type: Literal["numerical", "categorical"]
    state: dict[str, Any]
    categories: tuple[Any, ...]  # of categorical factors
    num_columns: int | None

class Constraint:
    coefs: NDArray[np.floating]

class DesignInfo:
    column_names: list[str]
    factor_infos: dict[EvalFactor, FactorInfo]
    terms: list[Term]
    term_codings: dict[Term, list[SubtermInfo]]
    term_slices: dict[Term, slice]
    term_name_slices: dict[str, slice]
    term_names: list[str]
    def __init__(self, column_names: Sequence[str]) -> None: ...
    def describe(self) -> str: ...
    def linear_constraint(self, constraint_likes: object) -> Constraint: ...

class NAAction:
    def __init__(self, on_NA: str = ..., NA_types: Sequence[str] = ...) -> None: ...

class DesignMatrix(pd.DataFrame):
    design_info: DesignInfo

def dmatrix(
    formula_like: ModelDesc | str,
    data: object = ...,
    eval_env: EvalEnvironment | int = ...,
    NA_action: NAAction | str = ...,
    return_type: Literal["dataframe"] = ...,
) -> DesignMatrix: ...
def build_design_matrices(
    design_infos: Sequence[DesignInfo],
    data: object,
    NA_action: NAAction | str = ...,
    return_type: Literal["dataframe"] = ...,
) -> list[DesignMatrix]: ...
