"""What every part of the results builds on: the estimates, labelled."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from statsmodels.base.model import LikelihoodModelResults

from nmfre.core.hints import HintedResults
from nmfre.core.typing import FloatArray
from nmfre.errors import NotComputedError
from nmfre.estimation.alternating_estimate import AlternatingEstimate
from nmfre.estimation.estimate import Estimate
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimators import Estimator
from nmfre.inference.conditional import Inference

if TYPE_CHECKING:
    from nmfre.model import NMFRE


class BaseResults(HintedResults, LikelihoodModelResults):
    """Estimates, fits and residuals with the labels of the data."""

    model: NMFRE

    def __init__(
        self,
        model: NMFRE,
        estimate: Estimate,
        inference: Inference,
        *,
        estimator: Estimator,
        seed: Any,
    ) -> None:
        super().__init__(
            model,
            pd.Series(inference.estimate, index=model.params_index, name="params"),
            scale=inference.dispersion,
        )
        self.cov_params_default = inference.covariance
        self.estimate = estimate
        self.inference = inference
        self.estimator = estimator
        self.seed = seed

    @property
    def method(self) -> str:
        """Name of the estimator."""
        return self.estimator.name

    @cached_property
    def theta(self) -> pd.DataFrame:
        """Effects Theta of covariates on scores, (Q, K)."""
        covariates = self.model.design.covariates.rename("covariate")
        return pd.DataFrame(self.estimate.Theta, index=self.model.components, columns=covariates)

    @cached_property
    def basis(self) -> pd.DataFrame:
        """Basis X, (P, Q); its columns sum to one."""
        return pd.DataFrame(
            self.estimate.X, index=self.model.design.responses, columns=self.model.components
        )

    @cached_property
    def random_effects(self) -> Any:
        """
        Random effects U, (N, Q): deviations of the units' scores from Theta a_n.

        Of data in chunks a lazy dask DataFrame, as are `fittedvalues`, `resid` and ``predict()``.
        """
        return self.model.design.frame(self.estimate.U, self.model.components)

    @property
    def sigma2(self) -> float:
        """Residual variance, in squared units of Y."""
        return self.estimate.sigma2

    @property
    def tau2(self) -> float:
        """Variance of the random effects, in squared units of the scores."""
        return self.estimate.tau2

    @property
    def cov_re(self) -> pd.DataFrame:
        """Covariance of the random effects of a unit, tau2 I, (Q, Q)."""
        components = self.model.components
        return pd.DataFrame(self.tau2 * np.eye(len(components)), components, components)

    @property
    def sigma2_estimated(self) -> bool:
        """Whether sigma2 was estimated; if not, it is its start value: df-cap stopped too early."""
        return self.estimate.sigma2_estimated

    @property
    def tau2_estimated(self) -> bool:
        """Whether tau2 was estimated; if not, it is its start value or what the cap made of it."""
        return self.estimate.tau2_estimated

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
        return self._responses(self.estimate.Theta @ self.model.design.A + self.estimate.U)

    @cached_property
    def resid(self) -> Any:
        """Residuals of the BLUP fit, (N, P); NaN where responses are missing."""
        return self._responses(None) - self.fittedvalues

    @property
    def nobs(self) -> int:
        """Observed responses, P N less the missing ones."""
        return int(self.model.design.n_cells)

    @property
    def df_resid(self) -> float:
        """Observed responses less df_random and Q K."""
        return self.nobs - self.estimate.df_random - len(self.params)

    @property
    def uncertainty(self) -> str:
        """Kind of inference: "marginal" (all parameters) or "conditional" (on the basis)."""
        return self.inference.options.uncertainty

    def _infer_again(self, **changes: Any) -> Inference:
        """Inference with other options, by default from the same seed; no estimate changes."""
        options = replace(self.inference.options, **changes)
        seed = self.seed if options.seed is None else options.seed
        _, for_bootstrap = np.random.SeedSequence(seed).spawn(2)
        self.estimator.check_inference(self.model.design, self.model.rank, options)
        return self.estimator.infer(self.model.design, self.estimate, options, for_bootstrap)

    def _with_inference(self, inference: Inference) -> Self:
        """The same fit with another inference."""
        return type(self)(
            self.model,
            self.estimate,
            inference,
            estimator=self.estimator,
            seed=self.seed,
        )

    def _alternating(self, name: str) -> AlternatingEstimate:
        """The estimate, for what only alternating updates have."""
        if isinstance(self.estimate, AlternatingEstimate):
            return self.estimate
        raise NotComputedError(name=name, reason="it belongs to the iteration of df-cap.")

    def _marginal(self, name: str) -> MarginalEstimate:
        """The estimate, for what only maximum likelihood has."""
        if isinstance(self.estimate, MarginalEstimate):
            return self.estimate
        raise NotComputedError(
            name=name, reason="df-cap minimises a penalised sum of squares; fit with method='ml'."
        )

    def _series(self, values: FloatArray, name: str) -> pd.Series:
        return pd.Series(values, index=self.params.index, name=name)

    def _responses(self, scores: Any, units: pd.Index | None = None) -> Any:
        """X scores (or, for None, Y) as units x responses."""
        design = self.model.design
        values = design.response_values if scores is None else self.estimate.X @ scores
        return design.frame(values, design.responses, units)
