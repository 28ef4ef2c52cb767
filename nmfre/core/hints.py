"""Names that other packages have: asking for one raises an error that names ours."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NoReturn

from nmfre.errors import UnknownAttributeError

OF_RESULTS = {
    # statsmodels
    "aicc": "aic",
    "bse_fe": "bse",
    "compare_f_test": "compare_lr_test(smaller) or wald_test_terms()",
    "cov_re_unscaled": "cov_re",
    "fe_params": "params",
    "get_influence": "dfbetas",
    "get_margeff": "average_slopes() or marginal_means()",
    "mse_resid": "mean_squared_residual",
    "plot_fit": "plot_growth_curves() or plot_residuals()",
    "profile_re": "variance_components()",
    "random_effects_cov": "random_effects_se",
    "rsquared_adj": "rsquared or rsquared_table()",
    "ssr": "(resid**2).sum()",
    "summary2": "summary()",
    "vcomp": "tau2",
    "zvalues": "tvalues",
    # lifelines, scikit-learn, lme4
    "components_": "basis",
    "coef_": "theta",
    "emmeans": "marginal_means()",
    "fit": "model.fit()",
    "fit_predict": "unit_clusters()",
    "fit_transform": "scores()",
    "labels_": "unit_clusters()",
    "plot": "plot_coefficients(), plot_basis() or another method whose name begins with plot_",
    "predict_proba": "unit_membership()",
    "print_summary": "print(summary())",
    "ranef": "random_effects",
}
"""What to use on the result of a fit."""
_LLF = (
    "llf of the result of fit(method='ml'): the likelihood depends on the basis and the variances "
    "too, not on params alone"
)
OF_MODELS = {
    "fit_regularized": "fit()",
    "hessian": _LLF,
    "information": _LLF,
    "loglike": _LLF,
    "loglikeobs": _LLF,
    "params": "params of the result of fit()",
    "predict": "predict() of the result of fit(): predictions need the basis too, not params alone",
    "score": _LLF,
    "summary": "summary() of the result of fit()",
}
"""What to use on the model."""


class Hinted:
    """A class that says what to use where it is asked for a name that it does not have."""

    _hints: ClassVar[Mapping[str, str]]

    if not TYPE_CHECKING:  # to a type checker every name would be known

        def __getattr__(self, name: str) -> object:
            if name.startswith("_") or hasattr(type(self), name):
                return object.__getattribute__(self, name)  # with the error of the property
            return self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        hint = "."
        if name in self._hints:
            hint = f": use {self._hints[name]}."
        else:
            public = [known for known in dir(self) if not known.startswith("_")]
            for near in difflib.get_close_matches(name, public, n=1):
                hint = f"; did you mean {near!r}?"
        raise UnknownAttributeError(owner=type(self).__name__, name=name, hint=hint)


class HintedModel(Hinted):
    """Hints of the model."""

    _hints = OF_MODELS

    @property
    def predict(self) -> NoReturn:
        """Refused: `statsmodels.base.model.Model` has it."""
        self._refuse("predict")


class HintedResults(Hinted):
    """Hints of the results."""

    _hints = OF_RESULTS
