"""Versions for reports of errors."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
from packaging.requirements import Requirement

import nmfre
from nmfre.core import versions

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))


def test_show_versions(capsys, monkeypatch):
    monkeypatch.setattr(versions, "OPTIONAL", ("no-such-package",))
    nmfre.show_versions()
    out = capsys.readouterr().out
    for line in (f"nmfre: {nmfre.__version__}", f"numpy: {np.__version__}"):
        assert line in out
    assert "no-such-package: not installed" in out
    assert "blas" in out


def test_all_dependencies_are_shown():
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    names = {Requirement(text).name for text in project["dependencies"]}
    assert set(versions.NEEDED) == names
    texts = [
        text for name, texts in extras.items() if name not in ("test", "docs") for text in texts
    ]
    assert {Requirement(text).name for text in texts} <= set(versions.OPTIONAL)
