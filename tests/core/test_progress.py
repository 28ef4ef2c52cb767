"""Messages of long computations: to the logger, and to standard error where asked."""

from __future__ import annotations

import logging
import re
from threading import Thread

import joblib
import numpy as np
import pytest
from forms import long_model

from nmfre import errors
from nmfre.core import progress
from nmfre.core.progress import LOGGER, Pulse, shown
from nmfre.estimation.complete import moments_of
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.maximize import maximize

START = r"start {} of 3{}: log-likelihood (-\d+\.\d+), gradient norm \S+, \d+ iterations"


@pytest.fixture
def model(orthodont):
    return long_model(orthodont)


def test_a_verbose_fit_reports_starts_on_standard_error(model, capsys):
    res = model.fit("ml", n_starts=3, n_boot=0, verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    for number in (1, 2, 3):
        assert re.search(START.format(number, ""), err)
    reached = re.search(r"maximum \(3 of 3 starts lead there\): log-likelihood (\S+),", err)
    assert float(reached[1]) == pytest.approx(res.llf, abs=1e-6)
    assert "marginal inference, 0 replicates" in err


def test_starts_on_the_cap_and_of_workers_are_reported(model, capsys):
    with joblib.parallel_config("threading", n_jobs=2):
        model.fit("ml", df_cap=0.1, n_starts=3, n_boot=0, verbose=True)
    assert re.search(START.format(3, " on the cap"), capsys.readouterr().err)


def test_df_cap_reports_its_objective(model, capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    res = model.fit(df_cap=0.21, n_boot=0, verbose=True)
    err = capsys.readouterr().err
    assert f"df-cap: objective {res.estimate.objective_path[-1]:.8g}, {res.n_iter} iter" in err
    assert re.search(r"iteration 100: objective \S+, relative change \d\.\de-\d\d", err)


def test_without_verbose_nothing_is_printed_and_the_logger_is_as_before(model, capsys):
    before = (LOGGER.level, list(LOGGER.handlers))
    model.fit("ml", n_starts=1, n_boot=0, verbose=True)
    assert (LOGGER.level, LOGGER.handlers) == before
    assert any(isinstance(handler, logging.NullHandler) for handler in LOGGER.handlers)
    capsys.readouterr()
    model.fit("ml", n_starts=1, n_boot=0)
    assert capsys.readouterr() == ("", "")


def test_the_logger_has_the_messages(model, caplog):
    with caplog.at_level(logging.INFO, logger="nmfre"):
        model.fit("ml", n_starts=2, n_boot=0)
    assert [r.name for r in caplog.records] == ["nmfre"] * len(caplog.records)
    assert [r.getMessage()[:12] for r in caplog.records[:2]] == ["start 1 of 2", "start 2 of 2"]


def test_messages_change_no_number(model, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    for options in ({}, {"method": "ml", "n_starts": 2}):
        silent, told = model.fit(**options), model.fit(**options, verbose=True)
        assert silent.params.equals(told.params)
        assert silent.bse.equals(told.bse)


@pytest.mark.parametrize(
    ("n_responses", "cap", "message"),
    [
        (6, np.inf, "1 climbs together: 2 iterations, largest gradient norm"),  # Newton steps
        (6, 20.0, "iteration 2: log-likelihood"),  # L-BFGS-B
        (110, np.inf, "iteration 2: log-likelihood"),  # steps that form no matrices
        (3400, np.inf, "iteration 2: log-likelihood"),  # expectation and maximisation first
    ],
)
def test_long_climbs_are_reported(n_responses, cap, message, caplog, monkeypatch):
    rng = np.random.default_rng(1)
    basis = rng.exponential(size=(n_responses, 3))
    Y = 1.0 + rng.poisson(basis @ rng.exponential(size=(3, 40)))
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with caplog.at_level(logging.INFO, logger="nmfre"):
        maximize(
            moments_of(Y, np.ones((1, 40))),
            basis / basis.sum(axis=0),
            structure=Structure(),
            signed=False,
            cap=cap,
            maxiter=4,
        )
    assert message in caplog.text
    assert re.search(r"gradient norm \d\.\de-\d\d$", caplog.text, flags=re.MULTILINE)


def test_verbose_is_a_bool(model):
    with pytest.raises(errors.InvalidArgumentError, match="verbose='yes' is invalid"):
        model.fit(verbose="yes")


def test_several_threads_print_once(capsys):
    def task():
        with shown(True):
            inside.append(len(LOGGER.handlers))

    before, inside = len(LOGGER.handlers), []
    with shown(True):
        thread = Thread(target=task)
        thread.start()
        thread.join()
        LOGGER.info("here")
    assert inside == [before + 1]
    assert len(LOGGER.handlers) == before
    assert capsys.readouterr().err.count("nmfre: here") == 1


def test_nobody_listens():
    pulse = Pulse()
    pulse._last = -np.inf
    assert not pulse.due()
    with shown(True):
        assert pulse.due()
        assert not pulse.due()
