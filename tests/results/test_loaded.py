"""What was read from a file is the result of a fit, or an error."""

from __future__ import annotations

import json

import numpy as np
import pytest
from saved import OPTIONS, edited, field, fitted, with_header

import nmfre
from nmfre import errors
from nmfre.results.archive import HEADER

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


def test_a_value_that_no_result_has_is_refused(res, tmp_path):
    with_header(res, tmp_path, lambda header: header["values"].update(method="df-cap"))
    with pytest.raises(errors.SavedResultError, match="unexpected keyword argument 'method'"):
        nmfre.from_arrays(tmp_path / "other.npz")
