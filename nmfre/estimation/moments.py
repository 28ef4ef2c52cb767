"""
What the marginal likelihood takes from the data: an interface, with or without missing cells.

Sums are per unit, of responses divided by their root mean square and of orthonormal covariates
W = L^-1 A, whose effects are Gamma = Theta L. Units whose observed responses
are the same share G_n = Z'Z over these responses: they are a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.effective_df import effective_df, eigenvalues_of, log_ridge_on_cap
from nmfre.estimation.orthonormal import Orthonormal, nonnegative


@dataclass(frozen=True, slots=True)
class Products:
    """
    Means over units that value and score are made of, at (X, Gamma, v, F).

    Rows of data and of X are divided by the roots of v. With Z = X F, r_n = y_n - X Gamma w_n,
    u_n = M_n^-1 Z'r_n, M_n = I + Z'Z and e_n = r_n - Z u_n, all over the observed responses of a
    unit.

    Attributes
    ----------
    quadratic : float
        r_n'(I + Z Z')^-1 r_n.
    rounding : float
        What ``quadratic`` is a difference of: rounding is relative to it.
    log_det : float
        log|M_n|.
    EW, EU : (P, K), (P, Q)
        e_n w_n' and e_n u_n'.
    EE : (P,)
        Squares of e_n.
    ZM_inv : (P, Q)
        Z M_n^-1, its rows zero where responses are missing.
    UW, UU : (Q, K), (Q, Q)
        u_n w_n', which is Z'e_n w_n', and u_n u_n'.
    M_inv : (Q, Q)
        M_n^-1.
    """

    quadratic: float
    rounding: float
    log_det: float
    EW: FloatArray
    EU: FloatArray
    EE: FloatArray
    ZM_inv: FloatArray
    UW: FloatArray
    UU: FloatArray
    M_inv: FloatArray


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

    @property
    def cells(self) -> FloatArray:
        """Share of the units that each response is observed of, (P,)."""
        raise NotImplementedError

    @property
    def observed_patterns(self) -> FloatArray:
        """1 where a pattern observes a response, else 0; (P, G)."""
        raise NotImplementedError

    @property
    def covariate_squares(self) -> FloatArray:
        """Sums of w_n w_n' over the units of each pattern, divided by N; (G, K, K)."""
        raise NotImplementedError

    def residual_products(
        self, X: FloatArray, Gamma: FloatArray, relative: Relative
    ) -> tuple[FloatArray, FloatArray]:
        """Sums of e_n e_n' and e_n w_n' over each pattern, divided by N; as in `Products`."""
        raise NotImplementedError

    @property
    def unexplained(self) -> FloatArray:
        """Means of r_n^2 over the observed cells of each response, r_n by least squares; (P,)."""
        raise NotImplementedError

    def grams(self, Z: FloatArray) -> FloatArray:
        """Z'Z over the observed responses of each pattern, (G, Q, Q)."""
        raise NotImplementedError

    def spread(self, Z: FloatArray, values: FloatArray) -> FloatArray:
        """Mean over units of Z V_n, rows zero where responses are missing; V (G, Q, Q); (P, Q)."""
        raise NotImplementedError

    def products(self, X: FloatArray, Gamma: FloatArray, relative: Relative) -> Products:
        """Sums at X (P, Q), Gamma (Q, K) of the scaled responses, and covariances."""
        raise NotImplementedError

    def free_gamma(self, X: FloatArray, relative: Relative) -> FloatArray:
        """Gamma of highest likelihood given X, v, F, whatever sigma2 and signs are; (Q, K)."""
        raise NotImplementedError

    def root_information(self, X: FloatArray, relative: Relative) -> FloatArray:
        """
        R with |R vec(Gamma - free Gamma)|^2 what the quadratic form adds to its minimum.

        (Q K, Q K), or (Q, Q) where it is the same for each covariate.
        """
        raise NotImplementedError

    def profiled(
        self, X: FloatArray, relative: Relative, *, signed: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Gamma and Theta (Q, K) of highest likelihood given the rest; Theta >= 0 or signed."""
        Gamma = self.free_gamma(X, relative)
        Theta = self.covariates.theta(Gamma)
        if signed or Theta.min() >= 0.0:
            return Gamma, Theta
        return self.nearest(Gamma, self.root_information(X, relative))

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
        self, Y: Any, A: FloatArray, X: FloatArray, Theta: FloatArray, relative: Relative
    ) -> FloatArray:
        """Random effects (Q, N); all of the data as they are."""
        raise NotImplementedError

    def df_random(self, Z: FloatArray) -> float:
        """Effective degrees of freedom df_U = sum_n tr(M_n^-1 G_n)."""
        eigenvalues, weights = self._eigenvalues(Z)
        return float(effective_df(eigenvalues, 1.0, self.n_units, weights))

    def df_slopes(self, Z: FloatArray) -> tuple[FloatArray, float]:
        """Derivatives of df_U / N by Z, (P, Q), and by a logarithm of a factor of Phi."""
        grams = self.grams(Z)
        M_inv = np.linalg.inv(grams + np.eye(Z.shape[1]))
        M_inv2 = M_inv @ M_inv
        flat = (len(grams), -1)
        traces = np.vecdot(grams.reshape(flat), M_inv2.reshape(flat))
        return 2.0 * self.spread(Z, M_inv2), float(self.shares @ traces)

    def log_factor_on_cap(self, Z: FloatArray, cap: float) -> float:
        """The logarithm of what Phi is multiplied by where df_U = cap."""
        return -log_ridge_on_cap(*self._eigenvalues(Z), cap, self.n_units)

    def _eigenvalues(self, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues of the Z'Z of all patterns and the shares that they stand for, (G Q,)."""
        return eigenvalues_of(self.grams(Z)).ravel(), np.repeat(self.shares, Z.shape[1])


def information_root(information: FloatArray) -> FloatArray:
    """R with R'R a positive semi-definite matrix that rounding may have made indefinite."""
    d, V = np.linalg.eigh((information + information.T) / 2.0)
    return np.asarray((V * np.sqrt(np.maximum(d, 0.0))).T)


def _kron(A: FloatArray, B: FloatArray) -> FloatArray:
    """As `numpy.kron`, whose checks take longer than small products."""
    return (A[:, None, :, None] * B[:, None, :]).reshape(len(A) * len(B), -1)
