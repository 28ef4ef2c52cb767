"""Choice of the rank."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from forms import PAPER
from ranks import QUICK, drawn
from scipy.sparse import csr_array

import nmfre
from nmfre import errors


@pytest.fixture(scope="module")
def model():
    return drawn(2, n_units=40, n_responses=6)


@pytest.fixture(scope="module")
def choice(model):
    return nmfre.select_rank(model, [3, 1, 2], folds=3, repeats=2, **QUICK)


@pytest.mark.parametrize("rank", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_the_true_rank_is_found(rank):
    model, near = drawn(rank, n_units=60), range(rank - 1, rank + 2)
    entries = nmfre.select_rank(model, near, folds=3, **QUICK, **PAPER)
    assert entries.best == rank
    assert entries.one_standard_error == rank
    for criterion in ("bic", "aic"):
        found = nmfre.select_rank(model, near, criterion=criterion, **QUICK, **PAPER)
        assert found.best == rank


def test_table_and_scores(choice, model):
    table, scores = choice.table, choice.scores
    assert table.index.to_list() == [1, 2, 3]
    assert scores.shape == (6, 3)
    np.testing.assert_allclose(table["cv"], scores.mean())
    np.testing.assert_allclose(table["std err"], scores.std() / np.sqrt(3))
    rotations = {1: 0, 2: 1, 3: 3}
    expected = [(6 - 1) * q + 2 * q + 6 + q - rotations[q] for q in (1, 2, 3)]
    assert table["n_params"].to_list() == expected
    bic = nmfre.select_rank(model, [1, 2, 3], criterion="bic", **QUICK)
    assert bic.table["n_params"].to_list() == expected
    for rank in (1, 2):
        res = nmfre.NMFRE(model.endog, model.exog, rank=rank).fit("ml", n_boot=0)
        row = bic.table.loc[rank]
        assert row["llf"] == pytest.approx(res.llf)
        assert row["bic"] == pytest.approx(res.bic)
        assert row["n_params"] == res.df_model
        assert row["n_free"] == res.n_free
    with pytest.raises(errors.NotComputedError, match="no standard errors"):
        _ = bic.one_standard_error


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


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"ranks": [0, 1]}, errors.RankError, "rank=0"),
        ({"ranks": [7]}, errors.RankError, r"min\(P, N\) = 6"),
        ({"ranks": [1.5]}, errors.RankError, r"rank=1\.5"),
        ({"ranks": []}, errors.InvalidArgumentError, "ranks="),
        ({"ranks": 3}, errors.InvalidArgumentError, "ranks=3 is invalid"),
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
