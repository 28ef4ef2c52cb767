"""How formulas name columns, and what to do where a formula fails."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unicodedata import normalize

import pandas as pd
from patsy import PatsyError

from nmfre.data.checks import listed
from nmfre.errors import FormulaError, NMFREError

TOO_LONG = (
    "it has too many terms or parentheses for patsy. Pass a block of columns as one array, as in "
    "'Y ~ X', or the covariates to nmfre.NMFRE(endog, exog, rank=...)."
)
OUT_OF_RANGE = (
    "Give bs() the range that new data may have: bs(x, df=4, lower_bound=..., upper_bound=...)."
)


def spelled(column: object) -> str:
    """
    A column as it is written in a formula.

    Python reads names in the normal form NFKC: the micro sign becomes the letter mu, and no column
    of that name is found. Q() takes names as they are.
    """
    if not isinstance(column, str):
        return f"Q({column!r})"
    plain = column.isidentifier() and not keyword.iskeyword(column)
    if plain and normalize("NFKC", column) == column:
        return column
    return f"Q({json.dumps(column, ensure_ascii=False)})"


def known_columns(frame: pd.DataFrame, name: object) -> str:
    """The columns of a data frame, for a message without its full stop, and where ``name`` is."""
    return ". ".join([listed(frame.columns), *_in_index(frame, [name])]).removesuffix(".")


@contextmanager
def formula_errors(formula: str, frame: pd.DataFrame, code: str = "") -> Iterator[None]:
    """
    Make whatever patsy or a function of the user's raises a FormulaError with its cause.

    Parameters
    ----------
    formula : str
        The formula, or the part of it that is evaluated.
    frame : DataFrame
        The data.
    code : str, optional
        The term on the left that is evaluated.
    """
    try:
        yield
    except NMFREError:
        raise
    except (Exception, SystemExit) as error:  # exit() is a function like any other
        raise FormulaError(formula=formula, reason=_reason(error, formula, frame, code)) from error


def _reason(error: BaseException, formula: str, frame: pd.DataFrame, code: str) -> str:
    """The cause and the remedy of an error, and the columns of the data."""
    cause = error.__cause__ if isinstance(error, PatsyError) and error.__cause__ else error
    remedies = _respelled(formula, frame.columns, left=bool(code))
    if isinstance(error, PatsyError | NameError):
        text = str(error)
    elif isinstance(error, RecursionError):
        text = TOO_LONG
    elif isinstance(error, SyntaxError) and error.text:
        read = error.text.strip()
        text = f"{read!r} is not valid Python ({error.msg})."
        remedies = remedies or [f"If it is the name of a column, write {spelled(read)}."]
    else:
        text = f"{repr(code) if code else 'its evaluation'} failed ({error!r})."
    if isinstance(cause, NameError):
        remedies += _in_index(frame, re.findall(r"\w+", formula))
    if "outermost knots" in str(cause):
        remedies += [OUT_OF_RANGE]
    known = f"The data have: {listed(frame.columns, spelled)}."
    if "\n" not in text:  # which would point to a place in the formula
        text = f"{text.rstrip('.')}."
    return f"{text}\n{' '.join([*remedies, known])}"


def _respelled(formula: str, columns: pd.Index, *, left: bool) -> list[str]:
    """How to write columns that the formula means and does not reach."""
    text = normalize("NFKC", formula)
    reached = isinstance(columns, pd.MultiIndex)  # by their first level
    found = [column for column in columns if _is_meant(column, text, reached)][:5]
    remedies = [
        f"The column {column!r} hides the function {column}(): rename the column."
        for column in columns
        if isinstance(column, str) and re.search(rf"(?<![\w.]){re.escape(column)}\(", text)
    ]
    if found:
        instead = " on the left, or pass the responses as endog=[...]" if left else ""
        remedies.append(f"Write {', '.join(map(spelled, found))}{instead}.")
    return remedies


def _is_meant(column: object, text: str, reached: bool) -> bool:
    """Whether the text names a column that needs Q() without it, or one in Q() in another form."""
    if isinstance(column, tuple):
        parts = [part for part in column[reached:] if isinstance(part, str) and part]
        return repr(column) not in text and any(_occurs(part, text) for part in parts)
    if not isinstance(column, str):
        return re.search(rf"Q\(\s*([\"']){re.escape(str(column))}\1\s*\)", text) is not None
    name = normalize("NFKC", column)
    if spelled(column) == column:
        return re.search(rf"Q\(\s*{re.escape(name)}\s*\)", text) is not None
    return any(map(str.isalpha, name)) and _occurs(name, text)


def _occurs(name: str, text: str) -> bool:
    """Whether a name stands in the text by itself, and not in quotes."""
    return re.search(rf"(?<![\w\"']){re.escape(name)}(?![\w\"'(])", text) is not None


def _in_index(frame: pd.DataFrame, names: Sequence[object]) -> list[str]:
    """That a name stands for the index, where it does."""
    return [
        f"{name!r} is in the index: pass data.reset_index()."
        for name in getattr(frame.index, "names", ())  # dask has no names
        if name is not None and name in names
    ]
