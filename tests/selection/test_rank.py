"""Choice of the rank."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

import nmfre
from nmfre import errors
from nmfre.data.entry import changed
from nmfre.estimators import MaximumLikelihood
from nmfre.selection.fits import Task
from nmfre.selection.folds import NO_FOLD, entry_folds, unit_folds
from nmfre.simulation import BumpDesign

QUICK = {"progress": False, "n_starts": 1}


def drawn(rank, n_units=60, n_responses=8, seed=0):
    design = BumpDesign(n_responses=n_responses, rank=rank, n_units=n_units)
    endog, exog = design.draw(np.random.default_rng(seed))
    return nmfre.NMFRE(endog, exog, rank=1)


def options(**changes):
    return MaximumLikelihood(
        **{
            "df_cap": None,
            "tol": 1e-8,
            "maxiter": 50_000,
            "start_sigma2": 1.0,
            "start_tau2": 1.0,
            "signed": False,
            "n_starts": 2,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def model():
    return drawn(2, n_units=40, n_responses=6)


@pytest.fixture(scope="module")
def choice(model):
    return nmfre.select_rank(model, [3, 1, 2], folds=3, repeats=2, **QUICK)


# What is found


@pytest.mark.parametrize("rank", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_the_true_rank_is_found(rank):
    model, near = drawn(rank, n_units=60), range(rank - 1, rank + 2)
    entries = nmfre.select_rank(model, near, folds=3, **QUICK)
    assert entries.best == rank
    assert entries.one_standard_error == rank
    for criterion in ("bic", "aic"):
        found = nmfre.select_rank(model, near, criterion=criterion, **QUICK)
        assert found.best == rank


def test_units_are_predicted_by_their_covariates():
    model = drawn(2, n_units=80)
    found = nmfre.select_rank(model, [1, 2], over="units", folds=4, **QUICK)
    assert found.best == 2
    labels = unit_folds(model.design, 4, np.random.default_rng(0))
    task = Task(model.design, labels, 1, 2, options(), np.random.SeedSequence(0))
    estimate = task.estimate()
    left = nmfre.NMFRE(model.endog[labels != 1], model.exog[labels != 1], rank=2).fit(
        "ml", n_boot=0
    )
    held = labels == 1
    predicted = left.predict(model.exog[held]).to_numpy()
    error = np.mean((model.endog[held] - predicted) ** 2)
    assert task.error(estimate) == pytest.approx(error, rel=1e-6)
    sparse = changed(model.design, Y=csr_array(model.design.Y))
    other = replace(task, design=sparse)
    assert other.error(other.estimate()) == pytest.approx(error, rel=1e-6)


def test_entries_are_predicted_by_the_blup_of_their_unit(model):
    labels = entry_folds(model.design, 3, np.random.default_rng(0))
    task = Task(model.design, labels, 0, 2, options(), np.random.SeedSequence(0))
    held = (labels == 0).T
    left = nmfre.NMFRE(np.where(held, np.nan, model.endog), model.exog, rank=2).fit("ml", n_boot=0)
    error = np.mean((model.endog - left.fittedvalues.to_numpy())[held] ** 2)
    assert task.error(task.estimate()) == pytest.approx(error, rel=1e-6)


def test_table_and_scores(choice, model):
    table, scores = choice.table, choice.scores
    assert table.index.to_list() == [1, 2, 3]
    assert scores.shape == (6, 3)
    np.testing.assert_allclose(table["cv"], scores.mean())
    np.testing.assert_allclose(table["std err"], scores.std() / np.sqrt(3))
    rotations = {1: 0, 2: 0, 3: 1}
    expected = [(6 - 1) * q + 2 * q + 2 - rotations[q] for q in (1, 2, 3)]
    assert table["n_params"].to_list() == expected
    bic = nmfre.select_rank(model, [1, 2, 3], criterion="bic", **QUICK)
    assert bic.table["n_params"].to_list() == expected
    for rank in (1, 2):
        res = nmfre.NMFRE(model.endog, model.exog, rank=rank).fit("ml", n_boot=0)
        row = bic.table.loc[rank]
        assert row["llf"] == pytest.approx(res.llf)
        assert row["bic"] == pytest.approx(res.bic)
        assert row["n_params"] == res.df_model
    with pytest.raises(errors.NotComputedError, match="no standard errors"):
        _ = bic.one_standard_error


def selection(cv, errors, **counts):
    table = pd.DataFrame(
        {"cv": cv, "std err": errors, "not_converged": 0, "merging": 0} | counts,
        range(1, len(cv) + 1),
    )
    parts = {"criterion": "cv", "over": "entries", "folds": 5, "repeats": 1, "seed": 0}
    return nmfre.RankSelection(table=table, scores=pd.DataFrame(), **parts)


def test_the_rule_of_one_standard_error():
    found = selection([3.0, 2.2, 2.0, 2.1], [0.9, 0.5, 0.3, 0.9])
    assert (found.best, found.one_standard_error) == (3, 2)
    assert repr(found).endswith("of it: rank 2.")
    assert repr(selection([3.0, 2.0], [0.1, 0.1])).endswith(
        "of it: rank 2. Rank 2 is the largest tried."
    )


def test_ranks_whose_fits_failed_are_left_out():
    values = [3.0, 2.2, 2.0, 2.1], [0.9, 0.5, 0.3, 0.9]
    found = selection(*values, not_converged=[0, 0, 1, 0], merging=[0, 0, 1, 1])
    assert (found.best, found.one_standard_error) == (2, 2)
    for shown in (repr(found), found._repr_html_()):
        assert "Lowest: rank 2. " in shown
        assert "Left out, as fits did not converge or components merge: rank 3, 4." in shown
        assert "largest" not in shown
    none_left = selection(*values, merging=[1, 2, 1, 5])
    assert (none_left.best, none_left.one_standard_error) == (3, 2)
    assert "Every rank has fits that did not converge" in repr(none_left)


def test_how_it_shows(choice):
    text = repr(choice)
    assert text.startswith("Choice of the rank: cross-validation over entries, 3 folds, 2 times")
    assert (
        f"Lowest: rank {choice.best}. Smallest within one standard error of it: rank "
        f"{choice.one_standard_error}." in text
    )
    assert "<table" in choice._repr_html_()


def test_plot(choice, model, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("agg")
    _, ax = plt.subplots()
    assert choice.plot(ax=ax) is ax
    line = ax.get_lines()[0]
    np.testing.assert_array_equal(line.get_xdata(), choice.table.index)
    np.testing.assert_array_equal(line.get_ydata(), choice.table["cv"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rank", "mean squared prediction error")
    assert ax.get_title() == choice._conclusion
    assert len(ax.collections) == 1  # bars
    assert not ax.spines["top"].get_visible()
    bic = nmfre.select_rank(model, [1, 2], criterion="bic", **QUICK)
    ax = nmfre.plotting.plot_rank_selection(bic)
    assert (ax.get_ylabel(), len(ax.collections), len(ax.lines)) == ("BIC", 0, 2)
    with pytest.raises(TypeError, match="axes"):
        choice.plot(axes=ax)
    plt.close("all")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(errors.MissingDependencyError, match=r"nmfre\[plots\]"):
        choice.plot()


# Nothing held out enters a fit


@pytest.mark.bits
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("planted", [1e6, 0.0, np.nan])
def test_held_out_entries_do_not_matter(model, signed, planted):
    labels = entry_folds(model.design, 3, np.random.default_rng(0))
    wrong = changed(model.design, Y=np.where(labels == 2, planted, model.design.Y))
    seed = np.random.SeedSequence(3)
    a, b = (
        Task(design, labels, 2, 2, options(signed=signed), seed).estimate()
        for design in (model.design, wrong)
    )
    for name in ("X", "Theta", "U", "sigma2", "tau2", "llf", "objective_path"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.bits
def test_held_out_units_do_not_matter(model):
    labels = unit_folds(model.design, 3, np.random.default_rng(0))
    Y, A = model.design.Y.copy(), model.design.A.copy()
    Y[:, labels == 1] = 1e6
    A[1, labels == 1] = 50.0
    seed = np.random.SeedSequence(3)
    a, b = (
        Task(design, labels, 1, 2, options(), seed).estimate()
        for design in (model.design, changed(model.design, Y=Y, A=A))
    )
    for name in ("X", "Theta", "sigma2", "tau2"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_options_reach_every_fit(model, monkeypatch):
    seen = []
    estimate = MaximumLikelihood.fit

    def spy(self, design, rank, rng):
        seen.append((rank, self))
        return estimate(self, design, rank, rng)

    monkeypatch.setattr(MaximumLikelihood, "fit", spy)
    given = {
        "df_cap": 0.9,
        "tol": 1e-6,
        "maxiter": 400,
        "start_sigma2": 2.0,
        "start_tau2": 40.0,
        "signed": True,
        "n_starts": 1,
    }
    nmfre.select_rank(model, [1, 2], folds=2, progress=False, **given)
    assert [rank for rank, _ in seen] == [1, 2, 1, 2]
    assert all(estimator == MaximumLikelihood(**given) for _, estimator in seen)


# Reproducibility


@pytest.mark.bits
def test_workers_data_and_other_ranks_do_not_change_a_number(simulated):
    formula = "y1 + y2 + y3 + y4 + y5 ~ age + group"
    model = nmfre.NMFRE.from_formula(formula, simulated, rank=3)
    one, two = (nmfre.select_rank(model, [1, 2], folds=2, n_jobs=n, **QUICK).table for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    alone = nmfre.select_rank(model, [2], folds=2, **QUICK).table
    pd.testing.assert_frame_equal(alone, one.loc[[2]], check_exact=True)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    fresh = nmfre.select_rank(model, [1], folds=2, seed=None, **QUICK)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    again = nmfre.select_rank(model, [1], folds=2, seed=fresh.seed, **QUICK)
    pd.testing.assert_frame_equal(fresh.table, again.table)
    assert not fresh.scores.equals(nmfre.select_rank(model, [1], folds=2, **QUICK).scores)


def test_fits_that_stop_early_are_counted_and_told(model):
    with pytest.warns(nmfre.ConvergenceWarning, match="2 of 2 fits did not reach tol") as caught:
        found = nmfre.select_rank(model, [2], folds=2, maxiter=3, **QUICK)
    assert found.table["not_converged"].to_list() == [2]
    assert caught[0].filename == __file__


# Folds


def holed(seed=1, n_responses=7):
    rng = np.random.default_rng(seed)
    Y = rng.integers(1, 9, (60, n_responses)) * (rng.random((60, n_responses)) < 0.6)
    Y = np.where(rng.random(Y.shape) < 0.3, np.nan, Y)
    Y[np.arange(60), np.arange(60) % n_responses] = 1.0
    Y[:3, 1:] = np.nan
    Y[:3, 0] = 1.0  # units of one response
    Y[:, -1] = np.nan
    Y[5, -1] = 2.0  # a response of one unit
    Y[6, :-1] = 3.0
    Y[Y.shape[1] - 1 :: n_responses] = np.where(
        np.isnan(Y[Y.shape[1] - 1 :: n_responses]), 1.0, Y[Y.shape[1] - 1 :: n_responses]
    )
    Y[9:, -1] = np.nan
    return nmfre.NMFRE(Y, rank=1).design


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_folds_of_entries_leave_every_unit_and_response_something(folds, seed):
    design = holed()
    labels = entry_folds(design, folds, np.random.default_rng(seed))
    observed = ~np.isnan(design.Y)
    assert (labels[~observed] == NO_FOLD).all()
    assert (labels[:, observed.sum(axis=0) == 1] == NO_FOLD).all()
    assert set(labels[observed]) <= {NO_FOLD, *range(folds)}
    for fold in range(folds):
        kept = observed & (labels != fold)
        assert kept.any(axis=0).all()
        assert (kept & (design.Y > 0)).any(axis=1).all()
        count = (labels == fold).sum(axis=0)
        assert (count <= np.ceil(observed.sum(axis=0) / folds)).all()


def test_folds_of_complete_entries_are_of_one_size(model):
    labels = entry_folds(model.design, 4, np.random.default_rng(0))
    assert (labels != NO_FOLD).all()
    assert np.ptp(np.bincount(labels.ravel())) <= 0.1 * labels.size / 4
    sizes = np.bincount(unit_folds(model.design, 3, np.random.default_rng(0)))
    assert np.ptp(sizes) <= 1


def test_data_that_are_too_small(simulated):
    one = nmfre.NMFRE(simulated["y1"], simulated["age"], rank=1)
    with pytest.raises(
        errors.FoldsError,
        match=r"folds=5 over entries: there are not enough entries .* Change folds",
    ):
        nmfre.select_rank(one, [1], **QUICK)
    few = nmfre.NMFRE(simulated[["y1", "y2", "y3"]].iloc[:4], rank=1)
    with pytest.raises(errors.FoldsError, match="folds=5 over units: there are 4 units"):
        nmfre.select_rank(few, [1], over="units", **QUICK)
    rare = simulated.assign(rare=(np.arange(40) == 7) * 1.0)
    model = nmfre.NMFRE.from_formula("y1 + y2 + y3 ~ rare", rare, rank=1)
    with pytest.raises(errors.FoldsError, match="cannot be fitted: Covariate 'rare' is zero"):
        nmfre.select_rank(model, [1], over="units", folds=3, **QUICK)
    assert nmfre.select_rank(model, [1], folds=3, **QUICK).best == 1


# Arguments


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"ranks": [0, 1]}, errors.RankError, "rank=0"),
        ({"ranks": [7]}, errors.RankError, r"min\(P, N\) = 6"),
        ({"ranks": [1.5]}, errors.RankError, r"rank=1\.5"),
        ({"ranks": []}, errors.InvalidArgumentError, "ranks="),
        ({"ranks": 3}, errors.InvalidArgumentError, "ranks=3 is not allowed"),
        ({"criterion": "gcv"}, errors.InvalidArgumentError, "criterion='gcv'"),
        ({"over": "rows"}, errors.InvalidArgumentError, "over='rows'"),
        ({"folds": 1}, errors.InvalidArgumentError, "folds=1"),
        ({"repeats": 0}, errors.InvalidArgumentError, "repeats=0"),
        ({"seed": -1}, errors.InvalidArgumentError, "seed=-1"),
        ({"tol": -1.0}, errors.InvalidArgumentError, r"tol=-1\.0"),
        ({"progress": "no"}, errors.InvalidArgumentError, "progress='no' .* True or False"),
        ({"criterion": "bic", "folds": 3}, errors.InvalidArgumentError, "'cv' where over, folds"),
        ({"start_basis": 1}, TypeError, "start_basis"),
        ({"fold": 3}, TypeError, "unexpected keyword argument 'fold'"),
    ],
)
def test_arguments_that_are_not_allowed(model, arguments, error, match):
    with pytest.raises(error, match=match):
        nmfre.select_rank(model, **{"ranks": [1], "progress": False, **arguments})


def test_results_in_place_of_their_model(model):
    with pytest.raises(errors.InvalidArgumentError, match="a model, such as"):
        nmfre.select_rank(model.fit("ml", n_boot=0), [1, 2])


def test_sparse_responses_are_divided_by_units_alone(model):
    sparse = nmfre.NMFRE(csr_array(model.endog), model.exog, rank=1)
    with pytest.raises(errors.InvalidArgumentError, match="'units' with sparse responses"):
        nmfre.select_rank(sparse, [1], **QUICK)
    dense, same = (
        nmfre.select_rank(m, [1, 2], over="units", folds=2, **QUICK).table["cv"]
        for m in (model, sparse)
    )
    np.testing.assert_allclose(same, dense, rtol=1e-6)
