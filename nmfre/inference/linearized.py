"""Linearised inference on Theta, conditional on X, U and the variances (paper, Section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.effective_df import effective_df, eigenvalues_of
from nmfre.estimation.orthonormal import Orthonormal

Information = Literal["adjusted", "plain"]
Dispersion = Literal["df", "n", "params"]

RELATIVE_RIDGE = 1e-10
"""Ridge of the information, relative to its mean diagonal: free of the units of Y and of A."""


@dataclass(frozen=True, slots=True)
class Linearization:
    """
    First-order behaviour of vec(Theta), which stacks columns: entry q + Q k is Theta[q, k].

    The dispersion is kept apart from the information I and the scores s_n: it cancels in
    I^-1 s_n and in the sandwich, which so stay right where the residuals are almost zero.

    Attributes
    ----------
    bread : (QK, QK)
        I^-1 / dispersion.
    root : (QK, QK)
        What makes an influence of the effects of orthonormal covariates one of Theta, times
        I^-1 / dispersion of these effects.
    covariates : Orthonormal
        How the covariates are made orthonormal.
    dispersion : float
        The residual variance used.
    X, Theta : (P, Q), (Q, K)
        The estimates.
    relative : Relative
        Covariances relative to sigma2.
    """

    bread: FloatArray
    root: FloatArray
    covariates: Orthonormal
    dispersion: float
    X: FloatArray
    Theta: FloatArray
    relative: Relative

    def scores(self, Y: Any, A: FloatArray, U: FloatArray) -> FloatArray:
        """
        Scores of units with responses Y (P, n), covariates A (K, n) and random effects U (Q, n).

        vec(X' r_n w_n'), (n, QK), with r_n the residuals of the observed responses and w_n the
        orthonormal covariates. Times -``root`` that is I^-1 s_n, with s_n = -vec(X' r_n a_n') /
        dispersion. A bootstrap replicate is Theta - sum_n w_n I^-1 s_n.
        """
        B = self.Theta @ A + U
        weighted = self.X / self.relative.v[:, None]
        XtR = np.asarray(Y.T @ weighted) - B.T @ (self.X.T @ weighted)
        if np.isnan(XtR).any():
            XtR = np.nan_to_num(Y - self.X @ B).T @ weighted
        W = self.covariates.white(A)
        return np.asarray(W.T[:, :, None] * XtR[:, None, :]).reshape(A.shape[1], -1)

    @property
    def naive(self) -> FloatArray:
        """I^-1, (QK, QK)."""
        return np.asarray(self.dispersion * self.bread)


def linearize(
    X: FloatArray,
    Theta: FloatArray,
    WW: FloatArray,
    XtX: FloatArray,
    *,
    covariates: Orthonormal,
    counts: FloatArray,
    n_cells: float,
    relative: Relative,
    rss: float,
    information: Information,
    dispersion: Dispersion,
) -> Linearization:
    """
    Linearise the estimator of Theta around its estimate (paper, Section 5).

    Parameters
    ----------
    X, Theta : arrays, (P, Q), (Q, K)
        Estimates.
    WW : array, (G, K, K)
        Sums of w_n w_n', w_n the orthonormal covariates, over the units that have the same
        responses observed; G = 1 where none is missing.
    XtX : array, (G, Q, Q)
        X'X over these responses, divided by v.
    covariates : Orthonormal
        How the covariates are made orthonormal.
    counts : array, (G,)
        Numbers of these units, or sums of their weights.
    n_cells : int or float
        Number of observed cells, PN where none is missing.
    relative : Relative
        Covariances relative to sigma2.
    rss : float
        |Y - X (Theta A + U)|^2, responses over the roots of v.
    information : {"adjusted", "plain"}
        Whether the information of Theta is reduced for the estimation of U, X'(I - H)X with
        H = X M^-1 X', or not, X'X.
    dispersion : {"df", "n", "params"}
        Divisor of rss: n_cells - df_U - QK, n_cells, or n_cells - QK, at least 1.

    Returns
    -------
    Linearization
    """
    rank, n_params = X.shape[1], Theta.size
    n_units = counts.sum()
    weights = np.repeat(counts / n_units, rank)
    F = relative.F
    ZtZ = F.T @ XtX @ F
    df = float(effective_df(eigenvalues_of(ZtZ).ravel(), 1.0, n_units, weights))
    divisor = {"df": n_cells - df - n_params, "n": n_cells, "params": n_cells - n_params}

    if information == "adjusted":
        XtX_of_theta = XtX - XtX @ F @ np.linalg.solve(ZtZ + np.eye(rank), F.T @ XtX)
    else:
        XtX_of_theta = XtX
    # In covariates that are orthonormal over the units, the ridge is the same for all of them.
    information_of_gamma = np.einsum("gkl,gqr->kqlr", WW, XtX_of_theta).reshape(n_params, n_params)
    information_of_gamma[np.diag_indices(n_params)] += (
        RELATIVE_RIDGE * np.trace(information_of_gamma) / n_params
    )
    to_theta = np.kron(covariates.inverse, np.eye(rank))
    root = np.linalg.inv(information_of_gamma) @ to_theta
    bread = to_theta.T @ root
    return Linearization(
        bread=(bread + bread.T) / 2.0,
        root=root,
        covariates=covariates,
        dispersion=rss / max(divisor[dispersion], 1.0),
        X=X,
        Theta=Theta,
        relative=relative,
    )
