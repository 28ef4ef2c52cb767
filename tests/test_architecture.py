"""The layers of the package: imports point downward, and no module grows too long."""

from __future__ import annotations

import ast
import inspect
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import nmfre
import nmfre.paper
import nmfre.simulation
from nmfre.results.bootstrap import Bootstrap
from nmfre.results.check import Check
from nmfre.results.new_units import Scores
from nmfre.results.prediction import Prediction
from nmfre.results.random_effects import RandomEffectsTest

ROOT = Path(nmfre.__file__).parent
LONGEST = 400
LONGEST_FUNCTION = 60
MOST_PUBLIC = 30
FLOORS = [
    {"_version"},
    {"core"},
    {"datasets", "estimation"},
    {"data", "inference"},  # neither knows the other
    {"estimators"},
    {"report"},
    {"results"},
    {"model"},
    {"selection", "sklearn"},
    {"plotting"},
    {"examples", "paper", "simulation"},
    {"api", "command_line"},
    {"__init__", "__main__"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
NUMERICAL = {"estimation", "inference"}
MODULES = sorted(ROOT.rglob("*.py"))
TESTS = Path(__file__).parent
OF_THE_WHOLE = {
    "architecture",
    "arguments",
    "docs",
    "fuzz",
    "golden_covariances",
    "invariance",
    "parity",
    "printed",
    "readme",
    "wording",
}
"""Files of tests that guard the package through its public surface, and no single module."""


def part(name):
    """The part of the package that a module belongs to, of its name without "nmfre."."""
    own = name.split(".")[0] or "__init__"
    return "core" if own in ("errors", "warnings") else own  # public, and so at the top


def imports(path):
    """Modules imported, at run time, in functions and for type checking, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "nmfre":
                yield from (f"nmfre.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
    own = part(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "nmfre":
            other = part(rest)
            assert other == own or LEVEL[other] < LEVEL[own], f"{own} imports {name}"
        if own in NUMERICAL:
            allowed = {"nmfre", "numpy", "scipy"}
            standard = {"__future__", "collections", "dataclasses", "enum", "functools", "inspect"}
            assert top in allowed | standard | {"abc", "itertools", "math", "typing"}, (
                f"{own} imports {name}"
            )


def test_no_circle():
    """Modules can be put in an order in which each imports only those before it."""
    names = {
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in MODULES
    }
    graph = {}
    for name, path in names.items():
        found = set()
        for target in imports(path):
            package = f"{target}.__init__"
            found |= {module for module in (target, package) if module in names}
        graph[name] = found - {name, f"{name.rpartition('.')[0]}.__init__"}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_and_classes(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION or ast.get_docstring(node), node.name
        elif isinstance(node, ast.ClassDef):
            own = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
            public = [name for name in own if not name.startswith("_")]
            assert len(public) <= MOST_PUBLIC, f"{node.name}: {public}"


def test_kinds_of_data_are_known_to_the_data_layer_alone():
    kinds = {f"nmfre.data.{kind}" for kind in ("chunked", "dense", "missing", "sparse")}
    for path in MODULES:
        if path.parent.name != "data":
            assert not kinds & set(imports(path)), path


def test_tests_mirror_the_tree():
    """A file of tests is named after the module that it guards, less underscores at its ends."""
    guarded = {path.relative_to(ROOT).with_name(f"{path.stem.strip('_')}.py") for path in MODULES}
    guarded |= {Path(f"{name}.py") for name in OF_THE_WHOLE}
    for path in TESTS.rglob("test_*.py"):
        module = path.relative_to(TESTS).with_name(path.name.removeprefix("test_"))
        assert module in guarded, path


def test_public_names_exist_and_are_documented():
    for name in nmfre.__all__:
        assert getattr(nmfre, name).__doc__


@pytest.mark.parametrize(
    "owner",
    [
        nmfre.NMFRE,
        nmfre.NMFREResults,
        Bootstrap,
        Check,
        Prediction,
        Scores,
        RandomEffectsTest,
        nmfre.CapScan,
        nmfre.Comparison,
        nmfre.RankSelection,
        nmfre.datasets,
        nmfre.paper,
        nmfre.plotting,
        nmfre.simulation,
    ],
    ids=lambda owner: owner.__name__,
)
def test_every_public_method_and_function_has_an_example(owner):
    names = getattr(owner, "__all__", [name for name in dir(owner) if not name.startswith("_")])
    for name in names:
        member = getattr(owner, name)
        if inspect.isfunction(member) and member.__module__.startswith("nmfre"):
            assert ">>>" in (member.__doc__ or ""), name
