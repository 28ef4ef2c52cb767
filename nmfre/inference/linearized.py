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

    The dispersion is kept apart from the information I and the scores s_n: it cancels in
    I^-1 s_n and in the sandwich, which so stay right where the residuals are next to nothing.

    Attributes
    ----------
    bread : (QK, QK)
        I^-1 / dispersion.
    scores : (N, QK)
        dispersion s_n = -vec(X' r_n a_n').
    dispersion : float
        The residual variance used.
    """

    bread: FloatArray
    scores: FloatArray
    dispersion: float

    @property
    def influence(self) -> FloatArray:
        """I^-1 s_n, (N, QK): a bootstrap replicate is Theta - sum_n w_n I^-1 s_n."""
        return self.scores @ self.bread

    def covariance(self, cov_type: CovType) -> FloatArray:
        """
        Covariance of vec(Theta), (QK, QK).

        ``"sandwich"`` is I^-1 [N/(N-1) sum s s'] I^-1, ``"naive"`` is I^-1, ``"max"`` is the
        sandwich with every standard error raised to the naive one where that is larger
        (correlations kept).
        """
        naive: FloatArray = self.dispersion * self.bread
        if cov_type == "naive":
            return naive
        n_units = len(self.scores)
        influence = self.influence
        sandwich: FloatArray = n_units / (n_units - 1) * (influence.T @ influence)
        if cov_type == "sandwich":
            return sandwich
        raised = np.sqrt(np.maximum(np.diag(naive) / np.diag(sandwich), 1.0))
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
        Divisor of rss: PN - df_U - QK, PN, or PN - QK, at least 1.

    Returns
    -------
    Linearization
    """
    (n_responses, n_units), (rank, n_covariates) = Y.shape, Theta.shape
    XtX = X.T @ X
    cells, n_params = n_responses * n_units, rank * n_covariates
    df = float(effective_df(np.maximum(np.linalg.eigvalsh(XtX), 0.0), ridge, n_units))
    divisor = {"df": cells - df - n_params, "n": cells, "params": cells - n_params}

    if information == "adjusted":
        M = XtX + ridge * np.eye(rank)
        XtX_of_theta = XtX - XtX @ np.linalg.solve(M, XtX)
    else:
        XtX_of_theta = XtX
    unscaled = np.kron(A @ A.T, XtX_of_theta)
    unscaled[np.diag_indices(n_params)] += RELATIVE_RIDGE * np.trace(unscaled) / n_params
    bread = np.linalg.inv(unscaled)
    XtR = X.T @ Y - XtX @ (Theta @ A + U)
    return Linearization(
        bread=(bread + bread.T) / 2.0,
        scores=-(A.T[:, :, None] * XtR.T[:, None, :]).reshape(n_units, n_params),
        dispersion=rss / max(divisor[dispersion], 1.0),
    )
