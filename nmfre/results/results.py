"""Results of a fit: one place that hands out what the fit and its parts have."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self

from statsmodels.base.model import LikelihoodModelResults

from nmfre.core.arguments import check_choice
from nmfre.core.hints import HintedResults
from nmfre.inference.covariance import CovType
from nmfre.inference.options import Uncertainty
from nmfre.results import bootstrap as wild
from nmfre.results import files
from nmfre.results.basis_and_variances import BasisAndVariances
from nmfre.results.check import Checks
from nmfre.results.coefficients import Coefficients
from nmfre.results.diagnostics import Diagnostics
from nmfre.results.files import Files, fit_from_arrays, unpickled, without_data
from nmfre.results.fit import Fit, FittedModel
from nmfre.results.frames import Frames
from nmfre.results.handed_out import method_of, value_of
from nmfre.results.hypotheses import Hypotheses
from nmfre.results.prediction import Predictions
from nmfre.results.summary import Printed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class NMFREResults(HintedResults, LikelihoodModelResults):
    """
    Results of `nmfre.NMFRE.fit`; everything is labelled as the data were.

    Attributes
    ----------
    params : Series of length QK
        Theta as a vector; MultiIndex (component, covariate), components running fastest.
    model : NMFRE
        The model, with its data.
    estimate : AlternatingEstimate or MarginalEstimate
        The estimates as plain arrays in the paper's orientation.
    inference : Inference
        Covariance and replicates as plain arrays, and the options they were made with.
    method : str
        Name of the estimator.
    estimator : Estimator
        The estimator, ``DfCap`` or ``MaximumLikelihood``, with the options of the fit.
    seed : int
        Seed of the start and the multipliers.
    scale : float
        Residual variance: that of conditional standard errors, or sigma2; as ``dispersion``.
    """

    model_class: ClassVar[type[FittedModel]]
    """Made by `from_arrays`; set by the module of the model, which imports this one."""

    def __init__(self, fit: Fit) -> None:
        self._hold(fit)
        super().__init__(fit.model, fit.params, scale=fit.dispersion)
        self.cov_params_default = fit.inference.covariance

    def _hold(self, fit: Fit) -> None:
        self._fit = fit
        self.model = fit.model
        self.estimate = fit.estimate
        self.inference = fit.inference
        self.estimator = fit.estimator
        self.seed = fit.seed

    def __getstate__(self) -> dict[str, Any]:
        """With a fit of its own: copies and pickles compute again what can be."""
        return {**vars(self), "_fit": copy(self._fit)}

    method = value_of(Fit.method)
    theta = value_of(Fit.theta)
    basis = value_of(Fit.basis)
    random_effects = value_of(Fit.random_effects)
    sigma2 = value_of(Fit.sigma2)
    tau2 = value_of(Fit.tau2)
    ridge = value_of(Fit.ridge)
    dispersion = value_of(Fit.dispersion)
    icc = value_of(Fit.icc)
    fittedvalues = value_of(Fit.fittedvalues)
    resid = value_of(Fit.resid)
    nobs = value_of(Fit.nobs)
    df_resid = value_of(Fit.df_resid)

    uncertainty = value_of(Coefficients.uncertainty)
    alternative = value_of(Coefficients.alternative)
    bse = value_of(Coefficients.bse)
    bse_boot = value_of(Coefficients.bse_boot)
    tvalues = value_of(Coefficients.tvalues)
    pvalues = value_of(Coefficients.pvalues)
    at_bound = value_of(Coefficients.at_bound)
    conf_int = method_of(Coefficients.conf_int)
    cov_params = method_of(Coefficients.cov_params)

    t_test = method_of(Hypotheses.t_test)
    wald_test = method_of(Hypotheses.wald_test)
    f_test = method_of(Hypotheses.f_test)
    wald_test_terms = method_of(Hypotheses.wald_test_terms)
    adjusted_pvalues = method_of(Hypotheses.adjusted_pvalues)
    t_test_pairwise = method_of(Hypotheses.t_test_pairwise)
    compare_lr_test = method_of(Hypotheses.compare_lr_test)

    cov_re = value_of(BasisAndVariances.cov_re)
    sigma2_estimated = value_of(BasisAndVariances.sigma2_estimated)
    tau2_estimated = value_of(BasisAndVariances.tau2_estimated)
    basis_bse = value_of(BasisAndVariances.basis_bse)
    basis_conf_int = method_of(BasisAndVariances.basis_conf_int)
    profiles = value_of(BasisAndVariances.profiles)
    profiles_bse = value_of(BasisAndVariances.profiles_bse)
    profiles_conf_int = method_of(BasisAndVariances.profiles_conf_int)
    variance_components = method_of(BasisAndVariances.variance_components)

    n_units = value_of(Diagnostics.n_units)
    df_random = value_of(Diagnostics.df_random)
    df_cap = value_of(Diagnostics.df_cap)
    df_cap_rate = value_of(Diagnostics.df_cap_rate)
    saturation = value_of(Diagnostics.saturation)
    cap_hits = value_of(Diagnostics.cap_hits)
    first_cap_hit = value_of(Diagnostics.first_cap_hit)
    cap_binds = value_of(Diagnostics.cap_binds)
    n_iter = value_of(Diagnostics.n_iter)
    objective = value_of(Diagnostics.objective)
    objective_path = value_of(Diagnostics.objective_path)
    stop_reason = value_of(Diagnostics.stop_reason)
    converged = value_of(Diagnostics.converged)
    fixed_point_residual = value_of(Diagnostics.fixed_point_residual)
    fixed_point_distance = value_of(Diagnostics.fixed_point_distance)
    llf = value_of(Diagnostics.llf)
    llf_uncapped = value_of(Diagnostics.llf_uncapped)
    df_model = value_of(Diagnostics.df_model)
    aic = value_of(Diagnostics.aic)
    bic = value_of(Diagnostics.bic)
    gradient_norm = value_of(Diagnostics.gradient_norm)
    n_starts = value_of(Diagnostics.n_starts)
    n_agree = value_of(Diagnostics.n_agree)
    identification = value_of(Diagnostics.identification)
    mean_squared_residual = value_of(Diagnostics.mean_squared_residual)
    rsquared = value_of(Diagnostics.rsquared)
    rsquared_table = method_of(Diagnostics.rsquared_table)

    dfbetas = value_of(Checks.dfbetas)
    check = method_of(Checks.check)

    summary = method_of(Printed.summary)
    summary_frame = method_of(Frames.summary_frame)
    tidy = method_of(Frames.tidy)
    scores = method_of(Frames.scores)
    random_effects_se = value_of(Frames.random_effects_se)
    response_membership = value_of(Frames.response_membership)
    response_clusters = value_of(Frames.response_clusters)
    unit_membership = method_of(Frames.unit_membership)
    unit_clusters = method_of(Frames.unit_clusters)

    predict = method_of(Predictions.predict)
    get_prediction = method_of(Predictions.get_prediction)

    to_arrays = method_of(Files.to_arrays)

    bootstrap = wild.bootstrap
    save = files.save

    # Attached by nmfre.plotting, which stands on a floor above.
    plot_basis: ClassVar[Callable[..., Axes]]
    plot_basis_heatmap: ClassVar[Callable[..., Axes]]
    plot_bootstrap: ClassVar[Callable[..., Axes]]
    plot_coefficients: ClassVar[Callable[..., Axes]]
    plot_convergence: ClassVar[Callable[..., Axes]]
    plot_effective_df: ClassVar[Callable[..., Axes]]
    plot_growth_curves: ClassVar[Callable[..., Axes]]
    plot_path_diagram: ClassVar[Callable[..., Axes]]
    plot_random_effects: ClassVar[Callable[..., Axes]]
    plot_residuals: ClassVar[Callable[..., Axes]]
    plot_scores: ClassVar[Callable[..., Axes]]

    def __repr__(self) -> str:
        n_units, n_responses = self.model.endog.shape
        rank, n_covariates = self.theta.shape
        criteria = self.estimate.criteria
        measure, value = next(iter(criteria.items()), ("objective", self.objective))
        return (
            f"<NMFREResults: {self.method}, P={n_responses}, N={n_units}, Q={rank}, "
            f"K={n_covariates}, {measure}={value:.6g}, "
            f"{'converged' if self.converged else 'not converged'}>"
        )

    def _repr_html_(self) -> str:
        """The summary, for notebooks."""
        return str(self.summary().as_html())

    def with_uncertainty(
        self, uncertainty: Uncertainty, *, cov_type: CovType | None = None
    ) -> Self:
        """
        The same fit with inference of another kind; nothing is estimated anew.

        Parameters
        ----------
        uncertainty : {"marginal", "conditional"}
        cov_type : {"sandwich", "naive", "max", "cr3"}, optional
            As in `nmfre.NMFRE.fit`. Default: that of the fit.

        Returns
        -------
        NMFREResults

        Raises
        ------
        InvalidArgumentError
            A kind of inference that the fit does not have, or not with this ``cov_type``.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> res = model.fit("ml")
        >>> res.with_uncertainty("conditional").bse.round(3).to_list()
        [2.472, 3.057]
        """
        check_choice("uncertainty", uncertainty, Uncertainty)
        kind = self.inference.options.cov_type if cov_type is None else cov_type
        check_choice("cov_type", kind, CovType)
        inference = self._fit.infer_again(uncertainty=uncertainty, cov_type=kind)
        return type(self)(replace(self._fit, inference=inference))

    def remove_data(self) -> None:
        """
        Drop responses, covariates and random effects, and all that has a row a unit.

        What stays: params and all inference on them, the basis, variances, the summary, and
        prediction for new units. What needs the data raises `nmfre.errors.DataRemovedError`. The
        model that was fitted and other results of it keep their data.

        Examples
        --------
        >>> import numpy as np
        >>> import nmfre
        >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
        >>> res = nmfre.NMFRE(endog, rank=1).fit("ml")
        >>> res.remove_data()
        >>> try:
        ...     res.resid
        ... except nmfre.errors.DataRemovedError as error:
        ...     print(str(error).split(":")[0])
        The responses are not part of this result
        """
        self._hold(without_data(self._fit))

    @classmethod
    def load(cls, fname: str | Path | BinaryIO) -> Self:
        """
        Load a result that was saved by `nmfre.NMFREResults.save`.

        Loading a pickle can run any code: load only files that you trust. Files written by
        `nmfre.NMFREResults.to_arrays` run none.

        Parameters
        ----------
        fname : str, path, or file open for reading in binary
            The file.

        Returns
        -------
        NMFREResults

        Raises
        ------
        SavedResultError
            If the file is damaged, or holds something else.
        OSError
            If the file cannot be opened.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import nmfre
        >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
        >>> res = nmfre.NMFRE(endog, rank=1).fit("ml")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     res.save(Path(folder) / "fit.pickle")
        ...     loaded = nmfre.load(Path(folder) / "fit.pickle")
        >>> loaded
        <NMFREResults: ml, P=3, N=20, Q=1, K=1, llf=-11.8345, converged>
        """
        return unpickled(cls, fname)

    @classmethod
    def from_arrays(cls, fname: str | Path) -> Self:
        """
        Read a result that was written by `nmfre.NMFREResults.to_arrays`.

        Parameters
        ----------
        fname : str or path
            The file.

        Returns
        -------
        NMFREResults
            With the same numbers and labels.

        Raises
        ------
        SavedResultError
            If the file is damaged, of another version, or holds something else.
        OSError
            If the file cannot be opened.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import nmfre
        >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
        >>> res = nmfre.NMFRE(endog, rank=1).fit("ml")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     res.to_arrays(Path(folder) / "fit.npz")
        ...     loaded = nmfre.NMFREResults.from_arrays(Path(folder) / "fit.npz")
        >>> loaded.basis.equals(res.basis)
        True
        """
        return cls(fit_from_arrays(fname, cls.model_class))
