"""
Inference on Theta and the variances of all parameters together, whose Hessian is never formed.

Of H^-1, only columns are needed: one system by conjugate gradients for each entry of Theta and each
variance. Scores of units enter through their products with these columns, by one product with the
data, so that memory does not grow with the number of parameters times that of units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfre.core.progress import LOGGER, Pulse
from nmfre.core.typing import FloatArray
from nmfre.estimation.complete import CompleteMoments
from nmfre.estimation.curvature import Curvature
from nmfre.estimation.fisher import Face
from nmfre.estimation.model_step import plus

SOLVED = 1e-14
"""Share of its size that the error of a column of H^-1 may have, in squares."""
PRODUCTS = 2_000
"""Products with the Hessian for one column at most."""


class NotConcaveError(ArithmeticError):
    """The log-likelihood does not fall in some direction, or hardly so."""


def solve(at: Curvature, face: Face, right: FloatArray) -> FloatArray:
    """
    Columns H^-1 E of the observed Hessian on a face, with the sums of columns of X kept; (n, m).

    Raises
    ------
    NotConcaveError
    """
    solved, pulse = np.zeros_like(right), Pulse()
    for column, of_column in enumerate(right.T):
        if pulse.due():
            LOGGER.info("inference: %d of %d systems solved", column, right.shape[1])
        residual = np.where(face.free, of_column, 0.0)
        direction, multipliers = face.solve(residual)
        size = float(residual @ direction)
        first = size
        for _ in range(PRODUCTS):
            if size <= SOLVED * first:
                break
            product = at.times(direction)
            curvature = float(direction @ product)
            if curvature <= 0.0:
                raise NotConcaveError
            length = size / curvature
            solved[:, column] += length * direction
            residual = residual - length * product
            residual = np.where(face.free, plus(residual, -multipliers, at), 0.0)
            z, multipliers = face.solve(residual)
            before, size = size, float(residual @ z)
            direction = z + (size / before) * direction
        else:
            raise NotConcaveError
    return solved


@dataclass(frozen=True, slots=True)
class UnitProducts:
    """
    Products of the scores of units with directions, without the scores.

    Scores by Gamma come first, by themselves: leverages correct them apart.

    Attributes
    ----------
    at : Curvature
    moments : CompleteMoments
    of_data : (P, Q m + Q)
        What responses are multiplied by.
    of_squares : (P, m)
        What squares of responses are multiplied by.
    of_scores : (m, Q, Q)
        Quadratic form of b_n, the expected scores.
    of_products : (m, Q, Q)
        Of X'Sigma^-1 r_n.
    constants : (m,)
    """

    at: Curvature
    moments: CompleteMoments
    of_data: FloatArray
    of_squares: FloatArray
    of_scores: FloatArray
    of_products: FloatArray
    constants: FloatArray

    @classmethod
    def of(cls, at: Curvature, moments: CompleteMoments, columns: FloatArray) -> UnitProducts:
        """From directions (n, m)."""
        data, squares, scores, of_products, constants = [], [], [], [], []
        Z = at.h - 1.0
        for column in columns.T:
            dX, log_psi, _, dPhi = at.split(column)
            change = np.broadcast_to(log_psi, at.psi.shape)[:, None]
            data.append(at.D * (dX - change * at.X))
            squares.append((change * at.D)[:, 0])
            scores.append(at.DX.T @ (change * at.X / 2.0 - dX))
            of_products.append(dPhi)
            constants.append(0.5 * change[:, 0] @ Z - np.vdot(dX, at.a) - 0.5 * np.vdot(at.K, dPhi))
        return cls(
            at,
            moments,
            np.hstack([*data, at.DX]),
            np.column_stack(squares),
            np.array(scores),
            np.array(of_products),
            np.array(constants),
        )

    def __call__(self, Y: Any, A: FloatArray) -> FloatArray:
        """Of units with responses Y (P, n) and covariates A (K, n), (n, QK + m)."""
        at, scale = self.at, self.moments.scale
        m, Q = len(self.constants), at.X.shape[1]
        W = self.moments.covariates.white(A)
        products = np.asarray(Y.T @ self.of_data) / scale
        squares = Y.multiply(Y) if hasattr(Y, "multiply") else Y * Y
        fixed = W.T @ at.Gamma.T
        by_data, of_X = products[:, : m * Q].reshape(-1, m, Q), products[:, m * Q :]
        z = (of_X - fixed @ at.N) @ at.shrink  # X'Sigma^-1 r_n
        b = fixed + z @ at.Phi
        values = np.einsum("nmq,nq->nm", by_data, b)
        values += 0.5 * np.asarray(squares.T @ self.of_squares) / scale**2
        values += np.einsum("nq,mqr,nr->nm", b, self.of_scores, b)
        values += 0.5 * np.einsum("nq,mqr,nr->nm", z, self.of_products, z) + self.constants
        by_gamma = (W.T[:, :, None] * z[:, None, :]).reshape(len(z), -1)
        return np.hstack([by_gamma, values])
