"""Results of a fit: estimates, and everything that is computed from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Self

from nmfre.core.arguments import check_choice
from nmfre.data.labelled_model import LabelledModel
from nmfre.inference.covariance import CovType
from nmfre.inference.options import Uncertainty
from nmfre.results import (
    basis_and_variances,
    coefficients,
    diagnostics,
    equal_variances,
    files,
    fit_measures,
    frames,
    hypotheses,
    identified_set,
    new_units,
    prediction,
    random_effects,
    simulation,
    standardized,
)
from nmfre.results import bootstrap as wild
from nmfre.results import check as checks
from nmfre.results import marginal_means as marginal
from nmfre.results import summary as printed
from nmfre.results.fit import (
    Fit,
    Value,
    infer_again,
    rename_components,
    without_data,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class NMFREResults(Fit):
    """
    Results of `nmfre.NMFRE.fit`, labelled as the data are.

    Attributes
    ----------
    params : Series of length QK
        Theta as a vector, with MultiIndex (component, covariate); components vary fastest.
    model : NMFRE
        The model, with its data.
    estimate : AlternatingEstimate or MarginalEstimate
        The estimates as plain arrays in the paper's orientation.
    inference : Inference
        Covariance and replicates as plain arrays, and the options of the inference.
    method : str
        Name of the estimator.
    estimator : Estimator
        The estimator, ``DfCap`` or ``MaximumLikelihood``, with the options of the fit.
    seed : int
        Seed of the starts and the multipliers.
    scale : float
        Residual variance, the same as ``dispersion``.
    """

    model_class: ClassVar[type[LabelledModel]]
    """Made by `from_arrays`; set by the module of the model, which imports this one."""

    uncertainty = Value(coefficients.uncertainty)
    alternative = Value(coefficients.alternative)
    bse = Value(coefficients.bse)
    bse_boot = Value(coefficients.bse_boot)
    tvalues = Value(coefficients.tvalues)
    pvalues = Value(coefficients.pvalues)
    at_bound = Value(coefficients.at_bound)
    conf_int = coefficients.conf_int
    cov_params = coefficients.cov_params

    t_test = hypotheses.t_test
    wald_test = hypotheses.wald_test
    f_test = hypotheses.f_test
    wald_test_terms = hypotheses.wald_test_terms
    adjusted_pvalues = hypotheses.adjusted_pvalues
    t_test_pairwise = hypotheses.t_test_pairwise
    compare_lr_test = hypotheses.compare_lr_test
    test_equal_variances = equal_variances.test_equal_variances
    test_random_effects = random_effects.test_random_effects

    cov_re = Value(basis_and_variances.cov_re)
    sigma2_estimated = Value(basis_and_variances.sigma2_estimated)
    tau2_estimated = Value(basis_and_variances.tau2_estimated)
    resid_variances = Value(basis_and_variances.resid_variances)
    communalities = Value(basis_and_variances.communalities)
    basis_bse = Value(basis_and_variances.basis_bse)
    basis_conf_int = basis_and_variances.basis_conf_int
    profiles = Value(basis_and_variances.profiles)
    profiles_bse = Value(basis_and_variances.profiles_bse)
    profiles_conf_int = basis_and_variances.profiles_conf_int
    variance_components = basis_and_variances.variance_components
    standardized = standardized.standardized

    n_units = Value(diagnostics.n_units)
    df_random = Value(diagnostics.df_random)
    df_cap = Value(diagnostics.df_cap)
    df_cap_rate = Value(diagnostics.df_cap_rate)
    saturation = Value(diagnostics.saturation)
    cap_hits = Value(diagnostics.cap_hits)
    first_cap_hit = Value(diagnostics.first_cap_hit)
    cap_binds = Value(diagnostics.cap_binds)
    n_iter = Value(diagnostics.n_iter)
    objective = Value(diagnostics.objective)
    objective_path = Value(diagnostics.objective_path)
    stop_reason = Value(diagnostics.stop_reason)
    converged = Value(diagnostics.converged)
    fixed_point_residual = Value(diagnostics.fixed_point_residual)
    fixed_point_distance = Value(diagnostics.fixed_point_distance)
    llf = Value(diagnostics.llf)
    llf_uncapped = Value(diagnostics.llf_uncapped)
    df_model = Value(diagnostics.df_model)
    n_free = Value(diagnostics.n_free)
    aic = Value(diagnostics.aic)
    bic = Value(diagnostics.bic)
    gradient_norm = Value(diagnostics.gradient_norm)
    n_starts = Value(diagnostics.n_starts)
    n_agree = Value(diagnostics.n_agree)
    identification = Value(diagnostics.identification)
    identified_set = identified_set.identified_set
    fit_measures = fit_measures.fit_measures
    mean_squared_residual = Value(diagnostics.mean_squared_residual)
    rsquared = Value(diagnostics.rsquared)
    rsquared_table = diagnostics.rsquared_table

    dfbetas = Value(checks.dfbetas)
    dfbetas_by_group = Value(checks.dfbetas_by_group)
    check = checks.check

    summary = printed.summary
    summary_frame = frames.summary_frame
    tidy = frames.tidy
    scores = frames.scores
    random_effects_se = Value(frames.random_effects_se)
    response_membership = Value(frames.response_membership)
    response_clusters = Value(frames.response_clusters)
    unit_membership = frames.unit_membership
    unit_clusters = frames.unit_clusters

    predict = prediction.predict
    get_prediction = prediction.get_prediction
    transform = new_units.transform
    get_scores = new_units.get_scores
    simulate = simulation.simulate

    marginal_means = marginal.marginal_means
    average_slopes = marginal.average_slopes

    rename_components = rename_components

    to_arrays = files.to_arrays

    bootstrap = wild.bootstrap
    save = files.save

    # Attached by nmfre.plotting, which stands on a floor above.
    path_diagram_dot: ClassVar[Callable[..., str]]
    plot_basis: ClassVar[Callable[..., Axes]]
    plot_basis_heatmap: ClassVar[Callable[..., Axes]]
    plot_bootstrap: ClassVar[Callable[..., Axes]]
    plot_coefficients: ClassVar[Callable[..., Axes]]
    plot_convergence: ClassVar[Callable[..., Axes]]
    plot_effective_df: ClassVar[Callable[..., Axes]]
    plot_growth_curves: ClassVar[Callable[..., Axes]]
    plot_identified_set: ClassVar[Callable[..., Axes]]
    plot_path_diagram: ClassVar[Callable[..., Axes]]
    plot_random_effects: ClassVar[Callable[..., Axes]]
    plot_residuals: ClassVar[Callable[..., Axes]]
    plot_scores: ClassVar[Callable[..., Axes]]
    plot_shares: ClassVar[Callable[..., Axes]]

    def __repr__(self) -> str:
        n_responses, n_units = self.model.design.Y.shape
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
        The same fit with another kind of inference. Nothing is estimated again.

        Parameters
        ----------
        uncertainty : {"marginal", "conditional"}
        cov_type : {"cr3", "sandwich", "naive", "max"}, optional
            As in `nmfre.NMFRE.fit`. Default: that of the fit.

        Returns
        -------
        NMFREResults

        Raises
        ------
        InvalidArgumentError
            The fit does not support this kind of inference, or not with this ``cov_type``.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> res = model.fit("ml")
        >>> res.with_uncertainty("conditional").bse.round(3).to_list()
        [2.662, 3.238]
        """
        check_choice("uncertainty", uncertainty, Uncertainty)
        kind = self.inference.options.cov_type if cov_type is None else cov_type
        check_choice("cov_type", kind, CovType)
        options = replace(self.inference.options, uncertainty=uncertainty, cov_type=kind)
        return replace(self, inference=infer_again(self, options))

    def remove_data(self) -> None:
        """
        Drop responses, covariates, random effects and everything else with one row per unit.

        Params and all inference on them, the basis, variances, the summary and predictions for new
        units remain available. Anything that needs the data raises `nmfre.errors.DataRemovedError`.
        The model and its other results keep their data.

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
        light = vars(without_data(self))
        vars(self).clear()
        vars(self).update(light)

    @classmethod
    def load(cls, fname: str | Path | BinaryIO) -> Self:
        """
        Load a result that was saved by `nmfre.NMFREResults.save`.

        Loading a pickle can run arbitrary code: load only files that you trust. Files written by
        `nmfre.NMFREResults.to_arrays` cannot run code.

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
        <NMFREResults: ml, P=3, N=20, Q=1, K=1, llf=-11.5003, converged>
        """
        return files.unpickled(cls, fname)

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
        return files.from_arrays(cls, fname, cls.model_class)
