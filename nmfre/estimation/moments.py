"""
What the marginal likelihood takes from the data: an interface, with or without missing cells.

Sums are per unit, of responses divided by their root mean square and of orthonormal covariates
W = L^-1 A, whose effects are Gamma = Theta L. Units whose observed responses
are the same share M_n = G_n + lambda I, G_n = X'X over these responses: they are a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray
from nmfre.estimation.effective_df import effective_df, eigenvalues_of, log_ridge_on_cap
from nmfre.estimation.orthonormal import Orthonormal, nonnegative


@dataclass(frozen=True, slots=True)
class Products:
    """
    Means over units that value and score are made of, at (X, Gamma, lambda).

    With r_n = y_n - X Gamma w_n, u_n = M_n^-1 X'r_n, e_n = r_n - X u_n and b_n = Gamma w_n + u_n,
    all over the observed responses of a unit.

    Attributes
    ----------
    quadratic : float
        r_n'r_n - r_n'X M_n^-1 X'r_n.
    rounding : float
        What ``quadratic`` is a difference of: rounding is relative to it.
    log_det, trace_inv : float
        log|M_n| and tr M_n^-1.
    EB : (P, Q)
        e_n b_n'.
    XM_inv : (P, Q)
        X M_n^-1, its rows zero where responses are missing.
    XtEW : (Q, K)
        X'e_n w_n'.
    UU : float
        u_n'u_n.
    """

    quadratic: float
    rounding: float
    log_det: float
    trace_inv: float
    EB: FloatArray
    XM_inv: FloatArray
    XtEW: FloatArray
    UU: float


@dataclass(frozen=True, slots=True)
class Moments(LaidOut):
    """
    All that the likelihood knows of the data.

    Attributes
    ----------
    n_units : int
        N.
    n_cells : float
        Number of observed cells; a weighted one where units have weights.
    scale : float
        Root mean square of the observed responses.
    covariates : Orthonormal
        How the covariates are made orthonormal.
    """

    n_units: int
    n_cells: float
    scale: float
    covariates: Orthonormal

    @property
    def n_responses(self) -> int:
        """P."""
        raise NotImplementedError

    @property
    def n_covariates(self) -> int:
        """K."""
        return len(self.covariates.size)

    @property
    def shares(self) -> FloatArray:
        """Share of each pattern in the units, (G,)."""
        raise NotImplementedError

    def grams(self, X: FloatArray) -> FloatArray:
        """X'X over the observed responses of each pattern, (G, Q, Q)."""
        raise NotImplementedError

    def spread(self, X: FloatArray, values: FloatArray) -> FloatArray:
        """Mean over units of X V_n, rows zero where responses are missing; V (G, Q, Q); (P, Q)."""
        raise NotImplementedError

    def products(self, X: FloatArray, Gamma: FloatArray, ridge: float) -> Products:
        """Sums at X (P, Q), Gamma (Q, K) of the scaled responses, and lambda."""
        raise NotImplementedError

    def free_gamma(self, X: FloatArray, ridge: float) -> FloatArray:
        """Gamma of highest likelihood given X and lambda, whatever sigma2 and signs are; (Q, K)."""
        raise NotImplementedError

    def root_information(self, X: FloatArray, ridge: float) -> FloatArray:
        """
        F with |F vec(Gamma - free Gamma)|^2 what the quadratic form adds to its minimum.

        (Q K, Q K), or (Q, Q) where it is the same for each covariate.
        """
        raise NotImplementedError

    def profiled(
        self, X: FloatArray, ridge: float, *, signed: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Gamma and Theta (Q, K) of highest likelihood given X and lambda; Theta >= 0 or signed."""
        Gamma = self.free_gamma(X, ridge)
        Theta = self.covariates.theta(Gamma)
        if signed or Theta.min() >= 0.0:
            return Gamma, Theta
        return self.nearest(Gamma, self.root_information(X, ridge))

    def nearest(self, Gamma: FloatArray, root: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gamma and Theta >= 0 (Q, K) for which |F vec(change of Gamma)|, F the root, is least."""
        rank, size = len(Gamma), self.covariates.scale
        directions = (self.covariates.L / size[:, None]).T
        if len(root) == rank:
            F, b = _kron(directions, root), (root @ Gamma).ravel(order="F")
        else:
            F, b = root @ _kron(directions, np.eye(rank)), root @ Gamma.ravel(order="F")
        length = np.sqrt(np.maximum(np.sum(F * F, axis=0), np.finfo(float).tiny))
        flat = nonnegative(F / length, b) / length
        Theta = flat.reshape(Gamma.shape, order="F") / size
        return self.covariates.gamma(Theta), Theta

    def times_squares(self, u: FloatArray) -> FloatArray:
        """YY' u / N for orthonormal u (P, Q), missing cells filled from the span of u."""
        raise NotImplementedError

    def blup(
        self, Y: Any, A: FloatArray, X: FloatArray, Theta: FloatArray, ridge: float
    ) -> tuple[FloatArray, float]:
        """Random effects (Q, N) and |Y - X (Theta A + U)|^2; all of the data as they are."""
        raise NotImplementedError

    def df_random(self, X: FloatArray, ridge: float) -> float:
        """Effective degrees of freedom df_U = sum_n tr(M_n^-1 G_n)."""
        eigenvalues, weights = self._eigenvalues(X)
        return float(effective_df(eigenvalues, ridge, self.n_units, weights))

    def df_gradient(self, X: FloatArray, ridge: float) -> tuple[FloatArray, float]:
        """Derivatives of df_U by X, (P, Q), and by log lambda."""
        by_X, by_ridge = self._df_slopes(X, ridge)
        total = self.n_units * ridge
        return total * by_X, -total * by_ridge

    def log_ridge_on_cap(self, X: FloatArray, cap: float) -> float:
        """Log lambda at which df_U = cap."""
        return log_ridge_on_cap(*self._eigenvalues(X), cap, self.n_units)

    def log_ridge_by_basis(self, X: FloatArray, log_ridge: float) -> FloatArray:
        """Derivative of log lambda by X on df_U = cap, (P, Q)."""
        by_X, by_ridge = self._df_slopes(X, float(np.exp(log_ridge)))
        return by_X / by_ridge

    def _df_slopes(self, X: FloatArray, ridge: float) -> tuple[FloatArray, float]:
        """Means over units of 2 X M_n^-2, (P, Q), and of tr(G_n M_n^-2)."""
        grams = self.grams(X)
        M_inv = np.linalg.inv(grams + ridge * np.eye(X.shape[1]))
        M_inv2 = M_inv @ M_inv
        flat = (len(grams), -1)
        traces = np.vecdot(grams.reshape(flat), M_inv2.reshape(flat))
        return 2.0 * self.spread(X, M_inv2), float(self.shares @ traces)

    def _eigenvalues(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues of the X'X of all patterns and the shares that they stand for, (G Q,)."""
        return eigenvalues_of(self.grams(X)).ravel(), np.repeat(self.shares, X.shape[1])


def _kron(A: FloatArray, B: FloatArray) -> FloatArray:
    """As `numpy.kron`, whose checks take longer than small products."""
    return (A[:, None, :, None] * B[:, None, :]).reshape(len(A) * len(B), -1)
