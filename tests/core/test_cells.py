"""Widths of text in a terminal."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmfre.core.cells import cells, filled, padded, shortened, wrapped

TEXTS = st.text(st.sampled_from("ab -年齢한\u0301\u200d😀\ufe0f❤é"), max_size=40)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 0),
        ("age [years]", 11),
        ("ångström", 8),
        ("a\u030angstro\u0308m", 8),  # the same, with combining marks
        ("年齢", 4),
        ("ﾈﾝﾚｲ", 4),  # half-width
        ("\uff21\uff22", 4),  # full-width
        ("한글", 4),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", 4),  # the same, as letters
        ("नमस्ते", 4),
        ("😀", 2),
        ("❤", 1),
        ("❤\ufe0f", 2),
        ("👩\u200d👧", 2),
        ("±µα", 3),
        ("a\u200bb", 2),
    ],
)
def test_cells(text, size):
    assert cells(text) == size
    assert cells(padded(text, 20, "r")) == 20
    assert padded(text, 20, "l") == text + " " * (20 - size)
    assert padded(text, size - 1) == text


def test_centred_as_python_does():
    assert padded("abc", 6, "c") == " abc  "
    assert padded("年", 5, "c").index("年") == 1


@given(TEXTS, st.integers(6, 30))
def test_no_line_is_wider_and_no_character_is_lost(text, width):
    lines = wrapped(text, width, "  ")
    assert all(cells(line) <= width for line in lines)
    seen, given = (normalize("NFC", "".join(each.split())) for each in ("".join(lines), text))
    assert seen == given
    assert filled(text, width, "  ") == "\n".join(lines)
    assert cells(shortened(text, width)) <= max(cells(text), width)
    assert cells(text) > width or shortened(text, width) == text


def test_lines_are_broken_at_spaces_and_long_words_where_they_must():
    assert wrapped("a wild-bootstrap of 12 replicates", 14) == [
        "a",
        "wild-bootstrap",
        "of 12",
        "replicates",
    ]
    assert wrapped("of_a_long_name x", 6, " ") == ["of_a_l", " ong_n", " ame x"]
    assert wrapped("収縮期血圧 mm", 5) == ["収縮", "期血", "圧 mm"]
    assert wrapped("cafe\u0301s", 4) == ["café", "s"]
    assert wrapped("", 5) == [""]
    assert shortened("収縮期血圧", 7) == "収縮.."
    assert shortened("concentration", 8) == "concen.."
