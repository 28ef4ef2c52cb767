from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from statsmodels.stats.contrast import ContrastResults

class ModelData:
    endog: Any
    exog: Any
    orig_endog: Any
    orig_exog: Any
    param_names: list[str]

class Model:
    data: ModelData
    endog: Any
    exog: Any
    formula: str | None
    def __init__(self, endog: ArrayLike, exog: ArrayLike | None = ...) -> None: ...

class LikelihoodModelResults:
    params: pd.Series
    scale: float
    cov_params_default: NDArray[np.floating]
    def __init__(
        self, model: object, params: pd.Series | NDArray[np.floating], *, scale: float = ...
    ) -> None: ...
    def cov_params(self, *args: Any, **kwargs: Any) -> pd.DataFrame | NDArray[np.floating]: ...
    def t_test(
        self, r_matrix: object, cov_p: ArrayLike | None = ..., use_t: bool | None = ...
    ) -> ContrastResults: ...
    def wald_test(
        self,
        r_matrix: object,
        cov_p: ArrayLike | None = ...,
        invcov: ArrayLike | None = ...,
        use_f: bool | None = ...,
        df_constraints: int | None = ...,
        scalar: bool = ...,
    ) -> ContrastResults: ...
