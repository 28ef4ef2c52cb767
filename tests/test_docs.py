"""Every link within the built site leads somewhere; build it as CONTRIBUTING.md says."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(__file__).parents[1] / "docs" / "_build" / "html"
pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built")


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


@pytest.fixture(scope="module")
def pages():
    return {path: Page(path) for path in sorted(SITE.rglob("*.html"))}


def broken(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return True
    anchor = unquote(parts.fragment)
    return bool(anchor) and target in pages and anchor not in pages[target].anchors


def test_links_and_anchors(pages):
    links = [(path, link) for path, page in pages.items() for link in page.links]
    found = {
        f"{path.relative_to(SITE)}: {link}" for path, link in links if broken(path, link, pages)
    }
    assert not found, "\n".join(sorted(found))


def test_a_broken_link_is_found(pages):
    index = SITE / "index.html"
    assert not broken(index, "start.html#fit", pages)
    assert broken(index, "start.html#nowhere", pages)
    assert broken(index, "nowhere.html", pages)
