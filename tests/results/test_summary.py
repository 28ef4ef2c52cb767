"""The printed summary: the one place where its words are asserted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from confirmatory import FAST as ONE_START
from confirmatory import NAMES, battery, fitted
from confirmatory import model as confirmatory
from conftest import Case
from forms import PAPER, long_model
from shown import falling, growing, model_without_random_effects, unlike

import nmfre

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture
def res(model):
    return model.fit(df_cap=0.21)


def words(res, **options):
    """The summary in one line."""
    return " ".join(str(res.summary(**options)).split())


def test_the_summary_holds_what_the_results_hold(res):
    text = str(res.summary())
    for part in (
        "distance ~ sex",
        "tolerance, 226 iter.",
        "2.12 of 27",
        "5.67, did not bind",
        "90.501    2.472",
        "500 one-step",
        "exponential multipliers, seed 0",
        "P>z",
        "[0.025    0.975]",
        "tau2 was not estimated",
        "sigma2 has not converged (mean squared residual: 4.427)",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80
    assert "comp1" in text


def test_the_level_of_the_summary(res):
    text = str(res.summary(alpha=0.2, title="Growth"))
    assert "[0.1      0.9]" in text
    assert "level 0.8" in text
    assert text.splitlines()[0].strip() == "Growth"


@pytest.mark.parametrize(
    ("alpha", "limits", "level"),
    [
        (0.001, ["[0.0005", "0.9995]"], "0.999"),
        (0.005, ["[0.0025", "0.9975]"], "0.995"),
        (1e-6, ["[5e-07", "0.9999995]"], "0.999999"),
    ],
)
def test_limits_of_the_summary_are_exact(res, alpha, limits, level):
    """Guards against limits whose level is rounded away."""
    text = str(res.summary(alpha=alpha))
    lines = text.splitlines()
    header = next(line for line in lines if "coef" in line)
    assert header.split()[-2:] == limits
    assert f"level {level}, from" in " ".join(text.split())
    width = len(lines[1])
    assert max(map(len, lines)) == width


def test_summary_of_two_components(res2):
    text = str(res2.summary())
    lines = text.splitlines()
    rows = [line.split()[0] for line in lines if line.startswith(("comp", "  "))]
    assert [row for row in rows if row.startswith("comp")] == ["comp1", "comp2"]
    assert "ignores the uncertainty of the basis" in " ".join(text.split())
    assert "Formula: y1 + y2 + y3 + y4 + y5 ~ age + group" in text
    assert max(map(len, lines)) <= 80


def test_boundary_coefficients_are_marked():
    rng = np.random.default_rng(0)
    falling = np.linspace(0, 1, 60)
    Y = np.outer(10 - 4 * falling, [1.0, 2.0]) + rng.random((60, 2))
    res = nmfre.NMFRE(Y, np.column_stack([np.ones(60), falling]), rank=1).fit()
    assert res.at_bound.tolist() == [False, True]
    text = str(res.summary())
    assert "x1 (b)" in text
    assert "(b): at the boundary 0" in text


def test_how_the_cap_is_told(model):
    bound = " ".join(str(model.fit(df_cap=0.05).summary()).split())
    assert "Cap: 1.35, bound" in bound
    assert "The cap bound in 2 of 203 iterations, first in iteration 1." in bound
    off = str(model.fit(df_cap=None).summary())
    assert "Cap:                              off" in off
    assert "(estimated)" in off
    held = str(model.fit(df_cap=None, update_tau2=False).summary())
    assert "update_tau2=False" in " ".join(held.split())


def test_html_latex_and_csv(res2):
    summary = res2.summary()
    html, latex, csv = summary.as_html(), summary.as_latex(), summary.as_csv()
    assert '<th style="text-align: left; padding-left: 1.5em">age</th>' in html
    assert r"\toprule" in latex
    assert "comp2" in csv
    assert summary._repr_html_() == html


def test_summary_returns_and_does_not_print(res, capsys):
    """Guards scripts and notebooks against a summary printed twice."""
    res.summary()
    assert capsys.readouterr().out == ""


def test_few_units_are_told(model):
    plain, corrected = model.fit("ml", cov_type="sandwich"), model.fit("ml")
    assert "With only 27 units" in " ".join(str(plain.summary()).split())
    assert (corrected.bse > plain.bse).all()
    assert "With only" not in str(corrected.summary())


def words_of(res):
    return " ".join(str(res.summary()).split())


def test_rare_levels_and_units_of_leverage_one_are_named(model):
    rare = np.column_stack([model.exog, np.arange(27) < 4])
    res = nmfre.NMFRE(model.endog, rare, rank=1).fit("ml", signed=True, n_boot=0)
    assert "x2 depend on few units (4): intervals tend to be too narrow." in words_of(res)
    assert "depend on few" not in words_of(model.fit("ml"))
    alone = np.column_stack([model.exog, np.arange(27) == 3])
    res = nmfre.NMFRE(model.endog, alone, rank=1).fit("ml", signed=True, n_boot=0)
    assert "x2 depend on one unit (leverage 1), whose residuals are zero" in words_of(res)
    assert "cov_type='max'" in str(res.check())


def test_groups_are_told(model):
    labels = pd.Series(np.arange(27) % 9, name="clinic")
    groups = nmfre.NMFRE(model.endog, model.exog, rank=1, groups=labels)
    res = groups.fit("ml", signed=True, n_boot=0)
    words = words_of(res)
    assert "Groups: 9 of 3 units" in words
    assert "Std err: cr3, by group (clinic);" in words
    assert "With only 9 groups, standard errors tend to be too small." in words
    plain = res.with_uncertainty("conditional", cov_type="sandwich")
    assert "cov_type='cr3' corrects most of this" in " ".join(str(plain.check()).split())
    naive = res.with_uncertainty("marginal", cov_type="naive")
    assert "cov_type='naive' ignores groups" in words_of(naive)
    assert "by group" not in words_of(naive)


def test_the_summary_shows_errors_of_the_variances(model):
    for options, rows in (
        (PAPER, ["sigma2 (std err):        1.933 (0.712)"]),
        ({}, ["sigma2:                 1.349 to 2.645", "tau2 comp1:            47.482 (17.493)"]),
    ):
        text = str(model.fit("ml", **options).summary())
        assert all(row in text for row in rows)
        assert max(map(len, text.splitlines())) <= 80


def test_the_summary_counts_missing_cells(gaps):
    text = str(long_model(gaps).fit("ml", n_boot=0).summary())
    words = " ".join(text.split())
    assert "Missing cells: 12 of 108" in words
    assert "missing at random" in words
    assert max(map(len, text.splitlines())) <= 80


FAST = {"n_starts": 1, "n_boot": 0}


def test_how_intervals_and_p_values_were_made(model):
    plain = model.fit(df_cap=0.21, n_boot=0)
    assert "(boot)" not in words(plain)
    assert "Wald, level 0.95, cut off at 0" in words(plain)
    assert "chosen" not in words(plain)
    assert "adjusted for multiple tests (holm)" in words(plain, multipletests="holm")
    two_sided = words(model.fit(df_cap=0.21, n_boot=0, alternative="two-sided"))
    assert "P>|z|" in two_sided
    assert "P-values are two-sided" in two_sided
    assert "Method: ml, signed" in words(model.fit("ml", signed=True, **FAST))
    chosen = words(model.fit(df_cap="auto", n_boot=0))
    assert "the smallest of the rates 0.01, 0.02, ... (0.21)" in chosen
    given = model.fit(df_cap=0.21, multipliers=np.ones((20, 27)))
    assert "20 one-step wild-bootstrap replicates (given multipliers)" in words(given)
    for refit, kind in ((False, "one-step"), (True, "refit")):
        boot = given.bootstrap(30, "rademacher", seed=7, refit=refit)
        note = f"30 {kind} wild-bootstrap replicates (rademacher multipliers, seed 7)"
        assert note in words(boot.results)


def test_whether_errors_carry_the_uncertainty_of_the_basis(bumps):
    res = bumps.fit("ml", **FAST)
    assert "account for the uncertainty of the basis" in words(res)
    assert "ignores the uncertainty" in words(res.with_uncertainty("conditional"))


def test_fits_that_are_not_finished(model):
    assert "NOT CONVERGED: the iteration ended at its limit of 1 iter" in words(
        model.fit(maxiter=1, n_boot=0)
    )
    assert "NOT CONVERGED: the gradient norm is" in words(model.fit("ml", maxiter=1, **FAST))
    assert "STOPPED EARLY" in words(model.fit(df_cap=0.21, tol=1e-3, n_boot=0))
    small = nmfre.NMFRE(model.endog / 10.0, model.exog, rank=1)
    assert "VARIANCES NOT CONVERGED: sigma2 (" in words(small.fit(n_boot=0))
    res = nmfre.NMFRE(growing(), rank=1).fit(n_boot=0)
    text = words(res)
    assert "sigma2: 1.000 (starting value)" in text
    assert "VARIANCES NOT CONVERGED: sigma2 is its starting value, 1, not an estimate" in text
    assert f"(mean squared residual: {res.mean_squared_residual:.3g})" in text
    assert "sigma2 has not converged" not in text
    large = nmfre.NMFRE(1e7 * model.endog, model.exog, rank=1)
    for df_cap in (0.1, None):
        assert "held at 1e+12" in words(large.fit(n_boot=0, df_cap=df_cap))


@pytest.mark.parametrize(("distance", "expected"), [(0.009, False), (0.011, True)])
def test_sigma2_is_told_from_one_hundredth_on(res, distance, expected):
    target = res.estimate.mean_squared_residual
    other = replace(res, estimate=replace(res.estimate, sigma2=target / (1 + distance)))
    assert ("sigma2 has not converged" in words(other)) == expected


def test_a_cap_that_binds_is_priced(model):
    text = words(model.fit("ml", df_cap=0.5, n_boot=0, **PAPER))
    assert (
        "The cap binds: without it the log-likelihood would be -215.587, higher by 9.876." in text
    )
    assert "Cap: 13.50, bound" in text


@pytest.mark.parametrize("signed", [True, False])
def test_components_that_merge(bumps, signed):
    res = bumps.fit("ml", signed=signed, **FAST)
    text = words(replace(res, estimate=replace(res.estimate, condition=1e6)))
    assert "COMPONENTS MERGE" in text
    assert ("use signed=False" in text) == signed


def test_rotations_and_mixtures():
    case = Case.read("holzinger_rank3")
    model = nmfre.NMFRE(case.Y.T, case.A.T, rank=3)
    text = words(model.fit("ml", signed=True, **FAST, **PAPER))
    assert "NOT IDENTIFIED: comp1, comp2, comp3 can be rotated in 1 direction without" in text
    assert "The table shows the representative with the sparsest basis; its effects" in text
    assert "have no standard errors" in text
    assert "nan" not in text
    for signed in (True, False):
        text = words(model_without_random_effects(2, 3).fit("ml", signed=signed, **FAST))
        assert "NOT IDENTIFIED: without random effects only X Theta enters the likelihood" in text
        assert "too few responses" not in text


def test_effects_at_their_bound():
    held = words(nmfre.NMFRE(*falling(), rank=1).fit("ml", **FAST))
    assert "without a standard error are held at their bound" in held
    tested = words(nmfre.NMFRE(*falling(seed=4, effect=0.0), rank=1).fit("ml", **FAST))
    assert "x1 (b)" in tested
    assert "z and P are from a one-sided score test" in tested


def test_no_random_effects():
    for options, name in ((PAPER, "tau2 (std err)"), ({}, "tau2 comp1")):
        text = words(nmfre.NMFRE(*unlike(), rank=1).fit("ml", **FAST, **options))
        assert f"{name}: 0.000 (at its boundary)" in text
        assert "tau2 is at its boundary 0: the data show no random effects." in text


def test_what_the_data_do_not_determine():
    rng = np.random.default_rng(0)
    endog = 10 + rng.normal(size=(60, 1)) + rng.normal(size=(60, 3))
    text = words(nmfre.NMFRE(endog, rank=3).fit("ml", signed=True, **FAST))
    assert "NOT DETERMINED: the likelihood is flat" in text
    assert "at its bound" not in text


def test_r2_that_is_not_defined():
    assert "n/a" in words(nmfre.NMFRE(np.full((10, 1), 2.0), rank=1).fit(n_boot=0))
    rng = np.random.default_rng(0)
    endog = 1e4 + rng.normal(size=(60, 1)) + 0.3 * rng.normal(size=(60, 4))
    assert "n/a" not in words(nmfre.NMFRE(endog, rank=1).fit("ml", **FAST))


def header(res):
    """The header without blanks, a line each."""
    rows = str(res.summary()).split("=" * 78)[1].splitlines()
    return [" ".join(row.split()) for row in rows]


def test_the_structure_of_covariances_and_the_variances():
    res = fitted("full")
    rows = header(res)
    variances, sizes = res.cov_re.to_numpy().diagonal(), res.resid_variances
    found = [row for row in rows if row.startswith(("Covariances", "sigma2", "tau2", "Ridge"))]
    assert found[0].startswith("Covariances: diagonal, full")
    assert found[1].startswith(f"sigma2: {sizes.min():.3f} to {sizes.max():.3f}")
    errors = res.variance_components().loc["tau2[visual]":"tau2[speed]", "std err"]
    for row, name, variance, error in zip(
        found[2:], res.theta.index, variances, errors, strict=True
    ):
        assert row.startswith(f"tau2 {name}: {variance:.3f} ({error:.3f})")
    assert max(map(len, str(res.summary()).splitlines())) == 78
    equal = header(fitted("identity", "identity"))
    assert sum(row.startswith(("sigma2 (std", "tau2 (std err)", "Ridge")) for row in equal) == 3


def test_long_names_and_many_components_keep_the_width():
    res = fitted("diagonal").rename_components({"visual": "perception of figures"})
    text = str(res.summary())
    assert "tau2 perceptio..:" in text
    alike = {"visual": "perception of figures", "verbal": "perception of words"}
    assert "tau2 component 2:" in str(fitted("diagonal").rename_components(alike).summary())
    assert max(map(len, text.splitlines())) == 78
    names = {f"part {q}": [f"y{2 * q + 1}", f"y{2 * q + 2}"] for q in range(6)}
    rng = np.random.default_rng(0)
    scores = 10 + np.repeat(rng.normal(size=(60, 6)), 2, axis=1)
    endog = scores + 0.5 * rng.normal(size=(60, 12))
    many = nmfre.NMFRE(endog, basis_pattern=names).fit("ml", cov_re="diagonal", **ONE_START)
    variances = many.cov_re.to_numpy().diagonal()
    assert f"tau2: {variances.min():.3f} to {variances.max():.3f}" in words(many)


def test_by_what_components_are_identified(bumps):
    assert "Components are identified by the basis pattern." in words(fitted("full"))
    res = bumps.fit("ml", signed=True, **FAST)
    for by, text in (
        ("zeros", "by zeros of the estimated basis."),
        ("bounds", "by effects at their boundary 0, together with zeros of the basis."),
        ("convention", "only by the convention that their random effects have equal variances"),
        ("", ""),
    ):
        identification = replace(res.identification, by=by)
        other = replace(res, estimate=replace(res.estimate, identification=identification))
        assert ("Components are identified" in words(other)) == bool(by)
        assert text in words(other)


def test_mixtures_of_components_with_other_variances():
    options = {"cov_resid": "diagonal", "signed": True, **ONE_START}
    text = words(confirmatory(rank=2, right="1").fit("ml", cov_re="diagonal", **options))
    assert "comp1, comp2 can be mixed in 1 direction (with other variances) at the same" in text
    held = nmfre.NMFRE(battery()[NAMES], basis_pattern=np.ones((9, 2), dtype=bool))
    text = words(held.fit("ml", cov_re="diagonal", **options))
    assert "The table shows the representative that the search found; its effects" in text


def test_variances_at_their_bound_are_named():
    res = fitted("diagonal")
    held = replace(
        res.estimate, resid_at_bound=np.eye(9)[3] > 0, re_at_bound=np.array([False, False, True])
    )
    text = words(replace(res, estimate=held))
    assert "Residual variances at their boundary 0 (Heywood case): x4. They have no" in text
    assert f"sigma2: 0.000 to {res.resid_variances.max():.3f}" in text
    assert (
        "Variances of random effects at their boundary 0: the data show no random effects of speed"
        in text
    )
    assert "tau2 speed: 0.000 (at its boundary)" in text


LONG = "a_name_that_is_{}_and_has_forty_letters"


@pytest.fixture(scope="module", params=[1, 2, 3, 4])
def long_names(request):
    """A model all of whose names have forty letters, of a factor with many levels, in groups."""
    rng, n, rank = np.random.default_rng(0), 60, request.param
    responses = [f"{LONG.format(p):_<40}" for p in range(8)]
    scores = 100 + 10 * rng.normal(size=(n, rank)) + 5 * (np.arange(n) % 6)[:, None]
    basis = np.kron(np.eye(4), [[0.5], [0.5]])[:, :rank] + 0.05
    endog = np.abs(scores @ basis.T + rng.normal(size=(n, 8)))
    factor, age, group = (f"{LONG.format(what):_<40}" for what in ("factor", "age", "group"))
    data = pd.DataFrame(endog, columns=responses)
    data[factor] = [f"{LONG.format(f'level {i % 6}'):_<40}" for i in range(n)]
    data[age], data[group] = rng.uniform(8, 90, n), np.arange(n) % 15
    return nmfre.NMFRE.from_formula(
        f"~ {factor} + {age}",
        data,
        rank,
        endog=responses,
        groups=group,
        components=[f"{LONG.format(q):_<40}" for q in range(rank)],
    )


@pytest.mark.filterwarnings("ignore::nmfre.errors.DegenerateBasisWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"maxiter": 200},
        {"method": "ml", "signed": True, "n_starts": 1, "n_boot": 10, **PAPER},
        {"method": "ml", "signed": True, "df_cap": 0.3, "maxiter": 50, **FAST, **PAPER},
    ],
    ids=["df-cap", "ml", "capped"],
)
def test_no_line_passes_80_columns_and_no_name_is_cut(long_names, options):
    res = long_names.fit(**options)
    factor = res.model.exog_names[1].split("[")[0]
    means = res.marginal_means(factor)
    summary = str(res.summary(multipletests="holm"))
    for printed in (
        summary,
        res.check(),
        means,
        means.differences(),
        nmfre.compare({**dict.fromkeys("abcd", res), LONG: res}, stat="conf_int"),
    ):
        assert max(map(len, str(printed).splitlines())) <= 78
    if "df_cap" not in options:
        assert max(map(len, str(res.wald_test_terms()).splitlines())) <= 78
    for name in (*res.model.components, *res.model.exog_names):
        assert "".join(name.split()) in "".join(summary.split())
    narrow = str(res.summary(width=60)).splitlines()
    assert max(map(len, narrow)) == 60
    with pytest.raises(nmfre.errors.InvalidArgumentError, match="width"):
        res.summary(width=59)


def test_frames_are_grouped_as_the_summary_is(res2):
    frame = res2.summary_frame()
    assert [*dict.fromkeys(frame.index.get_level_values(0))] == ["comp1", "comp2"]
    assert frame.index.get_level_values(0).is_monotonic_increasing
    pd.testing.assert_series_equal(frame["p"].loc[res2.params.index], res2.pvalues.rename("p"))
    with pd.option_context("display.max_columns", 20):
        assert "<0.001" in repr(frame)
    assert res2.tidy().set_index(["component", "covariate"]).index.equals(res2.params.index)
