"""
What the marginal likelihood takes from the data: an interface, with or without missing cells.

Sums are per unit, of responses divided by their root mean square and of orthonormal covariates
W = L^-1 A, whose effects are Gamma = Theta L. Units whose observed responses
are the same share G_n = Z'Z over these responses: they are a pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.core.layout import LaidOut
from nmfre.core.typing import Float, FloatArray, IntArray
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

    Of a stack, all have leading axes.

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

    quadratic: Float
    rounding: Float
    log_det: Float
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

    What takes X, Gamma and covariances takes stacks of them too, with leading axes. Moments may be
    a stack themselves, of as many data sets of one size.

    Attributes
    ----------
    n_units : int or float
        N, or the sum of the weights of units.
    n_cells : float
        Number of observed cells; a weighted one where units have weights.
    scale : float
        Root mean square of the observed responses; NaN of a stack, whose members have their own.
    covariates : Orthonormal
        How the covariates are made orthonormal.
    """

    n_units: float
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
        return int(self.covariates.size.shape[-1])

    def members(self, index: IntArray | int) -> Moments:
        """Some of a stack, or one of it; the same, where all members have the same data."""
        return self

    def thinned(self) -> Moments:
        """Fewer patterns with about the same Fisher information, to climb by; no responses."""
        return self

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
        return self.within_bounds(Gamma, lambda: self.root_information(X, relative), signed=signed)

    def within_bounds(
        self, Gamma: FloatArray, root: Callable[[], FloatArray], *, signed: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Gamma and Theta from free Gamma; the root of its information is asked for if needed."""
        Theta = self.covariates.theta(Gamma)
        if signed:
            return Gamma, Theta
        below = Theta.min(axis=(-2, -1), keepdims=True) < 0.0
        if not below.any():
            return Gamma, Theta
        nearest = self.nearest(Gamma, root())
        return np.where(below, nearest[0], Gamma), np.where(below, nearest[1], Theta)

    def nearest(self, Gamma: FloatArray, root: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gamma and Theta >= 0 (Q, K) for which |F vec(change of Gamma)|, F the root, is least."""
        *stack, rank, n_covariates = Gamma.shape
        size = self.covariates.scale[..., None, :]
        directions = (self.covariates.L / size.mT).mT
        if root.shape[-1] == rank:
            F = _kron(directions, root)
            b = (root @ Gamma).mT.reshape(*stack, -1)
        else:
            F = root @ _kron(directions, np.eye(rank))
            b = (root @ Gamma.mT.reshape(*stack, -1, 1))[..., 0]
        length = np.sqrt(np.maximum(np.sum(F * F, axis=-2), np.finfo(float).tiny))
        free = (self.covariates.theta(Gamma) * size).mT.reshape(*stack, -1) * length
        flat = nonnegative(F / length[..., None, :], b, free) / length
        Theta = np.ascontiguousarray(flat.reshape(*stack, n_covariates, rank).mT) / size
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
        M_inv = np.linalg.inv(grams + np.eye(Z.shape[-1]))
        M_inv2 = M_inv @ M_inv
        flat = (*grams.shape[:-2], -1)
        traces = np.vecdot(grams.reshape(flat), M_inv2.reshape(flat))
        return 2.0 * self.spread(Z, M_inv2), float(np.vecdot(self.shares, traces))

    def log_factor_on_cap(self, Z: FloatArray, cap: float) -> float:
        """The logarithm of what Phi is multiplied by where df_U = cap."""
        return -log_ridge_on_cap(*self._eigenvalues(Z), cap, self.n_units)

    def _eigenvalues(self, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues of the Z'Z of all patterns and the shares that they stand for, (G Q,)."""
        return eigenvalues_of(self.grams(Z)).ravel(), np.repeat(self.shares, Z.shape[1])


def information_root(information: FloatArray) -> FloatArray:
    """R with R'R a positive semi-definite matrix that rounding may have made indefinite."""
    d, V = np.linalg.eigh((information + information.mT) / 2.0)
    return np.asarray((V * np.sqrt(np.maximum(d, 0.0))[..., None, :]).mT)


def solved(left: FloatArray, right: FloatArray) -> FloatArray:
    """left^-1 right of each member; where two columns are one, the shortest least squares."""
    try:
        return np.linalg.solve(left, right)
    except np.linalg.LinAlgError:
        if left.ndim > 2:
            return np.stack([solved(*member) for member in zip(left, right, strict=True)])
        return np.asarray(np.linalg.lstsq(left, right, rcond=None)[0])


def _kron(A: FloatArray, B: FloatArray) -> FloatArray:
    """As `numpy.kron`, of a stack."""
    product = A[..., :, None, :, None] * B[..., None, :, None, :]
    *stack, i, j, k, m = product.shape
    return np.asarray(product.reshape(*stack, i * j, k * m))
