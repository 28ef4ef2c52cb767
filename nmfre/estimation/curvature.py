"""
Second derivatives of the marginal likelihood by products: none of their matrices is formed.

Of minus the log-likelihood per unit of complete units, as in `nmfre.estimation.hessian`. A vector
has a row for each response, its entries of X and, where these differ, the logarithm of its residual
variance; then come the few others: directions of Gamma, the logarithm of a common residual variance
and the coordinates of Phi relative to it.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import block_diag

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.complete import CompleteMoments
from nmfre.estimation.covariance_forms import Relative, Structure
from nmfre.estimation.hessian import coordinates_of_phi
from nmfre.estimation.likelihood import MarginalValue, score


class Curvature:
    """
    The observed and the expected Hessian at a point, as functions of vectors.

    Parameters
    ----------
    moments : CompleteMoments
    structure : Structure
    X, Gamma : arrays, (P, Q), (Q, K)
    relative : Relative
    point : MarginalValue
        There.
    directions : array, (QK, n)
        What Gamma (C order) moves in, in columns; `directions_of`.
    """

    def __init__(
        self,
        moments: CompleteMoments,
        structure: Structure,
        X: FloatArray,
        Gamma: FloatArray,
        relative: Relative,
        point: MarginalValue,
        directions: FloatArray,
    ) -> None:
        self.moments, self.structure, self.X, self.Gamma = moments, structure, X, Gamma
        (P, Q), random = X.shape, structure.random
        self.common = structure.resid.profiled
        self.width = Q if self.common else Q + 1
        self.n_local = P * self.width
        by = score(moments, X, Gamma, relative, point)
        absolute = relative.times(point.sigma2)
        F, self.Phi = absolute.F, absolute.Phi
        self.psi, self.D = absolute.v, 1.0 / absolute.v[:, None]
        self.DX = self.D * X
        self.N = X.T @ self.DX
        self.C = F @ np.linalg.solve(np.eye(Q) + F.T @ self.N @ F, F.T)
        self.C = (self.C + self.C.T) / 2.0
        self.shrink = np.linalg.inv(np.eye(Q) + self.Phi @ self.N)
        self.L, self.a = self.DX @ self.shrink, self.DX @ self.C
        self.K = self.N @ self.shrink
        self.K = (self.K + self.K.T) / 2.0
        self.Xa = self.N @ self.C
        self.h = np.vecdot(self.a, X)
        self.of_t, _ = coordinates_of_phi(F, np.zeros((Q, Q)), structure)
        self._of_data(by.log_psi, F)

        # What the few others are in (Gamma, log sigma2, t).
        n_effects = Gamma.size
        variances = np.eye(random.size(Q))
        if self.common:
            variances = np.block(
                [
                    [np.ones((1, 1)), np.zeros((1, len(variances)))],
                    [random.scale(Q)[:, None], variances],
                ]
            )
        self.others = block_diag(directions, variances)
        self.n_effects = n_effects
        # The gradient, where Gamma and a common sigma2 are at their maximum.
        local = -by.X if self.common else np.column_stack([-by.X, -by.log_psi])
        few = np.zeros(self.others.shape[1])
        few[len(few) - random.size(Q) :] = -random.pull(relative.F, by.F)
        self.gradient = np.concatenate([local.ravel(), few])

    def _of_data(self, by_log_psi: FloatArray, F: FloatArray) -> None:
        """What the observed Hessian takes from residuals."""
        X, Gamma, Phi = self.X, self.Gamma, self.Phi
        self.rest = self.moments.B - X @ Gamma
        self.FF = self._inverse(self.rest)
        self.VX = self._inverse(self._squares(self.L))
        self.WX = self.L - self.VX
        self.g = self.WX @ Phi - self.FF @ Gamma.T
        XF = X.T @ self.FF
        mixed = Gamma @ XF.T @ Phi
        self.bb = Gamma @ Gamma.T + mixed + mixed.T + Phi @ (X.T @ self.VX) @ Phi
        self.bc = Gamma + Phi @ XF
        self.XF, self.Xg, self.XWX = XF, X.T @ self.g, X.T @ self.WX
        self.w = -2.0 * by_log_psi
        self.curvature = coordinates_of_phi(F, self.XWX / 2.0, self.structure)[1]

    def _inverse(self, Y: FloatArray) -> FloatArray:
        """Sigma^-1 Y."""
        return np.asarray(self.D * Y - self.a @ (self.DX.T @ Y))

    def _squares(self, Y: FloatArray) -> FloatArray:
        """T Y."""
        return self.moments.times(Y) + self.rest @ (self.rest.T @ Y)

    def split(
        self, vector: FloatArray
    ) -> tuple[FloatArray, FloatArray | float, FloatArray, FloatArray]:
        """Changes of X, log psi, Gamma and Phi."""
        P, Q = self.X.shape
        local, few = vector[: self.n_local].reshape(P, self.width), vector[self.n_local :]
        raw = self.others @ few
        Gamma, rest = raw[: self.n_effects].reshape(self.Gamma.shape), raw[self.n_effects :]
        log_psi = rest[:1] if self.common else local[:, Q]
        return local[:, :Q], log_psi, Gamma, self.of_t @ rest[self.common :]

    def times(self, vector: FloatArray) -> FloatArray:
        """The observed Hessian times a vector: one product with the data."""
        dX, log_psi, dG, dPhi = self.split(vector)
        X, a, g, L, FF = self.X, self.a, self.g, self.L, self.FF
        column = np.broadcast_to(log_psi, self.psi.shape)[:, None]
        shifted = dX - column * X
        inverse = self._inverse(dX)
        turned = self._inverse(shifted)
        W = turned - self._inverse(self._squares(turned))
        moved = column * self.psi[:, None]
        J = self.Phi @ self.K
        dGF = FF @ dG.T
        by_X = (
            inverse @ self.bb
            + W @ self.C
            + a @ (dX.T @ (a - g))
            - g @ (dX.T @ a)
            + self._inverse(moved * (a - g))
            + dGF @ (J - np.eye(len(J))).T
            + L @ (dG @ self.bc.T)
            + (self.VX @ dPhi) @ self.Xa
            - L @ (dPhi @ self.Xg)
            + self.WX @ dPhi
        )
        by_gamma = (
            (J - np.eye(len(J))).T @ (dX.T @ FF)
            + (L.T @ dX) @ self.bc
            + self.K @ (dG + dPhi @ self.XF)
            + L.T @ (moved * FF)
        )
        S = X.T @ (column * self.DX)
        LPhi = L @ dPhi
        by_log_psi = self.psi * (
            np.vecdot(a - g, inverse)
            - np.vecdot(a, W)
            + np.vecdot(L, dGF)
            + np.vecdot(LPhi, L / 2.0 - self.WX)
        )
        by_log_psi += 0.5 * (
            column[:, 0] * (1.0 - 2.0 * self.h - self.w) + np.vecdot(a @ S @ self.C, X)
        )
        by_Phi = (
            (self.VX.T @ dX) @ self.Xa.T
            - (L.T @ dX) @ self.Xg.T
            + self.WX.T @ dX
            + self.K @ dG @ self.XF.T
            + L.T @ (moved * (L / 2.0 - self.WX))
            + self.K @ dPhi @ (self.K / 2.0 - self.XWX)
        )
        few = vector[self.n_local :]
        n_t = self.of_t.shape[2]
        dt = (self.others @ few)[len(self.others) - n_t :]
        raw = [by_gamma.ravel()]
        if self.common:
            raw.append(by_log_psi.sum(keepdims=True))
        raw.append(np.tensordot(by_Phi, self.of_t, axes=2) + self.curvature @ dt)
        local = by_X if self.common else np.column_stack([by_X, by_log_psi])
        return np.concatenate([local.ravel(), self.others.T @ np.concatenate(raw)])

    def block(self, damping: float) -> FloatArray:
        """What the expected Hessian has in the rows of a response alone, (P, width, width)."""
        P, Q = self.X.shape
        bb = self.Gamma @ self.Gamma.T + self.Phi @ self.K @ self.Phi
        own = np.zeros((P, self.width, self.width))
        own[:, :Q, :Q] = self.D[:, :, None] * (bb + damping * np.diag(np.diag(bb)))
        if not self.common:
            own[:, :Q, Q] = own[:, Q, :Q] = self.a
            own[:, Q, Q] = 0.5 - self.h + 0.5 * damping
        return own


def directions_of(moments: CompleteMoments, off: BoolArray) -> FloatArray:
    """Orthonormal directions of Gamma (C order) that free entries of Theta (Q, K) move in."""
    Q, K = off.shape
    if off.all():
        return np.eye(Q * K)
    rows = moments.covariates.L / moments.covariates.scale[:, None]
    return np.asarray(block_diag(*(np.linalg.qr(rows[off[q]].T)[0] for q in range(Q))))
