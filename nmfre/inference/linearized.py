"""Linearised inference on Theta, conditional on X, U and the variances (paper, Section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nmfre.estimation.effective_df import effective_df
from nmfre.typing import FloatArray

CovType = Literal["sandwich", "naive", "max"]
Information = Literal["adjusted", "plain"]
Dispersion = Literal["df", "n", "params"]

RELATIVE_RIDGE = 1e-10
"""Ridge of the information, relative to the mean of its diagonal: free of the units of Y."""


@dataclass(frozen=True, slots=True)
class Linearization:
    """
    First-order behaviour of vec(Theta), which stacks columns: entry q + Q k is Theta[q, k].

    Attributes
    ----------
    H : (QK, QK)
        Inverse of the information.
    scores : (N, QK)
        Unit scores s_n.
    dispersion : float
        The residual variance used.
    """

    H: FloatArray
    scores: FloatArray
    dispersion: float

    @property
    def influence(self) -> FloatArray:
        """H s_n of every unit, (N, QK): a bootstrap replicate is Theta - sum_n w_n H s_n."""
        return self.scores @ self.H

    def covariance(self, cov_type: CovType) -> FloatArray:
        """
        Covariance of vec(Theta), (QK, QK).

        ``"sandwich"`` is H [N/(N-1) sum s s'] H, ``"naive"`` is H, ``"max"`` is the sandwich with
        every standard error raised to the naive one where that is larger (correlations kept).
        """
        if cov_type == "naive":
            return self.H
        n_units = len(self.scores)
        meat = n_units / (n_units - 1) * (self.scores.T @ self.scores)
        sandwich: FloatArray = self.H @ meat @ self.H
        if cov_type == "sandwich":
            return sandwich
        raised = np.sqrt(np.maximum(np.diag(self.H) / np.diag(sandwich), 1.0))
        rescaled: FloatArray = sandwich * np.outer(raised, raised)
        return rescaled


def linearize(
    Y: FloatArray,
    A: FloatArray,
    X: FloatArray,
    Theta: FloatArray,
    U: FloatArray,
    *,
    ridge: float,
    rss: float,
    information: Information,
    dispersion: Dispersion,
) -> Linearization:
    """
    Linearise the estimator of Theta around its estimate (paper, Section 5).

    Parameters
    ----------
    Y, A, X, Theta, U : arrays, (P, N), (K, N), (P, Q), (Q, K), (Q, N)
        Data and estimates.
    ridge : float
        lambda = sigma2 / tau2.
    rss : float
        |Y - X (Theta A + U)|^2.
    information : {"adjusted", "plain"}
        Whether the information of Theta is reduced for the estimation of U, X'(I - H)X with
        H = X M^-1 X', or not, X'X.
    dispersion : {"df", "n", "params"}
        Divisor of rss: max(PN - df_U - QK, 1), PN, or max(PN - QK, 1).

    Returns
    -------
    Linearization
    """
    (n_responses, n_units), (rank, n_covariates) = Y.shape, Theta.shape
    XtX = X.T @ X
    cells, n_params = n_responses * n_units, rank * n_covariates
    df = float(effective_df(np.maximum(np.linalg.eigvalsh(XtX), 0.0), ridge, n_units))
    divisor = {"df": cells - df - n_params, "n": cells, "params": cells - n_params}
    phi = rss / max(divisor[dispersion], 1.0)

    if information == "adjusted":
        M = XtX + ridge * np.eye(rank)
        XtX_of_theta = XtX - XtX @ np.linalg.solve(M, XtX)
    else:
        XtX_of_theta = XtX
    info = np.kron(A @ A.T, XtX_of_theta) / phi
    info[np.diag_indices(n_params)] += RELATIVE_RIDGE * np.trace(info) / n_params
    XtR = X.T @ Y - XtX @ (Theta @ A + U)
    scores = -(A.T[:, :, None] * XtR.T[:, None, :]).reshape(n_units, n_params) / phi
    H = np.linalg.inv(info)
    return Linearization(H=(H + H.T) / 2.0, scores=scores, dispersion=phi)
