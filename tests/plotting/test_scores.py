from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from plots import legend, quiet, ticks

import nmfre
from nmfre import errors

StepPatch = pytest.importorskip("matplotlib.patches").StepPatch


def shares(ax):
    return np.array([top - bottom for top, _, bottom in map(StepPatch.get_data, ax.patches)]).T


def test_shares(fits, ax):
    res = fits["60 df-cap"]
    res.plot_scores(ax=ax)
    scores = np.maximum(res.model.exog @ res.theta.T.to_numpy() + res.random_effects, 0)
    np.testing.assert_allclose(shares(ax), scores.div(scores.sum(axis=1), axis=0))
    assert legend(ax) == ["comp1", "comp2", "comp3"]
    assert (ax.get_xlabel(), ax.get_ylim()) == ("person", (0, 1))


def test_fixed_and_clustered(fits, ax):
    res = fits["60 df-cap"]
    ax.figure.set_size_inches(14, 4)
    res.plot_scores(which="fixed", order="cluster", ax=ax)
    scores = pd.DataFrame(
        res.model.exog @ res.theta.T.to_numpy(), index=res.random_effects.index
    ).loc[ticks(ax.xaxis)]
    shown = shares(ax)
    np.testing.assert_allclose(shown, scores.div(scores.sum(axis=1), axis=0))
    assert (np.diff(shown.argmax(axis=1)) >= 0).all()


def test_no_positive_score_no_bar(ax):
    exog = np.column_stack([np.ones(20), np.arange(20) < 2])
    endog = np.outer(np.where(exog[:, 1], 0.0, 5.0), [1.0, 2.0])
    endog += 0.1 * np.random.default_rng(0).uniform(size=(20, 2)) * (exog[:, :1] - exog[:, 1:])
    res = quiet(nmfre.NMFRE(endog, exog, rank=1).fit, "ml", signed=True, n_boot=0)
    res.plot_scores(which="fixed", ax=ax)
    assert set(shares(ax)[2:, 0]) == {1.0}
    assert set(shares(ax)[:2, 0]) <= {0.0, 1.0}
    assert np.isfinite(shares(ax)).all()


def test_errors(fits):
    with pytest.raises(errors.InvalidArgumentError, match="'fixed' or 'blup'"):
        fits["60 ml"].plot_scores(which="observed")
    with pytest.raises(errors.InvalidArgumentError, match="order"):
        fits["60 ml"].plot_scores(order="size")
