"""Likelihood-ratio tests of equal variances."""

from __future__ import annotations

import numpy as np
import pytest

import nmfre
from nmfre import errors
from nmfre.inference.equality import EQUAL_RE, EQUAL_RESID
from nmfre.simulation import BumpDesign

FORMS = ("identity", "diagonal")


@pytest.fixture(scope="module")
def model():
    sigma2 = tuple(np.linspace(0.5, 3.0, 8))
    design = BumpDesign(n_responses=8, rank=2, n_units=200, sigma2=sigma2, tau=(7.0, 4.0))
    return nmfre.NMFRE(*design.draw(np.random.default_rng(4)), rank=2)


@pytest.fixture(scope="module")
def fits(model):
    options = {"method": "ml", "signed": True, "n_boot": 0}
    forms = [(resid, re) for resid in FORMS for re in FORMS]
    return {form: model.fit(cov_resid=form[0], cov_re=form[1], **options) for form in forms}


@pytest.mark.parametrize("own", [("identity", "identity"), ("diagonal", "diagonal")])
def test_they_compare_fits_with_equal_and_unequal_variances(fits, own):
    tests = fits[own].test_equal_variances()
    pairs = {
        EQUAL_RESID: (("identity", own[1]), ("diagonal", own[1])),
        EQUAL_RE: ((own[0], "identity"), (own[0], "diagonal")),
        "both": (FORMS[:1] * 2, FORMS[1:] * 2),
    }
    assert list(tests.frame.index) == list(pairs)
    for name, (equal, unequal) in pairs.items():
        llf = [fits[form].llf for form in (equal, unequal)]
        row = tests.frame.loc[name]
        np.testing.assert_allclose(row[["llf, equal", "llf, unequal"]], llf, atol=1e-5)
        assert row["statistic"] == pytest.approx(2 * (llf[1] - llf[0]), abs=1e-4)
        before, after = fits[equal], fits[unequal]
        change = (after.params - before.params) / before.bse
        np.testing.assert_allclose(tests.effects[name, "change"], change, atol=1e-3)
        assert row["largest change"] == tests.effects[name, "change"].abs().max()
    assert tests.frame["df"].to_list() == [7, 1, 8]
    assert (tests.frame["pvalue"] < 0.05).all()
    assert "equal tau2" in str(tests)
    assert "<table" in tests._repr_html_()


def test_signs_that_change_are_named(fits):
    tests = fits["identity", "identity"].test_equal_variances()
    changed = tests.effects.copy()
    changed.loc[("comp2", "x1"), (EQUAL_RESID, "sign changes")] = True
    shown = str(type(tests)(tests.frame, changed))
    assert f"Effects whose sign changes ({EQUAL_RESID}): " in shown
    assert "comp2[x1]." in shown


def test_without_zeros_equal_tau2_cannot_be_tested():
    endog, exog = BumpDesign(n_responses=8, rank=2, n_units=200, background=0.4).draw(
        np.random.default_rng(0)
    )
    res = nmfre.NMFRE(endog, exog, rank=2).fit("ml", signed=True, n_boot=0)
    tests = res.test_equal_variances()
    row = tests.frame.loc[EQUAL_RE]
    assert row["df"] == 0
    assert row["statistic"] == pytest.approx(0.0, abs=1e-5)
    assert np.isnan(row["pvalue"])
    assert "cannot be tested" in str(tests)
    assert tests.frame.loc["both", "df"] == 7


@pytest.mark.filterwarnings("ignore::nmfre.NMFREWarning")
def test_what_has_no_such_tests_says_so(model):
    with pytest.raises(errors.NotComputedError, match="df-cap minimises"):
        model.fit(df_cap=0.5, n_boot=0, tol=1e-4).test_equal_variances()
    with pytest.raises(errors.NotComputedError, match="cap determines the variances"):
        model.fit("ml", df_cap=0.3, n_boot=0).test_equal_variances()
    one = nmfre.NMFRE(np.random.default_rng(0).uniform(1, 2, size=(40, 1)), rank=1)
    with pytest.raises(errors.NotComputedError, match="one response only"):
        one.fit("ml", n_boot=0).test_equal_variances()


def test_the_summary_and_check_show_score_tests_and_files_keep_them(fits, tmp_path):
    res = fits["identity", "identity"]
    assert "Score tests of equal residual variances: chi2" in str(res.summary())
    found = res.check().frame.set_index("topic")["text"]
    assert "cov_resid='diagonal'" in found["unequal variances"]
    assert "cov_re='diagonal'" in found["unequal tau2"]
    assert "Score tests" not in str(fits["diagonal", "diagonal"].summary())
    assert "unequal variances" not in fits["diagonal", "diagonal"].check().frame["topic"].to_list()
    res.to_arrays(tmp_path / "fit.npz")
    res.save(tmp_path / "fit.pickle", remove_data=True)
    for loaded in (nmfre.from_arrays(tmp_path / "fit.npz"), nmfre.load(tmp_path / "fit.pickle")):
        assert loaded.inference.equality == res.inference.equality
    with pytest.raises(errors.DataRemovedError):
        loaded.test_equal_variances()
