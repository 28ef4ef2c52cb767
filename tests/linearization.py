"""A linearisation of drawn data."""

from __future__ import annotations

import numpy as np

from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.orthonormal import orthonormal
from nmfre.inference.covariance import COVARIANCES, Parts
from nmfre.inference.linearized import linearize


class Linearization:
    """A linearisation with its influence of all units."""

    def __init__(self, parts, scale=1.0, **options):
        Y, A, X, Theta, U = parts
        Y, Theta, U = scale * Y, scale * Theta, scale * U
        options = {"information": "adjusted", "dispersion": "df", **options}
        rss = np.sum((Y - X @ (Theta @ A + U)) ** 2)
        sums = {"counts": np.array([50]), "n_cells": 300}
        sums |= {"covariates": orthonormal(A)[0], "rss": rss}
        sums |= {"relative": Relative.identity(6, 2, 0.5)}
        WW, XtX = 50 * np.eye(2)[None], (X.T @ X)[None]
        self.parts = linearize(X, Theta, WW, XtX, **sums, **options)
        self.dispersion = self.parts.dispersion
        self.influence = -self.parts.scores(Y, A, U) @ self.parts.root

    def covariance(self, cov_type):
        parts = Parts(self.parts.naive, self.influence.T @ self.influence, 50)
        return COVARIANCES[cov_type].covariance(parts)
