"""Data in chunks that dask holds: what fits in memory gives the same numbers."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors
from nmfre.inference import wild_bootstrap as bootstrap
from nmfre.simulation import BumpDesign

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

NAMES = [f"r{p}" for p in range(6)]


@pytest.fixture(scope="module")
def data():
    return BumpDesign(n_responses=6, rank=2, n_units=600).draw(np.random.default_rng(0))


@pytest.fixture(scope="module")
def frame(data):
    endog, exog = data
    return pd.DataFrame(np.hstack([endog, exog]), columns=[*NAMES, "one", "group"])


def chunked(data, rows):
    return tuple(da.from_array(part, chunks=(rows, -1)) for part in data)


def assert_same(a, b, rtol=1e-10):
    """All that a fit says is the same, to 1e-10."""
    for name in ("params", "basis"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=rtol, atol=rtol)
    for name in ("llf", "sigma2", "tau2", "df_random", "saturation", "aic"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=rtol)
    np.testing.assert_allclose(b.rsquared_table(), a.rsquared_table(), rtol=rtol)
    for name in ("bse", "bse_boot", "tvalues", "pvalues", "basis_bse", "profiles_bse"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=rtol, atol=1e-12)
    for name in ("random_effects", "fittedvalues", "resid"):
        lazy = getattr(b, name)
        assert isinstance(lazy, dd.DataFrame)
        np.testing.assert_allclose(lazy.compute(), getattr(a, name), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(b.predict().compute(), a.predict(), rtol=1e-10)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("rows", [600, 37, (300, 299, 1)])
def test_chunks_give_what_memory_gives(data, signed, rows, monkeypatch):
    monkeypatch.setattr(bootstrap, "SMALLEST_BLOCK", 64)
    monkeypatch.setattr(bootstrap, "BLOCK_BYTES", 8 * 100 * 90)  # blocks that chunks cut
    options = {"signed": signed, "n_starts": 2, "n_boot": 50, "tol": 1e-10}  # starts agree
    a = nmfre.NMFRE(*data, rank=2).fit("ml", **options)
    b = nmfre.NMFRE(*chunked(data, rows), rank=2).fit("ml", **options)
    assert_same(a, b)
    np.testing.assert_allclose(
        b.inference.bootstrap.replicates, a.inference.bootstrap.replicates, rtol=1e-10, atol=1e-10
    )
    a, b = a.with_uncertainty("conditional"), b.with_uncertainty("conditional")
    for name in ("bse", "bse_boot", "tvalues"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=1e-10)
    np.testing.assert_allclose(
        b.inference.bootstrap.replicates, a.inference.bootstrap.replicates, rtol=1e-10
    )


def test_every_option_of_the_inference_passes_over_chunks(data):
    for options in ({"cov_type": "cr3"}, {"cov_type": "max"}, {"df_cap": 0.8, "n_boot": 0}):
        a = nmfre.NMFRE(*data, rank=2).fit("ml", n_starts=1, **options)
        b = nmfre.NMFRE(*chunked(data, 100), rank=2).fit("ml", n_starts=1, **options)
        np.testing.assert_allclose(b.bse, a.bse, rtol=1e-10)
        for name in ("df_model", "cap_binds"):
            assert getattr(a, name) == getattr(b, name)
    a, b = nmfre.NMFRE(*data, rank=2), nmfre.NMFRE(*chunked(data, 100), rank=2)
    limits = [m.fit("ml", n_starts=1).conf_int(method="studentized") for m in (a, b)]
    np.testing.assert_allclose(*limits, rtol=1e-10)
    printed = [str(m.fit("ml", n_starts=1).summary()).splitlines() for m in (a, b)]
    assert [x for x in printed[0] if "Gradient norm" not in x] == [
        x for x in printed[1] if "Gradient norm" not in x
    ]


def test_one_pass_for_the_data_and_one_for_the_scores(data):
    loads = []

    def load(block):
        loads.append(len(block))
        return block

    endog = da.from_array(data[0], chunks=(200, -1)).map_blocks(load, meta=np.empty((0, 0)))
    with dask.config.set(scheduler="synchronous"):
        model = nmfre.NMFRE(endog, data[1], rank=2)
        assert loads == [200] * 3
        res = model.fit("ml", n_starts=1)
        assert loads == [200] * 6
        res.summary()
        assert res.rsquared_table().notna().all(axis=None)
        assert loads == [200] * 6
        res.with_uncertainty("conditional")
        assert loads == [200] * 9
        assert res.estimate.U[:, 200:400].compute().shape == (2, 200)
        assert loads == [200] * 10


def test_collections_of_all_kinds(data, frame):
    endog, exog = data
    a = nmfre.NMFRE(frame[NAMES], frame[["one", "group"]], rank=2).fit("ml", n_starts=1)
    lazy = dd.from_pandas(frame, npartitions=4)
    for left, right in (
        (lazy[NAMES], lazy[["one", "group"]]),
        (lazy[lazy.one > 0][NAMES], frame[["one", "group"]]),  # lengths not known
        (frame[NAMES], lazy[["one", "group"]]),
    ):
        b = nmfre.NMFRE(left, right, rank=2).fit("ml", n_starts=1)
        assert_same(a, b)
        assert b.theta.columns.to_list() == ["one", "group"]
        assert b.fittedvalues.columns.to_list() == NAMES
    unknown = lazy[NAMES].to_dask_array()
    b = nmfre.NMFRE(unknown, exog, rank=2).fit("ml", n_starts=1)
    assert_same(a, b)
    assert np.isnan(unknown.shape[0])  # the user's array is left alone
    assert b.model.exog_names == ["const", "x1"]
    across = da.from_array(endog, chunks=(100, 2)).astype("float32")
    b = nmfre.NMFRE(across, exog[:, 1:], rank=2).fit("ml", n_starts=1)
    assert b.model.exog_names == ["x1"]
    assert nmfre.NMFRE(across, rank=2).fit("ml", n_starts=1).theta.shape == (2, 1)
    one = nmfre.NMFRE(lazy["r0"], lazy[["one", "group"]], rank=1).fit("ml", n_starts=1)
    assert one.basis.index.to_list() == ["r0"]


def test_prediction_for_new_units_in_and_out_of_memory(frame):
    lazy = dd.from_pandas(frame, npartitions=4)
    res = nmfre.NMFRE(lazy[NAMES], lazy[["one", "group"]], rank=2).fit("ml", n_starts=1)
    few = res.predict(frame[["group", "one"]].head(3))
    assert isinstance(few, pd.DataFrame)
    many = res.predict(lazy[["group", "one"]])
    np.testing.assert_allclose(many.compute(), res.predict().compute())
    np.testing.assert_allclose(few, many.head(3))
    with pytest.raises(errors.MissingColumnError, match="group"):
        res.predict(lazy[["one"]])
    with pytest.raises(errors.ShapeError, match="exog has 1 columns"):
        res.predict(da.ones((9, 1)))
    holes = da.from_array(np.array([[1.0, 0.0]] * 8 + [[1.0, np.nan]]), chunks=(4, 2))
    with pytest.raises(errors.NonFiniteError, match="'group' is nan at unit 8"):
        res.predict(holes).compute()


def test_intervals_of_predictions_and_clusters(frame):
    lazy, C = dd.from_pandas(frame, npartitions=4), ["one", "group"]
    b = nmfre.NMFRE(lazy[NAMES], lazy[C], rank=2).fit("ml", n_starts=1)
    a = nmfre.NMFRE(frame[NAMES], frame[C], rank=2).fit("ml", n_starts=1)
    some = frame.head(5)
    observed = some[NAMES].mask(np.eye(5, len(NAMES), dtype=bool))
    for given in ({}, {"endog": observed}):
        one, other = (res.get_prediction(some[C], **given).summary_frame() for res in (a, b))
        pd.testing.assert_frame_equal(one, other, rtol=1e-10)
    for exog in (None, lazy[C]):
        with pytest.raises(errors.NotComputedError, match="covariates of some units in memory"):
            b.get_prediction(exog)
    np.testing.assert_allclose(
        b.predict(lazy[C], endog=lazy[NAMES]).compute(), a.fittedvalues, rtol=1e-10
    )
    clusters = b.unit_clusters()
    assert isinstance(clusters, dd.Series)
    pd.testing.assert_series_equal(clusters.compute(), a.unit_clusters())


def test_likelihood_ratio_tests_compare_responses_by_their_moments(data):
    endog, exog = chunked(data, 100)
    large = nmfre.NMFRE(endog, exog, rank=2).fit("ml", n_starts=1, n_boot=0)
    small = nmfre.NMFRE(endog.rechunk((77, -1)), rank=2).fit("ml", n_starts=1, n_boot=0)
    assert large.compare_lr_test(small)[2] == 2
    other = nmfre.NMFRE(endog + 1e-3, rank=2).fit("ml", n_starts=1, n_boot=0)
    with pytest.raises(errors.InvalidArgumentError, match="same responses"):
        large.compare_lr_test(other)
    ones = np.ones((600, 1))
    noise = np.random.default_rng(0).uniform(size=(600, 1))
    wide = nmfre.NMFRE(endog, np.hstack([ones, noise, data[1][:, 1:]]), rank=2)
    assert wide.fit("ml", n_starts=1, n_boot=0).compare_lr_test(large)[2] == 2
    foreign = nmfre.NMFRE(endog, noise, rank=2).fit("ml", n_starts=1, n_boot=0)
    with pytest.raises(errors.InvalidArgumentError, match="combinations of the covariates"):
        large.compare_lr_test(foreign)


# What is wrong with the data


@pytest.mark.parametrize(
    ("row", "column", "value", "error", "match"),
    [
        (401, 3, -2.0, errors.NegativeResponseError, "2 negative entries, first at unit 401, re"),
        (401, 3, np.nan, errors.NonFiniteError, "Response 'y4' is nan at unit 401 .2 such"),
        (401, 3, np.inf, errors.NonFiniteError, "Response 'y4' is inf at unit 401 .2 such"),
    ],
)
def test_a_bad_response_is_named(data, row, column, value, error, match):
    endog = data[0].copy()
    endog[row, column] = endog[row + 100, column + 1] = value
    with pytest.raises(error, match=match):
        nmfre.NMFRE(*chunked((endog, data[1]), 100), rank=2)


def test_bad_covariates_are_named(data):
    endog, exog = data
    for extra, error, match in (
        (
            np.where(np.arange(600) == 431, np.nan, 1.0),
            errors.NonFiniteError,
            "'x2' is nan at unit 4",
        ),
        (np.zeros(600), errors.ZeroCovariateError, "Covariate 'x2' is zero"),
        (1.0 - exog[:, 1], errors.CollinearCovariatesError, "x2 = const - x1"),
    ):
        wide = da.from_array(np.column_stack([exog, extra]), chunks=(77, 1))
        with pytest.raises(error, match=match):
            nmfre.NMFRE(da.from_array(endog, chunks=(100, -1)), wide, rank=2)
    with pytest.raises(errors.TooFewUnitsError):
        nmfre.NMFRE(da.from_array(endog[:2]), exog[:2], rank=2)
    zero = endog * (np.arange(6) != 2)
    with pytest.raises(errors.ZeroResponseError, match="'y3' is zero"):
        nmfre.NMFRE(da.from_array(zero, chunks=(100, 3)), exog, rank=2)


def test_shapes_and_kinds_that_do_not_fit(data, frame):
    endog, exog = data
    lazy = da.from_array(endog, chunks=(100, -1))
    with pytest.raises(errors.TransposedError):
        nmfre.NMFRE(lazy.T, exog, rank=2)
    with pytest.raises(errors.ShapeError, match="endog has 600 rows and exog 599"):
        nmfre.NMFRE(lazy, exog[1:], rank=2)
    with pytest.raises(errors.ShapeError, match="an array with two axes"):
        nmfre.NMFRE(lazy[None], exog, rank=2)
    with pytest.raises(errors.NonNumericError, match="complex128"):
        nmfre.NMFRE(lazy.astype(complex), exog, rank=2)
    with pytest.raises(errors.ShapeError, match="endog is a Delayed of dask"):
        nmfre.NMFRE(dask.delayed(np.ones)(3), exog, rank=2)
    masked = lazy.map_blocks(np.ma.masked_less, 1.0, dtype=float, meta=np.empty((0, 0)))
    with pytest.raises(errors.ShapeError, match="chunks of dask arrays are MaskedArray"):
        nmfre.NMFRE(masked, exog, rank=2)
    words = dd.from_pandas(frame.assign(r0="a"), npartitions=2)
    with pytest.raises(errors.NonNumericError, match="column 'r0'"):
        nmfre.NMFRE(words[NAMES], exog, rank=2)
    shifted = frame.set_axis(frame.index + (frame.index >= 450))
    with pytest.raises(errors.ShapeError, match="indices of endog and exog differ, first at row 4"):
        nmfre.NMFRE(dd.from_pandas(frame[NAMES], npartitions=3), shifted[["one"]], rank=2)


def test_what_needs_all_data_in_memory_says_so(data, frame):
    model = nmfre.NMFRE(*chunked(data, 100), rank=2)
    with pytest.raises(errors.ChunkedResponsesError, match="use method='ml'"):
        model.fit()
    with pytest.raises(errors.ChunkedResponsesError, match="use method='ml'"):
        nmfre.scan_cap(model, [0.5])
    with pytest.raises(errors.InvalidArgumentError, match="None where data are in chunks"):
        model.fit("ml", multipliers=np.ones((20, 600)))
    with pytest.raises(errors.FormulaError, match="needs all levels"):
        nmfre.NMFRE.from_formula("r0 + r1 ~ group", dd.from_pandas(frame), rank=1)


# Files and workers that fail


def test_a_file_that_ends_early(data, tmp_path):
    da.to_npy_stack(tmp_path, da.from_array(data[0], chunks=(100, -1)))
    whole = nmfre.NMFRE(da.from_npy_stack(tmp_path), data[1], rank=2)
    file = tmp_path / "4.npy"
    file.write_bytes(file.read_bytes()[:-800])
    with pytest.raises(errors.ChunkError, match=r"did not finish [(]ValueError"):
        nmfre.NMFRE(da.from_npy_stack(tmp_path), data[1], rank=2)
    with pytest.raises(errors.ChunkError, match="nothing was computed from the rest"):
        whole.fit("ml")  # the file was cut between the passes


def test_a_parquet_file_that_ends_early(frame, tmp_path):
    for part in range(3):
        frame[200 * part : 200 * (part + 1)].to_parquet(tmp_path / f"{part}.parquet")
    lazy = dd.read_parquet(tmp_path)
    file = sorted(tmp_path.glob("*.parquet"))[1]
    file.write_bytes(file.read_bytes()[:-4000])
    with pytest.raises(errors.ChunkError):
        nmfre.NMFRE(lazy[NAMES], lazy[["one", "group"]], rank=2)


def test_a_chunk_with_other_units_than_announced(data):
    endog = data[0]
    parts = [
        da.from_delayed(dask.delayed(endog[rows]), shape=(200, 6), dtype=float)
        for rows in (slice(0, 200), slice(200, 390), slice(400, 600))
    ]
    with pytest.raises(errors.ChunkLengthError, match="chunk of units 200 to 399 has 190 units"):
        nmfre.NMFRE(da.concatenate(parts), rank=2)


def bits(res):
    """All that is said of a fit, and what is said of a unit."""
    conditional = res.with_uncertainty("conditional")
    parts = [res.summary_frame(), res.basis, res.rsquared, res.bse_boot, conditional.bse]
    return [
        *np.concatenate([np.ravel(part) for part in parts]),
        *(res.llf, res.sigma2, res.tau2, conditional.summary_frame().to_numpy().tobytes()),
    ]


@pytest.mark.bits
@pytest.mark.parametrize(("n_units", "n_responses", "rows"), [(600, 6, 50), (4000, 7, 500)])
def test_one_and_two_workers_give_the_same_bits(n_units, n_responses, rows, cluster):
    design = BumpDesign(n_responses=n_responses, rank=2, n_units=n_units)
    drawn = design.draw(np.random.default_rng(0))
    found, units = [], []
    for scheduler in ("synchronous", "threads", cluster):
        with dask.config.set(scheduler=scheduler):
            res = nmfre.NMFRE(*chunked(drawn, rows), rank=2).fit("ml", n_starts=1, n_boot=100)
            found.append(bits(res))
            units.append(res.random_effects.loc[333].compute())
    assert found[0] == found[1] == found[2]
    for other in units[1:]:  # lazy, of arrays that lie as dask has them
        np.testing.assert_allclose(other, units[0], rtol=1e-12)


@pytest.mark.bits
def test_the_layout_of_chunks_changes_no_bit(data):
    def anywhere(block):
        moved = np.empty(block.nbytes + 8, dtype=np.uint8)[3:-5].view(float).reshape(block.shape)
        moved[:] = block
        return moved

    first, *others = [
        bits(nmfre.NMFRE(*parts, rank=2).fit("ml", n_starts=1, n_boot=100))
        for parts in (
            chunked(data, 100),
            *(
                [p.map_blocks(f, dtype=float) for p in chunked(data, 100)]
                for f in (np.asfortranarray, anywhere)
            ),
        )
    ]
    assert all(other == first for other in others)


def test_a_worker_that_dies(data, cluster):
    def die(block):
        if len(block) and block[0, 0] == data[0][300, 0]:
            os._exit(1)
        return block

    endog = da.from_array(data[0], chunks=(100, -1)).map_blocks(die, meta=np.empty((0, 0)))
    with dask.config.set(scheduler=cluster), pytest.raises(errors.ChunkError, match="KilledWorker"):
        nmfre.NMFRE(endog, data[1], rank=2)


def test_advice_and_scores_of_data_in_chunks():
    rng = np.random.default_rng(0)
    Y = 10 + 3 * rng.normal(size=(60, 1)) + rng.normal(size=(60, 4))
    lazy = nmfre.NMFRE(da.from_array(Y, chunks=(25, 4)), rank=1).fit("ml", n_boot=0)
    whole = nmfre.NMFRE(Y, rank=1).fit("ml", n_boot=0)
    np.testing.assert_allclose(lazy.scores().compute(), whole.scores(), rtol=1e-8)
    topics = set(lazy.check().frame["topic"])
    assert {"residuals", "influence"} <= topics
    with pytest.raises(
        errors.NotComputedError, match="in chunks; for each unit they are about the same"
    ):
        lazy.random_effects_se  # noqa: B018
    with pytest.raises(errors.NotComputedError, match="in chunks; fit a sample of the units"):
        lazy.dfbetas  # noqa: B018
    for plot in ("residuals", "random_effects", "growth_curves"):
        with pytest.raises(errors.NotComputedError, match=f"plot_{plot} is not .* in chunks"):
            getattr(lazy, f"plot_{plot}")()
    with pytest.raises(errors.NotComputedError, match="in chunks"):
        lazy.bootstrap(10, refit=True)


def test_path_diagrams_of_data_in_chunks(data):
    plt = pytest.importorskip("matplotlib.pyplot")
    drawn = []
    for endog, exog in (data, chunked(data, 100)):
        res = nmfre.NMFRE(endog, exog, rank=2).fit("ml", n_starts=1, n_boot=0)
        drawn.append([patch.get_linewidth() for patch in res.plot_path_diagram().patches])
    assert len(drawn[0]) > 4
    np.testing.assert_allclose(drawn[1], drawn[0], rtol=1e-6)
    plt.close("all")


def test_ranks_of_data_in_chunks(data):
    whole, lazy = nmfre.NMFRE(*data, rank=1), nmfre.NMFRE(*chunked(data, 100), rank=1)
    options = {"n_starts": 1, "progress": False}
    for criterion in ("bic", "aic"):
        a, b = (nmfre.select_rank(m, [1, 2], criterion=criterion, **options) for m in (whole, lazy))
        np.testing.assert_allclose(b.table[criterion], a.table[criterion], rtol=1e-8)
    for over in ("entries", "units"):
        with pytest.raises(errors.InvalidArgumentError, match="'bic' or 'aic' where data are in"):
            nmfre.select_rank(lazy, [1, 2], over=over, **options)


def test_groups_of_units_in_chunks(data, monkeypatch):
    monkeypatch.setattr(bootstrap, "SMALLEST_BLOCK", 64)
    labels = np.random.default_rng(0).integers(0, 50, 600)
    options = {"signed": True, "n_starts": 1, "n_boot": 20, "tol": 1e-10}
    a = nmfre.NMFRE(*data, rank=2, groups=labels).fit("ml", **options)
    for groups in (labels, da.from_array(labels, chunks=100)):
        model = nmfre.NMFRE(*chunked(data, 100), rank=2, groups=groups)
        for cov_type in ("sandwich", "cr3"):
            one = a.with_uncertainty("marginal", cov_type=cov_type)
            other = model.fit("ml", cov_type=cov_type, **options)
            np.testing.assert_allclose(other.bse, one.bse, rtol=1e-9)
            np.testing.assert_allclose(other.bse_boot, one.bse_boot, rtol=1e-9)
            assert other.inference.support.independent == 50
    with pytest.raises(errors.ShapeError, match="groups has 599 values"):
        nmfre.NMFRE(*chunked(data, 100), rank=2, groups=labels[1:])
