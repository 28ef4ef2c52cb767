"""Fits in the coordinates of marginal inference."""

from __future__ import annotations

import numpy as np

from nmfre.estimation.complete import moments_of
from nmfre.inference.coordinates import Coordinates


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
