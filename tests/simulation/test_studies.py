"""The paper's studies."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nmfre import errors
from nmfre.estimation.alternating import fit_alternating
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
