"""Patterns of the basis and names of components, in every form that users have them in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from confirmatory import FAST, NAMES, PATTERN, battery, fitted, model
from forms import PAPER
from scipy.sparse import csr_array

import nmfre
from nmfre import errors

MASK = np.kron(np.eye(3, dtype=bool), np.ones((3, 1), dtype=bool))
FRAME = pd.DataFrame(MASK, NAMES, [*PATTERN])


@pytest.mark.parametrize("pattern", [FRAME, FRAME[::-1], FRAME.astype("boolean"), PATTERN])
def test_every_form_gives_one_pattern(pattern):
    made = model(basis_pattern=pattern)
    pd.testing.assert_frame_equal(
        made.basis_pattern, FRAME.rename_axis(columns="component"), check_column_type=False
    )
    assert (made.rank, [*made.components]) == (3, [*PATTERN])


def test_arrays_are_named_by_position_or_by_components():
    plain = model(basis_pattern=MASK)
    assert [*plain.components] == ["comp1", "comp2", "comp3"]
    named = nmfre.NMFRE(battery()[NAMES], basis_pattern=MASK.tolist(), components=["a", "b", "c"])
    assert [*named.components] == ["a", "b", "c"]
    assert named.params_index.get_level_values("component").to_list() == ["a", "b", "c"]
    assert model(basis_pattern=MASK, rank=3).rank == 3
    frame = pytest.importorskip("polars").DataFrame(
        {name: MASK[:, q] for q, name in enumerate("ab")}
    )
    with pytest.raises(errors.BasisPatternError, match="x7, x8, x9 may load on no component"):
        model(basis_pattern=frame)


def test_components_without_a_pattern_have_names():
    made = model(components=["low", "high"])
    assert made.rank == 2
    assert made.basis_pattern is None
    res = made.fit("ml", signed=True, **FAST, **PAPER)
    assert [*res.theta.index] == [*res.basis.columns] == ["low", "high"]
    assert np.isfinite(res.t_test("low[g] + high[g] = 0").effect).all()


@pytest.mark.parametrize(
    ("pattern", "match"),
    [
        (FRAME.astype(int), r"int64, not booleans: pass pattern.astype\(bool\)"),
        (FRAME.where(FRAME, None), "not booleans"),
        (MASK[:8], r"shape \(8, 3\): pass one row per response \(9\)"),
        (MASK[:, 0], r"shape \(9,\)"),
        (FRAME.drop(index="x4"), "no row for x4. Add a row for each"),
        (FRAME.rename(index={"x4": "y4"}), "y4: not among the responses, which are x1, x2"),
        (FRAME.reset_index(drop=True), "0, 1, 2, .*: not among the responses"),
        (pd.concat([FRAME, FRAME[:1]]), "rows appear more than once: x1"),
        (FRAME.assign(none=False), "no response may load on none. Give each component a response"),
        (FRAME.assign(speed=[*[False] * 7, True, True]), "x7 may load on no component"),
        ({"a": NAMES, "b": ["z1"]}, "z1: not among the responses"),
        ({"a": NAMES, "b": ["x1", "x1"]}, "component 'b' names x1 more than once"),
        ({"a": NAMES, "b": "x1"}, "component 'b' needs a list of its responses"),
        ({"a": NAMES, "b": []}, "component 'b' needs a list"),
        ({"a": [True] * 9}, "component 'a' needs a list"),
        ({"a": NAMES[:3]}, "x4, x5, x6, x7, x8, x9 may load on no component"),
        (True, "not booleans|shape"),
        ("x1", "not booleans"),
    ],
)
def test_what_is_no_pattern_is_named(pattern, match):
    with pytest.raises(errors.BasisPatternError, match=match):
        model(basis_pattern=pattern)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (
            {"basis_pattern": FRAME, "rank": 2},
            errors.InvalidArgumentError,
            "rank=2 .* must be 3, the number",
        ),
        (
            {"basis_pattern": MASK, "components": ["a"]},
            errors.InvalidArgumentError,
            "must be 3, the number of components in basis",
        ),
        (
            {"basis_pattern": FRAME, "components": ["a", "b", "c"]},
            errors.InvalidArgumentError,
            "None, because basis_pattern names the components",
        ),
        ({"components": ["a", "b"], "rank": 3}, errors.InvalidArgumentError, "rank=3"),
        ({"components": ["a", "a"]}, errors.DuplicateCellError, "component 'a' appears 2 times"),
        ({"components": [1, "1"]}, errors.DuplicateCellError, "component '1' appears"),
        ({"components": "ab"}, errors.InvalidArgumentError, "a list of different names"),
        ({"components": ["a", None]}, errors.InvalidArgumentError, "without missing names"),
        ({"components": [["a"], ["b"]]}, errors.InvalidArgumentError, "a list of different names"),
        ({"components": list(range(10))}, errors.RankError, "rank=10 must be"),
        ({"rank": None}, errors.RankError, "rank=None must be a whole number"),
        ({"basis_pattern": np.ones((9, 10), bool)}, errors.RankError, "rank=10"),
    ],
)
def test_rank_and_names_must_agree(arguments, error, match):
    with pytest.raises(error, match=match):
        model(**arguments)


def test_a_pattern_fixes_the_zeros_and_the_order():
    res = fitted("full")
    assert not res.basis.to_numpy()[~MASK].any()
    assert [*res.theta.index] == [*PATTERN]
    turned = model(basis_pattern=FRAME[["speed", "visual", "verbal"]]).fit(
        "ml", cov_resid="diagonal", cov_re="full", signed=True, **FAST
    )
    assert turned.llf == pytest.approx(res.llf, abs=1e-8)
    np.testing.assert_allclose(turned.theta.loc[[*PATTERN]], res.theta, rtol=1e-5)
    np.testing.assert_allclose(turned.cov_re.loc[[*PATTERN], [*PATTERN]], res.cov_re, rtol=1e-4)


@pytest.mark.parametrize("call", ["fit", "scan_cap", "select_rank"])
def test_what_does_not_take_a_pattern_says_so(call):
    made = model()
    calls = {
        "fit": lambda: made.fit(),
        "scan_cap": lambda: nmfre.scan_cap(made, [0.1]),
        "select_rank": lambda: nmfre.select_rank(made, [1, 2], progress=False),
    }
    with pytest.raises(errors.InvalidArgumentError, match="basis_pattern"):
        calls[call]()


def test_a_start_has_the_zeros_of_the_pattern():
    with pytest.raises(errors.InvalidArgumentError, match="zeros where basis_pattern has them"):
        model().fit("ml", start_basis=np.ones((9, 3)), **FAST)
    start = model().fit("ml", start_basis=MASK.astype(float), signed=True, **FAST)
    assert start.converged


def test_refits_keep_pattern_and_structure():
    boot = fitted("diagonal").bootstrap(3, refit=True)
    assert boot.n_failed == 0
    assert np.isfinite(boot.replicates.to_numpy()).all()


def test_missing_and_sparse_responses_take_patterns():
    data = battery().copy()
    sparse = nmfre.NMFRE(csr_array(data[NAMES]), data[["g"]].assign(one=1.0), basis_pattern=MASK)
    data.loc[::7, "x2"] = np.nan
    for made in (model(data), sparse):
        res = made.fit("ml", cov_resid="diagonal", cov_re="full", signed=True, **FAST)
        assert res.converged
        assert not res.basis.to_numpy()[~MASK].any()
    assert res.llf == pytest.approx(fitted("full").llf, abs=1e-6)


def test_other_names_reach_everything():
    res = fitted("full")
    new = res.rename_components({"visual": "V", "speed": "S"})
    names = ["V", "verbal", "S"]
    assert [*res.theta.index] == [*PATTERN]  # as it was
    for labels in (
        new.model.components,
        new.theta.index,
        new.basis.columns,
        new.cov_re.index,
        new.params.index.get_level_values("component").unique(),
        new.model.basis_pattern.columns,
        new.random_effects.columns,
    ):
        assert [*labels] == names
    assert "tau2 V:" in str(new.summary())
    np.testing.assert_array_equal(new.bse, res.bse)
    assert new.model.fit("ml", **FAST).theta.index[0] == "V"
    assert [*new.rename_components({"V": "visual", "S": "speed"}).theta.index] == [*PATTERN]
    for names, error, match in (
        ({"nobody": "V"}, errors.InvalidArgumentError, "names='nobody'"),
        ({"visual": "verbal"}, errors.DuplicateCellError, "'verbal' appears 2 times"),
        (["V"], errors.InvalidArgumentError, "a dictionary"),
    ):
        with pytest.raises(error, match=match):
            res.rename_components(names)
