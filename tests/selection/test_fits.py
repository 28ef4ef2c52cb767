"""Nothing held out enters a fit; what is predicted is what was held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ranks import QUICK, drawn
from scipy.sparse import csr_array

import nmfre
from nmfre.data.entry import changed
from nmfre.estimators import MaximumLikelihood
from nmfre.selection.fits import Task
from nmfre.selection.folds import entry_folds, unit_folds

SEED = np.random.SeedSequence(0)


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


def test_units_are_predicted_by_their_covariates():
    model = drawn(2, n_units=80)
    found = nmfre.select_rank(model, [1, 2], over="units", folds=4, **QUICK)
    assert found.best == 2
    labels = unit_folds(model.design, 4, np.random.default_rng(0))
    task = Task(model.design, 2, options(), SEED, labels, 1)
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
    task = Task(model.design, 2, options(), SEED, labels, 0)
    held = (labels == 0).T
    left = nmfre.NMFRE(np.where(held, np.nan, model.endog), model.exog, rank=2).fit("ml", n_boot=0)
    error = np.mean((model.endog - left.fittedvalues.to_numpy())[held] ** 2)
    assert task.error(task.estimate()) == pytest.approx(error, rel=1e-6)


@pytest.mark.bits
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("planted", [1e6, 0.0, np.nan])
def test_held_out_entries_do_not_matter(model, signed, planted):
    labels = entry_folds(model.design, 3, np.random.default_rng(0))
    wrong = changed(model.design, Y=np.where(labels == 2, planted, model.design.Y))
    a, b = (
        Task(design, 2, options(signed=signed), SEED, labels, 2).estimate()
        for design in (model.design, wrong)
    )
    for name in ("X", "Theta", "U", "sigma2", "tau2", "llf", "objective_path"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("forms", [{}, {"cov_resid": "identity", "cov_re": "identity"}])
def test_from_the_fit_to_all_data_on_the_maximum_is_that_of_other_starts(model, forms):
    labels = entry_folds(model.design, 3, np.random.default_rng(0))
    whole = Task(model.design, 2, options(**forms), SEED).estimate()
    held = replace(whole, F=np.diag([1.0, 1e-7]) * whole.F)  # off a variance of zero, too
    alone = Task(model.design, 2, options(**forms, n_starts=5), SEED, labels, 1)
    own = alone.estimate()
    for near in (whole, held):
        found = replace(alone, near=near).estimate()
        assert found.n_starts == 2
        assert found.llf == pytest.approx(own.llf, abs=1e-5)


@pytest.mark.bits
def test_held_out_units_do_not_matter(model):
    labels = unit_folds(model.design, 3, np.random.default_rng(0))
    Y, A = model.design.Y.copy(), model.design.A.copy()
    Y[:, labels == 1] = 1e6
    A[1, labels == 1] = 50.0
    a, b = (
        Task(design, 2, options(), SEED, labels, 1).estimate()
        for design in (model.design, changed(model.design, Y=Y, A=A))
    )
    for name in ("X", "Theta", "sigma2", "tau2"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_options_reach_every_fit(model, monkeypatch):
    seen = []
    estimate = MaximumLikelihood.fit

    def spy(self, design, rank, rng, near):
        seen.append((rank, self))
        return estimate(self, design, rank, rng, near=near)

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
    assert [rank for rank, _ in seen] == [1, 2] * 3  # all data, and two folds
    assert all(estimator == MaximumLikelihood(**given) for _, estimator in seen)
