"""Results in files, in other processes and on other workers."""

from __future__ import annotations

import copy
import io
import json
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from saved import OPTIONS, assert_same, edited, field, fitted, with_header
from scipy.sparse import csr_array

import nmfre
from nmfre import errors
from nmfre.data.sparse import SparseDesign
from nmfre.results.archive import HEADER

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture
def data(simulated):
    return simulated.assign(**{"odd name": simulated["age"] ** 2})


@pytest.fixture
def new(data):
    return data.iloc[[7, 3, 20]].drop(columns=[f"y{j}" for j in range(1, 6)])


@pytest.fixture
def res(data):
    return fitted("ml", data)


@pytest.fixture(params=OPTIONS)
def any_res(request, data):
    return fitted(request.param, data)


def run(code, *arguments):
    """What code prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.bits
def test_a_saved_result_is_the_same(any_res, tmp_path, new):
    path = tmp_path / "fit.pickle"
    any_res.save(path)
    loaded = nmfre.load(path)
    assert_same(loaded, any_res)
    pd.testing.assert_frame_equal(loaded.predict(new), any_res.predict(new), check_exact=True)
    terms, expected = loaded.wald_test_terms().table, any_res.wald_test_terms().table
    pd.testing.assert_frame_equal(terms, expected, atol=1e-5)  # some integrate over random points
    assert isinstance(nmfre.NMFREResults.load(str(path)), nmfre.NMFREResults)
    np.testing.assert_array_equal(sm.load(path).params, any_res.params)


def test_nothing_is_estimated_or_evaluated_when_it_is_loaded(res, tmp_path, monkeypatch):
    res.save(tmp_path / "fit.pickle")

    def fail(*args, **kwargs):
        raise AssertionError

    for name in ("dmatrix", "build_design_matrices"):
        monkeypatch.setattr(f"nmfre.data.covariates.{name}", fail)
    loaded = nmfre.load(tmp_path / "fit.pickle")
    right = loaded.model.design.right_hand_side
    assert isinstance(right.learned, bytes)
    assert list(loaded.model.design.terms) == ["Intercept", "group", "age"]
    np.testing.assert_array_equal(loaded.model.design.A, res.model.design.A)
    assert isinstance(right.learned, bytes)


SCRIPT = """
import sys, warnings
import numpy as np, pandas as pd, nmfre
warnings.simplefilter("error")
data = pd.read_csv(sys.argv[1])
def doubled(values):
    return 2 * values
for name, right in {"own": "doubled(age)", "known": "center(age) + C(group, Sum)"}.items():
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ " + right, data, rank=1)
    res = model.fit("ml", signed=True)
    res.save(f"{sys.argv[2]}/{name}.pickle")
    res.to_arrays(f"{sys.argv[2]}/{name}.npz")
    res.predict(data.head(3)).to_csv(f"{sys.argv[2]}/{name}.csv")
    open(f"{sys.argv[2]}/{name}.txt", "w").write(str(res.summary()))
"""


READ = """
import sys, warnings
import numpy as np, pandas as pd, nmfre
warnings.simplefilter("error")
data = pd.read_csv(sys.argv[1])
for name in ("own", "known"):
    res = nmfre.load(f"{sys.argv[2]}/{name}.pickle")
    arrays = nmfre.from_arrays(f"{sys.argv[2]}/{name}.npz")
    text = open(f"{sys.argv[2]}/{name}.txt").read()
    assert text == str(res.summary()) == str(arrays.summary())
    expected = pd.read_csv(f"{sys.argv[2]}/{name}.csv", index_col=0)
    if name == "own":
        try:
            res.predict(data.head(3))
        except nmfre.errors.FormulaNotRestoredError as error:
            print(error)
        doubled = lambda values: 2 * values
    np.testing.assert_allclose(res.predict(data.head(3)), expected)
    np.testing.assert_allclose(arrays.predict(res.model.exog[:3]), expected)
"""


def test_in_a_fresh_process(data, tmp_path):
    """Guards against formulas that are evaluated again, where their functions are missing."""
    data.to_csv(tmp_path / "data.csv", index=False)
    run(SCRIPT, tmp_path / "data.csv", tmp_path)
    printed = run(READ, tmp_path / "data.csv", tmp_path)
    # As soon as what is missing is defined, the same result predicts.
    assert "Can't get attribute 'doubled'" in printed
    assert "define or import it here first" in printed


def test_what_is_unpickled_in_a_fresh_process_has_plots(res, tmp_path):
    path = tmp_path / "fit.pickle"
    path.write_bytes(pickle.dumps((res, res.bootstrap(10))))
    code = "import pickle, sys; found = pickle.load(open(sys.argv[1], 'rb'))\n"
    code += "print(found[0].plot_basis.__name__, found[1].plot.__self__ is found[1])"
    assert run(code, path) == "plot_basis True\n"


@pytest.mark.bits
def test_models_copy_and_pickle(res):
    for model in (
        copy.deepcopy(res.model),
        copy.copy(res.model),
        pickle.loads(pickle.dumps(res.model)),
    ):
        assert model is not res.model
        np.testing.assert_array_equal(model.endog, res.model.endog)
        np.testing.assert_array_equal(model.exog, res.model.exog)
        assert (model.rank, model.formula) == (2, res.model.formula)
        pd.testing.assert_series_equal(model.fit("ml", seed=3).params, res.params)
    assert copy.deepcopy(res).model is not res.model


def test_the_data_are_in_a_pickle_once(data):
    rng = np.random.default_rng(0)
    endog = rng.uniform(1, 2, size=(5_000, 6))
    res = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=10)
    _ = res.fittedvalues, res.resid, res.random_effects, res.t_test("comp1[Intercept] = 0")
    assert len(pickle.dumps(res)) < 8 * (endog.size + 2 * len(endog)) + 20_000
    assert res.fittedvalues is res.fittedvalues


@pytest.mark.bits
def test_results_go_to_workers(res, new):
    job = joblib.delayed(nmfre.NMFREResults.predict)(res, new)
    (predicted,) = joblib.Parallel(n_jobs=2)([job])
    pd.testing.assert_frame_equal(predicted, res.predict(new), check_exact=True)


def test_sparse_responses(tmp_path):
    counts = csr_array(np.random.default_rng(0).poisson(1.0, size=(60, 8)).astype(float))
    res = nmfre.NMFRE(counts, rank=2).fit("ml", n_boot=20)
    res.save(tmp_path / "fit.pickle")
    res.to_arrays(tmp_path / "fit.npz")
    for loaded in (nmfre.load(tmp_path / "fit.pickle"), nmfre.from_arrays(tmp_path / "fit.npz")):
        assert isinstance(loaded.model.design, SparseDesign)
        assert_same(loaded, res)


def test_files_that_are_not_results(res, tmp_path):
    path = tmp_path / "fit.pickle"
    res.save(path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(errors.SavedResultError, match=r"fit\.pickle is not .* damaged"):
            nmfre.load(path)
    path.write_bytes(whole.replace(b"MarginalEstimate", b"MarginalEstimatf"))
    with pytest.raises(errors.SavedResultError, match="of another version"):
        nmfre.load(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(errors.SavedResultError, match="it holds a dict"):
        nmfre.load(path)
    with pytest.raises(FileNotFoundError):
        nmfre.load(tmp_path / "none.pickle")


def test_a_file_is_kept_where_the_new_one_fails(model, tmp_path, monkeypatch):
    labels = pd.Index([lambda: 0, *range(11)], dtype=object)
    endog = pd.DataFrame(np.random.default_rng(0).uniform(1, 2, size=(12, 3)), index=labels)
    bad = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0)
    res = model.fit("ml", n_boot=0)
    paths = {"save": tmp_path / "fit.pickle", "to_arrays": tmp_path / "fit.npz"}
    for name, path in paths.items():
        getattr(res, name)(path)
    with pytest.raises(errors.NotPickledError, match=r"cannot be pickled \(.*lambda.* Convert"):
        bad.save(paths["save"])
    with pytest.raises(errors.NotArchivableError):
        bad.to_arrays(paths["to_arrays"])

    def write_a_part(*args, **kwargs):
        next(arg for arg in args if hasattr(arg, "write")).write(b"PK")
        raise OSError("disk full")

    monkeypatch.setattr(pickle, "dump", write_a_part)
    monkeypatch.setattr(np, "savez", write_a_part)
    for name, path in paths.items():
        with pytest.raises(OSError, match="disk full"):
            getattr(res, name)(path)
    assert_same(nmfre.load(paths["save"]), res)
    assert_same(nmfre.from_arrays(paths["to_arrays"]), res)
    assert sorted(tmp_path.iterdir()) == sorted(paths.values())


def test_open_files(res, tmp_path):
    with (tmp_path / "fit.pickle").open("wb") as file:
        res.save(file)
    with (tmp_path / "fit.pickle").open("rb") as file:
        assert_same(nmfre.load(file), res)
    memory = io.BytesIO()
    res.save(memory)
    assert_same(nmfre.load(io.BytesIO(memory.getvalue())), res)
    with pytest.raises(errors.SavedResultError, match="damaged"):
        nmfre.load(io.BytesIO(memory.getvalue()[:1000]))


def test_what_is_no_file(res):
    for value in (None, 3, ["fit.pickle"]):
        for call in (res.save, nmfre.load, res.to_arrays, nmfre.from_arrays):
            with pytest.raises(errors.InvalidArgumentError, match="the path of a file"):
                call(value)


def test_files_without_the_data_are_small(tmp_path):
    endog = np.random.default_rng(0).uniform(1, 2, size=(20_000, 5))
    exog = pd.DataFrame({"one": np.ones(20_000), "age": endog.sum(axis=1)})
    frame = pd.DataFrame(endog, columns=list("abcde")).join(exog)
    model = nmfre.NMFRE.from_formula("a + b + c + d + e ~ center(age)", frame, rank=1)
    res = model.fit("ml", signed=True, n_boot=10)
    new = frame.head(4)
    light = copy.copy(res)
    light.remove_data()
    for name, write in {"pickle": light.save, "npz": light.to_arrays}.items():
        write(tmp_path / name)
        assert (tmp_path / name).stat().st_size < 20_000
    res.save(tmp_path / "pickle2", remove_data=True)
    assert (tmp_path / "pickle2").stat().st_size == (tmp_path / "pickle").stat().st_size
    loaded = nmfre.load(tmp_path / "pickle2")
    pd.testing.assert_frame_equal(loaded.predict(new), res.predict(new))
    arrays = nmfre.from_arrays(tmp_path / "npz")
    assert_same(arrays, res, data=False)
    with pytest.raises(errors.DataRemovedError, match="The random effects"):
        _ = arrays.random_effects


EDITS = [
    ("design.Y", {"removed": ["The responses", [5, 10**15]]}),
    ("design.units", {"index": [{"range": [0, 10**12, 1]}, "int64", None, None]}),
    ("design.units", {"index": [{"range": [0, 10**30, 1]}, "int64", None, None]}),
    ("design.A", None),
    ("design.right_hand_side", None),
    ("estimate.X", {"array": "header"}),
    ("estimate.U", {"removed": ["The random effects", [40, 2]]}),
    ("estimate.U", {"removed": [{"dict": []}, [2, 40]]}),
    ("estimate.sigma2", "1.0"),
    ("estimate.sigma2", -1.0),
    ("estimate.tau2", {"float": ["nan"]}),
    ("estimate.n_iter", True),
    ("estimate.stop_reason", "tolerance"),
    ("estimate.stop_reason", {"stop_reason": ["bored"]}),
    ("estimate.identification", None),
    ("estimate.identification.mixing", {"tuple": [False]}),
    ("estimate.identification.n_free", None),
    ("inference.bootstrap", 3),
    ("inference.bootstrap.estimate", None),
    ("inference.options", None),
    ("inference.options.uncertainty", "conditional"),
    ("inference.options.uncertainty", ["marginal"]),
    ("inference.options.cov_type", "bogus"),
    ("inference.df_gradient", {"tuple": [1.0, 1.0]}),
    ("inference.mixing", {"tuple": [1, 0]}),
    ("estimator.tol", -1.0),
    ("estimator.signed", None),
]


@pytest.mark.parametrize(("path", "value"), EDITS, ids=[f"{path}={x}" for path, x in EDITS])
def test_an_edited_archive_is_a_result_or_an_error(res, tmp_path, path, value):
    def edit(values, stored):
        fields, name = field(values, path)
        assert name in fields
        fields[name] = value

    res.to_arrays(tmp_path / "fit.npz")
    with pytest.raises(errors.SavedResultError, match="damaged"):
        nmfre.from_arrays(edited(tmp_path / "fit.npz", edit))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("estimate", None),
        ("rsquared", None),
        ("estimator", {"dataclass": ["DfCap", {}]}),
        ("estimator", {"dict": []}),
        ("estimator", None),
        ("seed", "0"),
        ("seed", -1),
        ("rank", 2),
        ("component_set", None),
        ("component_set", {"dataclass": ["Components", {"names": ["a", "b"]}]}),
    ],
)
def test_an_archive_holds_a_result_of_its_method(res, tmp_path, name, value):
    res.to_arrays(tmp_path / "fit.npz")
    path = edited(tmp_path / "fit.npz", lambda values, stored: values.update({name: value}))
    with pytest.raises(errors.SavedResultError, match="damaged"):
        nmfre.from_arrays(path)


def test_every_array_of_an_archive_has_its_size_and_kind(any_res, tmp_path):
    any_res.to_arrays(tmp_path / "fit.npz")
    with np.load(tmp_path / "fit.npz") as archive:
        stored = dict(archive)
    values = json.loads(stored[HEADER].tobytes())["values"]
    of_any_length = field(values, "estimate.objective_path")[0]["objective_path"]["array"]
    of_responses = field(values, "design.Y")[0]["Y"]["array"]
    for name in stored.keys() - {HEADER}:
        array = stored[name]
        changed = [np.ones(array.shape, dtype=np.int8)]
        if name == of_responses:
            changed += [array[::-1]]
        if len(array) and name != of_any_length:
            changed += [array[1:]]
        for other in changed:
            np.savez(tmp_path / "edited.npz", **stored | {name: other})
            with pytest.raises(errors.SavedResultError, match="damaged"):
                nmfre.from_arrays(tmp_path / "edited.npz")


def test_a_value_that_no_result_has_is_refused(res, tmp_path):
    with_header(res, tmp_path, lambda header: header["values"].update(method="df-cap"))
    with pytest.raises(errors.SavedResultError, match="unexpected keyword argument 'method'"):
        nmfre.from_arrays(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        ("component_set.pattern", None, "zeros of its pattern"),
        ("component_set.names", {"index": [["a"], "object", "component", None]}, "2\\) for 1"),
        ("estimate.structure.pattern", None, "zeros of its pattern"),
        ("estimate.structure.cov_re", "diagonal", "psi_covariance has shape"),
        ("estimate.structure.cov_re", "bogus", "cov_re cannot be of type"),
    ],
)
def test_a_pattern_belongs_to_its_fit(data, tmp_path, path, value, match):
    def edit(values, stored):
        fields, name = field(values, path)
        assert name in fields
        fields[name] = value

    fitted("pattern", data).to_arrays(tmp_path / "fit.npz")
    with pytest.raises(errors.SavedResultError, match=match):
        nmfre.from_arrays(edited(tmp_path / "fit.npz", edit))


def test_other_names_of_components_are_saved(data, tmp_path):
    res = fitted("pattern", data).rename_components({"comp1": "early"})
    res.to_arrays(tmp_path / "fit.npz")
    res.save(tmp_path / "fit.pickle")
    for loaded in (nmfre.from_arrays(tmp_path / "fit.npz"), nmfre.load(tmp_path / "fit.pickle")):
        assert_same(loaded, res)
        pd.testing.assert_frame_equal(loaded.model.basis_pattern, res.model.basis_pattern)
        assert [*loaded.theta.index] == ["early", "comp2"]
    light = copy.copy(res)
    light.remove_data()
    assert [*light.theta.index] == ["early", "comp2"]
    assert str(light.summary()) == str(res.summary())
