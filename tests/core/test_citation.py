"""How to cite: the same in BibTeX and in CITATION.cff, and without imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nmfre

CFF = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")


def test_citation_is_that_of_the_repository():
    for text in (
        "Wild Bootstrap Inference for Non-Negative Matrix Factorization with Random Effects",
        "https://arxiv.org/abs/2603.01468",
        "nmfre: non-negative matrix factorization with random effects",
        "2026",
        nmfre.__version__,
        "The nmfre developers",
    ):
        assert text in CFF
        assert text in nmfre.__citation__
    assert nmfre.__citation__.count("{") == nmfre.__citation__.count("}")


def test_citation_needs_no_numpy():
    code = "import nmfre, sys; nmfre.__citation__; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
