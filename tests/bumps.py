"""Fits in the coordinates of marginal inference."""

from __future__ import annotations

import numpy as np

from nmfre.estimation.complete import moments_of
from nmfre.inference.coordinates import Coordinates


def coordinates_of(res):
    design = res.model.design
    return Coordinates(moments_of(design.Y, design.A), res.estimate)


def psi_of(res):
    """X, Theta, the logarithms of the different residual variances, coordinates of Phi."""
    estimate, structure = res.estimate, res.estimate.structure
    return np.concatenate(
        [
            estimate.X.ravel(order="F"),
            estimate.Theta.ravel(order="F"),
            np.log(structure.resid.of(estimate.psi)),
            structure.random.coordinates(np.sqrt(estimate.tau2) * estimate.F),
        ]
    )


def parameters(res, psi):
    """X, Theta, Psi (P,) and Phi (Q, Q) of such a vector."""
    (P, Q), structure = res.estimate.X.shape, res.estimate.structure
    first = P * Q + res.estimate.Theta.size
    n_resid = structure.resid.size(P)
    X = psi[: P * Q].reshape(P, Q, order="F")
    Theta = psi[P * Q : first].reshape(Q, -1, order="F")
    ratios = structure.resid.given((P,)) if structure.resid.profiled else np.ones(P)
    Psi = np.exp(psi[first : first + n_resid]) * ratios / ratios[0]
    F = structure.random.factor(psi[first + n_resid :], Q)
    return X, Theta, Psi, F @ F.T


def directions(res):
    """d psi / d coordinates, in the units of Y."""
    coordinates = coordinates_of(res)
    J = coordinates.jacobian(coordinates.axes(coordinates.bounds_needed))
    J[coordinates.of_theta] *= coordinates.moments.scale
    return coordinates, J
