import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.iolib.summary import Summary
from statsmodels.iolib.table import SimpleTable

class ContrastResults:
    effect: NDArray[np.floating]
    sd: NDArray[np.floating]
    tvalue: NDArray[np.floating]
    pvalue: NDArray[np.floating]
    statistic: float
    def summary_frame(self, xname: list[str] | None = ..., alpha: float = ...) -> pd.DataFrame: ...
    def summary(
        self, xname: list[str] | None = ..., alpha: float = ..., title: str | None = ...
    ) -> str | SimpleTable | Summary: ...
    def conf_int(self, alpha: float = ...) -> NDArray[np.floating]: ...

class WaldTestResults:
    table: pd.DataFrame
    def __init__(
        self, statistic: None, distribution: str, dist_args: None, *, table: pd.DataFrame
    ) -> None: ...
    def summary_frame(self) -> pd.DataFrame: ...
