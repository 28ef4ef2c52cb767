"""Plain arrays in a file: what they hold, and what is refused when they are read."""

from __future__ import annotations

import json
import zipfile
from datetime import date

import numpy as np
import pandas as pd
import pytest
from saved import LEFT, OPTIONS, assert_same, edited, field, fitted, with_header
from scipy.sparse import csr_array

import nmfre
from nmfre import errors
from nmfre.estimation.estimate import StopReason
from nmfre.results.archive import HEADER, write_archive

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture
def data(simulated):
    return simulated.assign(**{"odd name": simulated["age"] ** 2})


@pytest.fixture
def res(data):
    return fitted("ml", data)


@pytest.fixture(params=OPTIONS)
def any_res(request, data):
    return fitted(request.param, data)


@pytest.mark.bits
def test_arrays_give_the_same_result(any_res, tmp_path):
    path = tmp_path / "fit"
    any_res.to_arrays(path)
    assert path.exists()  # under exactly this name
    loaded = nmfre.from_arrays(path)
    assert_same(loaded, any_res)
    assert isinstance(loaded.model, nmfre.NMFRE)
    assert loaded.estimate.stop_reason in StopReason
    if any_res.inference.bootstrap is not None:
        pd.testing.assert_frame_equal(loaded.conf_int(0.1, "basic"), any_res.conf_int(0.1, "basic"))
    if any_res.uncertainty == "marginal":
        pd.testing.assert_frame_equal(loaded.basis_conf_int(), any_res.basis_conf_int())
        pd.testing.assert_frame_equal(loaded.variance_components(), any_res.variance_components())
    again = nmfre.NMFREResults.from_arrays(path)
    again.to_arrays(tmp_path / "again")
    assert (tmp_path / "again").read_bytes()[:1000] == path.read_bytes()[:1000]
    assert_same(nmfre.from_arrays(tmp_path / "again"), any_res)


def test_arrays_are_plain(res, tmp_path):
    res.to_arrays(tmp_path / "fit.npz")
    with np.load(tmp_path / "fit.npz", allow_pickle=False) as arrays:
        assert all(array.dtype.kind in "biuf" for array in arrays.values())
        header = json.loads(arrays[HEADER].tobytes().decode(), parse_constant=pytest.fail)
        shared = [array for array in arrays.values() if np.array_equal(array, res.basis)]
    assert len(shared) == 1
    assert header["versions"]["nmfre"] == nmfre.__version__
    assert set(header["versions"]) >= {"numpy", "pandas", "scipy", "statsmodels"}
    assert header["values"]["estimator"]["dataclass"][0] == "MaximumLikelihood"
    assert LEFT + "age + group" in json.dumps(header)


LABELS = {
    "strings": pd.Index([f"ü{i}" for i in range(12)], name="code"),
    "strings as objects": pd.Index([f"u{i}" for i in range(12)], dtype=object),
    "string dtype": pd.Index([f"u{i}" for i in range(12)], dtype="string"),
    "range": pd.RangeIndex(3, 39, 3, name="id"),
    "integers": pd.Index(np.arange(12)[::-1], name=("a", 1)),
    "small integers": pd.Index(np.arange(12, dtype=np.int16)),
    "nullable integers": pd.Index(range(12), dtype="Int64"),
    "floats": pd.Index(np.arange(12) / 3),
    "mixed": pd.Index([2, 2.5, "x", True, None, 9, date(2020, 1, 2), *"abcde"]),
    "dates": pd.Index([date(2020, 1, day) for day in range(1, 13)], dtype=object),
    "times": pd.date_range("2020-01-01", periods=12, freq="MS", name="month"),
    "times with a zone": pd.date_range("2020-01-01 00:00:01", periods=12, tz="Asia/Tokyo"),
    "periods": pd.period_range("2020-01", periods=12, freq="M"),
    "categories": pd.CategoricalIndex(list("abcdefghijkl"), ordered=True, name="grade"),
    "tuples": pd.MultiIndex.from_product([["a", "b"], range(6)], names=["school", None]),
    "tuples as objects": pd.Index([("a", i) for i in range(12)], tupleize_cols=False),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_come_back(labels, tmp_path):
    rng = np.random.default_rng(0)
    units = pd.DataFrame(rng.uniform(1, 2, size=(12, 3)), index=labels)
    responses = pd.DataFrame(rng.uniform(1, 2, size=(30, 12)), columns=labels)
    for endog in (units, responses):
        res = nmfre.NMFRE(endog, rank=1).fit(df_cap=0.5, n_boot=0, tol=1e-10)
        res.to_arrays(tmp_path / "fit.npz")
        loaded = nmfre.from_arrays(tmp_path / "fit.npz")
        pd.testing.assert_frame_equal(loaded.resid, res.resid, check_exact=True)
        for found, expected in (
            (loaded.resid.index, res.resid.index),
            (loaded.resid.columns, res.resid.columns),
        ):
            pd.testing.assert_index_equal(found, expected, exact=True)
            assert type(found) is type(expected)
            assert list(map(type, found)) == list(map(type, expected))


@pytest.mark.parametrize(
    "labels",
    [
        pd.interval_range(0, 12),
        pd.to_timedelta(range(12), unit="D"),
        pd.Index([pd.Timestamp("2020-01-01"), *"bcdefghijkl"], dtype=object),
        pd.Index([frozenset({i}) for i in range(12)]),
    ],
    ids=["intervals", "durations", "objects", "sets"],
)
def test_labels_that_arrays_cannot_hold(labels, tmp_path):
    endog = pd.DataFrame(np.random.default_rng(0).uniform(1, 2, size=(12, 3)), index=labels)
    res = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0)
    with pytest.raises(errors.NotArchivableError, match=r"design\.units .*use save\(\)"):
        res.to_arrays(tmp_path / "fit.npz")
    assert not (tmp_path / "fit.npz").exists()
    res.save(tmp_path / "fit.pickle")
    assert_same(nmfre.load(tmp_path / "fit.pickle"), res)


def test_arrays_of_objects_are_not_written(tmp_path):
    for value in (np.array([print], dtype=object), object(), {"a": {1, 2}}):
        with pytest.raises(errors.NotArchivableError, match="what"):
            write_archive(tmp_path / "a.npz", {"what": value}, {})
    assert not (tmp_path / "a.npz").exists()


def test_arrays_that_are_not_results(res, tmp_path):
    path = tmp_path / "fit.npz"
    res.to_arrays(path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(errors.SavedResultError, match=r"fit\.npz is not a result"):
            nmfre.from_arrays(path)
    middle = len(whole) // 3
    path.write_bytes(
        whole[:middle] + bytes(b ^ 255 for b in whole[middle : middle + 8]) + whole[middle + 8 :]
    )
    with pytest.raises(errors.SavedResultError, match="damaged"):
        nmfre.from_arrays(path)
    res.save(path)
    with pytest.raises(errors.SavedResultError, match="is not a result"):
        nmfre.from_arrays(path)
    np.savez(path, X=np.ones(3))
    with pytest.raises(errors.SavedResultError, match=r"not written by to_arrays\(\)"):
        nmfre.from_arrays(path)
    np.save(tmp_path / "one.npy", np.ones(3))
    with pytest.raises(errors.SavedResultError, match=r"not written by to_arrays\(\)"):
        nmfre.from_arrays(tmp_path / "one.npy")
    with pytest.raises(FileNotFoundError):
        nmfre.from_arrays(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "version 2, and this nmfre reads version 5"),
        ({"format": "other"}, "of format 'other'"),
        ({"values": {}}, "damaged"),
        ({"values": {"design": {"dataclass": ["os.system", {"command": "true"}]}}}, "KeyError"),
        ({"values": {"design": {"array": "array999"}}}, "damaged"),
        ({"values": []}, "damaged"),
    ],
)
def test_headers_of_others(res, tmp_path, change, message):
    with_header(res, tmp_path, lambda header: header.update(change))
    with pytest.raises(errors.SavedResultError, match=message):
        nmfre.from_arrays(tmp_path / "other.npz")


def test_sparse_responses_of_an_archive_lie_within_their_shape(tmp_path):
    counts = csr_array(np.random.default_rng(0).poisson(1.0, size=(60, 8)).astype(float))
    nmfre.NMFRE(counts, rank=1).fit("ml", n_boot=0).to_arrays(tmp_path / "fit.npz")

    def edit(values, stored):
        *_, indices, _ = field(values, "design.Y")[0]["Y"]["sparse"]
        stored[indices["array"]] = stored[indices["array"]] + 1000

    with pytest.raises(errors.SavedResultError, match="damaged"):
        nmfre.from_arrays(edited(tmp_path / "fit.npz", edit))


@pytest.mark.parametrize("shape", [(10**12,), (10**9, 10**9), (3,), ()])
def test_sizes_that_an_archive_declares_are_checked_before_memory_is_taken(res, tmp_path, shape):
    res.to_arrays(tmp_path / "fit.npz")
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    false = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    with (
        zipfile.ZipFile(tmp_path / "fit.npz") as archive,
        zipfile.ZipFile(tmp_path / "false.npz", "w") as other,
    ):
        for name in archive.namelist():
            other.writestr(name, false if name == "array0.npy" else archive.read(name))
    with pytest.raises(errors.SavedResultError, match=r"array0\.npy does not hold an array"):
        nmfre.from_arrays(tmp_path / "false.npz")


def test_an_archive_that_grows_when_it_is_read_is_refused(res, tmp_path):
    res.to_arrays(tmp_path / "fit.npz")
    with np.load(tmp_path / "fit.npz") as arrays:
        np.savez_compressed(tmp_path / "small.npz", **arrays)
    with pytest.raises(errors.SavedResultError, match="its arrays are compressed"):
        nmfre.from_arrays(tmp_path / "small.npz")


def test_objects_in_an_archive_are_not_unpickled(res, tmp_path):
    res.to_arrays(tmp_path / "fit.npz")
    np.save(tmp_path / "evil.npy", np.array([print], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "fit.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["array0.npy"] = (tmp_path / "evil.npy").read_bytes()
    with zipfile.ZipFile(tmp_path / "evil.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(errors.SavedResultError, match="holds values of type object"):
        nmfre.from_arrays(tmp_path / "evil.npz")
