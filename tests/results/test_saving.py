from __future__ import annotations

import copy
import gc
import io
import json
import pickle
import subprocess
import sys
import weakref
import zipfile
from datetime import date

import joblib
import numpy as np
import pandas as pd
import patsy
import pytest
import statsmodels.api as sm
from scipy.sparse import csr_array

import nmfre
from nmfre import errors
from nmfre.data.sparse import SparseDesign
from nmfre.estimation.estimate import StopReason
from nmfre.results.archive import HEADER, write_archive

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")

KNOTS = [0.3, 0.6]
FORMULAS = {
    "center": "center(age)",
    "standardize": "standardize(age) + group",
    "contrast": "C(group, Treatment('b')) * age",
    "contrast object": "C(group, by_c)",
    "splines": "bs(age, df=4)",
    "given knots": "bs(age, knots=KNOTS, degree=2)",
    "natural splines": "cr(age, df=3) - 1",
    "module": "np.log(age + 1)",
    "function": "sqrt(age) + I(age ** 2)",
    "quoted": "Q('odd name')",
    "interaction": "group:age",
    "intercept": "1",
}
LEFT = "y1 + y2 + y3 + y4 + y5 ~ "


@pytest.fixture
def data(simulated):
    return simulated.assign(**{"odd name": simulated["age"] ** 2})


@pytest.fixture
def new(data):
    return data.iloc[[7, 3, 20]].drop(columns=[f"y{j}" for j in range(1, 6)])


OPTIONS = {
    "df-cap": {"df_cap": 0.5, "maxiter": 300},
    "ml": {"method": "ml", "seed": 3},
    "capped": {"method": "ml", "df_cap": 0.2, "cov_type": "cr3"},
    "signed": {"method": "ml", "signed": True},
    "conditional": {"method": "ml", "uncertainty": "conditional", "n_boot": 0},
    "given": {"multipliers": np.random.default_rng(0).normal(size=(50, 40)), "maxiter": 300},
}
FITS = {}


def fitted(name, data):
    """A result of one's own, of a fit that is made once."""
    if name not in FITS:
        model = nmfre.NMFRE.from_formula(LEFT + "age + group", data, rank=2)
        FITS[name] = model.fit(**OPTIONS[name])
    return copy.copy(FITS[name])


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


def assert_same(loaded, res, *, data=True):
    """All numbers to the bit, all labels, the printed summary."""
    assert str(loaded.summary()) == str(res.summary())
    for name in ("params", "bse", "tvalues", "pvalues", "at_bound"):
        pd.testing.assert_series_equal(getattr(loaded, name), getattr(res, name), check_exact=True)
    frames = [
        (loaded.conf_int(), res.conf_int()),
        (loaded.cov_params(), res.cov_params()),
        (loaded.basis, res.basis),
        (loaded.theta, res.theta),
        (loaded.rsquared_table(), res.rsquared_table()),
    ]
    if data:
        frames += [
            (loaded.random_effects, res.random_effects),
            (loaded.fittedvalues, res.fittedvalues),
            (loaded.resid, res.resid),
        ]
    for found, expected in frames:
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert loaded.seed == res.seed
    assert loaded.stop_reason == res.stop_reason
    assert loaded.converged == res.converged
    assert loaded.model.formula == res.model.formula


# Pickles


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


@pytest.mark.bits
@pytest.mark.parametrize("right", FORMULAS.values(), ids=FORMULAS)
def test_formulas_keep_what_they_have_learned(data, new, right):
    from numpy import sqrt  # noqa: F401

    by_c = patsy.Treatment("c")  # noqa: F841
    # A variable of the caller's that a column hides must not get into the file.
    age = np.zeros(1_000_000)  # noqa: F841
    model = nmfre.NMFRE.from_formula(LEFT + right, data, rank=1)
    res = model.fit("ml", signed=True, n_boot=0)
    pickled = pickle.dumps(res)
    assert len(pickled) < 40_000
    expected = res.predict(new)
    pd.testing.assert_frame_equal(expected, res.predict().loc[new.index])
    for other in (pickle.loads(pickled), copy.deepcopy(res), pickle.loads(pickle.dumps(res))):
        pd.testing.assert_frame_equal(other.predict(new), expected, check_exact=True)
        assert other.model.design.terms == res.model.design.terms
    again = pickle.loads(pickle.dumps(pickle.loads(pickled)))
    pd.testing.assert_frame_equal(again.predict(new), expected, check_exact=True)


def test_loaded_formulas_check_new_data(res, new):
    loaded = pickle.loads(pickle.dumps(res))
    with pytest.raises(errors.UnseenLevelError, match="'group' has an unseen level 'z'"):
        loaded.predict(new.assign(group="z"))
    with pytest.raises(errors.MissingColumnError, match="'age'"):
        loaded.predict(new[["group"]])


def test_new_data_of_a_boxed_category_are_checked(data, new):
    res = nmfre.NMFRE.from_formula(LEFT + "C(group)", data, rank=1).fit("ml", n_boot=0)
    pd.testing.assert_frame_equal(res.predict(new), res.predict().loc[new.index])
    with pytest.raises(errors.UnseenLevelError, match="unseen level 'z'"):
        res.predict(new.assign(group="z"))


@pytest.mark.bits
def test_arrays_beside_the_data_are_data(data, new):
    weight = np.arange(40.0)
    res = nmfre.NMFRE.from_formula(LEFT + "weight + age", data, rank=1).fit("ml", n_boot=0)
    res.remove_data()
    pickled = pickle.dumps(res)
    assert weight.tobytes() not in pickled
    loaded = pickle.loads(pickled)
    with pytest.raises(errors.MissingColumnError, match="'weight'"):
        loaded.predict(new)
    given = new.assign(weight=1.0)
    pd.testing.assert_frame_equal(loaded.predict(given), res.predict(given), check_exact=True)


@pytest.mark.bits
def test_a_function_of_the_users_is_missed_only_where_it_is_needed(data, new, tmp_path):
    def doubled(values):
        return 2 * values

    model = nmfre.NMFRE.from_formula(LEFT + "doubled(age)", data, rank=1)
    res = model.fit("ml", n_boot=0)
    loaded = pickle.loads(pickle.dumps(res))
    assert_same(loaded, res)
    pd.testing.assert_frame_equal(loaded.predict(), res.predict())
    with pytest.raises(
        errors.FormulaNotRestoredError, match=r"'doubled' could not be saved.*Pass"
    ) as e:
        loaded.predict(new)
    assert "Intercept, doubled(age)" in str(e.value)
    A = np.column_stack([np.ones(3), 2 * new["age"]])
    expected = res.predict(new)
    np.testing.assert_array_equal(loaded.predict(A), expected)
    named = pd.DataFrame(A, columns=["Intercept", "doubled(age)"], index=new.index)
    pd.testing.assert_frame_equal(loaded.predict(named[named.columns[::-1]]), expected)
    again = pickle.loads(pickle.dumps(loaded))
    with pytest.raises(errors.FormulaNotRestoredError, match="doubled"):
        again.predict(new)
    pd.testing.assert_frame_equal(copy.deepcopy(res).predict(new), expected)


class Halved:
    """A stateful transform of the user's: values over twice their maximum."""

    def memorize_chunk(self, values):
        self.largest = np.max(values)

    def memorize_finish(self):
        pass

    def transform(self, values):
        return values / (2 * self.largest)


@pytest.mark.bits
def test_transforms_of_the_users_keep_what_they_have_learned(data, new, monkeypatch):
    class Local(Halved):
        pass

    halved = patsy.stateful_transform(Halved)  # noqa: F841
    local = patsy.stateful_transform(Local)  # noqa: F841
    found = nmfre.NMFRE.from_formula(LEFT + "halved(age)", data, rank=1).fit("ml", n_boot=0)
    lost = nmfre.NMFRE.from_formula(LEFT + "local(age)", data, rank=1).fit("ml", n_boot=0)
    loaded = pickle.loads(pickle.dumps(found))
    pd.testing.assert_frame_equal(loaded.predict(new), found.predict(new), check_exact=True)
    with pytest.raises(errors.FormulaNotRestoredError, match="Local"):
        pickle.loads(pickle.dumps(lost)).predict(new)
    later = pickle.loads(pickle.dumps(found))
    kept = Halved
    monkeypatch.delattr(sys.modules[__name__], "Halved")
    with pytest.raises(errors.FormulaNotRestoredError, match=r"'Halved'.* import it here first"):
        later.predict(new)
    with pytest.raises(errors.FormulaNotRestoredError):
        _ = later.model.design.design_info
    monkeypatch.setattr(sys.modules[__name__], "Halved", kept, raising=False)
    pd.testing.assert_frame_equal(later.predict(new), found.predict(new), check_exact=True)
    assert later.model.design.design_info.column_names == ["Intercept", "halved(age)"]


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


# Without the data


def test_without_its_data_a_result_still_tells_what_was_estimated(any_res, new):
    light = copy.deepcopy(any_res)
    light.remove_data()
    assert_same(light, any_res, data=False)
    hypothesis = "comp1[age] = comp2[age]"
    assert light.t_test(hypothesis).pvalue == any_res.t_test(hypothesis).pvalue
    pd.testing.assert_frame_equal(light.predict(new), any_res.predict(new), check_exact=True)
    pd.testing.assert_frame_equal(light.tidy(), any_res.tidy())
    pd.testing.assert_frame_equal(light.response_membership, any_res.response_membership)
    assert repr(light) == repr(any_res)
    assert (light.nobs, light.n_units) == (any_res.nobs, any_res.n_units)
    for name in ("df_random", "saturation", "df_resid", "icc"):
        assert getattr(light, name) == getattr(any_res, name)
    if any_res.uncertainty == "marginal":
        pd.testing.assert_frame_equal(light.variance_components(), any_res.variance_components())
        pd.testing.assert_frame_equal(light.profiles_bse, any_res.profiles_bse)


def test_what_needs_the_data_says_so(any_res):
    any_res.remove_data()
    any_res.remove_data()
    light = pickle.loads(pickle.dumps(any_res))
    needs = [
        lambda: light.fittedvalues,
        lambda: light.resid,
        lambda: light.random_effects,
        lambda: light.random_effects_se,
        lambda: light.scores(),
        lambda: light.scores("fixed"),
        lambda: light.unit_clusters(),
        lambda: light.predict(),
        lambda: light.predict(which="blup"),
        lambda: light.with_uncertainty(light.uncertainty),
        lambda: light.model.fit(),
        lambda: light.model.fit("ml"),
        lambda: light.model.endog + 1.0,
        lambda: list(light.model.exog),
        lambda: np.sum(light.model.exog),
        lambda: light.model.design.Y[0],
    ]
    for need in needs:
        with pytest.raises(errors.DataRemovedError, match=r"remove_data\(\) dropped them. Fit"):
            need()


def test_intervals_that_were_computed_with_the_data_stay(res):
    with_it, without = copy.copy(res), copy.copy(res)
    expected = with_it.conf_int(method="studentized")
    with_it.remove_data()
    pd.testing.assert_frame_equal(with_it.conf_int(method="studentized"), expected)
    without.remove_data()
    with pytest.raises(errors.DataRemovedError):
        without.conf_int(method="studentized")


def test_the_data_are_freed(data):
    model = nmfre.NMFRE.from_formula(LEFT + "age", data, rank=1)
    multipliers = np.random.default_rng(0).normal(size=(30, 40))
    res = model.fit("ml", multipliers=multipliers)
    res.t_test("comp1[age] = 0")
    held = {
        "Y": model.design.Y,
        "A": model.design.A,
        "U": res.estimate.U,
        "multipliers": res.inference.options.multipliers,
        "fit": res.fittedvalues,
        "residuals": res.resid,
        "effects": res.random_effects,
        "units": model.design.units,
        "model": model,
    }
    alive = {name: weakref.ref(value) for name, value in held.items()}
    res.remove_data()
    del model, held, multipliers, data
    gc.collect()
    # The fixture keeps the data frame, and so its index, alive.
    assert {name for name, value in alive.items() if value() is not None} <= {"units"}
    assert res.model.design.units.equals(pd.RangeIndex(40))


def test_other_results_and_the_model_keep_their_data(model, tmp_path):
    res, other = model.fit(df_cap=0.21), model.fit("ml")
    endog, expected = model.endog.copy(), other.fittedvalues.copy()
    with pytest.raises(errors.InvalidArgumentError, match="remove_data='no'"):
        res.save(tmp_path / "light.pickle", remove_data="no")
    res.save(tmp_path / "light.pickle", remove_data=True)
    assert res.model is model
    assert res.fittedvalues.shape == (27, 4)
    res.remove_data()
    assert other.model is model
    np.testing.assert_array_equal(model.endog, endog)
    pd.testing.assert_frame_equal(other.fittedvalues, expected)
    model.fit(df_cap=0.21)
    with pytest.raises(errors.DataRemovedError):
        nmfre.load(tmp_path / "light.pickle").predict()


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


# Plain arrays


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


@pytest.mark.bits
def test_of_a_formula_in_arrays_the_covariates_are_left(res, new, tmp_path):
    res.to_arrays(tmp_path / "fit.npz")
    loaded = nmfre.from_arrays(tmp_path / "fit.npz")
    assert loaded.model.design.terms == res.model.design.terms
    with pytest.raises(errors.FormulaNotRestoredError, match=r"columns Intercept, group\[T.b\]"):
        loaded.predict(new)
    A = pd.DataFrame(res.model.exog, columns=res.model.exog_names, index=res.model.design.units)
    pd.testing.assert_frame_equal(loaded.predict(A.loc[new.index]), res.predict(new))
    np.testing.assert_array_equal(loaded.predict(A.to_numpy()), res.predict())


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


def with_header(res, folder, change):
    """Write an archive of the result as other.npz, its header changed."""
    res.to_arrays(folder / "fit.npz")
    with np.load(folder / "fit.npz") as arrays:
        stored = dict(arrays)
    header = json.loads(stored[HEADER].tobytes())
    change(header)
    stored[HEADER] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(folder / "other.npz", **stored)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 1}, "version 1, and this nmfre reads version 2"),
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


def edited(path, edit):
    """An archive whose header or arrays are changed."""
    with np.load(path) as arrays:
        stored = dict(arrays)
    header = json.loads(stored[HEADER].tobytes())
    edit(header["values"], stored)
    stored[HEADER] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path.parent / "edited.npz", **stored)
    return path.parent / "edited.npz"


def field(values, path):
    """The dictionary that holds a field of a dataclass within the result, and the field's name."""
    part, *names, last = path.split(".")
    fields = values[part]["dataclass"][1]
    for name in names:
        fields = fields[name]["dataclass"][1]
    return fields, last


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
    if path == "design.right_hand_side":  # a result of arrays has none
        assert str(nmfre.from_arrays(edited(tmp_path / "fit.npz", edit)).summary())
        return
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
        ("rank", 1),
        ("rank", True),
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


def test_a_value_that_no_result_has_is_refused(res, tmp_path):
    with_header(res, tmp_path, lambda header: header["values"].update(method="df-cap"))
    with pytest.raises(errors.SavedResultError, match="unexpected keyword argument 'method'"):
        nmfre.from_arrays(tmp_path / "other.npz")
