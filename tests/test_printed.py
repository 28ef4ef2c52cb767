"""What is printed fits a terminal of 80 columns, whatever the names are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre.core.cells import cells

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.NMFREWarning")

NAMES = {
    "Latin": "systolic blood pressure, left arm, no",
    "Japanese": "収縮期血圧の平均値と標準偏差の推定値",
    "one word with marks": "pre\u0301cipitations_journalie\u0300res_e\u0301leve\u0301es_❤\ufe0f",
}
"""With a number they are 37 to 40 cells wide."""


def names(base, letter, n):
    return [f"{base}{letter}{i}" for i in range(n)]


@pytest.fixture(scope="module", params=NAMES)
def fits(request):
    """Fits, the model, and data with a formula, of names of one kind."""
    base = NAMES[request.param]
    rng = np.random.default_rng(0)
    X = np.array([[5, 3, 2, 0, 0, 0], [0, 0, 0, 4, 4, 2]]).T / 10
    A = np.column_stack([np.ones(48), rng.normal(size=48), np.arange(48) % 2])
    scores = A @ [[30, 40], [3, -4], [5, 2]] + 4 * rng.normal(size=(48, 2))
    endog = pd.DataFrame(scores @ X.T + 0.7 * rng.normal(size=(48, 6)), names(base, "u", 48))
    endog.columns = names(base, "y", 6)
    exog = pd.DataFrame(A, endog.index, names(base, "c", 3))
    components = names(base, "k", 2)
    assert all(37 <= cells(name) <= 40 for name in (*exog.columns, *components))
    model = nmfre.NMFRE(endog, exog, rank=2, components=components)
    kind = exog.columns[2]
    data = endog.set_axis(list("abcdef"), axis=1).assign(kind=np.where(A[:, 2], base, kind))
    grouped = nmfre.NMFRE.from_formula("~ kind", data, 2, endog=list("abcdef"))
    few = {"n_boot": 20, "n_starts": 1}
    return {
        "model": model,
        "ml": model.fit("ml", **few),
        "signed": model.fit("ml", signed=True, **few),
        "identity": model.fit("ml", signed=True, cov_resid="identity", n_boot=0, n_starts=1),
        "df-cap": model.fit(n_boot=20, maxiter=100),
        "formula": grouped.fit("ml", signed=True, **few),
    }


PRINTED = {
    "summary of ml": lambda of: of["ml"].summary(),
    "summary of signed": lambda of: of["signed"].summary(),
    "summary of df-cap": lambda of: of["df-cap"].summary(multipletests="holm"),
    "summary of a formula": lambda of: of["formula"].summary(),
    "check of ml": lambda of: of["ml"].check(),
    "check of df-cap": lambda of: of["df-cap"].check(),
    "wald_test_terms": lambda of: of["signed"].wald_test_terms(),
    "t_test": lambda of: of["ml"].t_test(np.eye(6)[:2]),
    "wald_test": lambda of: of["signed"].wald_test(np.eye(6)[:2]),
    "identified_set": lambda of: of["identity"].identified_set(),
    "test_equal_variances": lambda of: of["signed"].test_equal_variances(),
    "compare": lambda of: nmfre.compare([*of.values()][1:], stat="conf_int"),
    "compare with names": lambda of: nmfre.compare(
        dict(zip(of["model"].endog_names, [*of.values()][1:], strict=False))
    ),
    "standardized": lambda of: of["signed"].standardized(),
    "marginal_means": lambda of: of["formula"].marginal_means("kind"),
    "differences": lambda of: of["formula"].marginal_means("kind").differences(),
    "the model": lambda of: of["formula"].model,
    "a result": lambda of: of["signed"],
    "bootstrap": lambda of: of["signed"].bootstrap(20),
    "get_prediction": lambda of: of["signed"].get_prediction(),
    "get_scores": lambda of: of["signed"].get_scores(),
}


@pytest.mark.parametrize("what", PRINTED)
def test_no_line_is_wider_than_80_columns(fits, what):
    text = str(PRINTED[what](fits))
    assert max(map(cells, text.splitlines())) <= 80


def test_numbers_stand_in_columns(fits):
    """Whatever the letters of the names are, and however many cells they take."""
    lines = str(fits["signed"].summary()).splitlines()
    rows = [line for line in lines if line.count(".") == 7]
    assert len(rows) == 6
    assert len({cells(line) for line in rows}) == 1


@pytest.mark.parametrize("width", [60, 70, 100, 140])
def test_the_summary_is_as_wide_as_it_is_asked_to_be(fits, width):
    lines = str(fits["signed"].summary(width=width)).splitlines()
    assert max(map(cells, lines)) == width


def test_names_longer_than_the_text_are_wrapped_whole():
    endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
    name = "a very long name of a covariate, " * 5
    exog = pd.DataFrame({"one": 1.0, name: np.arange(20.0)})
    text = str(nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0).summary())
    assert name.strip() in " ".join(text.split())
    assert max(map(cells, text.splitlines())) <= 80
