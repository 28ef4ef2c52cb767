"""
The reference has every public name; within the built site every link leads somewhere.

CONTRIBUTING.md says how to build it.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest

import nmfre
import nmfre.examples
import nmfre.paper
import nmfre.simulation

DOCS = Path(__file__).parents[1] / "docs"
SITE = DOCS / "_build" / "html"
NOT_LISTED = {
    "NMFRE.predict",  # raises, for habits of statsmodels
    "NMFREResults.from_arrays",  # nmfre.from_arrays and nmfre.load are listed
    "NMFREResults.load",
    "NMFREResults.model_class",
}
built = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built")


class Page(HTMLParser):
    """Anchors of a page, and where it points to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors.update(values[name] for name in ("id", "name") if values.get(name))
        self.links.extend(values[name] for name in ("href", "src") if values.get(name))


@pytest.mark.skipif("NMFRE_DATA" not in os.environ, reason="NMFRE_DATA is not set")
@pytest.mark.filterwarnings("ignore::nmfre.errors.ConvergenceWarning")
@pytest.mark.parametrize("page", ["flows", "texts"])
def test_code_on_data_that_are_not_shipped_runs_where_they_are(page, capsys):
    text = (DOCS / "guide" / f"{page}.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^try:\n.*?(?=^```$)", text, flags=re.DOTALL | re.MULTILINE)
    exec(code, {"nmfre": nmfre, "pd": pd})
    assert "comp1" in capsys.readouterr().out


@pytest.fixture(scope="module")
def pages():
    found = sorted(SITE.rglob("*.html"))
    return {path: Page(path) for path in found if "_static" not in path.parts}


def broken(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return True
    anchor = unquote(parts.fragment)
    return bool(anchor) and target in pages and anchor not in pages[target].anchors


@built
def test_links_and_anchors(pages):
    links = [(path, link) for path, page in pages.items() for link in page.links]
    found = {
        f"{path.relative_to(SITE)}: {link}" for path, link in links if broken(path, link, pages)
    }
    assert not found, "\n".join(sorted(found))


@built
def test_a_broken_link_is_found(pages):
    index = SITE / "index.html"
    assert not broken(index, "start.html#fit", pages)
    assert broken(index, "start.html#nowhere", pages)
    assert broken(index, "nowhere.html", pages)


@built
@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("cite", "cite"),
        ("groups", "guide/groups"),
        ("interaction", "guide/formulas"),
        ("polars", "guide/formulas"),
        ("random slope", "guide/coming_from"),
    ],
)
def test_the_search_shows_the_page_of_a_main_index_entry_first(words, page):
    text = (SITE / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").rstrip().removesuffix(")"))
    main = [index["docnames"][file] for file, _, main in index["indexentries"][words] if main]
    assert main == [page]


def public_names():
    for module in (
        nmfre,
        nmfre.datasets,
        nmfre.examples,
        nmfre.paper,
        nmfre.plotting,
        nmfre.simulation,
    ):
        yield from (name for name in module.__all__ if not inspect.ismodule(getattr(module, name)))
    for name, error in vars(nmfre.errors).items():
        if inspect.isclass(error) and error.__module__ in ("nmfre.errors", "nmfre.warnings"):
            yield name
    for owner in (nmfre.NMFRE, nmfre.NMFREResults):
        for parent in owner.__mro__:
            if parent.__module__.startswith("nmfre"):
                yield from (f"{owner.__name__}.{name}" for name in vars(parent) if name[0] != "_")


def test_the_reference_has_every_public_name():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    listed = set(re.findall(r"^ *(?:\.\. \S+:: )?(?:nmfre\.)?([\w.]+)$", text, flags=re.MULTILINE))
    listed |= {
        name.rpartition(".")[2] for name in listed if name.startswith(("paper.", "examples."))
    }
    missing = sorted(set(public_names()) - listed - NOT_LISTED)
    assert not missing, f"docs/api lacks {', '.join(missing)}"
