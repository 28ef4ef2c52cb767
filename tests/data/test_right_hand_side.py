"""What a formula has learned goes with the result."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pandas as pd
import patsy
import pytest
from saved import LEFT, assert_same, fitted

import nmfre
from nmfre import errors

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


@pytest.fixture
def data(simulated):
    return simulated.assign(**{"odd name": simulated["age"] ** 2})


@pytest.fixture
def new(data):
    return data.iloc[[7, 3, 20]].drop(columns=[f"y{j}" for j in range(1, 6)])


@pytest.fixture
def res(data):
    return fitted("ml", data)


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
    with pytest.raises(errors.UnseenLevelError, match="'group' has the level 'z', which"):
        loaded.predict(new.assign(group="z"))
    with pytest.raises(errors.MissingColumnError, match="'age'"):
        loaded.predict(new[["group"]])


def test_new_data_of_a_boxed_category_are_checked(data, new):
    res = nmfre.NMFRE.from_formula(LEFT + "C(group)", data, rank=1).fit("ml", n_boot=0)
    pd.testing.assert_frame_equal(res.predict(new), res.predict().loc[new.index])
    with pytest.raises(errors.UnseenLevelError, match="the level 'z', which"):
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
