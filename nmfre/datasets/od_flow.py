"""Flows between the prefectures of Japan."""

from __future__ import annotations

import os
from itertools import zip_longest

import numpy as np
import pandas as pd

from nmfre.core.typing import FloatArray
from nmfre.datasets.files import Table, described, number, user_file

PREFECTURES = (
    *("Hokkaido", "Aomori", "Iwate", "Miyagi", "Akita", "Yamagata", "Fukushima", "Ibaraki"),
    *("Tochigi", "Gunma", "Saitama", "Chiba", "Tokyo", "Kanagawa", "Niigata", "Toyama"),
    *("Ishikawa", "Fukui", "Yamanashi", "Nagano", "Gifu", "Shizuoka", "Aichi", "Mie"),
    *("Shiga", "Kyoto", "Osaka", "Hyogo", "Nara", "Wakayama", "Tottori", "Shimane"),
    *("Okayama", "Hiroshima", "Yamaguchi", "Tokushima", "Kagawa", "Ehime", "Kochi", "Fukuoka"),
    *("Saga", "Nagasaki", "Kumamoto", "Oita", "Miyazaki", "Kagoshima", "Okinawa"),
)
"""In the order of their codes, 1 to 47."""

FILE = "od_flow_log1p.csv"
SOURCE = (
    "the flows are table 000040170612 of e-Stat, https://www.e-stat.go.jp; download its Excel file"
)
CSV_LAYOUT = (
    "a line 'origin,Hokkaido,...,Okinawa' and 47 lines, a name and 47 values of log(1 + flow) "
    "each, prefectures in the order of their codes"
)
EXCEL_LAYOUT = (
    "e-Stat's table 000040170612 as downloaded: on the first sheet, after two lines, lines with 1 "
    "in column 1, 02 in column 3, codes of the origin and the destination in columns 5 and 7 (1 to "
    "47; 100 is the total) and the flow in column 9, a line for each of the 2209 pairs"
)
TOTAL = 100
"""The code of all prefectures together."""


def load_od_flow(path: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """
    Flows between the 47 prefectures of Japan, as log(1 + flow), from a file that you have.

    The data do not ship with the package. Download table 000040170612 from e-Stat, the portal of
    official statistics of Japan, https://www.e-stat.go.jp, and pass the Excel file.

    Parameters
    ----------
    path : str or path, optional
        e-Stat's Excel file (``.xlsx`` needs openpyxl, ``.xls`` needs xlrd), or a CSV file with the
        header ``origin,Hokkaido,...,Okinawa`` and one line of log(1 + flow) per prefecture. By
        default the CSV file ``od_flow_log1p.csv`` in the folder that the environment variable
        NMFRE_DATA names.

    Returns
    -------
    DataFrame, (47, 47)
        Rows are origins, columns destinations, both in the order of the prefectures' codes. In
        e-Stat's file, column 5 is the origin and column 7 the destination, as in the paper.
        ``attrs["DESCR"]`` describes the data.

    Raises
    ------
    DatasetFileNotFoundError
        The file is missing; the message says where to get it and where to put it.
    DatasetLayoutError
        The file has another layout, lacks or repeats a pair, or has values that are not numbers >=
        0.
    MissingReaderError
        The package that reads the Excel file is not installed.

    Examples
    --------
    >>> import nmfre
    >>> flow = nmfre.datasets.load_od_flow("downloads/od.xlsx")  # doctest: +SKIP
    >>> flow.loc["Saitama", "Tokyo"]  # from Saitama to Tokyo  # doctest: +SKIP
    """
    file = user_file(path, FILE, SOURCE)
    excel = file.suffix.lower() in (".xlsx", ".xls")
    values = _from_excel(Table(file, EXCEL_LAYOUT)) if excel else _from_csv(Table(file, CSV_LAYOUT))
    names = list(PREFECTURES)
    frame = pd.DataFrame(
        values, index=pd.Index(names, name="origin"), columns=pd.Index(names, name="destination")
    )
    return described(frame, "od_flow")


def _from_csv(table: Table) -> FloatArray:
    cells = table.read_csv()
    _check_names(table, "column", list(cells.columns), ["origin", *PREFECTURES])
    _check_names(table, "line", ["origin", *cells["origin"]], ["origin", *PREFECTURES])
    return table.numbers(cells.iloc[:, 1:])


def _check_names(table: Table, what: str, found: list[str], wanted: list[str]) -> None:
    for position, (name, right) in enumerate(zip_longest(found, wanted), start=1):
        if name != right:
            raise table.error(f"{what} {position} is {name!r}, not {right!r}")


def _from_excel(table: Table) -> FloatArray:
    cells = table.read_excel(skip=2)
    if cells.shape[1] < 9:
        raise table.error(f"the first sheet has {cells.shape[1]} columns, not 9")
    codes = cells[[1, 3, 5, 7]].map(number)
    wanted = (codes[1] == 1) & (codes[3] == 2) & (codes[5] != TOTAL) & (codes[7] != TOTAL)
    if not wanted.any():
        raise table.error("no line has 1 in column 1 and 02 in column 3")
    flows = table.numbers(cells.loc[wanted, [9]]).ravel()
    pairs = codes.loc[wanted, [5, 7]]
    known = pairs.isin(range(1, len(PREFECTURES) + 1))
    if not known.all(axis=None):
        line = pairs.index[~known.all(axis=1)][0]
        raise table.error(f"line {line} has the codes {cells.loc[line, [5, 7]].tolist()}")
    repeated = pairs.index[pairs.duplicated()]
    if len(repeated):
        first = pairs.index[(pairs == pairs.loc[repeated[0]]).all(axis=1)][0]
        raise table.error(
            f"lines {first} and {repeated[0]} hold the same pair "
            f"({len(repeated)} lines are repeated)"
        )
    values = np.full((len(PREFECTURES), len(PREFECTURES)), np.nan)
    origin, destination = pairs.to_numpy(dtype=int).T - 1
    values[origin, destination] = np.log1p(flows)
    missing = np.argwhere(np.isnan(values))
    if len(missing):
        start, end = (PREFECTURES[place] for place in missing[0])
        raise table.error(f"the flow from {start} to {end} is missing ({len(missing)} in all)")
    return values
