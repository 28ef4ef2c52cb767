"""Model, estimates and inference of a fit, labelled."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NoReturn, TypeVar

import numpy as np
import pandas as pd
from statsmodels.base.model import LikelihoodModelResults

from nmfre.core.hints import HintedResults
from nmfre.core.typing import FloatArray
from nmfre.data.design import Design
from nmfre.data.labelled_model import LabelledModel
from nmfre.data.placeholder import Removed, RemovedDesign
from nmfre.errors import NotComputedError
from nmfre.estimation.estimate import Estimate
from nmfre.estimators import Estimator
from nmfre.inference.conditional import Inference
from nmfre.inference.options import InferenceOptions
from nmfre.inference.wild_bootstrap import WildBootstrap
from nmfre.results.small_samples import references

V = TypeVar("V")
R = TypeVar("R", bound="Fit")

KEPT: Final = ("_rsquared", "_references", "_studentized")
"""Values that need the data once, and hold no part of them."""


class Value(cached_property[V]):
    """A value of results: computed once, it cannot be set."""

    def __set__(self, results: object, value: object) -> NoReturn:
        raise AttributeError(f"{self.attrname!r} of results cannot be set")


@dataclass(eq=False, repr=False, kw_only=True)
class Fit(HintedResults, LikelihoodModelResults):
    """
    Model, estimates and inference of a fit, labelled as the data are.

    Parameters
    ----------
    model : NMFRE
    estimate : AlternatingEstimate or MarginalEstimate
    inference : Inference
    estimator : Estimator
    seed : int
        Seed of the starts and the multipliers.
    """

    model: LabelledModel
    estimate: Estimate
    inference: Inference
    estimator: Estimator
    seed: int

    def __post_init__(self) -> None:
        params = pd.Series(self.inference.estimate, self.model.params_index, name="params")
        super().__init__(self.model, params, scale=self.inference.dispersion)
        self.cov_params_default = self.inference.covariance

    def __getstate__(self) -> dict[str, object]:
        """All but what can be computed again, for copies and pickles."""
        return {
            name: value
            for name, value in vars(self).items()
            if name in KEPT or not isinstance(getattr(type(self), name, None), Value)
        }

    @property
    def method(self) -> str:
        """Name of the estimator."""
        return self.estimator.name

    @Value
    def theta(self) -> pd.DataFrame:
        """Effects Theta of covariates on scores, (Q, K)."""
        covariates = self.model.design.covariates.rename("covariate")
        return pd.DataFrame(self.estimate.Theta, index=self.model.components, columns=covariates)

    @Value
    def basis(self) -> pd.DataFrame:
        """Basis X, (P, Q); its columns sum to one."""
        return pd.DataFrame(
            self.estimate.X, index=self.model.design.responses, columns=self.model.components
        )

    @Value
    def random_effects(self) -> pd.DataFrame:
        """
        Random effects U, (N, Q): deviations of the units' scores from Theta a_n.

        A lazy dask DataFrame for data in chunks, as `fittedvalues`, `resid` and ``predict()``.
        """
        frame: pd.DataFrame = self.model.design.frame(self.estimate.U, self.model.components)
        return frame

    @Value
    def sigma2(self) -> float:
        """Residual variance, in squared units of Y; the mean over the responses."""
        return self.estimate.sigma2

    @Value
    def tau2(self) -> float:
        """
        Variance of the random effects, in squared units of the scores; the mean over the
        components.
        """
        return self.estimate.tau2

    @Value
    def ridge(self) -> float:
        """Lambda = sigma2 / tau2."""
        return self.estimate.ridge

    @Value
    def dispersion(self) -> float:
        """Residual variance used for standard errors: residual sum of squares over its divisor."""
        return self.inference.dispersion

    @Value
    def icc(self) -> float:
        """Share of the random effects in the variance: tr(X Phi X') / (tr(X Phi X') + tr(Psi))."""
        X, Phi = self.estimate.X, self.estimate.Phi
        between = float(np.vdot(X @ Phi, X))
        return between / (between + float(self.estimate.psi.sum()))

    @Value
    def fittedvalues(self) -> pd.DataFrame:
        """BLUP fit X(Theta A + U), (N, P); the fixed-effect mean is ``predict()``."""
        return predicted(self, self.estimate.Theta @ self.model.design.A + self.estimate.U)

    @Value
    def resid(self) -> pd.DataFrame:
        """Residuals of the BLUP fit, (N, P); NaN where responses are missing."""
        design = self.model.design
        responses: pd.DataFrame = design.frame(design.response_values, design.responses)
        return responses - self.fittedvalues

    @Value
    def nobs(self) -> float:
        """Number of observed responses; with weights, the sum of their weights."""
        return self.model.design.n_cells

    @Value
    def df_resid(self) -> float:
        """Number of observed responses minus df_random and Q K."""
        return self.nobs - self.estimate.df_random - len(self.params)

    @Value
    def _rsquared(self) -> pd.DataFrame:
        """Kinds of R2 of the BLUP and the fixed-effect fit, which take a pass over the data."""
        fit = self.estimate
        columns = {
            which: self.model.design.fit_sums(fit.X, fit.Theta, fit.relative, U).rsquared()
            for which, U in (("blup", fit.U), ("fixed", None))
        }
        return pd.DataFrame(columns, index=["correlation", "uncentered", "row-centered"])

    @Value
    def _references(self) -> FloatArray:
        """Null distributions of the joint tests, as `nmfre.results.small_samples` has them."""
        return references(self.model.design, self.inference, self.model.rank)

    @Value
    def _studentized(self) -> WildBootstrap:
        """The replicates of the fit, each with its standard error, which takes another pass."""
        bootstrap = self.inference.bootstrap
        if bootstrap is not None and bootstrap.refit:
            raise NotComputedError(
                name="the studentized interval", reason="refits have no standard errors."
            )
        options = self.inference.options
        if not options.estimator.has_replicates:
            raise NotComputedError(
                name="the studentized interval",
                reason="standard errors of replicates are sandwiches, those of the fit "
                f"{options.cov_type!r}; fit with cov_type='sandwich'.",
            )
        if bootstrap is None or bootstrap.deviations_bse is None:
            bootstrap = infer_again(self, replace(options, studentize=True)).bootstrap
        assert bootstrap is not None
        return bootstrap


def predicted(fit: Fit, scores: FloatArray, units: pd.Index | None = None) -> pd.DataFrame:
    """X scores as units x responses; default: the units of the data."""
    design = fit.model.design
    frame: pd.DataFrame = design.frame(fit.estimate.X @ scores, design.responses, units)
    return frame


def series(fit: Fit, values: FloatArray, name: str) -> pd.Series:
    """One value a param."""
    return pd.Series(values, index=fit.params.index, name=name)


def infer_again(fit: Fit, options: InferenceOptions, design: Design | None = None) -> Inference:
    """
    Inference with other options, by default from the same seed; no estimate changes.

    Parameters
    ----------
    fit : Fit
    options : InferenceOptions
    design : Design, optional
        The same data with other groups. Default: those of the fit.
    """
    design = fit.model.design if design is None else design
    seed = fit.seed if options.seed is None else options.seed
    _, for_bootstrap = np.random.SeedSequence(seed).spawn(2)
    fit.estimator.check_inference(design, fit.model.rank, options)
    return fit.estimator.infer(design, fit.estimate, options, for_bootstrap)


def without_data(fit: R) -> R:
    """The same without responses, covariates and random effects."""
    assert fit._rsquared is not None  # computed now: the summary shows it
    assert fit._references is not None  # tests need it
    removed: Any = Removed  # where arrays were
    options = fit.inference.options
    if options.multipliers is not None:
        gone = removed("The multipliers", options.multipliers.shape)
        options = replace(options, multipliers=gone)
    light = replace(
        fit,
        model=fit.model._of_design(RemovedDesign.of(fit.model.design), fit.model.component_set),
        estimate=replace(fit.estimate, U=removed("The random effects", fit.estimate.U.shape)),
        inference=replace(fit.inference, options=options),
    )
    return _with_kept(light, fit)


def rename_components(self: R, names: Mapping[Hashable, Hashable]) -> R:
    """
    The same fit with other names of components. Nothing is estimated again.

    Parameters
    ----------
    names : dict {old: new}
        New names. Other components keep theirs.

    Returns
    -------
    NMFREResults
        A new result, whose model, params and files have these names; this one keeps its own.

    Raises
    ------
    InvalidArgumentError, DuplicateCellError
        A component does not exist, or two would have the same name.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> model.fit("ml").rename_components({"comp1": "size"}).theta.round(2)
    covariate  Intercept  sex[T.Male]
    component
    size           90.31         9.74
    """
    component_set = self.model.component_set.renamed(names)
    return _with_kept(
        replace(self, model=self.model._of_design(self.model.design, component_set)), self
    )


def _with_kept(new: R, fit: R) -> R:
    """With what of the values of a fit needs the data."""
    vars(new).update({name: vars(fit)[name] for name in KEPT if name in vars(fit)})
    return new
