"""Figures that a cell draws are described by the line that draws them, if not by the cell."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def describe(app: Sphinx, doctree: nodes.document) -> None:
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            for image in cell.findall(nodes.image):
                if image.get("alt"):
                    continue
                source = next(cell.findall(nodes.literal_block)).astext()
                image["alt"] = f"Figure: {source.splitlines()[-1].strip().rstrip(';')}"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
