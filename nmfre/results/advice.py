"""Pieces of advice, and the page that they make."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Severity = Literal["problem", "caution", "note"]
WIDTH = 78
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Advice:
    """
    One piece of advice.

    Attributes
    ----------
    severity : {"problem", "caution", "note"}
        A number that should not be used; one that needs thought; one that needs to be known.
    topic : str
    text : str
        What was found, and what to do.
    """

    severity: Severity
    topic: str
    text: str


class Check:
    """
    Advice on a fit, the gravest first; made by `nmfre.NMFREResults.check`.

    Attributes
    ----------
    advice : list of Advice
    """

    def __init__(self, advice: list[Advice]) -> None:
        order: list[Severity] = ["problem", "caution", "note"]
        self.advice = sorted(advice, key=lambda item: order.index(item.severity))

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


def listed(names: list[str] | pd.Index) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(map(str, names[:SHOWN]))
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
