"""Data sets of the paper that ship with the package."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from nmfre.errors import DatasetNotFoundError

PACKAGE = Path(__file__).parent
FOLDERS = (PACKAGE / "_datasets", PACKAGE.parent / "datasets")
"""Inside a wheel, and at the top of a checkout."""


def load_orthodont() -> pd.DataFrame:
    """
    Growth of 27 children: a distance in the skull, at ages 8, 10, 12 and 14.

    Returns
    -------
    DataFrame, (108, 4)
        Long: ``subject``, ``sex``, ``age`` in years, ``distance`` from the pituitary to the
        pterygomaxillary fissure in mm. ``attrs["DESCR"]`` tells the source.

    References
    ----------
    Potthoff, R. F. and Roy, S. N. (1964). A generalized multivariate analysis of variance model
    useful especially for growth curve problems. Biometrika 51, 313-326.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> orthodont.head(2)
      subject   sex  age  distance
    0     M01  Male    8      26.0
    1     M01  Male   10      25.0
    """
    return _load("orthodont")


def _load(name: str) -> pd.DataFrame:
    folder = next((path / name for path in FOLDERS if (path / name).is_dir()), None)
    if folder is None:
        raise DatasetNotFoundError(name=name)
    frame = pd.read_csv(folder / f"{name}.csv")
    frame.attrs["DESCR"] = (folder / "README.md").read_text(encoding="utf-8")
    return frame
