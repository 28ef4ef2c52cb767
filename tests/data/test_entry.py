"""Every form that data may come in gives the same model, which keeps data of its own."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from forms import long_model

import nmfre
from nmfre.simulation import BumpDesign


def same_fit(a, b, **options):
    options = {"df_cap": 0.21, **options}
    left, right = a.fit(**options), b.fit(**options)
    np.testing.assert_array_equal(left.params.to_numpy(), right.params.to_numpy())
    np.testing.assert_array_equal(left.bse_boot.to_numpy(), right.bse_boot.to_numpy())
    return left, right


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
    """Guards the fit against later changes of the caller's arrays."""
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


def test_the_responses_are_copied_once():
    Y = np.random.default_rng(0).random((100_000, 8))
    counts = np.random.default_rng(0).integers(1, 9, Y.shape)
    for endog in (Y, counts, pd.DataFrame(Y)):
        tracemalloc.start()
        nmfre.NMFRE(endog, rank=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.6 * Y.nbytes  # the intercept, and a mask a response
