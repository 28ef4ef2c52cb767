"""Fits in the coordinates of marginal inference."""

from __future__ import annotations

import numpy as np

from nmfre.estimation.complete import moments_of
from nmfre.inference.coordinates import Coordinates
from nmfre.simulation import BumpDesign


def coordinates_of(res):
    design = res.model.design
    return Coordinates(moments_of(design.Y, design.A), res.estimate)


def psi_of(res):
    return np.concatenate(
        [
            res.estimate.X.ravel(order="F"),
            res.estimate.Theta.ravel(order="F"),
            [np.log(res.sigma2), np.log(res.ridge)],
        ]
    )


def directions(res):
    """d psi / d coordinates, with Theta and sigma2 in the units of Y."""
    coordinates = coordinates_of(res)
    J = coordinates.jacobian(coordinates.axes(coordinates.bounds_needed))
    J[coordinates.X.size : -2] *= coordinates.moments.scale
    return coordinates, J


def falling(seed=0, n_units=60, effect=12.0):
    """Responses of one component that fall in one of two groups, and covariates."""
    design = BumpDesign(n_responses=4, rank=1, n_units=n_units)
    endog, exog = design.draw(np.random.default_rng(seed))
    endog = endog - (12.0 - effect) * exog[:, 1:] / 4.0
    exog[:, 1] = 1.0 - exog[:, 1]
    return endog, exog
