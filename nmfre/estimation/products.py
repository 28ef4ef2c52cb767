"""
What the marginal likelihood takes from the data: an interface, with or without missing cells.

Sums are per unit, of responses divided by their root mean square. Units whose observed responses
are the same share M_n = G_n + lambda I, G_n = X'X over these responses: they are a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.estimation.effective_df import effective_df, eigenvalues_of, log_ridge_on_cap
from nmfre.typing import FloatArray


@dataclass(frozen=True, slots=True)
class Products:
    """
    Means over units that value and score are made of, at (X, Theta, lambda).

    With r_n = y_n - X Theta a_n, u_n = M_n^-1 X'r_n, e_n = r_n - X u_n and b_n = Theta a_n + u_n,
    all over the observed responses of a unit.

    Attributes
    ----------
    quadratic : float
        r_n'r_n - r_n'X M_n^-1 X'r_n.
    log_det, trace_inv : float
        log|M_n| and tr M_n^-1.
    EB : (P, Q)
        e_n b_n'.
    XM_inv : (P, Q)
        X M_n^-1, its rows zero where responses are missing.
    XtEA : (Q, K)
        X'e_n a_n'.
    UU : float
        u_n'u_n.
    """

    quadratic: float
    log_det: float
    trace_inv: float
    EB: FloatArray
    XM_inv: FloatArray
    XtEA: FloatArray
    UU: float


@dataclass(frozen=True, slots=True)
class Moments:
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
    AA : (K, K)
        AA' / N.
    """

    n_units: int
    n_cells: float
    scale: float
    AA: FloatArray

    @property
    def n_responses(self) -> int:
        """P."""
        raise NotImplementedError

    @property
    def n_covariates(self) -> int:
        """K."""
        return len(self.AA)

    @property
    def covariate_scale(self) -> FloatArray:
        """Root mean squares of the covariates, (K,): Theta times them compares."""
        return np.sqrt(np.diag(self.AA))

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

    def products(self, X: FloatArray, Theta: FloatArray, ridge: float) -> Products:
        """Sums at X (P, Q), Theta (Q, K) of the scaled responses, and lambda."""
        raise NotImplementedError

    def profiled_theta(self, X: FloatArray, ridge: float) -> FloatArray:
        """Signed Theta of highest likelihood given X and lambda, whatever sigma2 is; (Q, K)."""
        raise NotImplementedError

    def times_squares(self, u: FloatArray) -> FloatArray:
        """YY' u / N for orthonormal u (P, Q), missing cells filled from the span of u."""
        raise NotImplementedError

    def blup(
        self, Y: Any, A: FloatArray, X: FloatArray, Theta: FloatArray, ridge: float
    ) -> tuple[FloatArray, float]:
        """Random effects (Q, N) and |Y - X (Theta A + U)|^2; Theta of responses as they are."""
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
