"""How values are shown in messages."""

from __future__ import annotations

from string import Formatter

LONGEST_VALUE = 200
"""Characters of a value in a message."""


class MessageFormatter(Formatter):
    """As ``str.format``, with values (``!r``) in one line that is not too long."""

    def convert_field(self, value: object, conversion: str | None) -> object:
        """The value as it is shown."""
        if conversion != "r":
            return super().convert_field(value, conversion)
        try:
            shown = repr(value)
        except ValueError:  # of whole numbers with thousands of digits Python refuses them
            return f"<{type(value).__name__}>"
        if "\n" in shown:
            shown = " ".join(shown.split())
        return shown if len(shown) <= LONGEST_VALUE else f"{shown[: LONGEST_VALUE - 3]}..."
