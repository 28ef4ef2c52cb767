"""The same fit by other components, where none are identified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np


def turned(estimate, angle=0.02):
    """Three components turned: as likely, and their variances as different as they were."""
    K = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]]) / np.sqrt(3)
    R = np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K
    F = np.diag(estimate.F)
    S = F[:, None] * R / F
    S /= (estimate.X @ S).sum(axis=0)
    Phi = np.linalg.solve(S, np.linalg.solve(S, np.diag(F**2)).T)
    size = np.trace(Phi) / 3
    return replace(
        estimate,
        X=estimate.X @ S,
        Theta=np.linalg.solve(S, estimate.Theta),
        U=np.linalg.solve(S, estimate.U),
        tau2=size * estimate.tau2,
        F=np.diag(np.sqrt(np.diag(Phi) / size)),
    )
