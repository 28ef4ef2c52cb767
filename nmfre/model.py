"""The model: data, formula and rank; fitting chooses an estimator and never changes the model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from patsy import EvalEnvironment
from statsmodels.base.model import Model

from nmfre.arguments import check_choice, check_number, check_rank, known_arguments, start_array
from nmfre.cap import Cap, resolve_cap
from nmfre.design import Design, design_from_arrays
from nmfre.errors import (
    ConvergenceWarning,
    InvalidArgumentError,
    NegativeCovariateWarning,
    NonFiniteFitError,
)
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.estimate import AlternatingEstimate, StopReason
from nmfre.estimation.initial import nndsvd
from nmfre.formula import design_from_formula
from nmfre.inference.inference import Alternative, InferenceOptions, conditional_inference
from nmfre.inference.linearized import CovType, Dispersion, Information
from nmfre.inference.multipliers import Multiplier
from nmfre.results import NMFREResults

Method = Literal["df-cap"]


class NMFRE(Model):
    """
    Non-negative matrix factorization with random effects.

    Y = X (Theta A + U) + E with responses Y (P x N), a non-negative basis X (P x Q) whose columns
    sum to one, effects Theta (Q x K) of covariates A (K x N) on the component scores, random
    effects U of the N units with variance tau2, and residuals E with variance sigma2.

    Parameters
    ----------
    endog : array_like, (N, P)
        Responses, not negative; a row a unit. A DataFrame gives labels.
    exog : array_like, (N, K), optional
        Covariates; a row a unit, the intercept included if wanted. Default: an intercept alone.
    rank : int
        Number of components Q, from 1 to min(P, N).

    Attributes
    ----------
    endog : ndarray, (N, P)
    exog : ndarray, (N, K)
    rank : int
    components : pandas.Index of length Q
        comp1, comp2, ...: sorted by centroid, so that comp1 loads on the first responses.

    Raises
    ------
    NMFREError
        A subclass that names what is wrong with the data or the rank, where, and what to do.

    See Also
    --------
    NMFRE.from_formula : from a formula over a data frame.

    References
    ----------
    Satoh, K. (2026). Wild bootstrap inference for non-negative matrix factorization with random
    effects. arXiv:2603.01468.

    Examples
    --------
    >>> import numpy as np
    >>> import nmfre
    >>> rng = np.random.default_rng(1)
    >>> group = np.repeat([0.0, 1.0], 20)
    >>> exog = np.column_stack([np.ones(40), group])
    >>> scores = 40 + 8 * group + rng.normal(size=40)
    >>> endog = np.outer(scores, [0.2, 0.3, 0.5]) + rng.normal(scale=0.5, size=(40, 3))
    >>> res = nmfre.NMFRE(endog, exog, rank=1).fit()
    >>> res.theta.round(1)
    covariate  const   x1
    component
    comp1       39.8  7.9
    """

    @known_arguments
    def __init__(self, endog: ArrayLike, exog: ArrayLike | None = None, *, rank: int) -> None:
        self._set_design(design_from_arrays(endog, exog), rank)

    def _set_design(self, design: Design, rank: int) -> None:
        super().__init__(design.Y.T, design.A.T)
        n_responses, n_units = design.Y.shape
        self.rank = check_rank(rank, n_responses, n_units)
        self.design = design
        self.formula = design.formula
        self.endog = design.Y.T  # statsmodels makes one response one-dimensional
        self.components = pd.Index([f"comp{q + 1}" for q in range(self.rank)], name="component")
        self.params_index = pd.MultiIndex.from_product(
            [design.covariates, self.components], names=["covariate", "component"]
        ).swaplevel()
        self.data.param_names = [f"{q}[{k}]" for k in design.covariates for q in self.components]

    @property
    def endog_names(self) -> list[Any]:
        """Labels of the responses."""
        return list(self.design.responses)

    @property
    def exog_names(self) -> list[Any]:
        """Labels of the covariates."""
        return list(self.design.covariates)

    @classmethod
    @known_arguments
    def from_formula(
        cls,
        formula: str,
        data: pd.DataFrame | Mapping[str, Any],
        rank: int,
        *,
        unit: str | None = None,
        occasion: str | None = None,
        endog: Sequence[Any] | None = None,
    ) -> NMFRE:
        """
        Model from a formula.

        Parameters
        ----------
        formula : str
            Responses ~ covariates. Left: columns joined by + (``"y1 + y2 + y3 ~ age"``), one
            array or block of columns (``"Y ~ age"``), for long data the column of values, or
            nothing if ``endog`` is given. Right: any patsy formula; it has an intercept unless
            ``- 1`` or ``+ 0`` says otherwise.
        data : DataFrame or mapping of arrays
            A row a unit (wide), or a row a unit and occasion (long).
        rank : int
            Number of components Q, from 1 to min(P, N).
        unit : str, optional
            Column of unit labels. Default: the index of ``data``, for wide data.
        occasion : str, optional
            Column of occasions; it makes the data long. Numbers, dates and ordered categories are
            sorted, other labels keep the order of their first rows.
        endog : sequence of column labels, optional
            Responses, where they are too many to be written on the left.

        Returns
        -------
        NMFRE

        Raises
        ------
        FormulaError, DataError, RankError
            With the place and the remedy.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> model.endog.shape, model.exog_names
        ((27, 4), ['Intercept', 'sex[T.Male]'])
        """
        design = design_from_formula(
            formula,
            data,
            endog=endog,
            unit=unit,
            occasion=occasion,
            env=EvalEnvironment.capture(2),  # past the check of the arguments
        )
        model = cls.__new__(cls)
        model._set_design(design, rank)
        return model

    @known_arguments
    def fit(
        self,
        method: Method = "df-cap",
        *,
        df_cap: float | Cap | None = 0.10,
        tol: float = 1e-8,
        maxiter: int = 50_000,
        start_basis: ArrayLike | None = None,
        start_theta: ArrayLike | None = None,
        start_sigma2: float = 1.0,
        start_tau2: float = 1.0,
        update_tau2: bool = True,
        cov_type: CovType = "sandwich",
        information: Information = "adjusted",
        dispersion: Dispersion = "df",
        n_boot: int = 500,
        multiplier: Multiplier = "exponential",
        multipliers: ArrayLike | None = None,
        alternative: Alternative | None = None,
        seed: int | None = 0,
    ) -> NMFREResults:
        """
        Estimate X, Theta, U and the variances, and make inference on Theta.

        Parameters
        ----------
        method : {"df-cap"}
            Estimator: the paper's alternating updates (Sections 3 and 4).
        df_cap : float, Cap or None
            Cap on the effective degrees of freedom of U: a rate r in (0, 1], cap max(r N Q, 1); an
            absolute number as ``nmfre.Cap(absolute=...)``; None for no cap. With a cap tau2 is not
            estimated: it stays at its start value unless the cap binds.
        tol : float
            Relative change of the objective at which the iteration stops.
        maxiter : int
            The largest number of iterations.
        start_basis : array_like, (P, Q), optional
            Start of X. Default: NNDSVD of the responses, its zeros filled at random.
        start_theta : array_like, (Q, K), optional
            Start of Theta. Default: ones.
        start_sigma2, start_tau2 : float
            Start of the variances, in squared units of Y.
        update_tau2 : bool
            Whether tau2 is estimated where there is no cap.
        cov_type : {"sandwich", "naive", "max"}
            Covariance of Theta: from the unit scores, from the information alone, or the sandwich
            with standard errors raised to the naive ones where these are larger.
        information : {"adjusted", "plain"}
            Whether the information is reduced for the estimation of U.
        dispersion : {"df", "n", "params"}
            Divisor of the residual sum of squares: PN - df_U - QK, PN, or PN - QK.
        n_boot : int
            Replicates of the one-step wild bootstrap; 0 for none.
        multiplier : {"exponential", "rademacher", "mammen", "normal"}
            Distribution of its multipliers.
        multipliers : array_like, (n_boot, N), optional
            The multipliers themselves; they set ``n_boot``, and nothing is drawn.
        alternative : {"larger", "two-sided"}, optional
            Of the p-values. Default: "larger", as Theta >= 0 makes 0 a boundary.
        seed : int or None
            For the start and the multipliers. None takes fresh entropy, kept as ``res.seed``.

        Returns
        -------
        NMFREResults

        Raises
        ------
        InvalidArgumentError, UnknownArgumentError
            An argument that is not allowed.
        NonFiniteFitError
            The iteration ran into NaN or infinite values.

        Warns
        -----
        ConvergenceWarning
            ``maxiter`` was reached, or the tolerance was, but the fixed point still is too far off
            for the printed digits of X and Theta.
        NegativeCovariateWarning
            The multiplicative updates are not guaranteed to descend.

        Examples
        --------
        >>> import nmfre
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> res = model.fit(df_cap=0.21)
        >>> res.theta.round(3)
        covariate  Intercept  sex[T.Male]
        component
        comp1         90.501        9.429
        """
        # One layout in memory, so that the form of the data does not change a bit of the results.
        Y, A = np.ascontiguousarray(self.design.Y), np.ascontiguousarray(self.design.A)
        (n_responses, n_units), n_covariates = Y.shape, len(A)
        check_choice("method", method, Method)
        check_number("tol", tol, least=0.0)
        check_number("maxiter", maxiter, least=1, whole=True)
        check_number("start_sigma2", start_sigma2, least=0.0, strict=True)
        check_number("start_tau2", start_tau2, least=0.0, strict=True)
        options = self._inference_options(
            cov_type, information, dispersion, n_boot, multiplier, multipliers, alternative
        )
        cap = resolve_cap(df_cap, n_units, self.rank)
        seeds = _seed_sequence(seed)
        start_rng, bootstrap_rng = (np.random.default_rng(child) for child in seeds.spawn(2))
        if start_basis is None:
            X = nndsvd(Y, self.rank, start_rng)
        else:
            X = start_array("start_basis", start_basis, (n_responses, self.rank))
        if start_theta is None:
            start_theta = np.ones((self.rank, n_covariates))
        Theta = start_array("start_theta", start_theta, (self.rank, n_covariates))
        self._warn_of_negative_covariates()
        (estimate,) = fit_alternating(
            Y[None],
            A[None],
            X[None],
            Theta[None],
            cap=cap,
            sigma2=start_sigma2,
            tau2=start_tau2,
            update_tau2=bool(update_tau2),
            tol=tol,
            maxiter=int(maxiter),
        )
        _warn_of_convergence(estimate, tol)
        inference = conditional_inference(Y, A, estimate, options, bootstrap_rng)
        return NMFREResults(self, estimate, inference, method=method, seed=seeds.entropy)

    def _inference_options(
        self,
        cov_type: CovType,
        information: Information,
        dispersion: Dispersion,
        n_boot: int,
        multiplier: Multiplier,
        multipliers: ArrayLike | None,
        alternative: Alternative | None,
    ) -> InferenceOptions:
        check_choice("cov_type", cov_type, CovType)
        check_choice("information", information, Information)
        check_choice("dispersion", dispersion, Dispersion)
        check_choice("multiplier", multiplier, Multiplier)
        check_number("n_boot", n_boot, least=0, whole=True)
        if n_boot == 1:
            raise InvalidArgumentError(
                name="n_boot", value=1, allowed="0 for no bootstrap, or at least 2 replicates"
            )
        if alternative is not None:
            check_choice("alternative", alternative, Alternative)
        given = None
        if multipliers is not None:
            n_boot = max(len(np.atleast_1d(multipliers)), 2)
            shape = (n_boot, len(self.design.units))
            given = start_array("multipliers", multipliers, shape, signed=True)
        return InferenceOptions(
            cov_type=cov_type,
            information=information,
            dispersion=dispersion,
            n_boot=int(n_boot),
            multiplier=multiplier,
            multipliers=given,
            alternative=alternative or "larger",
        )

    def _warn_of_negative_covariates(self) -> None:
        negative = np.flatnonzero((self.design.A < 0).any(axis=1))
        if len(negative):
            names = ", ".join(map(str, self.design.covariates[negative]))
            warnings.warn(
                f"Covariates with negative values ({names}): the multiplicative updates of df-cap "
                "descend for A >= 0 only. Rescale them, for example to [0, 1], or check "
                "that res.objective_path decreases.",
                NegativeCovariateWarning,
                stacklevel=4,
            )


def _seed_sequence(seed: int | None) -> np.random.SeedSequence:
    if seed is not None:
        check_number("seed", seed, least=0, whole=True)
    return np.random.SeedSequence(seed)


def _warn_of_convergence(estimate: AlternatingEstimate, tol: float) -> None:
    if estimate.stop_reason is StopReason.NON_FINITE:
        raise NonFiniteFitError(iteration=estimate.n_iter)
    if estimate.stop_reason is StopReason.MAXITER:
        message = (
            f"maxiter = {estimate.n_iter} iterations were reached before the tolerance {tol:g}: "
            "the estimates have not converged. Raise maxiter."
        )
    elif estimate.far_from_fixed_point:
        message = (
            f"The iteration stopped at the tolerance {tol:g}, but X and Theta are still at least "
            f"about {estimate.fixed_point_distance:.1g} (relative) from the fixed point of the "
            "updates. Lower tol, for example to 1e-12."
        )
    else:
        return
    warnings.warn(message, ConvergenceWarning, stacklevel=4)
