"""Whether the likelihood tells all parameters, but for rotations."""

from __future__ import annotations

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.inference.coordinates import Axes

FLAT = 1e-7
"""Smallest eigenvalue of the information, scaled to a unit diagonal, that is told from zero."""


def does_not_fall(axes: Axes, hessian: FloatArray) -> bool:
    """Whether the log-likelihood is flat, or rises, in some direction that is no rotation."""
    information = -axes.kept.T @ hessian @ axes.kept
    size = np.diag(information)
    size = np.sqrt(np.maximum(size, np.finfo(float).eps ** 2 * np.abs(size).max(initial=1e-300)))
    scaled = information / np.outer(size, size)
    # Components that are nearly collinear are no such direction: they are made orthogonal.
    theta = axes.is_theta
    try:
        root = np.linalg.cholesky(scaled[np.ix_(theta, theta)])
    except np.linalg.LinAlgError:
        return True
    scaled[theta] = np.linalg.solve(root, scaled[theta])
    scaled[:, theta] = np.linalg.solve(root, scaled[:, theta].T).T
    n_rotations = len(scaled) - axes.directions.shape[1]
    return bool(np.linalg.eigvalsh(scaled)[n_rotations] < FLAT)
