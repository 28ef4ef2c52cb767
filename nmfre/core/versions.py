"""Versions of what the package runs on: for reports of errors."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from threadpoolctl import threadpool_info

from nmfre._version import __version__

NEEDED = (
    *("numpy", "scipy", "pandas", "patsy", "statsmodels"),
    *("narwhals", "joblib", "threadpoolctl", "tqdm"),
)
OPTIONAL = ("matplotlib", "scikit-learn", "polars", "pyarrow", "dask", "distributed", "openpyxl")


def show_versions() -> None:
    """
    Print the versions of Python, the package, its dependencies and the BLAS libraries.

    Please include them in bug reports.

    Examples
    --------
    >>> import nmfre
    >>> nmfre.show_versions()  # doctest: +ELLIPSIS
    System
       python: 3...
    """
    sections = {
        "System": {
            "python": sys.version.replace("\n", " "),
            "platform": platform.platform(),
            "processors": str(os.cpu_count()),
        },
        "Packages": {"nmfre": __version__, **{name: _version(name) for name in NEEDED}},
        "Optional packages": {name: _version(name) for name in OPTIONAL},
        "Threads": {
            f"{info['user_api']} {i}": f"{info['internal_api']} {info['version']}, "
            f"{info['num_threads']} threads, {info['filepath']}"
            for i, info in enumerate(threadpool_info(), start=1)
        },
    }
    for title, values in sections.items():
        print(title)
        width = 3 + max(map(len, values), default=0)
        for name, value in values.items():
            print(f"{name:>{width}}: {value}")


def _version(name: str) -> str:
    """Of a package that is installed; it is not imported."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
