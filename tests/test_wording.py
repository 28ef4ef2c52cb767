"""Phrases that read like a literal translation stay out of everything that a user reads."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BANNED = (
    # What a table of better wordings replaced.
    "an error of the tree",
    "what is wrong with data or arguments is said",
    "kept in sight",
    "tells how covariates",
    "for the truth",
    "too often than too rarely",
    "chosen for good",
    "weaknesses are said",
    "where there is no file",
    "with a cap it keeps its start value",
    "has not settled",
    "lags behind",
    "for all parameters together: they carry",
    "units are few",
    "somewhat short",
    "printed is the one",
    "the data would have them",
    "tells components apart",
    "at the price of",
    "what it makes of them",
    "next to nothing",
    "say little",
    "says as little",
    "params less what they are",
    "nothing to remark",
    "learned of it",
    "cannot carry",
    "looks responses x units",
    "is rank-deficient:",
    "stopped for precision",
    "of dense data in memory",
    "make inference on",
    "leave the house",
    "so tells how",
    "times the basis, effects",
    "is the difference there",
    "is what one wants",
    "looks at every unit by itself",
    "what has a row for every unit",
    # Others of the same kind.
    "a row a ",
    "anew",
    "a number from",
    "is not allowed: it takes",
    "looked at: the",
    "taken for known",
    "taken for given",
    "fresh entropy",
    "is to be known of",
    "tells more",
    "that counted",
)


def plain(text):
    """Text in lower case, without the code and the links in it, and without line breaks."""
    return " ".join(re.sub(r"``|`|\*", "", text).lower().split())


def strings(path):
    """Strings of a module, docstrings too, f-strings with a brace for each value."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and id(node) not in inside:
            yield str(node.value)


def texts(path):
    """What a reader sees of a file."""
    return strings(path) if path.suffix == ".py" else [path.read_text(encoding="utf-8")]


READ = [
    *sorted((ROOT / "nmfre").rglob("*.py")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
]
READ = [path for path in READ if "_build" not in path.parts and "generated" not in path.parts]


@pytest.mark.parametrize("path", READ, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_banned_phrase(path):
    found = [
        (phrase, text[max(text.index(phrase) - 60, 0) :][:160])
        for text in map(plain, texts(path))
        for phrase in BANNED
        if re.search(rf"\b{re.escape(phrase)}", text)
    ]
    assert not found


def test_a_phrase_across_lines_is_found(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        'x = 1\ny = (\n    f"once {x} and "\n    f"an"\n    "ew")\n', encoding="utf-8"
    )
    assert any("anew" in plain(text) for text in texts(module))
