"""
Random inputs, which must meet right results or errors of the package, and nothing else.

``python tests/benchmarks/fuzz.py --n 3000 --seed 0`` draws so many of them and prints what went
wrong, grouped by place; ``--kind frames`` draws those of one kind; ``--only 17``
draws the 17th alone and prints its traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tempfile
import traceback
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
from statsmodels.tools.sm_exceptions import ModelWarning

import nmfre
from nmfre.__main__ import main as command_line

Rng = np.random.Generator
Input = tuple[str, Callable[[], object]]
"""What was drawn, in words, and what is to be done with it."""
ODD = (
    *(None, True, False, 0, -1, 2, 0.5, 1.5, np.nan, np.inf, 10**400, 1j, np.int64(2), [], {}),
    *("", "ml", "auto", "age", "ü", "a\0b", b"x", (1,), ["age"], object, print, np.float32(1)),
    *(np.ones(2), np.ones((2, 2)), np.array("x"), pd.NA, pd.NaT, pd.Series([1.0, 2.0])),
)


@dataclass(frozen=True)
class Finding:
    """What an input met that it must not."""

    number: int
    kind: str
    text: str
    place: str
    error: BaseException

    def __str__(self) -> str:
        message = " ".join(f"{type(self.error).__name__}: {self.error}".split())[:160]
        return f"{self.kind} {self.number}: {self.text[:200]}\n    {message}\n    {self.place}"


def run(number: int, seed: int) -> Finding | str:
    """Draw an input and use it; if all is well, "result" or the name of our error."""
    rng = np.random.default_rng([seed, number])
    kind = [*KINDS][number % len(KINDS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text, use = KINDS[kind](rng)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", nmfre.NMFREWarning)
            warnings.simplefilter("ignore", ModelWarning)
            use()
    except nmfre.NMFREError as error:
        return type(error).__name__
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if f"{os.sep}nmfre{os.sep}" in frame.filename]
        place = (ours or frames)[-1]
        where = f"{Path(place.filename).name}:{place.lineno} in {place.name}"
        return Finding(number, kind, text, where, error)
    return "result"


def sound(res: nmfre.NMFREResults) -> None:
    """What every result must keep; an error of ours is none of it."""
    try:
        _check(res)
    except nmfre.NMFREError as error:
        raise AssertionError("a result that cannot be used") from error


def _check(res: nmfre.NMFREResults) -> None:
    model, basis = res.model, res.basis.to_numpy()
    size = float(np.nanmax(np.abs(_dense(model.endog))))
    for values in (basis, res.params, res.fittedvalues, [res.sigma2, res.tau2, res.icc]):
        assert np.isfinite(np.asarray(values)).all(), "not finite"
    assert basis.min() >= 0.0
    np.testing.assert_allclose(basis.sum(axis=0), 1.0, rtol=1e-9)
    assert min(res.sigma2, res.tau2) > 0.0
    assert res.basis.index.equals(model.design.responses)
    assert res.theta.columns.equals(model.design.covariates)
    assert res.fittedvalues.index.equals(model.design.units)
    mean = res.predict()
    expected = res.fittedvalues - res.random_effects.to_numpy() @ basis.T
    pd.testing.assert_frame_equal(mean, expected, rtol=1e-8, atol=1e-8 * size)
    blup = res.predict(which="blup")
    pd.testing.assert_frame_equal(blup, res.fittedvalues, rtol=1e-8, atol=1e-8 * size)
    if model.formula is None:
        np.testing.assert_allclose(res.predict(model.exog), mean, rtol=1e-8, atol=1e-8 * size)
    limits = res.conf_int().to_numpy()
    assert not (limits[:, 0] > limits[:, 1]).any()
    assert not (res.bse < 0).any()
    assert not ((res.pvalues < 0) | (res.pvalues > 1)).any()
    assert str(res.summary()).isprintable() is False  # it has lines
    str(res.check())


def _dense(values: object) -> np.ndarray:
    return values.toarray() if scipy.sparse.issparse(values) else np.asarray(values)


def pick(rng: Rng, values: Sequence, odd: float = 0.0) -> object:
    """One of several values, whatever their types; with probability ``odd`` an odd one."""
    values = ODD if rng.random() < odd else values
    return values[int(rng.integers(len(values)))]


def listed(text: str) -> list[str]:
    """What two blanks divide."""
    return text.split("  ")


# Arrays


def arrays(rng: Rng) -> Input:
    """Responses and covariates of all shapes, types and sizes."""
    n_units, n_responses = int(rng.integers(1, 14)), int(rng.integers(1, 6))
    values = rng.gamma(2.0, size=(n_units, n_responses)) + rng.gamma(4.0, size=(n_units, 1))
    endog, marks = _spoiled(rng, values, RESPONSES)
    exog, exog_marks = None, []
    if rng.random() < 0.7:
        n_covariates = int(rng.integers(1, 4))
        A = np.column_stack([np.ones(n_units), rng.normal(size=(n_units, n_covariates - 1))])
        exog, exog_marks = _spoiled(rng, A, COVARIATES)
    rank = pick(rng, (1, 1, 1, 2, 2, n_responses), odd=0.03)
    fit = pick(rng, ({}, {"df_cap": None}, {"df_cap": "auto"}, *(3 * [{"method": "ml"}]), SIGNED))
    text = f"endog {values.shape} {marks}, exog {exog_marks}, rank {rank!r}, {fit}"

    def use() -> None:
        sound(nmfre.NMFRE(endog, exog, rank=rank).fit(n_boot=10, maxiter=300, **fit))

    return text, use


SIGNED = {"method": "ml", "signed": True}


def _cell(value: float) -> Callable[[Rng, np.ndarray], np.ndarray]:
    def change(rng: Rng, values: np.ndarray) -> np.ndarray:
        values = values.astype(float)
        values[rng.integers(len(values)), rng.integers(values.shape[1])] = value
        return values

    return change


def _scaled(rng: Rng, values: np.ndarray) -> np.ndarray:
    return values * 10.0 ** float(rng.integers(-12, 13))


def _far(rng: Rng, values: np.ndarray) -> np.ndarray:
    return values * 10.0 ** float(pick(rng, (-300, -160, -100, 100, 160, 300)))


def _labelled(rng: Rng, values: np.ndarray) -> pd.DataFrame:
    labels = [pick(rng, LABELS)(n) for n in values.shape]
    return pd.DataFrame(values, *labels)


LABELS = (
    lambda n: [f"ü {i}" for i in range(n)],
    lambda n: range(10, 10 + n),
    lambda n: [("a", i) for i in range(n)],
    lambda n: pd.date_range("2020-01-31", periods=n, freq="D"),
    lambda n: pd.period_range("2020-01", periods=n, freq="M"),
    lambda n: pd.CategoricalIndex([f"c{i}" for i in range(n)]),
    lambda n: pd.Index([f"s{i}" for i in range(n)], dtype="string"),
    lambda n: [None, 1.5, True, "x", "", "[a]", "b = 1", *"pqrstuvw"][:n],
    lambda n: [0] * n,
)
COVARIATES = {
    "as they are": lambda rng, values: values,
    "labelled": _labelled,
    "NaN": _cell(np.nan),
    "inf": _cell(np.inf),
    "large": _cell(1e200),
    "scaled": _scaled,
    "far": _far,
    "Fortran": lambda rng, values: np.asfortranarray(values),
    "lists": lambda rng, values: values.tolist(),
    "float32": lambda rng, values: values.astype(np.float32),
    "integers": lambda rng, values: values.astype(int),
    "bool": lambda rng, values: values > 1.0,
    "object": lambda rng, values: values.astype(object),
    "text": lambda rng, values: values.astype(str),
    "complex": lambda rng, values: values + 0j,
    "a column": lambda rng, values: values[:, 0],
    "three axes": lambda rng, values: values[None],
    "transposed": lambda rng, values: values.T,
    "fewer": lambda rng, values: values[:-1],
    "repeated": lambda rng, values: np.column_stack([values, values[:, 0]]),
    "zero": lambda rng, values: 0.0 * values,
    "shifted": lambda rng, values: values + 1e6,
    "sparse": lambda rng, values: scipy.sparse.csr_array(values),
    "coo": lambda rng, values: scipy.sparse.coo_matrix(values),
    "series": lambda rng, values: pd.Series(values[:, 0], name=pick(rng, ("y", 3, None))),
    "masked": lambda rng, values: np.ma.masked_less(values, 1.0),
    "nullable": lambda rng, values: pd.DataFrame(values).convert_dtypes(),
    "odd": lambda rng, values: pick(rng, ODD),
}
RESPONSES = COVARIATES | {
    "negative": _cell(-1.0),
    "equal": lambda rng, values: np.ones_like(values),
    "counts": lambda rng, values: np.round(values),
    "many missing": lambda rng, values: np.where(rng.random(values.shape) < 0.3, np.nan, values),
    "exact": lambda rng, values: np.outer(values[:, 0], np.arange(1, values.shape[1] + 1)),
    "no units": lambda rng, values: values[:0],
}


def _spoiled(rng: Rng, values: np.ndarray, ways: dict[str, Callable]) -> tuple[object, list[str]]:
    """Values changed in up to two ways, and their names; many stay as they are."""
    names = [
        str(name) for name in rng.choice([*ways], size=int(rng.choice(3, p=[0.4, 0.45, 0.15])))
    ]
    for number, name in enumerate(names):
        if number and not (isinstance(values, np.ndarray) and values.ndim == 2 and values.size):
            return values, names[:number]
        try:
            values = ways[name](rng, values)
        except (TypeError, ValueError):  # what cannot be done after the first change
            return values, names[:number]
    return values, names


# Options, and methods of results


@cache
def fitted(name: str) -> nmfre.NMFREResults:
    """A few results to call methods of."""
    orthodont = nmfre.datasets.load_orthodont()
    model = nmfre.NMFRE.from_formula(
        "distance ~ sex", orthodont, rank=1, unit="subject", occasion="age"
    )
    rng = np.random.default_rng(0)
    endog = rng.gamma(2.0, size=(30, 5)) @ rng.gamma(1.0, size=(5, 5))
    exog = np.column_stack([np.ones(30), rng.uniform(size=30)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "df-cap":
            return model.fit(n_boot=20, maxiter=100)
        if name == "ml":
            return model.fit("ml", n_boot=20)
        if name == "conditional":
            return model.fit("ml", n_boot=0, uncertainty="conditional")
        if name == "sparse":
            return nmfre.NMFRE(scipy.sparse.csr_array(endog), exog, rank=2).fit("ml", n_boot=20)
        if name == "removed":
            res = model.fit("ml", n_boot=20)
            res.remove_data()
            return res
        return nmfre.NMFRE(endog, exog, rank=2).fit("ml", signed=True, n_boot=20)


NAMES = ("df-cap", "ml", "conditional", "sparse", "removed", "signed")
ALPHA = (0.05, 0.5)
WHICH = ("fixed", "blup")
FIT = {
    "method": ("df-cap", "ml"),
    "df_cap": (0.1, 1.0, None, "auto", nmfre.Cap(absolute=3.0)),
    "tol": (1e-4, 0.0),
    "maxiter": (1, 3, 60),
    "start_basis": (np.full((4, 1), 0.25), np.zeros((4, 1)), np.full((4, 1), 1e308)),
    "start_theta": (np.ones((1, 2)), np.zeros((1, 2)), [[1.0, 1e308]]),
    "start_sigma2": (1.0, 1e-300, 1e300),
    "start_tau2": (1.0, 1e-300, 1e300),
    "update_tau2": (True, False),
    "signed": (True, False),
    "n_starts": (1, 2, None),
    "uncertainty": ("marginal", "conditional"),
    "cov_type": ("sandwich", "naive", "max", "cr3"),
    "information": ("adjusted", "plain"),
    "dispersion": ("df", "n", "params"),
    "n_boot": (0, 2, 20),
    "multiplier": ("exponential", "rademacher", "mammen", "normal"),
    "multipliers": (np.ones((3, 27)), np.zeros((2, 27)), np.full((2, 27), 1e308)),
    "alternative": ("larger", "two-sided"),
    "seed": (0, 5, None),
    "sed": (0,),
}
CALLS = {
    "summary": {"alpha": ALPHA, "title": (None, "T"), "multipletests": ("holm",)},
    "conf_int": {"alpha": ALPHA, "method": ("percentile", "basic", "wald", "studentized")},
    "tidy": {"alpha": ALPHA},
    "predict": {
        "exog": (None, np.ones((3, 2)), pd.DataFrame({"sex": ["Male", "Female"]})),
        "which": WHICH,
        "endog": (None, np.full((3, 4), 20.0), pd.DataFrame({8: [20.0, np.nan]})),
    },
    "get_prediction": {
        "exog": (None, np.ones((3, 2))),
        "which": WHICH,
    },
    "scores": {"which": WHICH},
    "unit_membership": {"which": WHICH},
    "with_uncertainty": {"uncertainty": ("marginal", "conditional"), "cov_type": ("naive", "cr3")},
    "variance_components": {"alpha": ALPHA},
    "basis_conf_int": {"alpha": ALPHA},
    "profiles_conf_int": {"alpha": ALPHA},
    "adjusted_pvalues": {"method": ("holm", "fdr_bh")},
    "bootstrap": {"n_boot": (2, 5), "multiplier": ("mammen",), "refit": (True, False)},
    "t_test": {"r_matrix": ("comp1[sex[T.Male]] = 0", "comp1[x1] = comp2[x1]", np.eye(2))},
    "wald_test_terms": {"by": ("covariate", "component")},
    "wald_test": {"r_matrix": ("comp1[Intercept] = 0", [1.0, 0.0], np.zeros((1, 2)))},
    "t_test_pairwise": {"term": ("sex", "x1"), "component": ("comp1",)},
    "compare_lr_test": {"restricted": (None,)},
    "check": {},
}


def options(rng: Rng) -> Input:
    """Arguments of fit and of methods of results."""
    if rng.random() < 0.5:
        given = _arguments(rng, FIT, 3)
        given = {"method": pick(rng, ("df-cap", "ml", "ml")), "n_boot": 5, "maxiter": 200} | given
        return f"fit({given})", lambda: sound(fitted("ml").model.fit(**given))
    name, method = pick(rng, NAMES), pick(rng, [*CALLS])
    given = _arguments(rng, CALLS[method], 2)
    required = {"r_matrix", "method", "restricted", "term", "component", "uncertainty"}
    for argument in required & set(CALLS[method]) - set(given):
        if method != "conf_int":
            given[argument] = pick(rng, CALLS[method][argument], odd=0.3)
    return f"{name}: {method}({given})", lambda: getattr(fitted(name), method)(**given)


def _arguments(rng: Rng, choices: dict[str, tuple], most: int) -> dict[str, object]:
    size = int(rng.integers(min(most, len(choices)) + 1))
    names = rng.choice([*choices], size=size, replace=False) if choices else []
    return {str(name): pick(rng, choices[name], odd=0.3) for name in names}


# Formulas and data frames


def _frame(rng: Rng, n: int) -> pd.DataFrame:
    x = rng.uniform(1.0, 2.0, size=n)
    text = rng.choice(["a", "b", "c"], size=n)
    columns = {f"y{j}": rng.gamma(3.0, size=n) + x for j in range(1, 5)}
    columns |= {
        "x": x,
        "z": rng.normal(size=n),
        "count": rng.integers(0, 5, size=n),
        "flag": rng.random(n) < 0.5,
        "text": text,
        "cat": pd.Categorical(text, categories=["c", "b", "a", "unused"]),
        "ordered": pd.Categorical(text, ordered=True),
        "string": pd.array(text, dtype="string"),
        "Int": pd.array(rng.integers(0, 5, size=n), dtype="Int64"),
        "boolean": pd.array(rng.random(n) < 0.5, dtype="boolean"),
        "Float": pd.array(x, dtype="Float64"),
        "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 9, size=n), unit="D"),
        "month": pd.PeriodIndex.from_ordinals(rng.integers(600, 603, size=n), freq="M"),
        "span": pd.to_timedelta(rng.integers(0, 9, size=n), unit="D"),
        "thing": [pick(rng, (None, 1, "a", 2.5)) for _ in range(n)],
        "holes": np.where(rng.random(n) < 0.2, np.nan, x),
        "größe": x**2,
        "odd name": x**3,
        "a.b": x + 1.0,
        "class": text,
        "id": [f"u{i}" for i in range(n)],
    }
    return pd.DataFrame(columns)


SOUND_TERMS = listed(
    "x  z  flag  text  cat  ordered  string  Int  boolean  Float  month  größe  0  1  np.log(x)  "
    "center(z)  standardize(x)  bs(x, df=4)  cr(z, df=3)  I(x ** 2)  C(text)  C(count)  C(Int)  "
    "C(boolean)  C(cat, Sum)  C(text, Treatment('b'))  Q('odd name')  Q('a.b')  poly(z, 2)  "
    "x:text  x * flag  text:flag"
)
TERMS = [
    "\0",
    "a\nb",
    *listed(
        "date  span  thing  holes  id  nothing  odd name  a.b  class  np.log(z)  1/0  x / 0  x +  "
        "~  (  )  ''  C(  x.y  x[0]  x()  f(x)  lambda: 0  print  None  True  np.nan  1e400  'a'  "
        "x == 1  x if x else z  [x]  {}  bs(x)  bs(z, df=99)  bs(x, df=-1)  C(x)  C(text, 3)  "
        "C(text, Treatment('z'))  Q(3)  Q('none')  np.ones(2)  np.ones((3, 3))  x ** 99  x @ z  "
        "te(cr(x, 3), cr(z, 3))  import os  exit()  sum(x)  x - x  0 * x  #  ;  y1  Y  -1  x:x  "
        "x/text  (x + z) ** 2  _  %  $x  2  np.random.normal(size=3)"
    ),
]
LEFTS = [
    *(6 * ["y1 + y2 + y3"]),
    *listed(
        "y1 + y2 + y3 + y4  y1    y1 + y1  text + y1  np.log(y1) + y2  z + y1  holes + y1  id  "
        "Int + Float  y1 + nothing  1  0  y1 * y2  y1 - y2  Q('odd name') + x  date  ~  cat + y1  "
        "count + y1  flag + y1  y1 ~ y2  a.b + x  block  größe + x"
    ),
]


def formulas(rng: Rng) -> Input:
    """Formulas over wide data; new data are matched by name and give the means of the old."""
    frame = _frame(rng, int(rng.integers(8, 25)))
    terms = [str(pick(rng, SOUND_TERMS)) for _ in range(int(rng.integers(0, 3)))]
    left = "y1 + y2 + y3"
    if rng.random() < 0.5:
        terms += [str(pick(rng, TERMS))]
    else:
        left = str(pick(rng, LEFTS))
    formula = f"{left} ~ {' + '.join(terms) if terms else '1'}"
    if rng.random() < 0.05:
        formula = pick(rng, (*ODD, "~", "", "~~", " ", "y1", "~ x", formula + "~"))

    def use() -> None:
        res = nmfre.NMFRE.from_formula(formula, frame, rank=1).fit("ml", signed=True, n_boot=0)
        sound(res)
        _same_means(rng, res, frame)

    return repr(formula), use


def _same_means(rng: Rng, res: nmfre.NMFREResults, frame: pd.DataFrame) -> None:
    """Means of some of the units, in another order and form, are those of the fit."""
    some = frame.iloc[rng.permutation(len(frame))[: int(rng.integers(1, 5))]]
    kept = list(dict.fromkeys(rng.permutation(frame.columns)))
    found = res.predict(some[kept])
    np.testing.assert_allclose(found, res.predict().loc[some.index], rtol=1e-8)
    assert found.index.equals(some.index)


def frames(rng: Rng) -> Input:
    """Wide and long data frames of all kinds of columns, with something wrong in many."""
    frame = _frame(rng, int(rng.integers(6, 20)))
    long = rng.random() < 0.5
    marks = []
    if long:
        occasion = str(pick(rng, ("age", "month", "text", "cat", "date", "span", "thing", "none")))
        kept = [column for column in frame.columns if column != occasion]
        parts = [frame[kept].assign(**{occasion: v}, y=frame[f"y{i + 1}"]) for i, v in _times(rng)]
        frame = pd.concat(parts, ignore_index=True)
        given = {
            "unit": pick(rng, (*(9 * ["id"]), "x", "thing", "none"), odd=0.05),
            "occasion": occasion,
        }
        formula = f"y ~ {pick(rng, ('1', 'x', 'text', 'cat', 'holes', 'y1', 'flag + z'))}"
        marks += [f"occasion {occasion}", f"unit {given['unit']!r}"]
    else:
        given = {"endog": pick(rng, (["y1", "y2"], ["y1", "y2", "y3"], [("a", 1)]), odd=0.05)}
        formula = f"~ {pick(rng, ('1', 'x', 'text', 'cat', 'boolean', 'string', 'flag + z'))}"
        marks += [f"endog {given['endog']!r}"]
    for name in rng.choice([*CHANGES], size=int(rng.integers(0, 3))):
        with contextlib.suppress(*CANNOT):
            frame = CHANGES[str(name)](rng, frame)
            marks += [str(name)]
    method = pick(rng, ("ml", "ml", "df-cap"))

    def use() -> None:
        model = nmfre.NMFRE.from_formula(formula, frame, rank=1, **given)
        sound(model.fit(method, n_boot=0, maxiter=300))

    return f"{formula!r} {marks} {method}", use


def _times(rng: Rng) -> list[tuple[int, object]]:
    start = pick(rng, (8, 1.5, "t", pd.Timestamp("2020-01-01"), pd.Period("2020-01", "M"), None))
    if start is None:
        return [*enumerate([None, 1, "a"])]
    if isinstance(start, str):
        return [(i, f"{start}{i}") for i in range(3)]
    step = pd.Timedelta(days=1) if isinstance(start, pd.Timestamp) else 1
    return [(i, start + i * step) for i in range(3)]


def _set(column: object, value: object) -> Callable[[Rng, pd.DataFrame], pd.DataFrame]:
    def change(rng: Rng, frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        if column in frame.columns and len(frame):
            frame[column] = frame[column].astype(object)
            frame.iloc[int(rng.integers(len(frame))), frame.columns.get_loc(column)] = value
        return frame

    return change


CANNOT = (TypeError, ValueError, LookupError, AttributeError, ImportError, NameError)
"""What a change raises where another went before, or where pyarrow is not installed."""
CHANGES = {
    "shuffled": lambda rng, frame: frame.iloc[rng.permutation(len(frame))],
    "fewer rows": lambda rng, frame: frame.iloc[: int(rng.integers(len(frame) + 1))],
    "rows dropped": lambda rng, frame: frame[rng.random(len(frame)) < 0.8],
    "row repeated": lambda rng, frame: pd.concat([frame, frame.tail(1)]),
    "column repeated": lambda rng, frame: pd.concat([frame, frame[["x"]]], axis=1),
    "units in the index": lambda rng, frame: frame.set_index("id") if "id" in frame else frame,
    "two levels": lambda rng, frame: frame.set_index(["x", "text"]) if "x" in frame else frame,
    "object": lambda rng, frame: frame.astype(object),
    "nullable": lambda rng, frame: frame.convert_dtypes(),
    "arrow": lambda rng, frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "columns of a MultiIndex": lambda rng, frame: pd.concat({"top": frame}, axis=1),
    "mapping": lambda rng, frame: {str(name): frame[name].array for name in frame.columns},
    "arrays": lambda rng, frame: frame.to_numpy(),
    "odd": lambda rng, frame: pick(rng, ODD),
    "missing response": _set("y1", np.nan),
    "negative response": _set("y1", -1.0),
    "text in a response": _set("y1", "n/a"),
    "infinite covariate": _set("x", np.inf),
    "missing covariate": _set("text", None),
    "missing unit": _set("id", None),
    "missing category": _set("cat", np.nan),
}


# Files and the command line


@cache
def _stored(name: str, kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fit"
        (fitted(name).save if kind == "pickle" else fitted(name).to_arrays)(path)
        return path.read_bytes()


def archives(rng: Rng) -> Input:
    """Files that are cut, with bytes, fields or arrays changed: an error, or a usable result."""
    name = str(pick(rng, NAMES))
    way = str(pick(rng, ("cut", "byte", "pickle cut", *(6 * ["field"]), *(2 * ["array"]))))
    content = _stored(name, "pickle" if "pickle" in way else "npz")
    text = f"{name}: {way}"
    if "cut" in way:
        content = content[: int(rng.integers(len(content)))]
    elif way == "byte":
        place = int(rng.integers(len(content)))
        content = content[:place] + bytes([int(rng.integers(256))]) + content[place + 1 :]
    else:
        content, mark = _edited(rng, content, way)
        text += f" {mark}"

    def use() -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "fit").write_bytes(content)
            read = nmfre.load if "pickle" in way else nmfre.from_arrays
            res = read(Path(folder) / "fit")
        warnings.simplefilter("ignore", RuntimeWarning)  # other numbers are another result
        str(res.summary())
        res.conf_int()
        res.tidy()
        repr(res)
        res.predict(np.ones((2, len(res.model.exog_names))))
        str(res.check())

    return text, use


def _edited(rng: Rng, content: bytes, way: str) -> tuple[bytes, str]:
    """An archive with a field of the header or an array changed, and what was."""
    with np.load(io.BytesIO(content)) as archive:
        stored = dict(archive)
    if way == "array":
        mark = str(pick(rng, [*stored]))
        array = stored[mark]
        changes = (
            array[:-1],
            array[None],
            array.astype(object) * 0,
            array.astype("f4"),
            array[::-1],
        )
        stored[mark] = pick(rng, (*changes, np.array(1.0), np.array(["x"]), -array.astype(float)))
    else:
        header = json.loads(stored["header"].tobytes())
        places = [*_places(header["values"])]
        holder, key = pick(rng, places)
        value = pick(rng, (*JSON_VALUES, pick(rng, places)[0]))
        mark = f"{key!r} of {str(holder)[:80]}: {str(value)[:80]}"
        holder[key] = value
        try:
            text = json.dumps(header)
        except ValueError:  # a value within itself
            text = "{}"
        stored["header"] = np.frombuffer(text.encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **stored)
    return buffer.getvalue(), mark


JSON_VALUES = (
    *(None, True, False, 0, 1, -1, 2, 10**12, 10**30, 0.5, 1e300, "", "x", "ml", "df-cap", [], {}),
    *([1], {"array": "array0"}, {"array": "array3"}, {"float": "nan"}, {"float": "inf"}),
    *({"tuple": []}, {"dict": {}}, {"range": [0, 10**12, 1, None]}, {"range": [0, 4, 1, None]}),
    *({"removed": ["U", [10**12]]}, {"date": "2020-01-01"}, {"labels": [["a"], "object", 1]}),
    *({"frame": [1, 2, 3]}, {"sparse": ["csr", [2, 2], 1, 2, 3]}, {"stop_reason": "maxiter"}),
)


def _places(value: object) -> list[tuple[object, object]]:
    """Every item of a dictionary or list, within others too, by its holder and key."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    return [place for key in keys for place in [(value, key), *_places(value[key])]]


WORDS = [
    *("", "\0", "\udcff", "~ x", "y1 + y2 ~ x", "y1 + y2 ~ exit()", "y1 + y2 ~ 1/0"),
    *("9" * 5000, "é" * 400),
    *listed(
        "--rank  1  2  --unit  id  --occasion  text  --df-cap  0.5  off  auto  x  --method  ml  "
        "df-cap  --signed  --seed  7  --output  out.csv  data.csv  -1  --help  --version  paper  "
        "--figures  .  orthodont  ü  -  --  --ra  none/out.csv  link.csv  bad.csv  empty.csv  "
        "bad.csv.gz  bad.zip  bad.zst  nan"
    ),
]
CALL = ["y1 + y2 + y3 ~ x", "data.csv", "--rank", "1", "--method", "ml"]


def command_lines(rng: Rng) -> Input:
    """Words in any order: exit code 0, or 2 with one line on stderr; data stay as they are."""
    words = list(CALL) if rng.random() < 0.7 else []
    for _ in range(int(rng.integers(0, 4))):
        place = int(rng.integers(len(words) + 1))
        words[place : place + int(rng.integers(2))] = [str(pick(rng, WORDS))]
    frame = _frame(rng, 12)
    encoding = str(pick(rng, ("utf-8", "ascii", "latin-1")))

    def use() -> None:
        home = Path.cwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                frame.to_csv("data.csv", index=False)
                Path("link.csv").symlink_to("data.csv")
                Path("empty.csv").touch()
                for name in ("bad.csv", "bad.csv.gz", "bad.zip", "bad.zst"):
                    Path(name).write_bytes(rng.bytes(100))
                before = Path("data.csv").read_bytes()
                _run(words, encoding)
                assert Path("data.csv").read_bytes() == before, "the data were overwritten"
                assert not [*Path().glob(".nmfre*")], "a temporary folder was left"
            finally:
                os.chdir(home)

    return f"{[word[:40] for word in words]} {encoding}", use


def _run(words: list[str], encoding: str) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    err = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = command_line(words)
        except SystemExit as stop:
            code = stop.code
    shown = err.buffer.getvalue()
    assert code in (0, 2, None), f"exit code {code!r}"
    if code == 2:
        last = shown.decode(encoding).strip().splitlines()[-1]
        assert last.startswith("nmfre: "), last
    else:
        assert out.buffer.getvalue(), "nothing was printed"
    assert b"Traceback" not in shown


KINDS: dict[str, Callable[[Rng], Input]] = {
    "arrays": arrays,
    "options": options,
    "formulas": formulas,
    "frames": frames,
    "archives": archives,
    "command lines": command_lines,
}


def main() -> int:
    """Draw inputs and print what they found; 1 if anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--kind", choices=[*KINDS])
    options = parser.parse_args()
    if options.only is not None:
        met = run(options.only, options.seed)
        if isinstance(met, Finding):
            traceback.print_exception(met.error)
        print(met)
        return isinstance(met, Finding)
    groups, counts = defaultdict(list), Counter()
    for number in range(options.n):
        if options.kind not in (None, [*KINDS][number % len(KINDS)]):
            continue
        met = run(number, options.seed)
        if isinstance(met, Finding):
            groups[type(met.error).__name__, met.place].append(met)
        counts[met if isinstance(met, str) else "finding"] += 1
    for group in sorted(groups.values(), key=len, reverse=True):
        print(f"{len(group)} x {min(group, key=lambda finding: len(finding.text))}\n")
    print(dict(counts.most_common()))
    return bool(groups)


if __name__ == "__main__":
    raise SystemExit(main())
