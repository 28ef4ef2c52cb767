"""Types of pandas, NumPy and matplotlib link to their sites; building needs no network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PANDAS = "https://pandas.pydata.org/docs/reference/api"
PAGES = {
    "pandas.DataFrame": f"{PANDAS}/pandas.DataFrame.html",
    "pandas.Index": f"{PANDAS}/pandas.Index.html",
    "pandas.MultiIndex": f"{PANDAS}/pandas.MultiIndex.html",
    "pandas.Series": f"{PANDAS}/pandas.Series.html",
    "numpy.ndarray": "https://numpy.org/doc/stable/reference/generated/numpy.ndarray.html",
    "matplotlib.axes.Axes": "https://matplotlib.org/stable/api/axes_api.html",
}


def link(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    page = PAGES.get(node.get("reftarget", ""))
    return nodes.reference("", "", content, internal=False, refuri=page) if page else None


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("missing-reference", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
