"""Text in a terminal: the cells that it takes, padded and wrapped to a width in cells."""

from __future__ import annotations

import unicodedata

JOINER = "\N{ZERO WIDTH JOINER}"
EMOJI = "\N{VARIATION SELECTOR-16}"
"""After a character: show it as an emoji, which is two cells wide."""


def cells(text: str) -> int:
    """
    Cells of a line of text: two for Chinese, Japanese and Korean, none for combining marks.

    Parameters
    ----------
    text : str

    Returns
    -------
    int

    Examples
    --------
    >>> from nmfre.core.cells import cells
    >>> cells("age"), cells("年齢"), cells("cafe\N{COMBINING ACUTE ACCENT}")
    (3, 4, 4)
    """
    return len(text) if text.isascii() else sum(size for _, size in _characters(text))


def _characters(text: str) -> list[tuple[str, int]]:
    """What a reader takes for one character, with all marks on it, and the cells it takes."""
    found: list[tuple[str, int]] = []
    for code in unicodedata.normalize("NFC", text):
        last, size = found[-1] if found else ("", 0)
        if found and (last.endswith(JOINER) or unicodedata.category(code) in ("Mn", "Me", "Cf")):
            found[-1] = (last + code, 2 if code == EMOJI else size)
        else:
            found.append((code, 1 + (unicodedata.east_asian_width(code) in ("W", "F"))))
    return found


def padded(text: str, width: int, align: str = "l") -> str:
    """
    A line of text, filled with spaces up to a width.

    Parameters
    ----------
    text : str
    width : int
    align : {"l", "r", "c"}

    Returns
    -------
    str

    Examples
    --------
    >>> from nmfre.core.cells import padded
    >>> padded("年齢", 6, "r") + "|"
    '  年齢|'
    """
    spaces = max(width - cells(text), 0)
    before = {"l": 0, "c": spaces // 2, "r": spaces}[align]
    return " " * before + text + " " * (spaces - before)


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """
    Text in lines of at most a width, broken at spaces, and within words that are wider.

    Parameters
    ----------
    text : str
    width : int
    indent : str
        Before all lines but the first.

    Returns
    -------
    list of str
        None of them is empty, unless all is.

    Examples
    --------
    >>> from nmfre.core.cells import wrapped
    >>> wrapped("two words and 年齢", 9, "  ")
    ['two words', '  and', '  年齢']
    """
    lines, line, size = [], "", 0
    for word in text.split():
        if line.strip() and size + 1 + cells(word) > width:
            lines.append(line)
            line, size = indent, cells(indent)
        elif line.strip():
            line, size = f"{line} ", size + 1
        for character, taken in _characters(word):
            if line.strip() and size + taken > width:
                lines.append(line)
                line, size = indent, cells(indent)
            line, size = line + character, size + taken
    return [*lines, line]


def shortened(text: str, width: int) -> str:
    """
    A line of text that ends in two dots where it is wider than a width.

    Parameters
    ----------
    text : str
    width : int

    Returns
    -------
    str

    Examples
    --------
    >>> from nmfre.core.cells import shortened
    >>> shortened("concentration", 8)
    'concen..'
    """
    return text if cells(text) <= width else f"{wrapped(text, width - 2)[0]}.."


def filled(text: str, width: int, indent: str = "") -> str:
    """Text as by `wrapped`, in one string."""
    return "\n".join(wrapped(text, width, indent))
