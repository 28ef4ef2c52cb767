"""One fit of a comparison, and what it says of its rank; what a model must be."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import IntArray
from nmfre.data.design import Design
from nmfre.data.entry import changed
from nmfre.data.weights import by_unit
from nmfre.errors import InvalidArgumentError, NMFREWarning
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimators import MaximumLikelihood
from nmfre.model import NMFRE
from nmfre.selection.folds import units_of


def check_model(model: object) -> None:
    """``model`` must be a model: results, which know theirs, are easily passed instead."""
    if not isinstance(model, NMFRE):
        raise InvalidArgumentError("model", type(model), "a model, such as model or res.model")


@dataclass(frozen=True, slots=True)
class Task:
    """A fit to all data; where there are ``labels``, to those outside a fold, and next to it."""

    design: Design
    rank: int
    estimator: MaximumLikelihood
    seed: np.random.SeedSequence
    labels: IntArray | None = None
    fold: int = 0
    near: MarginalEstimate | None = None

    def estimate(self) -> MarginalEstimate:
        """Estimates that know nothing of what is held out."""
        design, labels = self.design, self.labels
        if labels is not None and labels.ndim == 2:
            design = changed(design, Y=np.where(labels == self.fold, np.nan, design.Y))
        elif labels is not None:
            design = units_of(design, labels != self.fold)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NMFREWarning)  # counted instead
            rng = np.random.default_rng(self.seed)
            return self.estimator.fit(design, self.rank, rng, near=self.near)

    def error(self, estimate: MarginalEstimate) -> float:
        """Mean squared error of the predictions of what is held out."""
        assert self.labels is not None
        Y, A = self.design.Y, self.design.A
        X, held = estimate.X, self.labels == self.fold
        if self.labels.ndim == 2:
            row, column = np.nonzero(held)
            scores = estimate.Theta @ A + estimate.U
            squares = (Y[held] - np.sum(X[row] * scores.T[column], axis=1)) ** 2
            weights = by_unit(self.design.weights)
            return float(np.average(squares, weights=None if weights is None else weights[column]))
        units = np.flatnonzero(held)
        return self.design.squared_error(X, estimate.Theta @ A[:, units], units)


def fit(task: Task) -> dict[str, float]:
    """What one fit says."""
    estimate = task.estimate()
    found = {
        "converged": estimate.converged,
        "merging": estimate.degenerate,
        "n_params": estimate.n_parameters,
        "n_free": estimate.n_free,
    }
    if task.labels is not None:
        return found | {"error": task.error(estimate)}
    return found | {name: getattr(estimate, name) for name in ("llf", "aic", "bic")}
