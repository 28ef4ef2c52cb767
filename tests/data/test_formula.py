"""Every form that data may come in, and every way in which they can be wrong."""

from __future__ import annotations

import datetime
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nmfre
from nmfre import errors
from nmfre.simulation import BumpDesign


def same_fit(a, b, **options):
    options = {"df_cap": 0.21, **options}
    left, right = a.fit(**options), b.fit(**options)
    np.testing.assert_array_equal(left.params.to_numpy(), right.params.to_numpy())
    np.testing.assert_array_equal(left.bse_boot.to_numpy(), right.bse_boot.to_numpy())
    return left, right


def long_model(frame, formula="distance ~ sex", **options):
    options = {"rank": 1, "unit": "subject", "occasion": "age", **options}
    return nmfre.NMFRE.from_formula(formula, frame, **options)


# Forms


@pytest.mark.bits
def test_long_wide_block_columns_and_arrays_are_one_model(model, orthodont, orthodont_wide):
    wide = orthodont_wide.loc[orthodont["subject"].unique()]
    ages = ["age8", "age10", "age12", "age14"]
    Y = wide[ages].to_numpy()
    block = wide[ages]
    assert block.shape == (27, 4)
    sex = wide["sex"]
    mapping = {"Y": Y, "sex": sex.to_numpy()}
    others = [
        nmfre.NMFRE.from_formula("age8 + age10 + age12 + age14 ~ sex", wide, rank=1),
        nmfre.NMFRE.from_formula("Y ~ sex", wide, rank=1),
        nmfre.NMFRE.from_formula("block ~ sex", wide, rank=1),
        nmfre.NMFRE.from_formula("Y ~ sex", mapping, rank=1),
        nmfre.NMFRE.from_formula("~ sex", wide, rank=1, endog=ages),
        nmfre.NMFRE.from_formula("sex", wide, rank=1, endog=ages),
        nmfre.NMFRE(Y, np.column_stack([np.ones(27), sex == "Male"]), rank=1),
    ]
    for other in others:
        same_fit(model, other)
    assert others[0].endog_names == ages
    assert others[1].endog_names == ["Y[0]", "Y[1]", "Y[2]", "Y[3]"]
    assert others[2].endog_names == ages
    assert others[-1].exog_names == ["const", "x1"]
    assert list(others[0].design.units) == list(wide.index)


def in_every_layout(values):
    """The same numbers, as they may lie in memory."""
    rows, columns = values.shape
    fortran = np.asfortranarray(values)
    strided = np.repeat(np.repeat(values, 2, axis=0), 3, axis=1)[::2, ::3]
    anywhere = np.empty(values.nbytes + 8, dtype=np.uint8)[3:-5].view(float).reshape(rows, columns)
    anywhere[:] = values
    assert not anywhere.flags.aligned
    as_columns = pd.DataFrame({f"x{j + 1}": values[:, j] for j in range(columns)})
    as_blocks = [pd.DataFrame(part, columns=as_columns.columns) for part in (values, fortran)]
    return [values, fortran, strided, anywhere, values[::-1].copy()[::-1], as_columns, *as_blocks]


@pytest.mark.bits
@pytest.mark.parametrize("method", ["df-cap", "ml", "ml, missing"])
def test_the_layout_in_memory_changes_no_bit(method):
    rng = np.random.default_rng(0)
    Y, group = BumpDesign(n_responses=10, rank=1, n_units=134).draw(rng)
    A = np.column_stack([group, rng.uniform(size=134)])
    if method == "ml, missing":
        Y[rng.random(Y.shape) < 0.1] = np.nan
    first = None
    for endog, exog in zip(in_every_layout(Y), in_every_layout(A), strict=True):
        res = nmfre.NMFRE(endog, exog, rank=1).fit(method.split(",")[0], n_boot=20)
        new, observed = exog[:9], np.asarray(endog)[:9]
        if isinstance(exog, pd.DataFrame):
            observed = pd.DataFrame(observed, columns=endog.columns)
        found = [
            *(getattr(res, name) for name in ("params", "bse", "bse_boot", "basis", "resid")),
            *(res.random_effects, res.predict(new), res.predict(new, endog=observed)),
            *(res.get_prediction(new).se_mean, pd.Series([res.sigma2, res.tau2, res.df_random])),
        ]
        found = [part.to_numpy() for part in found]
        first = found if first is None else first
        for one, other in zip(found, first, strict=True):
            np.testing.assert_array_equal(one, other)


def test_long_data_in_any_order(model, orthodont):
    shuffled = orthodont.sample(frac=1, random_state=1)
    other = long_model(shuffled)
    assert other.endog_names == [8, 10, 12, 14]
    assert list(other.design.units) == list(shuffled["subject"].unique())
    a, b = model.fit(df_cap=0.21), other.fit(df_cap=0.21)
    np.testing.assert_allclose(a.theta, b.theta, rtol=1e-8)
    pd.testing.assert_frame_equal(
        a.random_effects, b.random_effects.loc[a.random_effects.index], rtol=1e-6
    )


def test_occasions_without_an_order_keep_their_first_rows(orthodont):
    named = orthodont.assign(age=orthodont["age"].map({8: "z", 10: "b", 12: "a", 14: "c"}))
    assert long_model(named).endog_names == ["z", "b", "a", "c"]
    ordered = named.assign(age=pd.Categorical(named["age"], list("abcz"), ordered=True))
    assert long_model(ordered).endog_names == list("abcz")


@pytest.mark.parametrize(
    "occasions",
    [
        pd.period_range("2020", periods=4, freq="Y"),
        pd.to_timedelta([1, 2, 3, 4], "D"),
        [datetime.date(2020, month, 1) for month in (1, 2, 3, 4)],
        pd.date_range("2020-01-01", periods=4, tz="UTC"),
        pd.Index([1, 2.5, 3, 4], dtype=object),
    ],
    ids=["period", "timedelta", "date", "datetime", "object"],
)
def test_occasions_with_an_order_are_sorted(orthodont, occasions):
    dated = orthodont.assign(
        age=orthodont["age"].map(dict(zip((8, 10, 12, 14), occasions, strict=True)))
    )
    assert long_model(dated.iloc[::-1]).endog_names == list(occasions)


def test_levels_may_be_named_like_columns(simulated):
    frame = simulated.assign(
        group=simulated["group"].replace("a", "height"),
        height=np.where(simulated.index == 3, np.nan, 1.0),
    )
    frame["my x"] = frame["age"]
    model = nmfre.NMFRE.from_formula(
        "y1 + y2 ~ C(group, Treatment('height')) + Q('my x')", frame, rank=1
    )
    assert model.exog_names[-1] == "Q('my x')"
    frame.loc[5, "my x"] = np.nan
    with pytest.raises(errors.NonFiniteError, match="Covariate 'my x' is missing at unit 5"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ Q('my x')", frame, rank=1)


def test_wide_unit_column_labels_the_units(simulated):
    frame = simulated.assign(person=[f"p{i}" for i in range(40)])
    model = nmfre.NMFRE.from_formula("y1 + y2 ~ age", frame, rank=1, unit="person")
    assert model.fit("ml").random_effects.index[3] == "p3"


def test_formulas_of_the_right_hand_side(simulated):
    def names(formula):
        return nmfre.NMFRE.from_formula(formula, simulated, rank=2).exog_names

    assert names("y1 + y2 ~ age + group") == ["Intercept", "group[T.b]", "group[T.c]", "age"]
    assert names("y1 + y2 ~ age - 1") == ["age"]
    assert names("y1 + y2 ~ 1") == ["Intercept"]
    assert names("y1 + y2 ~ age:group - 1")[0] == "age:group[a]"
    assert names("y1 + Q('y2') ~ np.sqrt(age)") == ["Intercept", "np.sqrt(age)"]


def test_local_functions_are_found(simulated):
    def squared(x):
        return x**2

    model = nmfre.NMFRE.from_formula("y1 + y2 ~ squared(age)", simulated, rank=1)
    np.testing.assert_allclose(model.exog[:, 1], simulated["age"] ** 2)


def test_thousands_of_columns_on_the_left():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.random((20, 2000)), columns=[f"w{j}" for j in range(2000)])
    frame["x"] = rng.random(20)
    formula = " + ".join(frame.columns[:-1]) + " ~ x"
    assert nmfre.NMFRE.from_formula(formula, frame, rank=2).endog.shape == (20, 2000)


def test_one_response_stays_two_dimensional(simulated):
    with pytest.warns(errors.SingleResponseWarning):
        model = nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1)
    assert model.endog.shape == (40, 1)
    assert model.endog_names == ["y1"]
    assert model.fit(start_sigma2=20.0).fittedvalues.shape == (40, 1)
    assert nmfre.NMFRE(simulated["y1"], rank=1).endog_names == ["y1"]
    with pytest.warns(errors.SingleResponseWarning):
        alone = nmfre.NMFRE.from_formula("~ age", simulated, rank=1, endog="y1")
    assert alone.endog_names == ["y1"]


def test_data_frames_give_labels_to_arrays(simulated):
    endog, exog = simulated[["y1", "y2"]], simulated[["age"]].assign(one=1.0)
    model = nmfre.NMFRE(endog, exog, rank=1)
    assert (model.endog_names, model.exog_names) == (["y1", "y2"], ["age", "one"])
    labelled = exog.set_axis([f"u{i}" for i in range(40)])
    assert nmfre.NMFRE(endog.to_numpy(), labelled, rank=1).design.units[0] == "u0"
    series = nmfre.NMFRE(endog, exog["age"] + 1, rank=1)
    assert series.exog_names == ["age"]


def test_nothing_of_the_caller_is_modified(orthodont):
    before = orthodont.copy(deep=True)
    long_model(orthodont).fit().summary()
    pd.testing.assert_frame_equal(orthodont, before)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_model_keeps_a_copy_of_its_own(simulated, order):
    Y = np.array(simulated[["y1", "y2", "y3"]], order=order)
    A = np.column_stack([np.ones(40), simulated["age"]])
    frame, block = pd.DataFrame(Y), {"Y": Y, "age": A[:, 1]}
    models = [
        nmfre.NMFRE(Y, A, rank=1),
        nmfre.NMFRE(frame, A, rank=1),
        nmfre.NMFRE.from_formula("Y ~ age", block, rank=1),
        nmfre.NMFRE.from_formula("frame ~ age", simulated, rank=1),
    ]
    before = [model.fit("ml", n_boot=0, n_starts=1).llf for model in models]
    for model in models:
        assert not np.shares_memory(model.endog, Y)
        assert not np.shares_memory(model.exog, A)
    Y *= 5
    A *= 2
    frame.iloc[0, 0] = np.nan
    assert [model.fit("ml", n_boot=0, n_starts=1).llf for model in models] == before


def test_multipliers_are_copied(model):
    w = np.random.default_rng(0).exponential(size=(30, 27))
    res = model.fit(df_cap=0.21, multipliers=w)
    assert not np.shares_memory(res.inference.options.multipliers, w)


def test_the_responses_are_copied_once():
    Y = np.random.default_rng(0).random((100_000, 8))
    counts = np.random.default_rng(0).integers(1, 9, Y.shape)
    for endog in (Y, counts, pd.DataFrame(Y)):
        tracemalloc.start()
        nmfre.NMFRE(endog, rank=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.6 * Y.nbytes  # the intercept, and a mask a response


def test_masked_cells_are_missing(simulated):
    Y, A = simulated[["y1", "y2"]].to_numpy(), np.column_stack([np.ones(40), simulated["age"]])
    masked = np.ma.masked_array(Y, mask=np.zeros(Y.shape, dtype=bool))
    masked[3, 1] = np.ma.masked
    counts = np.ma.masked_array(np.ceil(Y + 1).astype(int), mask=masked.mask)
    for model in (
        nmfre.NMFRE(masked, A, rank=1),
        nmfre.NMFRE(counts, A, rank=1),
        nmfre.NMFRE.from_formula("Y ~ age", {"Y": masked, "age": A[:, 1]}, rank=1),
        nmfre.NMFRE.from_formula("masked ~ age", simulated, rank=1),
        nmfre.NMFRE.from_formula(
            "y + z ~ age", {"y": Y[:, 0], "z": masked[:, 1], "age": A[:, 1]}, rank=1
        ),
    ):
        assert model.design.n_missing == 1
        assert np.isnan(model.endog[3, 1])
    assert np.isfinite(masked.data).all()
    covariate = np.ma.masked_array(A, mask=False)
    covariate[5, 1] = np.ma.masked
    with raises(errors.NonFiniteError, "Covariate 'x1' is nan at unit 5"):
        nmfre.NMFRE(Y, covariate, rank=1)
    with raises(errors.NonFiniteError, "Covariate 'age' is missing at unit 5"):
        nmfre.NMFRE.from_formula("Y ~ age", {"Y": Y, "age": covariate[:, 1]}, rank=1)


# Errors


def raises(error, match):
    return pytest.raises(error, match=match)


def test_negative_response(orthodont):
    orthodont.loc[5, "distance"] = -1.0
    with raises(
        errors.NegativeResponseError,
        r"1 negative entries, first at unit 'M02', response 10 \(-1\): NMF-RE needs Y >= 0",
    ):
        long_model(orthodont)


def test_infinite_response(orthodont):
    orthodont.loc[5, "distance"] = np.inf
    with raises(errors.NonFiniteError, "Response 10 is inf at unit 'M02'"):
        long_model(orthodont)


def test_missing_covariate_label_and_infinite_transform(orthodont, simulated):
    with raises(errors.NonFiniteError, "Covariate 'sex' is missing at unit 'M01'"):
        long_model(orthodont.assign(sex=orthodont["sex"].where(orthodont["subject"] != "M01")))
    with raises(errors.NonFiniteError, "Column 'subject' is missing"):
        long_model(orthodont.assign(subject=orthodont["subject"].where(orthodont.index > 3)))
    simulated.loc[2, "age"] = 0.0
    with (
        raises(errors.NonFiniteError, r"Covariate 'np.log\(age\)' is -inf at unit 2"),
        np.errstate(divide="ignore"),
    ):
        nmfre.NMFRE.from_formula("y1 + y2 ~ np.log(age)", simulated, rank=1)


def test_duplicate_cell(orthodont):
    doubled = pd.concat([orthodont, orthodont.iloc[[5]]], ignore_index=True)
    with raises(
        errors.DuplicateCellError, r"\(subject 'M02', age 10\) appears 2 times \(rows 5, 108\)"
    ):
        long_model(doubled)


def test_missing_cells_are_counted(orthodont):
    assert long_model(orthodont).design.n_missing == 0
    holed = orthodont.drop(index=5).assign(distance=lambda d: d["distance"].mask(d.index == 3))
    design = long_model(holed).design
    assert (design.n_missing, design.n_cells) == (2, 106)
    assert list(zip(*np.nonzero(np.isnan(design.Y)), strict=True)) == [(1, 1), (3, 0)]


def test_covariate_that_varies_within_a_unit(orthodont):
    orthodont.loc[6, "sex"] = "Female"
    with raises(
        errors.VaryingCovariateError, r"'sex' varies within unit 'M02' \(rows 4, 6\): .* constant"
    ):
        long_model(orthodont)
    with raises(errors.VaryingCovariateError, "'age' varies within unit 'M01' .* the occasion"):
        long_model(orthodont, "distance ~ age")


def test_duplicate_labels(simulated):
    frame = simulated.set_axis([0, *range(39)])
    with raises(errors.DuplicateCellError, r"unit 0 appears 2 times \(rows 0, 1\)"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", frame, rank=1)
    with raises(errors.DuplicateCellError, "response 'y1' appears 2 times: rename or drop"):
        nmfre.NMFRE.from_formula("y1 + y1 ~ age", simulated, rank=1)
    twice = pd.concat([simulated, simulated[["age"]]], axis=1)
    with raises(errors.DuplicateCellError, "column 'age' appears 2 times: rename or drop"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", twice, rank=1)
    with raises(errors.InvalidArgumentError, "unit='age' .* takes the label of one column"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ 1", twice, rank=1, unit="age")


def test_repeated_units_are_told_of_unit_and_occasion(orthodont):
    indexed = orthodont.set_index("subject")
    match = r"'M01' appears 4 times \(rows 0, 1, 2, 3\): .* need .*\(..., unit=, occasion=\)"
    with raises(errors.DuplicateCellError, match):
        nmfre.NMFRE.from_formula("distance ~ sex", orthodont, rank=1, unit="subject")
    with raises(errors.DuplicateCellError, rf"{match}.*reset_index\(drop=True\)"):
        nmfre.NMFRE.from_formula("distance ~ sex", indexed, rank=1)
    with raises(errors.MissingColumnError, "'subject' is in the index: pass data.reset_index"):
        nmfre.NMFRE.from_formula("distance ~ sex", indexed, rank=1, unit="subject", occasion="age")
    many = pd.concat([orthodont] * 30, ignore_index=True)
    with raises(errors.DuplicateCellError, r"appears 30 times \(rows 0, .*, ... \(30 in all\)\)"):
        long_model(many)


def test_times_that_units_do_not_share(orthodont):
    noise = np.random.default_rng(0).uniform(0, 0.9, len(orthodont))
    unrounded = orthodont.assign(age=orthodont["age"] + noise)
    with raises(errors.ShapeError, r"'age' have 108 .* in 108 rows, .* Round or bin them"):
        long_model(unrounded)
    stray = unrounded["age"].where(noise < 0.1, orthodont["age"])
    pairs = orthodont["age"] + np.arange(len(orthodont)) // 8 * 10  # shared by two units
    for few in (stray, pairs):
        with pytest.warns(errors.NMFREWarning, match="one unit or two.* Round or bin") as caught:
            long_model(orthodont.assign(age=few))
        assert caught[0].filename == __file__
    assert long_model(unrounded.assign(age=unrounded["age"] // 1)).endog.shape == (27, 4)


@pytest.mark.parametrize(
    ("name", "in_formula", "in_fit"),
    [
        ("groups", "; use 'unit'", ". Clusters of units are not available yet"),
        ("random_state", r". fit\(\) takes 'seed'", "; use 'seed'"),
        ("reml", ". REML is not available: .*method='ml'", ". REML is not available"),
        ("REML", ". REML is not available", ". REML is not available: .*cov_type='cr3'"),
        ("n_components", "; use 'rank'", ". The rank is an argument of the model"),
    ],
)
def test_arguments_of_other_packages_lead_to_ours(model, orthodont, name, in_formula, in_fit):
    with raises(errors.UnknownArgumentError, f"unknown argument '{name}'{in_formula}"):
        long_model(orthodont, **{name: 1})
    with raises(errors.UnknownArgumentError, f"unknown argument '{name}'{in_fit}"):
        model.fit(**{name: 1})


def test_missing_unit_labels(simulated):
    frame = simulated.assign(person=[f"p{i}" for i in range(40)])
    frame.loc[[3, 5], "person"] = None
    with raises(errors.NonFiniteError, r"Column 'person' is missing at unit 3 \(2 such values"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", frame, rank=1, unit="person")
    labelled = simulated.set_axis([np.nan, np.nan, *range(38)])
    with raises(errors.DuplicateCellError, r"unit nan appears 2 times \(rows 0, 1\)"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", labelled, rank=1)


def test_data_without_rows(simulated, orthodont):
    with raises(errors.ShapeError, "the data have no rows: pass"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", simulated.iloc[:0], rank=1)
    with raises(errors.ShapeError, "the data have no rows: pass"):
        long_model(orthodont.iloc[:0])


def test_data_that_are_no_arrays(simulated):
    for data, name in ((None, "NoneType"), (simulated.to_numpy().tolist(), "list")):
        with raises(errors.InvalidArgumentError, f"data='{name}' is not allowed: .* DataFrame"):
            nmfre.NMFRE.from_formula("y1 ~ age", data, rank=1)
    for y in ([[1.0, 2.0], [3.0]], 3.0):
        with raises(errors.ShapeError, "an entry of data is no array"):
            nmfre.NMFRE.from_formula("y ~ x", {"y": y, "x": [1.0, 2.0]}, rank=1)
    with raises(errors.ShapeError, "endog cannot be made an array: pass rows that are all of one"):
        nmfre.NMFRE([[1.0, 2.0], [3.0]], rank=1)
    with raises(errors.ShapeError, "exog cannot be made an array"):
        nmfre.NMFRE(np.ones((2, 2)), [[1.0, 2.0], [3.0]], rank=1)


@pytest.mark.parametrize("rank", [0, -1, 5, 1.0, True, "1", None])
def test_rank(orthodont, rank):
    with raises(errors.RankError, r"whole number from 1 to min\(P, N\) = 4"):
        long_model(orthodont, rank=rank)


def test_collinear_covariates(simulated):
    frame = simulated.assign(
        male=(simulated["group"] == "a") * 1.0, female=(simulated["group"] != "a") * 1.0
    )
    with raises(
        errors.CollinearCovariatesError, "rank-deficient: female = Intercept - male. Drop one"
    ):
        nmfre.NMFRE.from_formula("y1 + y2 ~ male + female", frame, rank=1)
    frame["mixed"] = 2 * frame["age"] - 0.5
    with raises(errors.CollinearCovariatesError, "mixed = - 0.5 Intercept [+] 2 age"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age + mixed", frame, rank=1)


def test_zero_covariate_and_zero_response(simulated):
    with raises(errors.ZeroCovariateError, "'nothing' is zero"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ nothing", simulated.assign(nothing=0.0), rank=1)
    with raises(errors.ZeroResponseError, "'y3' is zero"):
        nmfre.NMFRE.from_formula("y1 + y3 ~ age", simulated.assign(y3=0.0), rank=1)


def test_levels_without_units(simulated):
    frame = simulated.assign(
        g=pd.Categorical(simulated["group"].replace("b", "c"), list("abc")), k="a", b=True
    )

    def names(right):
        return nmfre.NMFRE.from_formula(f"y1 + y2 ~ {right}", frame, rank=1).exog_names

    for right in ("g", "C(g)", "age + g", "age:g"):
        with raises(errors.ZeroCovariateError, r"g\)?\[b\]' .* no unit has .*remove_unused_categ"):
            names(right)
    for right in ("k", "C(k)", "age * k"):
        with raises(
            errors.FormulaError, r"every unit has the level 'a' of '(C\()?k\)?', .* effect"
        ):
            names(right)
    with raises(errors.FormulaError, "the level True of 'b', .* leave it out"):
        names("b")
    assert names("0 + k") == ["k[a]"]
    assert names("age:k") == ["Intercept", "age:k[a]"]
    assert names("0 + k + age:k") == ["k[a]", "age:k[a]"]
    assert len(names("C(g, [[0.0], [1.0], [2.0]])")) == 2


def test_too_few_units(simulated):
    with raises(errors.TooFewUnitsError, "2 units are too few for 2 covariates: it takes 3. Add"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ age", simulated.iloc[:2], rank=1)


def test_shapes(simulated):
    Y, A = simulated[["y1", "y2"]], np.ones((40, 1))
    with raises(errors.TransposedError, r"Y has 2 rows and A 40: .* pass Y.T"):
        nmfre.NMFRE(Y.to_numpy().T, A, rank=1)
    with raises(errors.ShapeError, "endog has 40 rows and exog 39"):
        nmfre.NMFRE(Y, A[1:], rank=1)
    with raises(errors.ShapeError, r"endog has shape \(2, 2, 2\)"):
        nmfre.NMFRE(np.ones((2, 2, 2)), rank=1)
    with raises(errors.ShapeError, "indices of endog and exog differ"):
        nmfre.NMFRE(Y, simulated[["age"]].iloc[::-1], rank=1)
    with raises(errors.ShapeError, r"lengths \[39, 40\]"):
        nmfre.NMFRE.from_formula("Y ~ x", {"Y": Y.to_numpy(), "x": np.ones(39)}, rank=1)
    other = simulated["y1"].iloc[::-1]
    assert len(other) == 40
    with raises(errors.ShapeError, "index of 'other' differs"):
        nmfre.NMFRE.from_formula("other + y2 ~ age", simulated, rank=1)
    array = np.ones(39)
    assert len(array) == 39
    with raises(errors.ShapeError, r"'array' has shape \(39,\), the data 40 rows"):
        nmfre.NMFRE.from_formula("array ~ age", simulated, rank=1)


def test_responses_that_are_not_numbers(simulated):
    with raises(errors.NonNumericError, "column 'group' is not numeric"):
        nmfre.NMFRE.from_formula("y1 + group ~ age", simulated, rank=1)
    with raises(errors.NonNumericError, "endog is not numeric"):
        nmfre.NMFRE(np.array([["a", "b"]] * 3), rank=1)


@pytest.mark.parametrize(
    ("formula", "match"),
    [
        ("y1*y2 ~ age", r"'\*' is not allowed on the left"),
        ("y1 - y2 ~ age", "'-' is not allowed on the left"),
        ("y1:y2 ~ age", "':' is not allowed on the left"),
        ("1 + y2 ~ age", "is not allowed on the left"),
        ("y1 + y2 ~ ag", "'ag' is not defined(.|\n)*The data have: y1, y2"),
        ("y1 + z ~ age", "'z' is not defined\nThe data have: y1"),
        ("y1 + y2 ~ (age", r"Unmatched '\('"),
        ("y1 + y2 ~ 0", "has no covariates"),
        ("~ age", "has no responses"),
        ("y1 + y2 ~ age ~ group", "formula"),
        ("names['x'] + y2 ~ age", r"failed \(KeyError\('x'\)\).\nThe data have: y1"),
        ("Q(names['x']) + y2 ~ age", r"failed \(KeyError\('x'\)\).\nThe data have: y1"),
        ("y1 + y2 ~ Q(names['x'])", r"failed \(KeyError\('x'\)\).\nThe data have: y1"),
        ("y1 y2 ~ age", "'y1 y2' is not Python"),
        ("y1 + y2 ~ age group", "'age group' is not Python"),
        ("item 1 + y2 ~ age", r"write Q\(\"item 1\"\)"),
        ("y1 + y2 ~ item 1", r"write Q\(\"item 1\"\)"),
        ("y1 + y2 ~ age + (1 | group)", r"\(1 \| group\) asks for random effects"),
        (None, "must be a string"),
    ],
)
def test_formulas_that_cannot_be_used(simulated, formula, match):
    names = {}
    assert not names
    with raises(errors.FormulaError, match):
        nmfre.NMFRE.from_formula(formula, simulated, rank=1)


def test_arguments_of_from_formula(simulated, orthodont):
    with raises(errors.FormulaError, "has responses on the left; leave|leave endog out"):
        nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1, endog=["y2"])
    with raises(errors.MissingColumnError, "endog needs a column 'y9'; the data have: y1"):
        nmfre.NMFRE.from_formula("~ age", simulated, rank=1, endog=["y9"])
    with raises(errors.InvalidArgumentError, r"endog=\[\] is not allowed: .* at least one column"):
        nmfre.NMFRE.from_formula("~ age", simulated, rank=1, endog=[])
    with raises(errors.MissingColumnError, "unit needs a column 'person'"):
        nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1, unit="person")
    for unit in (["group"], simulated["group"]):
        with raises(errors.InvalidArgumentError, "unit=.* takes the label of one column"):
            nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1, unit=unit)
    with raises(errors.InvalidArgumentError, "unit=None is not allowed"):
        nmfre.NMFRE.from_formula("distance ~ sex", orthodont, rank=1, occasion="age")
    with raises(errors.FormulaError, "take one response column"):
        long_model(orthodont.assign(d2=1.0), "distance + d2 ~ sex")
    with raises(errors.UnknownArgumentError, "unknown argument 'occassion'; did you mean 'occas"):
        nmfre.NMFRE.from_formula("y1 ~ age", simulated, rank=1, occassion="age")


def test_errors_are_one_tree_and_survive_pickling(orthodont):
    orthodont.loc[5, "distance"] = -1.0
    with pytest.raises(nmfre.NMFREError) as caught:
        long_model(orthodont)
    assert isinstance(caught.value, ValueError)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is errors.NegativeResponseError
    assert str(copy) == str(caught.value)
    assert issubclass(errors.UnknownArgumentError, TypeError)
    assert issubclass(nmfre.ConvergenceWarning, nmfre.NMFREWarning)


@settings(deadline=None)  # a busy machine is no fault
@given(st.permutations(range(27)))
def test_labels_follow_the_units(order):
    orthodont = nmfre.datasets.load_orthodont()
    labels = orthodont["subject"].unique()
    position = {labels[unit]: place for place, unit in enumerate(order)}
    shuffled = orthodont.sort_values(
        "subject", key=lambda column: column.map(position), kind="stable"
    )
    design = long_model(shuffled).design
    assert list(design.units) == [labels[unit] for unit in order]
    rows = orthodont[orthodont["subject"] == labels[order[4]]]
    np.testing.assert_array_equal(design.Y[:, 4], rows["distance"])


def test_long_data_without_their_unit_and_occasion_are_told(orthodont):
    with pytest.warns(errors.SingleResponseWarning, match="need unit= and occasion=") as caught:
        nmfre.NMFRE.from_formula("distance ~ sex", orthodont, rank=1)
    assert caught[0].filename == __file__
