"""The paper's studies."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nmfre import NMFRE, errors
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.fixed_effects import fit_fixed_effects
from nmfre.estimation.initial import nndsvd
from nmfre.simulation import (
    PaperDesign,
    baseline_designs,
    paper_study,
    stress_designs,
    studies,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "baseline_n27.csv"


PUBLISHED = pd.read_csv(REFERENCE).groupby(["errors", "effect"])


@pytest.mark.slow
@pytest.mark.parametrize(("distribution", "effect"), list(PUBLISHED.groups))
def test_baseline_agrees_with_the_authors_code(distribution, effect):
    """Guards designs, fits and inference of the study against the author's 200 replicates."""
    n, published_n = 400, 200
    design = PaperDesign(study="baseline", n_units=27, effect=effect, errors=distribution)
    row = paper_study([design], n, n_boot=500, seed=1, progress=False).iloc[0]
    table = PUBLISHED.get_group((distribution, effect))
    for name, published in zip(table["quantity"], table["value"], strict=True):
        spread = row["sd"] if name in ("bias", "sd") else 0.12  # of one replicate
        if name in ("rejection", "coverage, wald", "coverage, percentile"):
            rate = (n * row[name] + published_n * published) / (n + published_n)
            spread = np.sqrt(rate * (1 - rate)) if rate < 1 else 0.0
        error = spread * np.sqrt(1 / n + 1 / published_n)
        assert row[name] == pytest.approx(published, abs=3 * error + 0.005), name


def test_the_collapse_without_a_cap_is_visible(monkeypatch):
    # A hundredth of the iterations is enough to see where the ridge goes.
    monkeypatch.setattr(studies, "fit_alternating", partial(fit_alternating, maxiter=2000))
    strict, _, off, *_ = stress_designs()
    assert (strict.df_cap, off.df_cap) == (0.21, None)
    table = paper_study([strict, off], 4, n_boot=20, progress=False)
    capped, off = table.iloc[0], table.iloc[1]
    assert capped["df_U / NQ"] == pytest.approx(0.21, rel=1e-3)
    assert capped["cap hit"] == 1.0
    assert off["df_U / NQ"] > 0.99
    assert off["mean ridge"] < 1e-2 * capped["mean ridge"]
    assert off["mean naive se"] > 5.0 * off["mean se"]
    assert capped["mean naive se"] < 2.0 * capped["mean se"]
    assert off["not converged"] == 1.0


@pytest.mark.filterwarnings("ignore::nmfre.warnings.ConvergenceWarning")
@pytest.mark.parametrize("effect", [0.0, 1.2])
def test_columns_are_those_of_fits_and_bootstraps(effect):
    """Every replicate again, from the same seeds, by fits of the package."""
    n, n_boot, n_refits, seed = 4, 20, 3, 2
    design = PaperDesign(study="baseline", n_units=27, effect=effect)
    (by_design,) = np.random.SeedSequence(seed).spawn(1)
    for_covariates, *of_replicates = by_design.spawn(1 + n)
    exog = design.covariates(np.random.default_rng(for_covariates))
    rows = [_by_hand(design, exog, own, n_boot, n_refits) for own in of_replicates]
    expected, rates = pd.DataFrame(rows), pd.DataFrame(rows).mean()
    table = paper_study([design], n, n_boot=n_boot, n_refits=n_refits, seed=seed, progress=False)
    found = table.iloc[0]
    told = [name for name in expected if name.endswith(" se") and name[:4] in ("reje", "cove")]
    assert rates[told].between(0.0, 1.0, inclusive="neither").all()
    for name in expected.columns.drop("df_U / NQ"):
        assert found[name] == pytest.approx(rates[name], rel=1e-9), name
    for level, name in ((0.9, "q90 of df_U / NQ"), (0.99, "q99 of df_U / NQ")):
        assert found[name] == pytest.approx(np.quantile(expected["df_U / NQ"], level), rel=1e-9)
    for name in ("rejection, bootstrap se", "coverage, refit se"):
        error = np.sqrt(rates[name] * (1.0 - rates[name]) / n)
        assert found[f"{name} (se)"] == pytest.approx(error, rel=1e-9)
    without = paper_study([design], n, n_boot=n_boot, seed=seed, progress=False)
    pd.testing.assert_frame_equal(without, table[without.columns], check_exact=True)
    assert not [name for name in without if "refit" in name]


def _by_hand(design, exog, seed, n_boot, n_refits):
    of_data, of_starts, of_multipliers, of_refits = seed.spawn(4)
    endog = design.responses(exog, np.random.default_rng(of_data))
    start = nndsvd(endog.T, 1, np.random.default_rng(of_starts))[None]
    X, Theta = fit_fixed_effects(endog.T[None], exog.T[None], start, np.ones((1, 1, 2)))
    (of_units,) = of_multipliers.spawn(1)
    w = np.random.default_rng(of_units).standard_exponential((n_boot, len(endog))) - 1.0
    res = NMFRE(endog, exog, rank=1).fit(
        df_cap=0.21, start_basis=X[0], start_theta=Theta[0], multipliers=w
    )
    w = np.random.default_rng(of_refits).standard_exponential((n_refits, len(endog))) - 1.0
    fitted, refits = res.fittedvalues.to_numpy(), []
    for of_units in w:
        replicate = fitted + (endog - fitted) * of_units[:, None]
        start = {"start_basis": res.basis, "start_theta": res.theta}
        again = NMFRE(replicate, exog, rank=1).fit(df_cap=0.21, n_boot=0, **start)
        refits.append(again.params.iloc[1])
    estimate, bse, refit_se = res.params.iloc[1], res.bse_boot.iloc[1], np.std(refits, ddof=1)
    level = 0.95 if design.effect == 0.0 else 0.975  # one-sided where there is no effect
    critical, half_width = stats.norm.ppf(level), stats.norm.ppf(0.975)
    low, high = np.quantile(refits, [0.025, 0.975])
    return {
        "mean sigma2": res.sigma2,
        "mean tau2": res.tau2,
        "mean dispersion": res.inference.dispersion,
        "mean bootstrap se": bse,
        "mean refit se": refit_se,
        "rejection, bootstrap se": estimate > critical * bse,
        "rejection, refit se": estimate > critical * refit_se,
        "coverage, bootstrap se": abs(estimate - design.effect) < half_width * bse,
        "coverage, refit se": abs(estimate - design.effect) < half_width * refit_se,
        "coverage, refit percentile": low <= design.effect <= high,
        "df_U / NQ": res.df_random / 27,
    }


@pytest.mark.bits
def test_the_table_depends_on_the_seed_alone(monkeypatch):
    designs = baseline_designs()[:2]
    one, two = (paper_study(designs, 6, n_boot=20, n_jobs=n, progress=False) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    monkeypatch.setattr("nmfre.simulation.studies.CHUNK", 2)
    parts = paper_study(designs, 6, n_boot=20, progress=False)
    pd.testing.assert_frame_equal(one, parts, check_exact=True)
    other = paper_study(designs, 6, n_boot=20, seed=1, progress=False)
    assert not np.allclose(one, other)


@pytest.mark.bits
def test_a_study_resumes(monkeypatch):
    designs = baseline_designs()[:2]
    whole = paper_study(designs, 4, n_boot=20, progress=False)
    monkeypatch.setattr("nmfre.simulation.studies._chunk", _stopping(1))
    with pytest.raises(errors.InterruptedTasksError) as e:
        paper_study(designs, 4, n_boot=20, progress=False)
    assert list(e.value.finished) == [0]
    monkeypatch.setattr("nmfre.simulation.studies._chunk", _stopping(0))
    resumed = paper_study(designs, 4, n_boot=20, progress=False, resume=e.value.finished)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)


def _stopping(setting):
    from nmfre.simulation.studies import _chunk

    original = getattr(_chunk, "original", _chunk)

    def chunk(task):
        if task[0] == setting:
            raise KeyboardInterrupt
        return original(task)

    chunk.original = original
    return chunk
