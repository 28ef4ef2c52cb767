"""
The model as a scikit-learn transformer. It needs ``pip install "nmfre[sklearn]"``.

It is not imported by ``import nmfre``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from nmfre.errors import InvalidArgumentError, MissingDependencyError, ShapeError
from nmfre.estimation.cap import Cap
from nmfre.estimation.covariance_forms import CovResid
from nmfre.estimation.random_forms import CovRe
from nmfre.estimators import Method
from nmfre.model import NMFRE
from nmfre.results import NMFREResults

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data
except ImportError as error:
    raise MissingDependencyError(
        purpose="nmfre.sklearn", package="scikit-learn", extra="sklearn"
    ) from error

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["NMFRETransformer"]
LARGEST_SEED = 2**31 - 1


class NMFRETransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """
    Scikit-learn transformer that returns the scores of units on the components of `nmfre.NMFRE`.

    `transform` returns best linear unbiased predictions of the scores Theta a + u, given the
    responses and covariates of the units, as `nmfre.NMFREResults.transform` does. With the default
    method, responses may be missing (NaN), also for new units.

    You can pass covariates in two ways: as columns of ``X``, named in ``covariates``; or as
    ``exog``. In a pipeline, ``exog`` needs metadata routing: ``set_fit_request(exog=True)`` and
    ``set_transform_request(exog=True)``.

    Parameters
    ----------
    n_components : int
        Rank Q.
    covariates : list, optional
        Columns of ``X`` that are covariates, by name or position; the others are responses.
    fit_intercept : bool
        Whether an intercept is added to the covariates. Without covariates there is always one.
    method, df_cap, signed, cov_resid, cov_re, n_starts, tol, maxiter
        As in `nmfre.NMFRE.fit`.
    random_state : int, RandomState or None
        Seed of the starts.

    Attributes
    ----------
    results_ : NMFREResults
        The fit, with conditional standard errors for df-cap and marginal ones for ml.
    components_ : array, (Q, P)
        The transposed basis.
    n_features_in_, feature_names_in_
        Those of ``X``, covariates included.

    Raises
    ------
    MissingDependencyError
        This module is imported without scikit-learn installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from nmfre.sklearn import NMFRETransformer
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat([0.0, 1.0], 30)
    >>> scores = 40 + 8 * group + 3 * rng.normal(size=60)
    >>> Y = np.outer(scores, [0.2, 0.3, 0.5]) + rng.normal(scale=0.5, size=(60, 3))
    >>> X = np.column_stack([Y, group])
    >>> pipe = make_pipeline(NMFRETransformer(1, covariates=[3]), StandardScaler())
    >>> pipe.fit_transform(X).shape
    (60, 1)
    >>> pipe[0].results_.theta.round(1)
    covariate  Intercept   x3
    component
    comp1           39.8  8.7
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariates: list[Any] | None = None,
        fit_intercept: bool = True,
        method: Method = "ml",
        df_cap: float | Cap | Literal["auto", "default"] | None = "default",
        signed: bool = False,
        cov_resid: CovResid | None = None,
        cov_re: CovRe | None = None,
        n_starts: int | None = None,
        tol: float = 1e-8,
        maxiter: int = 50_000,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.covariates = covariates
        self.fit_intercept = fit_intercept
        self.method = method
        self.df_cap = df_cap
        self.signed = signed
        self.cov_resid = cov_resid
        self.cov_re = cov_re
        self.n_starts = n_starts
        self.tol = tol
        self.maxiter = maxiter
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None, exog: ArrayLike | None = None) -> Self:
        """
        Fit the model.

        Parameters
        ----------
        X : array_like or DataFrame, (N, P)
            Responses >= 0, and the columns named in ``covariates``.
        y : ignored
        exog : array_like or DataFrame, (N, K), optional
            Covariates that are not columns of ``X``.

        Returns
        -------
        NMFRETransformer
        """
        endog, exog = self._split(X, exog, reset=True)
        seed = int(check_random_state(self.random_state).randint(LARGEST_SEED))
        self.results_: NMFREResults = NMFRE(endog, exog, rank=self.n_components).fit(
            self.method,
            df_cap=self.df_cap,
            signed=self.signed,
            cov_resid=self.cov_resid,
            cov_re=self.cov_re,
            n_starts=self.n_starts,
            tol=self.tol,
            maxiter=self.maxiter,
            n_boot=0,
            seed=seed,
        )
        self.components_ = self.results_.estimate.X.T
        return self

    def transform(self, X: ArrayLike, exog: ArrayLike | None = None) -> Any:
        """
        Scores of units.

        Parameters
        ----------
        X : array_like or DataFrame, (M, P)
        exog : array_like or DataFrame, (M, K), optional
            As in `fit`.

        Returns
        -------
        array, (M, Q)
            A data frame if ``set_output`` asks for one.
        """
        check_is_fitted(self)
        endog, exog = self._split(X, exog, reset=False)
        return self.results_.transform(endog, exog).to_numpy()

    def fit_transform(self, X: ArrayLike, y: object = None, exog: ArrayLike | None = None) -> Any:
        """
        Fit the model and return the scores of its units.

        Parameters
        ----------
        X, y, exog
            As in `fit`.

        Returns
        -------
        array, (N, Q)
        """
        return self.fit(X, y, exog).transform(X, exog)

    def get_feature_names_out(self, input_features: object = None) -> Any:
        """
        Names of the components.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        array of str, (Q,)
        """
        check_is_fitted(self)
        return np.asarray(self.results_.model.components.map(str), dtype=object)

    def _split(self, X: Any, exog: Any, *, reset: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Responses, and covariates with their intercept."""
        values = validate_data(
            self,
            X,
            reset=reset,
            dtype=float,
            ensure_all_finite="allow-nan" if self.method == "ml" else True,
            ensure_min_samples=2 if reset else 1,
        )
        names = getattr(self, "feature_names_in_", None)
        columns = [f"x{j}" for j in range(values.shape[1])] if names is None else list(names)
        frame = pd.DataFrame(values, columns=columns)
        chosen = self._chosen(columns)
        parts = [frame[chosen]] if chosen else []
        if exog is not None:
            given = pd.DataFrame(exog).reset_index(drop=True)
            if len(given) != len(frame):
                raise ShapeError(reason=f"X has {len(frame)} rows and exog {len(given)}.")
            if not hasattr(exog, "columns"):
                given.columns = pd.Index([f"exog{j}" for j in range(given.shape[1])])
            parts.append(given)
        if self.fit_intercept or not parts:
            parts.insert(0, pd.DataFrame({"Intercept": np.ones(len(frame))}))
        responses = frame.drop(columns=chosen)
        check_non_negative(responses.to_numpy(), "NMFRETransformer")  # the words of scikit-learn
        return responses, pd.concat(parts, axis=1)

    def _chosen(self, columns: list[str]) -> list[str]:
        """Names of the columns that are covariates."""
        chosen = []
        for each in self.covariates or ():
            if each in columns:
                chosen.append(each)
            elif isinstance(each, int | np.integer) and -len(columns) <= each < len(columns):
                chosen.append(columns[each])
            else:
                raise InvalidArgumentError("covariates", each, f"columns of X: {columns}")
        return chosen

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.allow_nan = self.method == "ml"
        tags.non_deterministic = False
        return tags
