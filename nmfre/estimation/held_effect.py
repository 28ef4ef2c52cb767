"""Maximum likelihood where one effect is known: what profile likelihoods are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.moments import Moments, Products
from nmfre.estimation.orthonormal import nonnegative


@dataclass(frozen=True, slots=True)
class HeldEffect(Moments):
    """
    Moments by which one effect is held: the search, which profiles Theta, never moves it.

    Attributes
    ----------
    moments : Moments
        Of the data.
    component, covariate : int
    value : float
        The effect, of the scaled responses.
    signed : bool
        Whether the others may be negative.
    """

    moments: Moments
    component: int
    covariate: int
    value: float
    signed: bool

    @classmethod
    def of(
        cls, moments: Moments, component: int, covariate: int, value: float, *, signed: bool
    ) -> HeldEffect:
        """With the effect on the responses as they are."""
        sizes = moments.n_units, moments.n_cells, moments.scale, moments.covariates
        return cls(*sizes, moments, component, covariate, value / moments.scale, signed)

    def profiled(
        self, X: FloatArray, relative: Relative, *, signed: bool
    ) -> tuple[FloatArray, FloatArray]:
        """
        Gamma of highest likelihood given the rest, and how far effects are off their bounds.

        The search asks only whether an effect is off its bound 0, and so moves with the rest: the
        one that is held never is, those that may be negative always are. It is to be told that
        effects are not signed.
        """
        if X.ndim > 2:
            members = [Relative(v, F) for v, F in zip(relative.v, relative.F, strict=True)]
            found = [
                self.profiled(x, each, signed=signed) for x, each in zip(X, members, strict=True)
            ]
            return np.stack([Gamma for Gamma, _ in found]), np.stack([off for _, off in found])
        Gamma = self.moments.free_gamma(X, relative)
        rank, n_covariates = Gamma.shape
        size = self.covariates.scale
        root = self.moments.root_information(X, relative)
        if len(root) == rank:
            root = np.kron(np.eye(n_covariates), root)
        F = root @ np.kron((self.covariates.L / size[:, None]).T, np.eye(rank))
        held = self.component + rank * self.covariate
        Theta = np.zeros(Gamma.size)
        Theta[held] = self.value * size[self.covariate]
        b = root @ Gamma.ravel(order="F") - F @ Theta
        others = np.arange(Gamma.size) != held
        length = np.sqrt(np.maximum(np.sum(F * F, axis=0), np.finfo(float).tiny))[others]
        of_others = F[:, others] / length
        if self.signed:
            Theta[others] = np.linalg.lstsq(of_others, b, rcond=None)[0] / length
        elif others.any():
            Theta[others] = nonnegative(of_others, b) / length
        off = np.full(Gamma.size, np.inf) if self.signed else Theta.copy()
        off[held] = 0.0
        Gamma = self.covariates.gamma(Theta.reshape(Gamma.shape, order="F") / size)
        return Gamma, off.reshape(Gamma.shape, order="F")

    @property
    def n_responses(self) -> int:
        """As of the data, and so are all others."""
        return self.moments.n_responses

    @property
    def shares(self) -> FloatArray:
        """As in `Moments`."""
        return self.moments.shares

    @property
    def cells(self) -> FloatArray:
        """As in `Moments`."""
        return self.moments.cells

    @property
    def observed_patterns(self) -> FloatArray:
        """As in `Moments`."""
        return self.moments.observed_patterns

    @property
    def covariate_squares(self) -> FloatArray:
        """As in `Moments`."""
        return self.moments.covariate_squares

    @property
    def unexplained(self) -> FloatArray:
        """As in `Moments`."""
        return self.moments.unexplained

    def residual_products(
        self, X: FloatArray, Gamma: FloatArray, relative: Relative
    ) -> tuple[FloatArray, FloatArray]:
        """As in `Moments`."""
        return self.moments.residual_products(X, Gamma, relative)

    def products(self, X: FloatArray, Gamma: FloatArray, relative: Relative) -> Products:
        """As in `Moments`."""
        return self.moments.products(X, Gamma, relative)

    def grams(self, Z: FloatArray) -> FloatArray:
        """As in `Moments`."""
        return self.moments.grams(Z)

    def spread(self, Z: FloatArray, values: FloatArray) -> FloatArray:
        """As in `Moments`."""
        return self.moments.spread(Z, values)
