"""Data sets that ship with the package."""

from __future__ import annotations

import pandas as pd

from nmfre.datasets.files import described, shipped_folder


def load_orthodont() -> pd.DataFrame:
    """
    Growth of 27 children: a distance in the skull at ages 8, 10, 12 and 14.

    Returns
    -------
    DataFrame, (108, 4)
        Long: ``subject``, ``sex``, ``age`` in years, ``distance`` from the pituitary to the
        pterygomaxillary fissure in mm. ``attrs["DESCR"]`` names the source.

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
        Wide, one row per pupil: ``id``; ``sex``, 1 male and 2 female; ``ageyr`` and ``agemo``, age
        in years and the months above them; ``school``, Pasteur or Grant-White; ``grade``, 7 or 8,
        missing for one pupil; the tests ``x1`` to ``x3`` (visual), ``x4`` to ``x6`` (verbal) and
        ``x7`` to ``x9`` (speed). ``attrs["DESCR"]`` describes them and names the source.

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


def load_state_of_the_union() -> pd.DataFrame:
    """
    Counts of 100 frequent terms in the annual messages of US presidents to Congress, 1790 to 2026.

    Returns
    -------
    DataFrame, (237, 105)
        One row per message, such as ``1790-Washington-1``: ``year``, ``president``, ``party``,
        ``delivery`` (spoken or written), ``words``, the number of all words, and 100 columns of
        counts. ``attrs["DESCR"]`` describes how they are counted, and names the source.

    References
    ----------
    Peters, G. and Woolley, J. T. The American Presidency Project. University of California, Santa
    Barbara. https://www.presidency.ucsb.edu

    Examples
    --------
    >>> import nmfre
    >>> messages = nmfre.datasets.load_state_of_the_union()
    >>> terms = messages.columns[5:]
    >>> rates = 1000 * messages[terms].div(messages["words"], axis=0)  # in 1,000 words
    >>> rates["america"].groupby(messages["delivery"]).mean().round(1)
    delivery
    spoken     2.3
    written    0.3
    Name: america, dtype: float64
    """
    return _load("state_of_the_union", index="document")


def load_us_flights() -> pd.DataFrame:
    """
    Flights among the 60 busiest airports of the United States in 2008.

    Returns
    -------
    DataFrame, (60, 60)
        Numbers of flights, origins in rows and destinations in columns, the busiest airport first.
        ``attrs["DESCR"]`` names the source.

    See Also
    --------
    load_us_airports : names and places of the airports.

    References
    ----------
    US Department of Transportation, Bureau of Transportation Statistics. Airline on-time
    performance, 2008.

    Examples
    --------
    >>> import nmfre
    >>> flights = nmfre.datasets.load_us_flights()
    >>> int(flights.loc["ATL", "ORD"])  # from Atlanta to Chicago O'Hare
    7677
    """
    return _load("us_flights", index="origin").rename_axis(columns="destination")


def load_us_airports() -> pd.DataFrame:
    """
    The 60 busiest airports of the United States in 2008, with their locations.

    Returns
    -------
    DataFrame, (60, 6)
        One row per airport, the busiest first: ``name``, ``city``, ``state``, ``latitude`` and
        ``longitude`` in degrees, and ``flights``, from and to all airports. ``attrs["DESCR"]``
        names the source.

    See Also
    --------
    load_us_flights : flights among them.

    Examples
    --------
    >>> import nmfre
    >>> airports = nmfre.datasets.load_us_airports()
    >>> airports.loc["ORD", ["city", "state"]].to_list()
    ['Chicago', 'IL']
    """
    return _load("us_flights", "airports", index="airport")


def _load(name: str, file: str | None = None, index: str | None = None) -> pd.DataFrame:
    path = shipped_folder(name) / f"{file or name}.csv"
    return described(pd.read_csv(path, index_col=index), name)
