"""Weights of units: as users have them, and fits, which are those of repeated rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.sparse import csr_array

import nmfre
from nmfre import errors
from nmfre.data.weights import Weights
from nmfre.inference.eliminated import eliminated_inference
from nmfre.selection.folds import units_of

GOLDEN = Path(__file__).parents[1] / "golden" / "groups"
N = 40
OFTEN = 1 + (np.arange(N) * 7) % 4
ROWS = np.repeat(np.arange(N), OFTEN)
PATTERN = np.array([[1, 0], [1, 1], [1, 1], [0, 1]], dtype=bool)
FIT = {"ml": {"n_starts": 1, "tol": 1e-12}, "df-cap": {"tol": 1e-6}}
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def drawn(missing=False):
    rng = np.random.default_rng(4)
    exog = np.column_stack([np.ones(N), rng.uniform(size=N), np.arange(N) % 3 == 0])
    scores = 50 + exog @ [[0, 0], [9, 5], [2, -4]] + 4 * rng.normal(size=(N, 2))
    endog = np.maximum(scores @ [[0.5, 0.3, 0.2, 0], [0, 0.2, 0.3, 0.5]], 0)
    endog += np.abs(rng.normal(size=endog.shape))
    if missing:
        endog[rng.uniform(size=endog.shape) < 0.1] = np.nan
    return endog, exog


def pair(method="ml", missing=False, groups=None, **options):
    """The fit with weights, and that of repeated rows in groups."""
    endog, exog = drawn(missing)
    kind = {"basis_pattern": PATTERN} if method == "ml" else {"rank": 2}
    labels = np.arange(N) if groups is None else groups
    models = (
        nmfre.NMFRE(endog, exog, weights=OFTEN, groups=groups, **kind),
        nmfre.NMFRE(endog[ROWS], exog[ROWS], groups=labels[ROWS], **kind),
    )
    given = {"n_boot": 20, **FIT[method], **options}
    return [model.fit(method, **given) for model in models]


@pytest.fixture(scope="module")
def fits():
    return pair(cov_resid="identity")


def assert_same_inference(one, other, uncertainty):
    for cov_type in ("sandwich", "cr3", "naive", "max"):
        a, b = (fit.with_uncertainty(uncertainty, cov_type=cov_type) for fit in (one, other))
        np.testing.assert_allclose(a.bse, b.bse, rtol=1e-10)
        moves = (fit.inference.bootstrap.deviations / b.bse.to_numpy() for fit in (a, b))
        np.testing.assert_allclose(*moves, **CLOSE)


@pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("ml", {"cov_resid": "identity"}),
        ("ml", {"cov_resid": "identity", "missing": True}),
        ("ml", {"cov_resid": "mean", "missing": True}),
        ("ml", {"df_cap": 0.5, "groups": np.arange(N) // 4}),
        ("df-cap", {}),
        ("df-cap", {"df_cap": None, "groups": np.arange(N) // 4}),
    ],
)
def test_whole_weights_are_repeated_rows(method, options):
    one, other = pair(method, **options)
    for name in ("params", "basis", "sigma2", "tau2", "df_random", "df_resid", "saturation"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10)
    np.testing.assert_allclose(
        one.random_effects, other.random_effects.groupby(ROWS).first(), **CLOSE
    )
    assert (one.nobs, one.df_cap) == (other.nobs, other.df_cap)
    assert one.mean_squared_residual == pytest.approx(other.mean_squared_residual, rel=1e-10)
    np.testing.assert_allclose(one.rsquared_table(), other.rsquared_table(), rtol=1e-10)
    for uncertainty in one.estimator.uncertainties:
        assert_same_inference(one, other, uncertainty)
    changes = one.dfbetas if one.model.design.groups is None else one.dfbetas_by_group
    np.testing.assert_allclose(changes, other.dfbetas_by_group, **CLOSE)
    refits = (fit.bootstrap(2, refit=True).replicates for fit in (one, other))
    np.testing.assert_allclose(*refits, rtol=1e-8)
    if method == "ml":
        for name in ("llf", "aic", "bic"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12)
        a, b = (fit.variance_components().iloc[:-1] for fit in (one, other))  # df_U is at its cap
        np.testing.assert_allclose(a, b, rtol=1e-9)
        support, expected = one.inference.support, other.inference.support
        np.testing.assert_allclose(support.effective, expected.effective, rtol=1e-10)
        assert support.independent == expected.independent


def test_what_is_said_of_fits_is_that_of_repeated_rows(fits):
    one, _ = fits
    (test,), (expected,) = (fit.inference.equality.values() for fit in fits)
    assert test.statistic == pytest.approx(expected.statistic, rel=1e-9)
    for sd in ("total", "conditional"):
        a, b = (fit.standardized(sd, covariates=True) for fit in fits)
        np.testing.assert_allclose(a.profiles, b.profiles, rtol=1e-10)
        np.testing.assert_allclose(a.effects, b.effects, rtol=1e-10)
    for grid in ("data", "balanced"):
        a, b = (fit.marginal_means("x2", grid=grid) for fit in fits)
        np.testing.assert_allclose(a.estimates, b.estimates, rtol=1e-10)
        np.testing.assert_allclose(a.bse, b.bse, rtol=1e-9)
        a, b = (fit.average_slopes("x1", which="shares", grid=grid) for fit in fits)
        np.testing.assert_allclose(a.estimates, b.estimates, rtol=1e-7)
    given = {"df_correction": True}
    a, b = (fit.variance_components(**given) for fit in fits)
    np.testing.assert_allclose(a, b, rtol=1e-9)
    assert "over the 40 units of the data, with their weights" in str(
        one.marginal_means("x2", grid="data")
    )
    lines = (fit.plot_growth_curves(by="x2").get_lines() for fit in fits)
    for line, expected_line in zip(*lines, strict=True):
        np.testing.assert_allclose(line.get_ydata(), expected_line.get_ydata(), rtol=1e-10)
    widths = ([edge.get_linewidth() for edge in fit.plot_path_diagram().patches] for fit in fits)
    np.testing.assert_allclose(*widths, rtol=1e-9)


def test_ranks_and_caps_are_chosen_as_of_repeated_rows():
    endog, exog = drawn()
    weighted = nmfre.NMFRE(endog, exog, rank=1, weights=OFTEN)
    repeated = nmfre.NMFRE(endog[ROWS], exog[ROWS], rank=1, groups=ROWS)
    given = {"criterion": "bic", "n_starts": 1, "progress": False, "cov_resid": "identity"}
    tables = (nmfre.select_rank(model, [1], **given).table for model in (weighted, repeated))
    np.testing.assert_allclose(*tables, rtol=1e-10)
    scans = (nmfre.scan_cap(model, [0.1, 0.5], maxiter=60).table for model in (weighted, repeated))
    pd.testing.assert_frame_equal(*scans, rtol=1e-10)
    for over in ("units", "entries"):
        options = {"over": over, "folds": 2, "n_starts": 1, "progress": False, "tol": 1e-6}
        assert np.isfinite(nmfre.select_rank(weighted, [1], **options).table["cv"]).all()
    part = units_of(weighted.design, np.arange(N) < 30)
    assert part.weights.total == OFTEN[:30].sum()
    X, scores = np.full((4, 1), 0.25), np.full((1, N), 200.0)
    error = weighted.design.squared_error(X, scores, np.arange(N))
    expected = repeated.design.squared_error(X, scores[:, ROWS], np.arange(len(ROWS)))
    assert error == pytest.approx(expected, rel=1e-12)


def test_inference_without_a_joint_covariance_knows_weights(fits):
    one, other = fits
    found = []
    for fit, weights, groups in ((one, OFTEN.astype(float), None), (other, None, ROWS)):
        options, design = fit.inference.options, fit.model.design
        arguments = (design.Y, design.A, design.moments(), fit.estimate, options)
        seed = np.random.SeedSequence(0)
        found.append(eliminated_inference(*arguments, seed, groups=groups, weights=weights))
    np.testing.assert_allclose(found[0].covariance, found[1].covariance, rtol=1e-7)
    np.testing.assert_allclose(found[0].bse, one.bse, rtol=1e-6)


def test_standard_errors_are_those_of_lavaan():
    schools = pd.read_csv(GOLDEN / "schools.csv")
    schools["w"] = 0.5 + 7 * np.arange(1, 137) % 5
    expected = json.loads((GOLDEN / "weights.json").read_text())
    formula = "y1 + y2 + y3 + y4 ~ x + z"
    for groups, name, factor in ((None, "bse", 136 / 135), ("school", "bse_by_school", 1.0)):
        model = nmfre.NMFRE.from_formula(formula, schools, rank=1, weights="w", groups=groups)
        res = model.fit("ml", signed=True, cov_type="sandwich", n_boot=0, n_starts=1)
        np.testing.assert_allclose(res.params, expected["params"], rtol=1e-6)
        np.testing.assert_allclose(res.bse, np.sqrt(factor) * np.array(expected[name]), rtol=1e-5)
        assert res.llf * 136 / schools["w"].sum() == pytest.approx(expected["llf"], abs=1e-6)


def test_the_size_of_weights_matters_to_what_counts_units_alone():
    endog, exog = drawn()
    small, large = (
        nmfre.NMFRE(endog, exog, basis_pattern=PATTERN, weights=factor * OFTEN).fit(
            "ml", signed=True, n_boot=20, **FIT["ml"]
        )
        for factor in (0.01, 1000.0)
    )
    np.testing.assert_allclose(small.params, large.params, rtol=1e-9)
    np.testing.assert_allclose(small.bse, large.bse, rtol=1e-9)
    np.testing.assert_allclose(small._references, large._references, rtol=1e-6)
    assert large.df_random == pytest.approx(1e5 * small.df_random, rel=1e-9)
    naive = (fit.with_uncertainty("marginal", cov_type="naive").bse for fit in (small, large))
    np.testing.assert_allclose(next(naive), np.sqrt(1e5) * next(naive), rtol=1e-8)
    equal = nmfre.NMFRE(endog, exog, basis_pattern=PATTERN, weights=np.full(N, 3.0))
    plain = nmfre.NMFRE(endog, exog, basis_pattern=PATTERN)
    critical = []
    for model in (equal, plain):
        scale, df = model.fit("ml", signed=True, n_boot=0, n_starts=1)._references[1]
        critical.append(scale * stats.f.isf(0.05, 2, df))
    assert critical[0] == pytest.approx(critical[1], rel=0.05)  # of other draws


def test_a_column_and_values_are_the_same_weights(simulated, orthodont):
    wide = simulated.assign(w=1.0 + np.arange(40) % 3)
    by_name = nmfre.NMFRE.from_formula("y1 + y2 ~ age", wide, rank=1, weights="w").design.weights
    for values in (wide["w"], wide["w"].to_list(), wide["w"].astype("Int64"), wide[["w"]]):
        model = nmfre.NMFRE(wide[["y1", "y2"]], rank=1, weights=values)
        np.testing.assert_array_equal(model.design.weights.by_unit, by_name.by_unit)
    assert by_name.described == "sum 79, from 1 to 3"
    number = orthodont["subject"].str[1:].astype(int)
    given = {"rank": 1, "unit": "subject", "occasion": "age", "weights": "w"}
    model = nmfre.NMFRE.from_formula("distance ~ sex", orthodont.assign(w=number), **given)
    assert model.design.weights.by_unit.shape == (27,)
    moved = orthodont.assign(w=1 + np.arange(108))
    with pytest.raises(errors.VaryingCovariateError, match=r"'w' varies .* has one weight"):
        nmfre.NMFRE.from_formula("distance ~ sex", moved, **given)


def test_weights_that_are_not_allowed(simulated):
    endog, w = simulated[["y1", "y2"]], pd.Series(np.ones(40), name="w")

    def changed(value):
        return w.where(w.index != 7, value)

    def model(weights):
        return nmfre.NMFRE(endog, rank=1, weights=weights)

    with pytest.raises(errors.InvalidArgumentError, match=r"0 at unit 7 \(1 such .* leave out"):
        model(changed(0.0))
    with pytest.raises(errors.InvalidArgumentError, match=r"weights='-2 at unit 7 \(1 such"):
        model(changed(-2.0))
    with pytest.raises(errors.NonFiniteError, match=r"Weight 'w' is nan at unit 7 \(1 such"):
        model(changed(np.nan))
    with pytest.raises(errors.NonFiniteError, match=r"Weight 'weights' is inf at unit 7"):
        model(changed(np.inf).to_numpy())
    with pytest.raises(errors.NonNumericError, match=r"Weight 'w' is not numeric .* to numbers"):
        model(w.astype(str))
    with pytest.raises(errors.ShapeError, match="weights has 39 values, endog 40 rows: pass one"):
        model(np.ones(39))
    with pytest.raises(errors.ShapeError, match="indices of weights and endog differ"):
        model(w.iloc[::-1])
    with pytest.raises(errors.InvalidArgumentError, match=r"weights='w' .* from_formula"):
        model("w")
    with pytest.raises(errors.MissingColumnError, match="'often'"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ 1", simulated, rank=1, weights="often")
    data = simulated.assign(w=changed(np.nan))
    with pytest.raises(errors.NonFiniteError, match="'w' is missing at unit 7"):
        nmfre.NMFRE.from_formula("y1 + y2 ~ 1", data, rank=1, weights="w")
    with pytest.raises(errors.InvalidArgumentError, match="None where responses are sparse"):
        nmfre.NMFRE(csr_array(endog.to_numpy()), rank=1, weights=w)
    dask = pytest.importorskip("dask.array")
    with pytest.raises(errors.InvalidArgumentError, match="None where responses are in chunks"):
        nmfre.NMFRE(dask.from_array(endog.to_numpy()), rank=1, weights=w)


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("fit_measures", lambda res: res.fit_measures()),
        ("compare_lr_test", lambda res: res.compare_lr_test(res)),
        ("test_equal_variances", lambda res: res.test_equal_variances()),
        ("test_random_effects", lambda res: res.test_random_effects()),
        ("the profile interval", lambda res: res.conf_int(method="profile")),
        ("bootstrap(parametric=True)", lambda res: res.bootstrap(9, parametric=True)),
        ("plot_residuals('qq')", lambda res: res.plot_residuals("qq")),
    ],
)
def test_what_does_not_know_weights_says_so(fits, name, ask):
    with pytest.raises(errors.NotComputedError) as caught:
        ask(fits[0])
    assert str(caught.value).startswith(f"{name} is not available: units have weights; ")


def test_the_check_does_not_look_at_residuals(fits):
    assert "residuals: not checked: units have weights." in str(fits[0].check())


def test_weights_are_saved_and_removed_with_the_data(fits, tmp_path):
    res = fits[0].model.fit("ml", n_boot=10, n_starts=1)
    text = str(res.summary())
    words = " ".join(text.split())
    assert f"Weights: sum {OFTEN.sum()}, from 1 to 4. Their sum replaces N in" in words
    assert f"of {2 * OFTEN.sum()}" in words
    assert max(map(len, text.splitlines())) <= 80
    res.to_arrays(tmp_path / "fit.npz")
    res.save(tmp_path / "fit.pickle")
    for loaded in (nmfre.from_arrays(tmp_path / "fit.npz"), nmfre.load(tmp_path / "fit.pickle")):
        assert str(loaded.summary()) == text
        pd.testing.assert_frame_equal(loaded.dfbetas, res.dfbetas)
        assert loaded.df_resid == res.df_resid
    nobs = res.nobs
    res.remove_data()
    res.to_arrays(tmp_path / "light.npz")
    light = nmfre.from_arrays(tmp_path / "light.npz")
    assert str(light.summary()) == text
    assert light.nobs == nobs == 4 * OFTEN.sum()
    with pytest.raises(errors.DataRemovedError):
        _ = light.dfbetas


def test_parts_of_a_file_must_belong_together():
    weights = {"by_unit": np.array([1.0, 3.0]), "total": 4.0, "least": 1.0, "most": 3.0}
    Weights(**weights).check(2)
    with pytest.raises(errors.ShapeError, match="for 3 units"):
        Weights(**weights).check(3)
    with pytest.raises(errors.ShapeError, match="not those of their values"):
        Weights(**weights | {"total": 5.0}).check(2)
    negative = {"by_unit": np.array([-1.0, 3.0]), "total": 2.0, "least": -1.0}
    with pytest.raises(errors.ShapeError, match="not above 0"):
        Weights(**weights | negative).check(2)
