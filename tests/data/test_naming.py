"""How formulas name columns, and what is said where a formula fails."""

from __future__ import annotations

from functools import partial
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors
from nmfre.__main__ import main

FIT = {"method": "ml", "n_boot": 0, "n_starts": 1}

model = partial(nmfre.NMFRE.from_formula, rank=1)


def fails(error=ValueError):
    raise error


def undefined(x):
    return x + nowhere  # noqa: F821


@pytest.mark.parametrize(
    ("term", "match"),
    [
        ("%", "its evaluation failed"),
        ("{}", "its evaluation failed"),
        ("iter(age)", "its evaluation failed"),
        ("fails()", "ValueError"),
        ("fails(SystemExit)", "SystemExit"),
        ("exit()", "SystemExit"),
        ("undefined(age)", "'nowhere' is not defined"),
        ("te(cr(group, df=3), cr(age, df=3))", "its evaluation failed"),
        ("cc(y3 * 0, df=3)", "knots"),
        ("+".join(["age"] * 2000), "too many terms .* one array"),
        ("I(" + "(" * 300 + "age" + ")" * 301, "is not valid Python"),
        ("age\0", "tokenizing"),
    ],
)
def test_whatever_a_formula_raises_is_an_error_of_ours_with_its_cause(simulated, term, match):
    with pytest.raises(errors.FormulaError, match=match) as caught:
        model(f"y1 + y2 ~ {term}", simulated)
    assert caught.value.__cause__ is not None


def test_the_left_side_and_new_data_fail_alike(simulated):
    for code in ("exit()", "fails()"):
        with pytest.raises(errors.FormulaError, match=r"'(exit|fails)\(\)' failed"):
            model(f"{code} + y1 ~ age", simulated)

    broken = []

    def late(x):
        return fails(SystemExit) if broken else x

    res = model("y1 + y2 ~ late(age)", simulated).fit(**FIT)
    broken.append(True)
    with pytest.raises(errors.FormulaError, match="SystemExit"):
        res.predict(simulated)


def test_an_interrupt_is_not_an_error_of_the_formula(simulated):
    with pytest.raises(KeyboardInterrupt):
        model("y1 + y2 ~ fails(KeyboardInterrupt)", simulated)


def test_exit_in_a_formula_is_wrong_use(simulated, tmp_path):
    file = tmp_path / "data.csv"
    simulated.to_csv(file)
    with pytest.raises(SystemExit) as caught:
        main(["y1 + y2 ~ exit(0)", str(file), "--rank", "1"])
    assert caught.value.code == 2


@pytest.mark.parametrize("label", [4, ("t", 1), ("x", ""), 1.5, None, "age.y", "class", "a \"b'"])
def test_q_takes_any_label_at_the_fit_and_for_new_data(simulated, label):
    frame = simulated.rename(columns={"age": "x"}).assign(**{"other": 1.0})
    expected = model("y1 + y2 ~ x", frame).fit(**FIT)
    columns = [label if name == "x" else 0 if name == "other" else name for name in frame]
    frame.columns = pd.Index(columns, tupleize_cols=False, dtype=object)
    res = model(f"y1 + y2 ~ Q({label!r})", frame).fit(**FIT)
    variable = model("y1 + y2 ~ Q(label)", frame).fit(**FIT)
    for other in (res, variable):
        np.testing.assert_allclose(other.params, expected.params, rtol=1e-10)
        np.testing.assert_allclose(other.predict(frame), res.predict(), rtol=1e-12)
    with pytest.raises(errors.MissingColumnError, match=r"predict needs .* They have: y1, y2"):
        res.predict(frame[["y1", "y2"]])
    with pytest.raises(errors.MissingColumnError, match="They have: none"):
        res.predict(frame[[]])


def test_columns_with_several_levels(simulated):
    flat = simulated.assign(id=range(40))
    blocks = {
        "y": flat[["y1", "y2"]],
        **{n: flat[[n]].set_axis([""], axis=1) for n in flat.columns[5:]},
    }
    frame = pd.concat(blocks, axis=1)
    expected = model("y1 + y2 ~ age + group", flat).fit(**FIT)
    res = model("y ~ age + group", frame, unit="id").fit(**FIT)
    assert (res.model.endog_names, res.model.exog_names[-1]) == (["y1", "y2"], "age")
    np.testing.assert_array_equal(res.params, expected.params)
    for new in (frame, flat):
        np.testing.assert_allclose(res.predict(new), expected.predict())
    assert model("~ age", frame, endog="y").endog.shape == (40, 2)
    with pytest.warns(errors.SingleResponseWarning):
        assert model("~ age", frame, endog=("y", "y1"), unit="id").endog.shape == (40, 1)
    with pytest.raises(errors.FormulaError, match=r"Write Q\(\('y', 'y1'\)\), Q\(\('y', 'y2'\)\)"):
        model("y1 + y2 ~ age", frame)
    with pytest.raises(errors.InvalidArgumentError, match="must be the label of one column"):
        model("y ~ age", frame, unit="y")


@pytest.mark.parametrize(
    ("column", "formula", "match"),
    [
        ("age.y", "y1 ~ age.y", r'Write Q\("age.y"\)\.'),
        ("\u00b5", "y1 ~ \u00b5", 'Write Q\\("\u00b5"\\)'),
        ("\u00b5", "y1 ~ \u03bc", 'Write Q\\("\u00b5"\\)'),
        (normalize("NFD", "Größe"), normalize("NFD", "y1 ~ Größe"), r'Write Q\("Gro.ße"\)'),
        (normalize("NFD", "Größe"), "y1 ~ Größe", r'Write Q\("Gro.ße"\)'),
        ("item 1", "y1 ~ item 1", r'Write Q\("item 1"\)'),
        ("class", "y1 ~ class", r'Write Q\("class"\)'),
        ("w.1", "y1 + w.1 ~ y2", r'Write Q\("w.1"\) on the left, or pass .* endog=\[...\]'),
        (4, "y1 ~ Q('4')", r"Write Q\(4\)"),
        (("x", ""), "y1 ~ x", r"Write Q\(\('x', ''\)\)"),
        ("x", "y1 ~ Q(x)", r"Write x\."),
        ("C", "y1 ~ C + C(group)", r"The column 'C' hides the function C\(\): rename"),
        ("Q", "y1 ~ Q('Q')", r"The column 'Q' hides the function Q\(\): rename"),
    ],
)
def test_names_that_a_formula_does_not_reach_are_told(simulated, column, formula, match):
    frame = simulated.assign(new=simulated["age"])
    columns = [column if name == "new" else name for name in frame]
    frame.columns = pd.Index(columns, tupleize_cols=False)
    with pytest.raises(errors.FormulaError, match=match):
        model(formula, frame)


def test_a_column_named_like_a_function_that_is_called_is_not_in_the_way(simulated):
    frame = simulated.assign(C=1.0, np=1.0)
    names = ["Intercept", "C(group)[T.b]", "C(group)[T.c]"]
    assert model("y1 + y2 ~ C(group)", frame).exog_names == names


def test_labels_of_other_kinds_beside_those_of_the_model(simulated):
    res = model("y1 + y2 ~ age", simulated).fit(**FIT)
    arrays = nmfre.NMFRE(simulated[["y1", "y2"]], simulated[["age"]], rank=1).fit(**FIT)
    mixed = simulated[["age"]].assign(**{"t": 1.0})
    mixed[0] = mixed["age"]
    mixed[("t", 1)] = mixed[None] = mixed[b"a"] = 1.0
    for fit in (res, arrays):
        np.testing.assert_allclose(fit.predict(mixed), fit.predict())


def test_an_array_beside_the_data_is_a_variable_of_new_data(simulated):
    beside = simulated["age"].to_numpy() + 1
    res = model("y1 + y2 ~ beside", simulated).fit(**FIT)
    for rows in (5, 40):
        with pytest.raises(errors.MissingColumnError, match="predict needs a column 'beside'"):
            res.predict(simulated.head(rows))
    new = simulated.assign(beside=beside).head(5)
    np.testing.assert_allclose(res.predict(new), res.predict().head(5))


def test_what_is_in_the_index_is_told(simulated):
    remedy = r"'age' is in the index: pass data.reset_index\(\)"
    frame = simulated.set_index("age")
    for formula in ("y1 + y2 ~ age", "age + y1 ~ y2"):
        with pytest.raises(errors.FormulaError, match=remedy):
            model(formula, frame)
    for options in ({"unit": "age"}, {"unit": "group", "occasion": "age"}):
        with pytest.raises(errors.MissingColumnError, match=remedy):
            model("y1 ~ 1", frame, **options)
    res = model("y1 + y2 ~ age", simulated).fit(**FIT)
    with pytest.raises(errors.MissingColumnError, match=remedy):
        res.predict(frame)
