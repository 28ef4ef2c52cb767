"""Covariates from the right-hand side of a formula, for the data of a fit and for new data."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Mapping

import numpy as np
import pandas as pd
from patsy import (
    DesignInfo,
    EvalEnvironment,
    EvalFactor,
    FactorInfo,
    ModelDesc,
    NAAction,
    Term,
    build_design_matrices,
    dmatrix,
)

from nmfre import errors
from nmfre.core.caller import warn
from nmfre.core.typing import FloatArray, IntArray
from nmfre.data import checks
from nmfre.data.levels import Factor, advice_on_levels, unboxed
from nmfre.data.naming import formula_errors
from nmfre.data.right_hand_side import RightHandSide
from nmfre.data.stateless import stateless_terms

KEEP_ROWS = NAAction(NA_types=[])
"""Missing columns are refused before patsy sees them; what transforms make of others is checked."""


def covariates_of_fit(
    right: str,
    frame: pd.DataFrame,
    units: pd.Index,
    env: EvalEnvironment,
    *,
    formula: str,
    rows: tuple[IntArray, IntArray] | None,
    occasion: str | None,
) -> tuple[RightHandSide, FloatArray]:
    """
    The right-hand side as patsy has evaluated it, and A (K, N).

    Parameters
    ----------
    right : str
        Right-hand side.
    frame : DataFrame
        One row per unit, or, where ``rows`` is given, one row per cell.
    units : Index of length N
        Labels of the units.
    env : patsy.EvalEnvironment
        Where names that are not columns are looked up.
    formula : str
        The whole formula.
    rows : tuple of arrays, optional
        The unit that each row of ``frame`` belongs to, and the first row of each unit.
    occasion : str, optional
        Column of occasions, where there are ``rows``.
    """
    with formula_errors(formula, frame):
        written = ModelDesc.from_formula(f"~ {right}").rhs_termlist
        terms = [[Factor(factor.code, factor.origin) for factor in x.factors] for x in written]
        factors = [factor for term in terms for factor in term]
        _check_factors(factors, formula)
        names = _names(dict.fromkeys(factors, env))
        variables = [name for name in names if name in frame.columns]
        used = _used_columns(names, frame.columns)
        if rows is not None:
            codes, first = rows
            for name in used:
                remedy = (
                    "It is the occasion, which the basis already describes: leave it out."
                    if name == occasion
                    else "Take one value per unit, such as the first or the mean."
                )
                checks.check_constant(frame[name], codes, units, first, remedy)
            frame = frame.iloc[first]
        checked = _complete(frame.set_axis(units), used)
        description = ModelDesc([], list(map(Term, terms)))
        matrix = dmatrix(description, checked, env, NA_action=KEEP_ROWS, return_type="dataframe")
        _check_levels_of_fit(matrix, checked, formula)
        A = matrix.to_numpy(dtype=float).T
        stateless = stateless_terms(matrix.design_info, checked)
    if not len(A):
        reason = "it has no covariates; write '~ 1' for an intercept alone."
        raise errors.FormulaError(formula=formula, reason=reason)
    if stateless:
        warn(
            f"In the formula, {', '.join(stateless)} depends on all rows of the data: predict() "
            "would compute it from the new rows alone, with different values. Use a transform that "
            "remembers the fit, such as center(x), standardize(x), bs(x, df=4) or cr(x, df=4), "
            "fixed numbers, such as pd.cut(x, [0, 10, 20]), or a column that you have computed.",
            errors.StatelessTermWarning,
        )
    _advise(matrix, checked)
    for factor, factor_info in matrix.design_info.factor_infos.items():
        assert isinstance(factor, Factor)
        factor.levels = factor_info.categories or ()
    return RightHandSide.of(matrix.design_info, formula, variables, checked), A


def covariates_of_new_data(info: DesignInfo, frame: object) -> tuple[FloatArray, pd.Index]:
    """
    A (K, M) and the labels of M units that the fit has not seen.

    Raises
    ------
    ShapeError, MissingColumnError, NonNumericError, UnseenLevelError, NonFiniteError
        Where the data frame does not fit the formula.
    """
    if not isinstance(frame, pd.DataFrame):
        reason = "the model has a formula: pass new covariates as a DataFrame."
        raise errors.ShapeError(reason=reason)
    environments = {factor: x.state["eval_env"] for factor, x in info.factor_infos.items()}
    with formula_errors(info.describe(), frame):
        checked = _complete(frame, _used_columns(_names(environments), frame.columns))
        [matrix] = build_design_matrices([info], checked, KEEP_ROWS, return_type="dataframe")
        return matrix.to_numpy(dtype=float).T, frame.index


def _check_factors(factors: Iterable[EvalFactor], formula: str) -> None:
    """Factors must be expressions of Python, and no random effects in the notation of lme4."""
    for factor in factors:
        node = ast.parse(factor.code, mode="eval").body
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            raise errors.FormulaError(
                formula=formula,
                reason=f"({factor.code}) is a random-effects term. The model already has random "
                f"effects of the units: leave the term out. (A logical or is written I(a | "
                f"b).)",
            )


def _used_columns(names: set[Hashable], columns: pd.Index) -> list[Hashable]:
    """Columns that have one of these names; of those with several levels, all below the first."""
    several = isinstance(columns, pd.MultiIndex)
    used = [name for name in columns if name in names or (several and name[0] in names)]
    checks.check_unique(pd.Index(used), "column")
    return used


def _names(factors: Mapping[EvalFactor, EvalEnvironment]) -> set[Hashable]:
    """Names in the code of factors, but those of functions, and what they pass to Q()."""
    names: set[Hashable] = set()
    for factor, env in factors.items():
        if not isinstance(factor, EvalFactor):
            continue
        nodes = list(ast.walk(ast.parse(factor.code, mode="eval")))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        called = {id(call.func) for call in calls}
        names |= {n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in called}
        for call in calls:
            if ast.unparse(call.func) == "Q":
                names.update(env.eval(ast.unparse(label)) for label in call.args)
    return names


def names_of_factor(factor: EvalFactor, info: FactorInfo) -> set[Hashable]:
    """The variables that a factor of a fit is made of, and other names in its code."""
    return _names({factor: info.state["eval_env"]})


def _complete(frame: pd.DataFrame, used: list[Hashable]) -> pd.DataFrame:
    """The columns used, none missing; objects that are numbers as numbers, text as objects."""
    rows = frame[used].copy()
    for name in used:
        checks.check_complete(rows[name], "Covariate")
        kind = pd.api.types.infer_dtype(rows[name])
        if kind in checks.NUMBERS and rows[name].dtype == object:
            column = rows[name].astype(float) if kind == "decimal" else rows[name]
            rows[name] = column.infer_objects()
        if isinstance(rows[name].dtype, pd.StringDtype):
            rows[name] = rows[name].astype(object)
    return rows


def _check_levels_of_fit(matrix: pd.DataFrame, frame: pd.DataFrame, formula: str) -> None:
    """Levels must have units, and terms columns: of a lone level patsy makes none, silently."""
    info = matrix.design_info
    empty = {
        factor
        for term in info.terms
        for factor in term.factors
        if not info.column_names[info.term_slices[term]]
    }
    for factor, factor_info in info.factor_infos.items():
        if factor_info.type != "categorical":
            continue
        present = pd.Series(unboxed(factor.eval(factor_info.state, frame))).unique()
        unused = [level for level in factor_info.categories if level not in present]
        if len(present) == 1 and (unused or factor in empty):
            raise errors.FormulaError(
                formula=formula,
                reason=f"every unit has the level {checks.python_value(present[0])!r} of "
                f"{factor.name()!r}, so its effect cannot be estimated: leave it out.",
            )
        # A contrast matrix of the user's may do without a level.
        if unused and np.linalg.matrix_rank(matrix.to_numpy()) < matrix.shape[1]:
            raise errors.ZeroCovariateError(
                covariate=f"{factor.name()}[{unused[0]}]",
                remedy="no unit has this level. Drop it, of a Categorical by "
                "data[...] = data[...].cat.remove_unused_categories()",
            )


def _advise(matrix: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Warn of levels that look like numbers or dates, or are nearly as many as the units."""
    n_units, n_covariates = matrix.shape
    for factor, factor_info in matrix.design_info.factor_infos.items():
        advice = advice_on_levels(factor_info, frame) if factor_info.categories else None
        if advice is not None and n_units <= n_covariates:
            raise errors.TooFewUnitsError(
                units=n_units, covariates=n_covariates, needed=n_covariates + 1, remedy=advice
            )
        if advice is not None and not factor.name().startswith("C("):
            keep = f"To keep the levels, write C({factor.name()})."
            warn(f"{advice} {keep}", errors.LevelsWarning)


def categorical_coding(
    info: DesignInfo | None, term: str
) -> tuple[list[Hashable], FloatArray, list[int]]:
    """
    Levels of a term that is one categorical covariate, their coding and its columns.

    Returns
    -------
    levels : list
    coding : array, (levels, columns)
        How each level enters the columns of the term.
    columns : list of int
        Which covariates these are.

    Raises
    ------
    InvalidArgumentError
        The formula has no such term, or it is not one categorical covariate.
    """
    codings = {} if info is None else {t.name(): info.term_codings[t] for t in info.terms}
    categorical = {
        name: subterms[0]
        for name, subterms in codings.items()
        if len(subterms) == 1
        and len(subterms[0].contrast_matrices) == 1
        and len(subterms[0].factors) == 1
    }
    if not (isinstance(term, str) and term in categorical):
        known = checks.listed(pd.Index(categorical))
        raise errors.InvalidArgumentError(
            "term", term, f"a categorical covariate of the formula ({known})"
        )
    assert info is not None
    [(factor, matrix)] = categorical[term].contrast_matrices.items()
    levels = list(info.factor_infos[factor].categories)
    columns = list(range(len(info.column_names)))[info.term_name_slices[term]]
    return levels, np.asarray(matrix.matrix), columns
