"""The model: data, formula and rank; fitting chooses an estimator and never changes the model."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from patsy import EvalEnvironment

from nmfre.core.arguments import check_bool, check_seed, known_arguments
from nmfre.core.caller import frames_to_caller, warn
from nmfre.core.progress import shown
from nmfre.data.basis_pattern import BasisPattern, components_of
from nmfre.data.design import n_independent
from nmfre.data.entry import design_from_arrays
from nmfre.data.formula import design_from_formula
from nmfre.data.labelled_model import LabelledModel
from nmfre.errors import SingleResponseWarning
from nmfre.estimation.cap import Cap
from nmfre.estimation.covariance_forms import CovResid
from nmfre.estimation.random_forms import CovRe
from nmfre.estimators import Method, estimator_of
from nmfre.inference.covariance import CovType
from nmfre.inference.linearized import Dispersion, Information
from nmfre.inference.multipliers import Multiplier
from nmfre.inference.options import Alternative, InferenceOptions, Uncertainty, checked_multipliers
from nmfre.results import NMFREResults
from nmfre.results.boundary import warned_of_negative


class NMFRE(LabelledModel):
    """
    Non-negative matrix factorization with random effects.

    Y = X (Theta A + U) + E with responses Y (P x N), a non-negative basis X (P x Q) whose columns
    sum to one, effects Theta (Q x K) of covariates A (K x N) on the component scores, random
    effects U of the N units with variance tau2, and residuals E with variance sigma2.

    Parameters
    ----------
    endog : array_like, DataFrame, SciPy sparse matrix, or dask array or DataFrame, (N, P)
        Responses >= 0, one row per unit. Data frames, of polars too, give labels. Missing responses
        (NaN), sparse and chunked ones need ``fit(method="ml")``. Dense data are copied.
    exog : array_like, DataFrame, or dask array or DataFrame, (N, K), optional
        Covariates, one row per unit; include an intercept yourself. Default: an intercept alone.
    rank : int, optional
        Number of components Q, 1 to min(P, N); optional with ``basis_pattern`` or ``components``.
    basis_pattern : DataFrame or array_like of bool, (P, Q), or dict, optional
        Confirmatory models (``fit(method="ml")``): True where a response may load on a component;
        other entries of the basis are held at 0. The rows of a data frame are matched to the
        responses by name. Its columns, or keys of a dict, name components and fix their order.
    components : list, optional
        Names of the components; results can change them by ``rename_components``.
    groups : array_like or Series, (N,), optional
        The group of each unit, such as the school of a pupil: units of one group may depend on each
        other. Standard errors, tests and replicates then treat groups, not units, as independent.
    weights : array_like or Series, (N,), optional
        How often a unit counts, in the log-likelihood and in N; not for sparse responses or dask.

    Attributes
    ----------
    endog, exog : arrays, (N, P), (N, K)
    rank : int
    components : pandas.Index of length Q
        Names, or comp1, comp2, ... Without a pattern, the first loads on the first responses.

    Raises
    ------
    NMFREError
        A subclass says what is wrong with the data or the rank, where, and what to do.

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
    >>> res = nmfre.NMFRE(endog, exog, rank=1).fit("ml")
    >>> res.theta.round(1)
    covariate  const   x1
    component
    comp1       39.8  7.9
    """

    @known_arguments
    def __init__(
        self,
        endog: ArrayLike,
        exog: ArrayLike | None = None,
        *,
        rank: int | None = None,
        basis_pattern: BasisPattern | None = None,
        components: Sequence[Hashable] | None = None,
        groups: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> None:
        design = design_from_arrays(endog, exog, groups, weights)
        self._set_design(design, components_of(design, rank, basis_pattern, components))

    @classmethod
    @known_arguments
    def from_formula(
        cls,
        formula: str,
        data: pd.DataFrame | Mapping[str, ArrayLike],
        rank: int | None = None,
        *,
        unit: str | None = None,
        occasion: str | None = None,
        endog: Sequence[Hashable] | None = None,
        basis_pattern: BasisPattern | None = None,
        components: Sequence[Hashable] | None = None,
        groups: Hashable | None = None,
        weights: Hashable | None = None,
    ) -> NMFRE:
        """
        Model from a formula.

        Parameters
        ----------
        formula : str
            Responses ~ covariates. Left: columns joined by + (``"y1 + y2 + y3 ~ age"``), one array
            or block of columns (``"Y ~ age"``), for long data the column of values, or nothing if
            ``endog`` is given. Right: any patsy formula; an intercept is included unless you write
            ``- 1`` or ``+ 0``. Formulas are executed as code.
        data : DataFrame or mapping of arrays
            One row per unit (wide), or one row per unit and occasion (long). In long data, a
            response without a row is missing, not zero. Data frames of polars, pyarrow, ... are
            converted to pandas.
        rank : int, optional
            Number of components Q, from 1 to min(P, N).
        unit : str, optional
            Column of unit labels. Default: the index of ``data``, for wide data.
        occasion : str, optional
            Column of occasions, for long data. Numbers, dates, times, periods and ordered
            categories are sorted, other labels keep the order of their first rows.
        endog : column label or sequence of these, optional
            Responses, if there are too many to write on the left.
        basis_pattern, components
            As in `nmfre.NMFRE`; the responses of long data are the occasions.
        groups, weights : column label, optional
            Columns of the group and of the weight of each unit; see `nmfre.NMFRE`.

        Returns
        -------
        NMFRE

        Raises
        ------
        FormulaError, DataError, RankError, BasisPatternError
            The message says where, and what to do.

        Warns
        -----
        SingleResponseWarning
            There is only one response. For long data, pass ``unit`` and ``occasion``.
        StatelessTermWarning
            A term depends on all rows, so predictions may differ from the fit: use ``center(x)``.
        LevelsWarning
            Levels of a covariate look like numbers or dates, or are nearly as many as the units.

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
            groups=groups,
            weights=weights,
            env=EvalEnvironment.capture(frames_to_caller()),
        )
        if len(design.responses) == 1:
            warn(
                "There is only one response, so random effects and residuals cannot be separated. "
                "If the data have one row per unit and occasion, pass unit= and occasion=.",
                SingleResponseWarning,
            )
        return cls._of_design(design, components_of(design, rank, basis_pattern, components))

    @known_arguments
    def fit(
        self,
        method: Method = "df-cap",
        *,
        df_cap: float | Cap | Literal["auto", "default"] | None = "default",
        tol: float = 1e-8,
        maxiter: int = 50_000,
        start_basis: ArrayLike | None = None,
        start_sigma2: float | None = None,
        start_tau2: float | None = None,
        uncertainty: Uncertainty | None = None,
        cov_type: CovType | None = None,
        n_boot: int = 500,
        multiplier: Multiplier = "exponential",
        multipliers: ArrayLike | None = None,
        alternative: Alternative | None = None,
        seed: int | None = 0,
        verbose: bool = False,
        start_theta: ArrayLike | None = None,
        update_tau2: bool = True,
        information: Information = "adjusted",
        dispersion: Dispersion = "df",
        cov_resid: CovResid | None = None,
        cov_re: CovRe | None = None,
        signed: bool = False,
        n_starts: int | None = None,
    ) -> NMFREResults:
        """
        Estimate X, Theta, U and the variances, with standard errors and tests for Theta.

        Arguments of both methods come first. "Other Parameters" apply only to df-cap
        (``start_theta``, ``update_tau2``), to conditional inference (``information``,
        ``dispersion``), or to ml (``cov_resid`` to ``n_starts``).

        Parameters
        ----------
        method : {"df-cap", "ml"}
            Estimator: the paper's alternating updates (Sections 3 and 4), or marginal maximum
            likelihood, y_n ~ N(X Theta a_n, Psi + X Phi X'), of the observed responses.
            Both keep effects >= 0; only ml with ``signed=True`` allows negative ones.
        df_cap : float, Cap, "auto", "default" or None
            Cap on the effective degrees of freedom of U: a rate r in (0, 1], cap max(r N Q, 1); an
            absolute number as ``nmfre.Cap(absolute=...)``; None for no cap. "default": the rate
            0.10 for df-cap, no cap for ml. Under a cap, df-cap does not estimate tau2, which stays
            at its starting value unless the cap binds. If the maximum of ml exceeds the cap, ml
            maximises on df_U = cap. "auto" (df-cap): the smallest of the rates 0.01, 0.02, ... that
            does not bind, with a margin of 2 % in every iteration.
        tol : float
            Stopping tolerance. df-cap: relative change of the objective. ml: largest entry of the
            projected gradient of the log-likelihood per cell, for variables scaled to size one.
        maxiter : int
            Maximum number of iterations.
        start_basis : array_like, (P, Q), optional
            Starting value of X. Default: NNDSVD of the responses, with zeros filled at random
            (df-cap); leading eigenvectors of the second moments (the first start of ml).
        start_sigma2, start_tau2 : float, optional
            Starting values of the variances, in squared units of Y and of the scores. Default: 1.
            The first start of ml uses their ratio, by default the mean eigenvalue of X'X.
        uncertainty : {"marginal", "conditional"}, optional
            "marginal": standard errors of Theta account for the uncertainty of all parameters, the
            basis included (only ml, its default). "conditional": basis, random effects and
            variances are treated as known, as published (the default of df-cap).
        cov_type : {"cr3", "sandwich", "naive", "max"}, optional
            Covariance of Theta. "cr3": sandwich of unit scores corrected for leverage, close to a
            jackknife (the default of ml). "sandwich": without the correction, as published (the
            default of df-cap). "naive": inverse information. "max": sandwich, or naive where
            larger.
        n_boot : int
            Number of replicates of the one-step wild bootstrap; 0 for none.
        multiplier : {"exponential", "rademacher", "mammen", "normal"}
            Distribution of its multipliers.
        multipliers : array_like, (n_boot, N), optional
            The multipliers themselves, one per unit or group; they set ``n_boot``.
        alternative : {"larger", "two-sided"}, optional
            Alternative of the p-values. Default: "larger"; with ``signed=True``, "two-sided".
        seed : int or None
            Seed of the starts and the multipliers. None draws a new one, kept as ``res.seed``.
        verbose : bool
            Whether to print progress on standard error; the logger ``nmfre`` always reports it.

        Returns
        -------
        NMFREResults

        Other Parameters
        ----------------
        start_theta : array_like, (Q, K), optional
            df-cap: starting value of Theta. Default: ones. In ml, Theta follows from the others.
        update_tau2 : bool
            df-cap: whether to estimate tau2 when there is no cap.
        information : {"adjusted", "plain"}
            Conditional inference: whether the information accounts for the estimation of U.
        dispersion : {"df", "n", "params"}
            Conditional inference: residual degrees of freedom, PN - df_U - QK, PN or PN - QK.
        cov_resid : {"identity", "mean", "diagonal"}, optional
            ml: covariance Psi of the residuals. "identity": one variance for all responses, as in
            the paper. "mean": variances proportional to the means of the responses, which are
            treated as known; for counts. "diagonal": one variance per response. Default: "diagonal"
            if determined (without a pattern: (P - Q)^2 >= P + Q), else "identity".
        cov_re : {"identity", "diagonal", "full"}, optional
            ml: covariance Phi of the random effects. "identity": one variance for all components,
            as in the paper. "diagonal": one per component, the default. "full": any; needs a
            ``basis_pattern``.
        signed : bool
            ml: whether effects may be negative. If not, a negative effect is estimated as 0.
        n_starts : int, optional
            ml: number of starts, one from moments, the others random; the best is kept. Default: 5.

        Raises
        ------
        InvalidArgumentError, UnknownArgumentError
            An invalid argument.
        BasisPatternError, UndeterminedVariancesError
            The pattern does not determine a full covariance; too few responses for the variances.
        MissingCellError, SparseResponsesError, ChunkedResponsesError
            Responses are missing, sparse or in chunks, which df-cap does not support.
        NonFiniteFitError, ScaleError
            Estimates became NaN or infinite; data are too small or too large for df-cap.
        ExactFitError
            The rank reproduces the responses, and ml has no maximum.
        TooManyParametersError
            Too many parameters for a joint covariance matrix (uncertainty="marginal").

        Warns
        -----
        BoundaryWarning
            Effects are held at 0, although a score test says that they are negative.
        ConvergenceWarning
            The tolerance was not reached or, with df-cap, printed digits may still change.
        NegativeCovariateWarning
            Covariates are negative, so updates of df-cap need not decrease the objective.
        DegenerateBasisWarning
            Components merge, and Theta diverges (ml).

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
        check_seed(seed, optional=True)
        check_bool("verbose", verbose)
        estimator = estimator_of(
            method,
            df_cap=df_cap,
            tol=tol,
            maxiter=maxiter,
            start_basis=start_basis,
            start_theta=start_theta,
            start_sigma2=start_sigma2,
            start_tau2=start_tau2,
            update_tau2=update_tau2,
            cov_resid=cov_resid,
            cov_re=cov_re,
            signed=signed,
            n_starts=n_starts,
        )
        if multipliers is not None:
            self.design.require("multipliers")
        options = InferenceOptions(
            uncertainty=estimator.uncertainties[0] if uncertainty is None else uncertainty,
            cov_type=estimator.cov_type if cov_type is None else cov_type,
            information=information,
            dispersion=dispersion,
            n_boot=n_boot,
            multiplier=multiplier,
            multipliers=checked_multipliers(multipliers, n_independent(self.design)),
            alternative=estimator.alternative if alternative is None else alternative,
        )
        estimator.check_inference(self.design, self.rank, options)
        seeds = np.random.SeedSequence(seed)
        for_starts, for_bootstrap = seeds.spawn(2)
        rng = np.random.default_rng(for_starts)
        with shown(verbose):
            estimate = estimator.fit(self.design, self.rank, rng, self.component_set.pattern)
            inference = estimator.infer(self.design, estimate, options, for_bootstrap)
        assert isinstance(seeds.entropy, int)
        res = NMFREResults(
            model=self,
            estimate=estimate,
            inference=inference,
            estimator=estimator,
            seed=seeds.entropy,
        )
        return warned_of_negative(res)


NMFREResults.model_class = NMFRE
