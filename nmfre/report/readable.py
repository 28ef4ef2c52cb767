"""Data frames that are meant for reading: what they show, not what they hold."""

from __future__ import annotations

import pandas as pd

from nmfre.report.tables import pvalue


class ReadableFrame(pd.DataFrame):
    """
    A data frame that displays p-values below 0.001 as such, and none as 0.

    The numbers are those of any data frame, and what is computed from it is a plain one.
    """

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _readable(self) -> pd.DataFrame:
        shown = pd.DataFrame(self)
        for name in self.columns:
            if is_pvalue(name):
                shown[name] = list(map(pvalue, self[name]))
        return shown

    def __repr__(self) -> str:
        return repr(self._readable())

    def _repr_html_(self) -> str:
        return str(self._readable()._repr_html_())  # type: ignore[operator]


def is_pvalue(name: object) -> bool:
    """Whether a column of this name holds p-values."""
    return name in ("p", "pvalue") or str(name).startswith(("p (", "P>", "P ("))
