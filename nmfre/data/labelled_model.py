"""Data and components of a model, with their names, before it is fitted and in a pickle."""

from __future__ import annotations

import html
from collections.abc import Hashable
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from statsmodels.base.model import Model

from nmfre.core.arguments import check_rank, known_arguments
from nmfre.core.cells import shortened
from nmfre.core.findings import listed
from nmfre.core.hints import HintedModel
from nmfre.data.basis_pattern import Components, components_of
from nmfre.data.design import Design
from nmfre.data.simulated import simulated_design

FORMULA_WIDTH = 40
"""In one line about the model."""


class LabelledModel(HintedModel, Model):
    """A model of statsmodels of several responses, made of a design and its components."""

    def _set_design(self, design: Design, component_set: Components) -> None:
        exog = design.for_statsmodels
        super().__init__(np.ones(len(exog)), exog)
        n_responses, n_units = design.Y.shape
        self.rank = check_rank(len(component_set.names), n_responses, n_units)
        self.design = design
        self.component_set = component_set
        self.components = component_set.names
        self.formula = design.formula
        self.endog = design.Y.T  # statsmodels makes one response one-dimensional
        self.exog = design.A.T
        self.data.endog = self.data.orig_endog = self.endog
        self.data.exog = self.data.orig_exog = self.exog
        self.params_index = pd.MultiIndex.from_product(
            [design.covariates, self.components], names=["covariate", "component"]
        ).swaplevel()
        self.data.param_names = [f"{q}[{k}]" for k in design.covariates for q in self.components]

    @classmethod
    def _of_design(cls, design: Design, component_set: Components) -> Self:
        model = cls.__new__(cls)
        model._set_design(design, component_set)
        return model

    @classmethod
    @known_arguments
    def simulate_from(
        cls,
        *,
        basis: pd.DataFrame | ArrayLike,
        theta: pd.DataFrame | ArrayLike,
        cov_re: pd.DataFrame | ArrayLike,
        resid_variances: pd.Series | ArrayLike,
        n: int | None = None,
        exog: pd.DataFrame | ArrayLike | None = None,
        seed: int | None = 0,
    ) -> Self:
        """
        A model whose responses are simulated from given parameters, as X (Theta a + u) + e.

        Random effects and residuals are normal. Responses drawn below 0 are set to 0;
        `nmfre.NMFREResults.simulate` describes the consequences. The arguments have the names of
        attributes of results, so you can pass those of a fit.

        Parameters
        ----------
        basis : DataFrame or array_like, (P, Q)
            Numbers >= 0 whose columns sum to one. Row labels name the responses, column labels the
            components.
        theta : DataFrame or array_like, (Q, K)
            Effects. Named rows are matched with the columns of ``basis``; column labels name the
            covariates.
        cov_re : float, array_like (Q,) or (Q, Q), DataFrame
            Variance of all random effects, or of each component, or their covariance; 0 for none.
        resid_variances : float, Series or array_like, (P,)
            Residual variance of all responses, or of each.
        n : int, optional
            Number of units, if ``theta`` has a single column, an intercept.
        exog : DataFrame or array_like, (N, K), optional
            Covariates. Named columns are matched with those of ``theta``.
        seed : int or None
            None draws a new one.

        Returns
        -------
        NMFRE
            Its rank is that of ``basis``; the simulated responses are its ``endog``.

        Raises
        ------
        InvalidArgumentError, ShapeError, MissingColumnError
            Parameters are invalid, or their shapes or names do not match.
        DataError
            The simulated data cannot be fitted, for example because a response is 0 for all units.

        Examples
        --------
        >>> import pandas as pd
        >>> import nmfre
        >>> basis = pd.DataFrame(
        ...     {"calm": [0.6, 0.4, 0.0], "wild": [0.0, 0.3, 0.7]}, index=["sea", "ship", "hill"]
        ... )
        >>> model = nmfre.NMFRE.simulate_from(
        ...     basis=basis, theta=[[50.0], [30.0]], cov_re=9.0, resid_variances=0.5, n=100
        ... )
        >>> model.endog_names, model.endog.shape
        (['sea', 'ship', 'hill'], (100, 3))
        >>> list(model.components)
        ['calm', 'wild']
        """
        design, names = simulated_design(basis, theta, cov_re, resid_variances, n, exog, seed)
        return cls._of_design(design, components_of(design, components=list(names)))

    def __repr__(self) -> str:
        n_responses, n_units = self.design.Y.shape
        of = shortened(self.formula or "arrays", FORMULA_WIDTH)
        sizes = f"P={n_responses}, N={n_units}, Q={self.rank}, K={len(self.exog_names)}"
        return f"<{type(self).__name__}: {of}, {sizes}>"

    def _repr_html_(self) -> str:
        """Formula, data and dimensions, for notebooks."""
        design, groups = self.design, self.design.groups
        n_responses, n_units = design.Y.shape
        rows = {
            "Formula": self.formula or "none (arrays)",
            "Units (N)": f"{n_units}",
            "Groups": "" if groups is None else groups.described,
            f"Responses (P = {n_responses})": listed(self.endog_names),
            f"Covariates (K = {len(self.exog_names)})": listed(self.exog_names),
            f"Components (Q = {self.rank})": listed(self.components),
            "Basis pattern": "" if self.basis_pattern is None else "yes",
        }
        lines = "".join(
            f'<tr><th style="text-align: left">{name}</th>'
            f'<td style="text-align: left">{html.escape(value)}</td></tr>'
            for name, value in rows.items()
            if value
        )
        title = "Non-negative matrix factorization with random effects, not fitted"
        return f"<table><caption>{title}</caption>{lines}</table>"

    def __getstate__(self) -> dict[str, object]:
        return {"design": self.design, "component_set": self.component_set}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._set_design(**state)

    @property
    def endog_names(self) -> list[Hashable]:
        """Labels of the responses."""
        return list(self.design.responses)

    @property
    def exog_names(self) -> list[Hashable]:
        """Labels of the covariates."""
        return list(self.design.covariates)

    @property
    def basis_pattern(self) -> pd.DataFrame | None:
        """Which responses may load on which components, (P, Q); None where all may."""
        pattern = self.component_set.pattern
        if pattern is None:
            return None
        return pd.DataFrame(pattern, self.design.responses, self.components)
