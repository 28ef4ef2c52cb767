"""What the README shows is what a user gets."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def test_two_commands():
    assert len(blocks("sh")) == 2
    assert all(block.count("\n") == 1 for block in blocks("sh"))


def test_the_printed_summary(capsys):
    (code,), (shown,) = blocks("python"), blocks("text")
    exec(code, {})
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert printed == shown.splitlines()
