"""
The expected Hessian of many responses, and systems with it, by its structure.

Each response has a block of its own; all that couples them goes through X' Psi^-1 dX, through
X' Psi^-1 diag(d log psi) X, and through the few other parameters. With the sums of the columns,
that are kept, these are one small system.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from nmfre.core.typing import BoolArray, FloatArray
from nmfre.estimation.curvature import Curvature

FAINT = 1e-6
"""Damping of systems that only lead conjugate gradients: rotations have no curvature."""


class Fisher:
    """
    The expected Hessian at a point, its diagonal damped.

    Parameters
    ----------
    at : Curvature
    damping : float
        Share of the diagonal that is added to it.
    """

    def __init__(self, at: Curvature, damping: float) -> None:
        self.at, self.own = at, at.block(damping)
        P, Q = at.X.shape
        C, N, S = at.C, at.N, at.shrink
        bb = at.Gamma @ at.Gamma.T + at.Phi @ at.K @ at.Phi
        turn = np.arange(Q * Q).reshape(Q, Q).T.ravel()
        CC = np.asarray(np.kron(C, C), dtype=float)
        coupling = CC[:, turn] - np.kron(C, bb)
        n_t = at.of_t.shape[2]
        by_t = np.einsum("is,stn,tj->ijn", S, at.of_t, at.Xa).reshape(Q * Q, n_t)
        few = [np.kron(S, at.Gamma)]
        inner = np.kron(at.K, np.eye(at.Gamma.shape[1]))
        of_t = at.of_t.reshape(Q * Q, n_t)
        SNS = np.einsum("tu,uvn,vs->stn", at.K, at.of_t, at.K).reshape(Q * Q, n_t)
        of_variances = of_t.T @ SNS / 2.0
        if at.common:
            CN = C @ N
            few.append((C - CN @ C).reshape(Q * Q, 1))
            along = (S.T @ N @ S).ravel() @ of_t / 2.0
            own = (P - 2.0 * np.trace(CN) + np.vdot(CN, CN.T)) / 2.0
            of_variances = np.block(
                [[np.full((1, 1), own), along[None]], [along[:, None], of_variances]]
            )
        few.append(by_t)
        to_few = np.hstack(few)
        if not at.common:
            by_t = np.einsum("is,stn,jt->ijn", S, at.of_t, S).reshape(Q * Q, n_t) / 2.0
            nothing = np.zeros((Q * Q, at.n_effects))
            to_few = np.vstack([to_few, np.hstack([nothing, by_t])])
            coupling = np.block([[coupling, -CC], [-CC, CC / 2.0]])
        n_effects = at.n_effects
        self.inner = np.zeros((n_effects + len(of_variances),) * 2)
        self.inner[:n_effects, :n_effects] = inner
        self.inner[n_effects:, n_effects:] = of_variances
        self.inner = at.others.T @ self.inner @ at.others
        self.inner[np.diag_indices(len(self.inner))] *= 1.0 + damping
        self.coupling, self.to_few = coupling, to_few @ at.others

    def features(self, local: FloatArray) -> FloatArray:
        """What rows are coupled through."""
        Q, DX = self.at.X.shape[1], self.at.DX
        features = (DX.T @ local[:, :Q]).ravel()
        if self.at.common:
            return features
        return np.concatenate([features, (self.at.X.T @ (local[:, Q:] * DX)).ravel()])

    def spread(self, weights: FloatArray, sums: FloatArray) -> FloatArray:
        """The adjoint of the features and the sums of columns, (P, width)."""
        X, DX = self.at.X, self.at.DX
        Q = X.shape[1]
        by_X = DX @ weights[: Q * Q].reshape(Q, Q) + sums
        if self.at.common:
            return by_X
        by_log_psi = np.vecdot(DX @ weights[Q * Q :].reshape(Q, Q), X)
        return np.column_stack([by_X, by_log_psi])

    def times(self, vector: FloatArray) -> FloatArray:
        """The matrix times a vector."""
        at = self.at
        local, few = vector[: at.n_local].reshape(-1, at.width), vector[at.n_local :]
        tau = self.features(local)
        weights = self.coupling @ tau + self.to_few @ few
        product = (self.own @ local[:, :, None])[:, :, 0] + self.spread(weights, np.zeros(1))
        return np.concatenate([product.ravel(), self.to_few.T @ tau + self.inner @ few])

    def on(self, free: BoolArray, before: Face | None = None) -> Face:
        """Where only these entries of a vector move; quicker from a face that is much the same."""
        return Face(self, free, before)


class Face:
    """Systems with the expected Hessian where some entries do not move and columns keep sums."""

    def __init__(self, fisher: Fisher, free: BoolArray, before: Face | None) -> None:
        self.fisher, self.free = fisher, free
        at = fisher.at
        P, Q = at.X.shape
        moves = free[: at.n_local].reshape(P, at.width)
        if before is None:
            rows: Any = slice(None)
            self.inverse = self._inverse(moves, rows)
            self.sums = self._sums(rows)
        else:
            rows = np.flatnonzero(
                (moves != before.free[: at.n_local].reshape(P, at.width)).any(axis=1)
            )
            self.inverse = before.inverse.copy()
            self.inverse[rows] = self._inverse(moves[rows], rows)
            self.sums = before.sums + self._sums(rows) - before._sums(rows)
        n = len(fisher.coupling)
        self.N, NC, sums = self.sums[:n, :n], self.sums[:n, n:], self.sums[n:, n:]
        self.few = np.flatnonzero(free[at.n_local :])
        to_few = fisher.to_few[:, self.few]
        inner = fisher.inner[np.ix_(self.few, self.few)]
        # A column without two entries that move keeps its sum anyway.
        self.kept = np.flatnonzero(moves[:, :Q].sum(axis=0) > 0)
        n, k, c = len(self.N), len(self.few), len(self.kept)
        system = np.zeros((n + k + c,) * 2)
        system[:n, :n] = np.eye(n) + self.N @ fisher.coupling
        system[:n, n : n + k] = self.N @ to_few
        system[:n, n + k :] = NC[:, self.kept]
        system[n : n + k, :n] = to_few.T
        system[n : n + k, n : n + k] = inner
        system[n + k :, :n] = NC[:, self.kept].T @ fisher.coupling
        system[n + k :, n : n + k] = NC[:, self.kept].T @ to_few
        system[n + k :, n + k :] = sums[np.ix_(self.kept, self.kept)]
        self.row_size = 1.0 / np.abs(system).max(axis=1)
        scaled = system * self.row_size[:, None]
        self.column_size = 1.0 / np.abs(scaled).max(axis=0)
        self.factor = lu_factor(scaled * self.column_size, check_finite=False)

    def _inverse(self, moves: BoolArray, rows: Any) -> FloatArray:
        """Of the blocks of some rows, where not all of their entries move."""
        both = moves[:, :, None] & moves[:, None, :]
        own = np.where(both, self.fisher.own[rows], np.eye(moves.shape[1]))
        return np.where(both, np.linalg.inv(own), 0.0)

    def _sums(self, rows: Any) -> FloatArray:
        """Features and sums of columns of what these rows do for each of their weights."""
        at, inverse = self.fisher.at, self.inverse[rows]
        X, DX = at.X[rows], at.DX[rows]
        P, Q = X.shape
        by_X = np.ascontiguousarray(inverse[:, :Q, :Q]).reshape(P, Q * Q)
        DXDX = (DX[:, :, None] * DX[:, None, :]).reshape(P, Q * Q)
        NTT = (DXDX.T @ by_X).reshape(Q, Q, Q, Q).transpose(0, 2, 1, 3).reshape(Q * Q, Q * Q)
        NTC = (DX.T @ by_X).reshape(Q * Q, Q)
        NCC = by_X.sum(axis=0).reshape(Q, Q)
        if at.common:
            return np.block([[NTT, NTC], [NTC.T, NCC]])
        XX = (X[:, :, None] * DX[:, None, :]).reshape(P, Q * Q)
        cross = np.ascontiguousarray(inverse[:, :Q, Q])
        NTS = (DX[:, :, None] * cross[:, None, :]).reshape(P, Q * Q).T @ XX
        NSS = (XX * inverse[:, Q, Q:]).T @ XX
        NSC = XX.T @ cross
        return np.block([[NTT, NTS, NTC], [NTS.T, NSS, NSC], [NTC.T, NSC.T, NCC]])

    def solve(
        self, right: FloatArray, sums: FloatArray | float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Change of what moves, with columns that sum to ``sums`` (Q,); multipliers of these."""
        fisher = self.fisher
        at = fisher.at
        Q = at.X.shape[1]
        local = right[: at.n_local].reshape(-1, at.width)
        first = (self.inverse @ local[:, :, None])[:, :, 0]
        # tau + N w = features(first), R'tau + inner c = right, sums(first) - sums(F w) = sums
        total = np.broadcast_to(np.asarray(sums, dtype=float), (Q,))
        wanted = np.concatenate(
            [
                fisher.features(first),
                right[at.n_local :][self.few],
                (first[:, :Q].sum(axis=0) - total)[self.kept],
            ]
        )
        found = self.column_size * lu_solve(self.factor, self.row_size * wanted, check_finite=False)
        n, k = len(self.N), len(self.few)
        tau, moved, multipliers = found[:n], found[n : n + k], np.zeros(Q)
        multipliers[self.kept] = found[n + k :]
        weights = fisher.coupling @ tau + fisher.to_few[:, self.few] @ moved
        change = self.inverse @ fisher.spread(weights, multipliers)[:, :, None]
        few = np.zeros(len(right) - at.n_local)
        few[self.few] = moved
        return np.concatenate([(first - change[:, :, 0]).ravel(), few]), multipliers
