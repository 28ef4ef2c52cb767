"""A sample of tests/benchmarks/fuzz.py, which draws thousands of inputs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
from fuzz import Finding, run


def test_random_inputs_meet_right_results_or_our_errors():
    met = [run(number, seed=2) for number in range(102)]
    findings = [str(finding) for finding in met if isinstance(finding, Finding)]
    assert not findings, "\n".join(findings)
    assert met.count("result") > 20  # and not errors alone
