"""Data frames that are meant for reading: what they show, not what they hold."""

from __future__ import annotations

import html

import numpy as np
import pandas as pd

from nmfre.report.numbers import number, pvalue
from nmfre.report.tables import MOST_ROWS


class ReadableFrame(pd.DataFrame):
    """
    A data frame that displays p-values below 0.001 as such, and none as 0.

    In a terminal it leaves two cells for a Chinese, Japanese or Korean character. The numbers are
    those of any data frame, and what is computed from it is a plain one.
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
        with pd.option_context("display.unicode.east_asian_width", True):
            return repr(self._readable())

    def _repr_html_(self) -> str:
        return str(self._readable()._repr_html_())  # type: ignore[operator]


def is_pvalue(name: object) -> bool:
    """Whether a column of this name holds p-values."""
    return name in ("p", "pvalue") or str(name).startswith(("p (", "P>", "P ("))


def by_component(frame: pd.DataFrame) -> ReadableFrame:
    """A frame of params for reading: the rows of a component stand together."""
    components = pd.factorize(frame.index.get_level_values("component"))[0]
    readable = ReadableFrame(frame.iloc[np.argsort(components, kind="stable")])
    readable.attrs = frame.attrs
    return readable


def headed_html(heading: str, frame: pd.DataFrame) -> str:
    """A frame in a notebook: three decimals, p-values that are never 0, and a line above."""
    shown = pd.DataFrame(frame)
    for name in frame.select_dtypes("float"):
        shown[name] = list(map(pvalue if is_pvalue(name) else number, frame[name]))
    table = shown.to_html(max_rows=MOST_ROWS)
    return f"<p>{html.escape(heading)}</p>{table}"
