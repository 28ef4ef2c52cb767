"""Labels of groups, as users have them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors
from nmfre.data.groups import Groups


@pytest.fixture
def wide(simulated):
    return simulated.assign(school=np.repeat([f"s{i}" for i in range(10)], 4))


def fitted_by(wide, **given):
    return nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ age", wide, rank=1, **given)


def test_a_column_and_labels_are_the_same_groups(wide):
    by_name = fitted_by(wide, groups="school")
    groups = by_name.design.groups
    assert groups.labels.to_list() == [f"s{i}" for i in range(10)]
    assert groups.labels.name == "school"
    np.testing.assert_array_equal(groups.codes, np.repeat(np.arange(10), 4))
    exog = np.column_stack([np.ones(40), wide["age"]])
    for labels in (
        wide["school"],
        wide["school"].to_list(),
        wide["school"].to_numpy(),
        wide[["school"]],
    ):
        model = nmfre.NMFRE(wide[["y1", "y2", "y3"]], exog, rank=1, groups=labels)
        np.testing.assert_array_equal(model.design.groups.codes, groups.codes)


def test_groups_are_numbered_by_their_first_units():
    groups = Groups.of(pd.Series([30, 10, 30, 20, 10], name="id"))
    assert groups.labels.to_list() == [30, 10, 20]
    np.testing.assert_array_equal(groups.sizes, [2, 2, 1])
    assert groups.described == "3 of 1 to 2 units"
    part = groups.take(np.array([1, 3, 4]))
    assert part.labels.to_list() == [10, 20]
    np.testing.assert_array_equal(part.codes, [0, 1, 0])
    assert Groups.of(pd.Series([1, 2, 3])).independent is None


def test_long_data_take_the_group_of_the_unit(orthodont):
    given = {"rank": 1, "unit": "subject", "occasion": "age", "groups": "clinic"}
    number = orthodont["subject"].str[1:].astype(int)
    model = nmfre.NMFRE.from_formula("distance ~ sex", orthodont.assign(clinic=number % 5), **given)
    assert len(model.design.groups.labels) == 5
    assert model.design.groups.sizes.sum() == 27
    moved = orthodont.assign(clinic=np.arange(108) % 5)
    with pytest.raises(errors.VaryingCovariateError, match=r"'clinic' varies .* belong to one"):
        nmfre.NMFRE.from_formula("distance ~ sex", moved, **given)


def test_labels_that_do_not_fit(wide):
    endog, exog = wide[["y1", "y2"]], np.ones(40)
    with pytest.raises(errors.ShapeError, match=r"groups has 39 values, endog 40 rows: pass one"):
        nmfre.NMFRE(endog, exog, rank=1, groups=wide["school"].to_numpy()[1:])
    with pytest.raises(errors.ShapeError, match="indices of groups and endog differ"):
        nmfre.NMFRE(endog, exog, rank=1, groups=wide["school"].iloc[::-1])
    with pytest.raises(errors.InvalidArgumentError, match=r"groups='school' .* from_formula"):
        nmfre.NMFRE(endog, exog, rank=1, groups="school")
    with pytest.raises(errors.InvalidArgumentError, match=r"groups='shape \(40, 2\)'"):
        nmfre.NMFRE(endog, exog, rank=1, groups=np.ones((40, 2)))
    with pytest.raises(errors.InvalidArgumentError, match=r"one group .* Leave groups out"):
        nmfre.NMFRE(endog, exog, rank=1, groups=np.full(40, "a"))
    labels = wide["school"].where(wide.index != 7)
    with pytest.raises(errors.NonFiniteError, match=r"'school' is missing at unit 7 \(1 such"):
        nmfre.NMFRE(endog, exog, rank=1, groups=labels)
    with pytest.raises(errors.NonFiniteError, match=r"'school' is missing at unit 7"):
        fitted_by(wide.assign(school=labels), groups="school")
    with pytest.raises(errors.MissingColumnError, match="'class'"):
        fitted_by(wide, groups="class")


def test_parts_of_a_file_must_belong_together():
    parts = {"labels": pd.Index(["a", "b"]), "sizes": np.array([2, 1])}
    Groups(codes=np.array([0, 0, 1]), **parts).check(3)
    with pytest.raises(errors.ShapeError, match=r"\(3,\) codes for 4 units"):
        Groups(codes=np.array([0, 0, 1]), **parts).check(4)
    with pytest.raises(errors.ShapeError, match="sizes of groups"):
        Groups(codes=np.array([0, 1, 1]), **parts).check(3)


def test_groups_are_saved_and_removed_with_the_data(wide, tmp_path):
    res = fitted_by(wide, groups="school").fit("ml", n_boot=10)
    res.to_arrays(tmp_path / "fit.npz")
    res.save(tmp_path / "fit.pickle")
    for loaded in (nmfre.from_arrays(tmp_path / "fit.npz"), nmfre.load(tmp_path / "fit.pickle")):
        assert str(loaded.summary()) == str(res.summary())
        pd.testing.assert_frame_equal(loaded.dfbetas_by_group, res.dfbetas_by_group)
    text = str(res.summary())
    res.remove_data()
    assert str(res.summary()) == text
    res.to_arrays(tmp_path / "light.npz")
    assert str(nmfre.from_arrays(tmp_path / "light.npz").summary()) == text
    with pytest.raises(errors.DataRemovedError):
        _ = res.dfbetas_by_group


def test_sparse_and_missing_responses_have_groups(wide):
    from scipy.sparse import csr_array

    Y, school = wide[["y1", "y2", "y3"]].to_numpy(copy=True), wide["school"].to_numpy()
    dense = nmfre.NMFRE(Y, rank=1, groups=school).fit("ml", n_boot=10)
    sparse = nmfre.NMFRE(csr_array(Y), rank=1, groups=school).fit("ml", n_boot=10)
    np.testing.assert_allclose(sparse.bse, dense.bse, rtol=1e-6)
    Y[3, 1] = np.nan
    res = nmfre.NMFRE(Y, rank=1, groups=school).fit("ml", n_boot=10)
    assert np.isfinite(res.bse).all()
    assert len(res.dfbetas_by_group) == 10
