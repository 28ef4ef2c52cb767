"""Data sets that ship with the package."""

from __future__ import annotations

import pandas as pd

from nmfre.datasets.files import described, shipped_folder


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


def load_holzinger_swineford() -> pd.DataFrame:
    """
    Mental abilities of 301 pupils of two schools: nine tests.

    Returns
    -------
    DataFrame, (301, 15)
        Wide, a row a pupil: ``id``; ``sex``, 1 male and 2 female; ``ageyr`` and ``agemo``, age in
        years and the months above them; ``school``, Pasteur or Grant-White; ``grade``, 7 or 8,
        missing for one pupil; the tests ``x1`` to ``x3`` (visual), ``x4`` to ``x6`` (verbal) and
        ``x7`` to ``x9`` (speed). ``attrs["DESCR"]`` tells what each is, and the source.

    References
    ----------
    Holzinger, K. J. and Swineford, F. (1939). A study in factor analysis: the stability of a
    bi-factor solution. Supplementary Educational Monographs 48. University of Chicago.

    Rosseel, Y. (2012). lavaan: an R package for structural equation modeling. Journal of
    Statistical Software 48 (2).

    Examples
    --------
    The paper takes the 300 complete pupils, and scales each test to [0, 1].

    >>> import nmfre
    >>> pupils = nmfre.datasets.load_holzinger_swineford().dropna()
    >>> tests = pupils.loc[:, "x1":"x9"]
    >>> scaled = (tests - tests.min()) / (tests.max() - tests.min())
    >>> scaled.shape
    (300, 9)
    """
    return _load("holzinger_swineford")


def _load(name: str) -> pd.DataFrame:
    return described(pd.read_csv(shipped_folder(name) / f"{name}.csv"), name)
