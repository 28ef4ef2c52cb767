"""Cells that are missing: counted, told, and left out of fits and statistics."""

from __future__ import annotations

import numpy as np
import pytest
from forms import long_model

import nmfre
from nmfre import errors


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
    with pytest.raises(errors.NonFiniteError, match="Covariate 'x1' is nan at unit 5"):
        nmfre.NMFRE(Y, covariate, rank=1)
    with pytest.raises(errors.NonFiniteError, match="Covariate 'age' is missing at unit 5"):
        nmfre.NMFRE.from_formula("Y ~ age", {"Y": Y, "age": covariate[:, 1]}, rank=1)


def test_missing_cells_are_counted(orthodont):
    assert long_model(orthodont).design.n_missing == 0
    holed = orthodont.drop(index=5).assign(distance=lambda d: d["distance"].mask(d.index == 3))
    design = long_model(holed).design
    assert (design.n_missing, design.n_cells) == (2, 106)
    assert list(zip(*np.nonzero(np.isnan(design.Y)), strict=True)) == [(1, 1), (3, 0)]


@pytest.mark.bits
def test_every_form_of_the_data_gives_the_same_fit(orthodont, orthodont_wide, gaps):
    res = long_model(gaps).fit("ml")
    marked = orthodont.assign(
        distance=orthodont["distance"].where(orthodont.index.isin(gaps.index))
    )
    wide = orthodont_wide.loc[orthodont["subject"].unique()]
    for row in orthodont.drop(index=gaps.index).itertuples():
        wide.loc[row.subject, f"age{row.age}"] = np.nan
    ages = ["age8", "age10", "age12", "age14"]
    exog = np.column_stack([np.ones(27), wide["sex"] == "Male"])
    nullable = marked.assign(distance=marked["distance"].astype("Float64"))
    others = [
        long_model(marked),
        long_model(nullable),
        nmfre.NMFRE.from_formula("age8 + age10 + age12 + age14 ~ sex", wide, rank=1),
        nmfre.NMFRE.from_formula(
            "~ sex", wide.astype(dict.fromkeys(ages, "Float64")), 1, endog=ages
        ),
        nmfre.NMFRE(wide[ages], exog, rank=1),
        nmfre.NMFRE(wide[ages].astype("Float64"), exog, rank=1),
        nmfre.NMFRE(wide[ages].to_numpy(), exog, rank=1),
    ]
    for other in others:
        same = other.fit("ml")
        assert same.nobs == 96
        np.testing.assert_array_equal(same.params.to_numpy(), res.params.to_numpy())
        np.testing.assert_array_equal(same.bse_boot.to_numpy(), res.bse_boot.to_numpy())


def test_fits_and_their_statistics(holed, holed_fit):
    res, Y = holed_fit, holed.endog
    assert res.fittedvalues.notna().all(axis=None)
    np.testing.assert_array_equal(res.resid.isna(), np.isnan(Y))
    o = ~np.isnan(Y)
    means = np.broadcast_to(np.nanmean(Y, axis=0), Y.shape)
    for which in ("blup", "fixed"):
        fit = res.predict(which=which).to_numpy()
        sse = np.sum((Y - fit)[o] ** 2)
        expected = [
            np.corrcoef(Y[o], fit[o])[0, 1] ** 2,
            1 - sse / np.sum(Y[o] ** 2),
            1 - sse / np.sum((Y - means)[o] ** 2),
        ]
        np.testing.assert_allclose(res.rsquared_table()[which], expected, rtol=1e-9)
        if which == "blup":
            assert res.mean_squared_residual == pytest.approx(sse / res.nobs)


def test_df_cap_says_where_cells_are_missing(gaps):
    with pytest.raises(
        errors.MissingCellError,
        match=r"12 of 108 responses are missing, first response 8 of unit 'M01': df-cap needs all "
        r"of them\. Use method='ml'",
    ):
        long_model(gaps).fit()


def test_nothing_observed_of_a_unit_or_of_a_response(orthodont):
    gone = orthodont["subject"].isin(["M03", "F01"])
    with pytest.raises(
        errors.UnobservedUnitError, match=r"Unit 'M03' has no observed response \(2 such units"
    ):
        long_model(orthodont.assign(distance=orthodont["distance"].mask(gone)))
    with pytest.raises(errors.UnobservedResponseError, match="Response 10 is missing for every"):
        long_model(orthodont.assign(distance=orthodont["distance"].mask(orthodont["age"] == 10)))


def test_other_errors_beside_missing_cells(gaps):
    gaps = gaps.assign(distance=gaps["distance"].mask(gaps.index == 3))
    with pytest.raises(
        errors.NegativeResponseError, match="1 negative entries, first at unit 'M02'"
    ):
        long_model(gaps.assign(distance=gaps["distance"].mask(gaps.index == 4, -1.0)))
    with pytest.raises(errors.NonFiniteError, match=r"Response 8 is inf at unit 'M02' \(1 such"):
        long_model(gaps.assign(distance=gaps["distance"].mask(gaps.index == 4, np.inf)))
    with pytest.raises(errors.ZeroResponseError, match="Response 12"):
        long_model(gaps.assign(distance=gaps["distance"].mask(gaps["age"] == 12, 0.0)))
    with pytest.raises(errors.NonFiniteError, match="Covariate 'sex' is missing"):
        long_model(gaps.assign(sex=gaps["sex"].mask(gaps["subject"] == "F02")))
