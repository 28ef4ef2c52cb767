"""What a fit is: its model, estimate and inference, labelled; and the parts that build on it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast, runtime_checkable

import numpy as np
import pandas as pd

from nmfre.core.typing import FloatArray
from nmfre.data.design import Design
from nmfre.data.placeholder import Removed, RemovedDesign
from nmfre.estimation.alternating_estimate import AlternatingEstimate
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimators import Estimator
from nmfre.inference.conditional import Inference

if TYPE_CHECKING:
    from statsmodels.base.model import ModelData


class FittedModel(Protocol):
    """What results need of `nmfre.NMFRE`, which stands on a floor above."""

    design: Design
    rank: int
    formula: str | None
    endog: Any
    exog: Any
    components: pd.Index
    params_index: pd.MultiIndex
    data: ModelData

    @classmethod
    def _of_design(cls, design: Design, rank: int) -> Self: ...


class Source:
    """A class whose members results hand out; of each member it is known whose it is."""

    __slots__ = ()

    owners: ClassVar[dict[int, tuple[type[Any], str]]] = {}

    def __init_subclass__(cls) -> None:
        Source.owners.update({id(member): (cls, name) for name, member in vars(cls).items()})


@dataclass(frozen=True, eq=False, kw_only=True)
class Fit(Source):
    """
    What a fit is.

    Attributes
    ----------
    model : FittedModel
    estimate : AlternatingEstimate or MarginalEstimate
    inference : Inference
    estimator : Estimator
    seed : int
        Seed of the start and the multipliers.
    """

    model: FittedModel
    estimate: Estimate
    inference: Inference
    estimator: Estimator
    seed: int
    _caches: dict[type[Part], dict[str, Any]] = field(default_factory=dict, init=False, repr=False)

    @property
    def method(self) -> str:
        """Name of the estimator."""
        return self.estimator.name

    @property
    def design(self) -> Design:
        """Data of the model."""
        return self.model.design

    @cached_property
    def params(self) -> pd.Series:
        """Theta as a vector; MultiIndex (component, covariate), components running fastest."""
        return pd.Series(self.inference.estimate, index=self.model.params_index, name="params")

    @cached_property
    def theta(self) -> pd.DataFrame:
        """Effects Theta of covariates on scores, (Q, K)."""
        covariates = self.design.covariates.rename("covariate")
        return pd.DataFrame(self.estimate.Theta, index=self.model.components, columns=covariates)

    @cached_property
    def basis(self) -> pd.DataFrame:
        """Basis X, (P, Q); its columns sum to one."""
        return pd.DataFrame(
            self.estimate.X, index=self.design.responses, columns=self.model.components
        )

    @cached_property
    def random_effects(self) -> Any:
        """
        Random effects U, (N, Q): deviations of the units' scores from Theta a_n.

        Of data in chunks a lazy dask DataFrame, as are `fittedvalues`, `resid` and ``predict()``.
        """
        return self.design.frame(self.estimate.U, self.model.components)

    @property
    def sigma2(self) -> float:
        """Residual variance, in squared units of Y."""
        return self.estimate.sigma2

    @property
    def tau2(self) -> float:
        """Variance of the random effects, in squared units of the scores."""
        return self.estimate.tau2

    @property
    def ridge(self) -> float:
        """Lambda = sigma2 / tau2."""
        return self.estimate.ridge

    @property
    def dispersion(self) -> float:
        """Residual variance of the standard errors: residual sum of squares over its divisor."""
        return self.inference.dispersion

    @cached_property
    def icc(self) -> float:
        """Share of the random effects in the variance: tau2 tr(X'X) / (tau2 tr(X'X) + P sigma2)."""
        between = self.tau2 * float(np.sum(self.estimate.X**2))
        return between / (between + len(self.estimate.X) * self.sigma2)

    @cached_property
    def fittedvalues(self) -> Any:
        """BLUP fit X(Theta A + U), (N, P); the fixed-effect mean is ``predict()``."""
        return self.mean(self.estimate.Theta @ self.design.A + self.estimate.U)

    @cached_property
    def resid(self) -> Any:
        """Residuals of the BLUP fit, (N, P); NaN where responses are missing."""
        responses = self.design.frame(self.design.response_values, self.design.responses)
        return responses - self.fittedvalues

    @property
    def nobs(self) -> int:
        """Observed responses, P N less the missing ones."""
        return int(self.design.n_cells)

    @property
    def df_resid(self) -> float:
        """Observed responses less df_random and Q K."""
        return self.nobs - self.estimate.df_random - len(self.params)

    def mean(self, scores: Any, units: pd.Index | None = None) -> Any:
        """X scores as units x responses; default: the units of the data."""
        return self.design.frame(self.estimate.X @ scores, self.design.responses, units)

    def series(self, values: FloatArray, name: str) -> pd.Series:
        """One value a param."""
        return pd.Series(values, index=self.params.index, name=name)

    def infer_again(self, **changes: Any) -> Inference:
        """Inference with other options, by default from the same seed; no estimate changes."""
        options = replace(self.inference.options, **changes)
        seed = self.seed if options.seed is None else options.seed
        _, for_bootstrap = np.random.SeedSequence(seed).spawn(2)
        self.estimator.check_inference(self.design, self.model.rank, options)
        return self.estimator.infer(self.design, self.estimate, options, for_bootstrap)

    def alternating(self, name: str) -> AlternatingEstimate:
        """The estimate, for what only alternating updates have."""
        return self.estimate.of_kind(AlternatingEstimate, name)

    def marginal(self, name: str) -> MarginalEstimate:
        """The estimate, for what only maximum likelihood has."""
        return self.estimate.of_kind(MarginalEstimate, name)

    def without_data(self) -> Fit:
        """The same without responses, covariates and random effects."""
        U = cast("Any", Removed("The random effects", self.estimate.U.shape))
        options = self.inference.options
        if options.multipliers is not None:
            removed = cast("Any", Removed("The multipliers", options.multipliers.shape))
            options = replace(options, multipliers=removed)
        light = replace(
            self,
            model=self.model._of_design(RemovedDesign.of(self.design), self.model.rank),
            estimate=replace(self.estimate, U=U),
            inference=replace(self.inference, options=options),
        )
        light._caches.update(self._kept())
        return light

    def _kept(self) -> dict[type[Part], dict[str, Any]]:
        """What parts have computed and cannot compute without the data."""
        return {
            kind: {name: value for name, value in cache.items() if name in kind.kept}
            for kind, cache in self._caches.items()
            if not kind.kept.isdisjoint(cache)
        }

    def __getstate__(self) -> dict[str, Any]:
        """All but what can be computed again."""
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return {**given, "_caches": self._kept()}


class Part(Source):
    """
    What a fit offers of one kind; parts that need each other make them of the fit.

    Made anew at every use: what it has computed (cached properties) stays with the fit.

    Attributes
    ----------
    fit : Fit
    estimate, inference, design
        Those of the fit.
    kept : frozenset of str
        Cached properties that need the data once, and hold no part of them.
    """

    __slots__ = ("__dict__", "design", "estimate", "fit", "inference")

    kept: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, fit: Fit) -> None:
        self.__dict__ = fit._caches.setdefault(type(self), {})
        self.fit = fit
        self.estimate = fit.estimate
        self.inference = fit.inference
        self.design = fit.model.design


@runtime_checkable
class HoldsFit(Protocol):
    """Results, which hold a fit and hand out its members."""

    _fit: Fit

    def __init__(self, fit: Fit) -> None: ...
