"""The page of advice that findings make."""

from __future__ import annotations

import html
import textwrap
from typing import get_args

import pandas as pd

from nmfre.core.findings import Finding, Severity

WIDTH = 78


class Check:
    """
    Advice on a fit, the gravest first; made by `nmfre.NMFREResults.check`.

    Attributes
    ----------
    advice : list of Finding
        With severity, topic and text.
    """

    def __init__(self, findings: list[Finding]) -> None:
        order = get_args(Severity)
        self.advice = sorted(findings, key=lambda found: order.index(found.severity))

    @property
    def frame(self) -> pd.DataFrame:
        """A row a piece of advice: severity, topic, text."""
        rows = [(item.severity, item.topic, item.text) for item in self.advice]
        return pd.DataFrame(rows, columns=["severity", "topic", "text"])

    def __str__(self) -> str:
        if not self.advice:
            return "Nothing to remark."
        return "\n".join(
            textwrap.fill(
                f"{item.severity.upper()}, {item.topic}: {item.text}",
                WIDTH,
                subsequent_indent="    ",
            )
            for item in self.advice
        )

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><b>{item.severity}</b>, {html.escape(item.topic)}: {html.escape(item.text)}</li>"
            for item in self.advice
        )
        return f"<ul>{items}</ul>" if items else "<p>Nothing to remark.</p>"
