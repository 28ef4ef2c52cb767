"""What a model is before it is fitted: data and components, with their names, in a pickle too."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

import numpy as np
import pandas as pd
from statsmodels.base.model import Model

from nmfre.core.arguments import check_rank
from nmfre.core.hints import HintedModel
from nmfre.data.basis_pattern import Components
from nmfre.data.design import Design


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
