"""The DOT text says what the diagram shows, whatever the labels hold."""

from __future__ import annotations

import html
import re
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmfre
from nmfre import errors
from nmfre.plotting._shared import number
from nmfre.plotting.paths import _escaped

STRING = r'"((?:[^"\\]|\\.)*)"'
"""A quoted string of DOT."""


def read(label):
    """A string of DOT as Graphviz shows it."""
    lines = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), label)
    return html.unescape(lines)


def test_nodes_and_edges(tests_of_pupils):
    res = tests_of_pupils["ml"]
    dot = res.path_diagram_dot()
    nodes = dict(re.findall(rf"^ +(\w+) \[label={STRING}", dot, re.MULTILINE))
    names = [*res.theta.columns, *res.theta.index, *res.basis.index]
    assert list(nodes.values()) == names
    effects = re.findall(rf"(covariate\d) -> (component\d) \[label={STRING}, (.*)\];", dot)
    found = {(nodes[q], nodes[k]): (label, look) for k, q, label, look in effects}
    free = res.params[~res.at_bound]
    assert set(found) == set(free.index)
    for pair, (label, look) in found.items():
        assert label.rstrip("*") == number(res.params[pair])
        assert ("dashed" in look) == (res.pvalues[pair] >= 0.05)
    loadings = re.findall(r"(component\d) -> (response\d) ", dot)
    large = {
        (component, response)
        for component, column in res.basis.items()
        for response in column.index[column >= 1 / 18]
    }
    assert {(nodes[q], nodes[p]) for q, p in loadings} == large


def test_limits_and_notes(fits):
    dot = fits["60 ml"].path_diagram_dot(max_effects=1, max_loadings=2)
    assert dot.count(" -> ") == 3
    assert "only the 2 largest of" in dot


def test_matplotlib_is_not_needed(fits, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert fits["growth ml"].path_diagram_dot().startswith("digraph nmfre {")


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs", "Cc"])))
def test_labels_are_escaped(label):
    quoted = f'"{_escaped(label)}"'
    assert re.fullmatch(STRING, quoted)
    assert read(quoted[1:-1]) == label


def test_strange_names(growth):
    names = ['a "quoted" one', "back\\slash\\", "two\nlines", "&amp; <b>$x$</b>"]
    endog = pd.DataFrame(np.asarray(growth.endog), columns=names)
    dot = nmfre.NMFRE(endog, rank=1).fit("ml", n_boot=0).path_diagram_dot()
    labels = re.findall(rf"response\d \[label={STRING}", dot)
    assert list(map(read, labels)) == names
    assert dot.count("\n") == len(dot.splitlines()) - 1


def test_errors(fits):
    for name in ("max_effects", "max_loadings"):
        with pytest.raises(errors.InvalidArgumentError, match=name):
            fits["growth ml"].path_diagram_dot(**{name: 0})
    with pytest.raises(errors.InvalidArgumentError, match="alpha"):
        fits["growth ml"].path_diagram_dot(alpha=2)
