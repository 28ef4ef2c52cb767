"""How the site is built: ``python -m sphinx -W --keep-going -j auto -b html docs docs/_build/html``."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from numpydoc.xref import DEFAULT_LINKS
from sphinx.application import Sphinx

import nmfre

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))


def documented_classes() -> dict[str, str]:
    """Names of classes and errors to where they are documented: what pages in ``api`` list."""
    found = {}
    for page in sorted((HERE / "api").glob("*.md")):
        module = ""
        for line in page.read_text(encoding="utf-8").splitlines():
            if named := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = named[1]
            elif listed := re.fullmatch(r" +([a-z_.]+\.)?([A-Z]\w+)", line):
                found[listed[2]] = f"{listed[1] or module + '.'}{listed[2]}"
            elif listed := re.fullmatch(r"\.\. autoclass:: (\w+)", line):
                found[listed[1]] = f"{module}.{listed[1]}"
    return found


# The kernels that run the pages: figures as SVG, plain tables, no history, none of the user's files.
_profile = Path(tempfile.mkdtemp()) / "profile_default"
_profile.mkdir()
shutil.copy(HERE / "ipython_kernel_config.py", _profile)
os.environ["IPYTHONDIR"] = str(_profile.parent)
os.environ.pop("NMFRE_DATA", None)
os.environ["OPENBLAS_NUM_THREADS"] = "1"

project = "nmfre"
author = "The nmfre developers"
project_copyright = author
version = release = nmfre.__version__

extensions = [
    "alt_text",
    "elsewhere",
    "mathml",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "_ext", "_templates", "images", "studies"]
templates_path = ["_templates"]
default_role = "py:obj"
smartquotes = False
python_maximum_signature_line_length = 70
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(statsmodels|matplotlib|pandas|numpy|patsy|scipy)\..*"),
    ("py:obj", r"[a-z_0-9]+"),  # names of the same class in summary lines, which know no class
]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_output_stderr = "remove-warn"  # a page that warns says so on purpose, or the build fails
nb_merge_streams = True
html_math_renderer = "mathml"

autodoc_typehints = "none"
autosummary_generate = True
autosummary_ignore_module_all = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"  # names that are no aliases
numpydoc_xref_aliases = {
    **dict(zip(DEFAULT_LINKS, DEFAULT_LINKS, strict=True)),  # no links to the site of Python
    **documented_classes(),
    **{name: f"pandas.{name}" for name in ("DataFrame", "Index", "MultiIndex", "Series")},
    **{name: name for name in ("pandas.Index", "matplotlib.axes.Axes", "numpy.ndarray")},
    "ndarray": "numpy.ndarray",
}
numpydoc_validation_checks = {
    *("GL05", "GL06", "GL07", "GL08", "PR01", "PR02", "PR03", "PR05", "PR10"),
    *("RT01", "SA04", "SS01", "SS03", "SS04", "YD01"),
}
numpydoc_validation_exclude = {
    r"\.[A-Z]\w*$",  # classes that nobody makes have attributes, not parameters
    r"(NMFREResults\.(plot_\w+|path_diagram_dot)|(Bootstrap|CapScan|RankSelection)\.plot)$",  # the functions of nmfre.plotting are looked at
    r"\.(t_test|wald_test|f_test|as_\w+)$",  # statsmodels has their parameters; strings
}

html_theme = "pydata_sphinx_theme"
html_title = f"nmfre {release}"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": {"**": ["page-toc"], "coverage": [], "paper": []},  # wide tables
}
html_sidebars = {
    page: []
    for page in (
        "index",
        "start",
        "theory",
        "gallery",
        "paper",
        "coverage",
        "benchmarks",
        "cite",
        "contributing",
        "changelog",
        "genindex",
        "py-modindex",
        "search",
    )
}


def only_own_arguments(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """No signature for classes that users do not make: results, their parts, errors."""
    made = "Parameters\n" in (obj.__doc__ or "") or name.startswith("nmfre.simulation.")
    return ("", "") if signature and what in ("class", "exception") and not made else None


def without_result(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Plots as methods do not take what they are methods of."""
    if what == "method" and obj.__module__.startswith("nmfre.plotting"):
        start = lines.index("----------") + 1
        end = start + 1
        while lines[end].startswith(" "):
            end += 1
        del lines[start:end]


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-signature", only_own_arguments)
    app.connect("autodoc-process-docstring", without_result, priority=100)  # before numpydoc
